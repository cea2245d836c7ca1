//! What boards say on a serial line: log lines as they are, and the frames of our protocol, which come over the same line, in words.
//!
//! A frame ends with a zero, which no text has in it, and text ends with a line feed. Frames cannot be told from text while they come, so
//! bytes are kept until one of these ends them; a rest that nothing ends is text after a while. After a frame its bytes say no more than
//! what it was for, since nobody here has asked.

use std::time::{Duration, Instant};

use edge_device::client::Link;
use edge_device::frame::{Decoder, MAX_FRAME};
use edge_device::message::{Numbered, Response};
use serde::Serialize;

use crate::board::BoardError;
use crate::board::line::{Line, Place};
use crate::target::Target;

/// How long text may wait for its end.
const QUIET: Duration = Duration::from_millis(200);
/// Between two looks for a port that went away.
const POLL: Duration = Duration::from_millis(100);
/// Longer lines are cut.
const MAX_LINE: usize = 4096;

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Said {
    /// A line of text, without its end. What is no text in it is written as `\xNN`.
    Line {
        /// The text.
        text: String,
    },
    /// A frame of our protocol.
    Frame {
        /// The number of the request that it answers.
        sequence: u32,
        /// What it says.
        text: String,
    },
    /// The port went away; it is waited for.
    Gone {
        /// Why.
        text: String,
    },
    /// It is back. What was said meanwhile is lost.
    Back,
}

/// Tells lines and frames apart.
#[derive(Default)]
pub struct Splitter {
    bytes: Vec<u8>,
}

impl Splitter {
    /// Takes a byte; what it ends.
    pub fn push(&mut self, byte: u8) -> Vec<Said> {
        match byte {
            // Text in front of a frame would belong to it: what the line has before the last line feed is text already.
            0 => {
                let bytes = std::mem::take(&mut self.bytes);
                frame(&bytes).map_or_else(|| lines(&bytes), |said| vec![said])
            }
            // A line feed in front of anything else may begin a frame, and is no line.
            b'\n' if !self.bytes.is_empty() && !self.may_be_frame() => lines(&std::mem::take(&mut self.bytes)),
            byte => {
                self.bytes.push(byte);
                match self.bytes.len() {
                    MAX_LINE.. => lines(&std::mem::take(&mut self.bytes)),
                    _ => vec![],
                }
            }
        }
    }

    /// A frame has bytes that no text has: so far, this may be one.
    fn may_be_frame(&self) -> bool {
        self.bytes.len() < MAX_FRAME && self.bytes.iter().any(|&byte| !matches!(byte, b'\t' | b'\r' | b'\n' | 0x1B | 0x20..=0x7E | 0x80..))
    }

    /// What has no end, after a while.
    pub fn rest(&mut self) -> Vec<Said> {
        lines(&std::mem::take(&mut self.bytes))
    }
}

/// Bytes as lines of text.
fn lines(bytes: &[u8]) -> Vec<Said> {
    let lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).map(|line| Said::Line { text: text(line) }).collect()
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => text.push(c),
                c if c.is_control() => text.extend(c.to_string().bytes().map(|byte| format!("\\x{byte:02x}"))),
                c => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// The frame that these bytes are, without the zero that ends it.
fn frame(bytes: &[u8]) -> Option<Said> {
    let mut decoder = Decoder::new();
    for &byte in bytes {
        decoder.push(byte);
    }
    let payload = decoder.push(0)?;
    let response: Numbered<Response<'_>> = postcard::from_bytes(payload).ok()?;
    Some(Said::Frame { sequence: response.sequence, text: format!("{:?}", response.body) })
}

/// Listens to a line until it is told to stop; a port that goes away is waited for, with `reconnect`.
///
/// # Errors
/// Where the port cannot be opened, or went away and is not to be waited for.
pub fn listen(target: &Target, reconnect: bool, stop: &dyn Fn() -> bool, said: &mut dyn FnMut(Said)) -> Result<(), BoardError> {
    let Target::Serial(port) = target else {
        return Err(BoardError::NoBoard { wanted: target.to_string(), found: vec![] });
    };
    let mut place = Place::parse(port).map_err(|(_, found, _)| BoardError::NoBoard { wanted: found, found: vec![] })?;
    let mut line = open(&mut place)?;
    let mut splitter = Splitter::default();
    let (mut buffer, mut last) = ([0; 1024], Instant::now());
    while !stop() {
        match line.receive(&mut buffer, POLL) {
            Ok(0) if last.elapsed() > QUIET => splitter.rest().into_iter().for_each(&mut *said),
            Ok(0) => {}
            Ok(received) => {
                last = Instant::now();
                buffer.iter().take(received).flat_map(|&byte| splitter.push(byte)).for_each(&mut *said);
            }
            Err(error) => {
                splitter.rest().into_iter().for_each(&mut *said);
                if !reconnect {
                    return Err(BoardError::Open { port: port.clone(), source: error });
                }
                said(Said::Gone { text: error.to_string() });
                line = loop {
                    match open(&mut place) {
                        Ok(line) => break line,
                        Err(_) if stop() => return Ok(()),
                        Err(_) => std::thread::sleep(POLL),
                    }
                };
                said(Said::Back);
            }
        }
    }
    splitter.rest().into_iter().for_each(&mut *said);
    Ok(())
}

fn open(place: &mut Place) -> Result<Line, BoardError> {
    let mut line = place.port.open(None, Duration::ZERO)?;
    if let (Some(baud), Line::Serial(port)) = (place.baud, &mut line) {
        port.set_baud_rate(baud).map_err(|error| BoardError::Open { port: format!("at {baud} baud"), source: error.into() })?;
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use edge_device::frame::{MAX_PAYLOAD, encode};
    use edge_device::message::Refusal;

    use super::*;

    fn frame_of(sequence: u32, body: Response<'_>) -> Vec<u8> {
        let mut buffer = [0; MAX_PAYLOAD + 4];
        let length = postcard::to_slice(&Numbered { sequence, body }, &mut buffer[..MAX_PAYLOAD]).map(|bytes| bytes.len()).unwrap_or(0);
        encode(&mut buffer, length, &mut [0; MAX_FRAME]).unwrap_or_default().to_vec()
    }

    fn all(bytes: &[u8]) -> Vec<Said> {
        let mut splitter = Splitter::default();
        let mut said: Vec<Said> = bytes.iter().flat_map(|&byte| splitter.push(byte)).collect();
        said.extend(splitter.rest());
        said
    }

    fn line(text: &str) -> Said {
        Said::Line { text: text.into() }
    }

    #[test]
    fn lines_and_frames_are_told_apart() {
        let frame = frame_of(7, Response::Refused(Refusal::NoProgram));
        let said = all(&[b"rst:0x1\r\nboot: done\n", &frame[..], b"half a line"].concat());
        let expected = Said::Frame { sequence: 7, text: "Refused(NoProgram)".into() };
        assert_eq!(said, [line("rst:0x1"), line("boot: done"), expected, line("half a line")]);
        // Line feeds in frames, also as their first byte.
        let twice = frame_of(0x0A0A_0A0A, Response::Invoked { cycles: 0x0A0A });
        let said = all(&[&twice[..], &twice[..]].concat());
        assert!(said.len() == 2 && said.iter().all(|said| matches!(said, Said::Frame { sequence: 0x0A0A_0A0A, .. })), "{said:?}");
    }

    #[test]
    fn what_is_no_text_is_written_in_hexadecimal() {
        assert_eq!(all(b"a\x1b[31mb\xff\xc3\xa4\tc\n"), [line("a\\x1b[31mb\\xff\u{e4}\tc")]);
        assert_eq!(all(b"\n\n\r\n"), []);
        assert!(matches!(&all(&[b'x'; 5000])[..], [Said::Line { text }, _] if text.len() == MAX_LINE));
    }
}
