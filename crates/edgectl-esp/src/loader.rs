//! A chip's loader at the other end of a line that loses and garbles bytes: commands, answers, deadlines.
//!
//! A command is `00 op length(2) checksum(4) data` in a SLIP frame, an answer `01 op length(2) value(4) data status`, with two bytes of status
//! from the stub and four from the ROM (esptool's documentation, "Serial Protocol"). Frames that are no answer to what was asked are
//! dropped; what counts is the deadline, however much a board says meanwhile.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use espflash::command::Command;
use espflash::connection::Port;
use md5::{Digest, Md5};
use serialport::{ClearBuffer, SerialPort};

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
/// The longest answer is a sector of flash; what is longer is dropped.
const MAX_FRAME: usize = 16 << 10;
/// How long a read may block, so that a deadline is noticed.
const SLICE: Duration = Duration::from_millis(50);
/// What the ROM says in answer to SYNC is not 0; what the stub says is.
const SYNC: [u8; 36] = {
    let mut data = [0x55; 36];
    [data[0], data[1], data[2], data[3]] = [7, 7, 0x12, 0x20];
    data
};
const SECTOR: u32 = 4096;
/// Sectors that the stub sends ahead of what was acknowledged.
const WINDOW: u32 = 16;

/// Why a command has no good answer.
#[derive(Debug)]
pub(crate) enum LoaderError {
    Line(io::Error),
    Silent { op: u8, after: Duration },
    Refused { op: u8, code: u8 },
}

impl From<io::Error> for LoaderError {
    fn from(error: io::Error) -> Self {
        LoaderError::Line(error)
    }
}

pub(crate) struct Loader {
    port: Port,
    /// Whether the stub answers, or else the ROM.
    pub(crate) stub: bool,
    frame: Vec<u8>,
    escaped: bool,
    /// What has arrived and was not looked at.
    pending: Vec<u8>,
    at: usize,
}

impl Loader {
    pub(crate) fn new(port: Port, stub: bool) -> Loader {
        Loader { port, stub, frame: vec![], escaped: false, pending: vec![], at: 0 }
    }

    pub(crate) fn into_port(self) -> Port {
        self.port
    }

    pub(crate) fn port_mut(&mut self) -> &mut Port {
        &mut self.port
    }

    pub(crate) fn set_speed(&mut self, baud: u32) -> Result<(), serialport::Error> {
        self.port.set_baud_rate(baud)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(bytes.len() + bytes.len() / 16 + 2);
        frame.push(END);
        for &byte in bytes {
            match byte {
                END => frame.extend([ESCAPE, 0xDC]),
                ESCAPE => frame.extend([ESCAPE, 0xDD]),
                byte => frame.push(byte),
            }
        }
        frame.push(END);
        // A pseudo-terminal or a driver takes what it has room for.
        self.port.set_timeout(Duration::from_secs(10))?;
        self.port.write_all(&frame)
    }

    fn discard(&mut self) -> io::Result<()> {
        self.port.clear(ClearBuffer::Input)?;
        self.pending.clear();
        self.frame.clear();
        (self.at, self.escaped) = (0, false);
        Ok(())
    }

    /// The next frame; `None` where the deadline comes first.
    fn receive(&mut self, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = [0; 8192];
        loop {
            while let Some(&byte) = self.pending.get(self.at) {
                self.at += 1;
                match byte {
                    END => {
                        self.escaped = false;
                        let frame = std::mem::take(&mut self.frame);
                        if !frame.is_empty() {
                            return Ok(Some(frame));
                        }
                    }
                    ESCAPE => self.escaped = true,
                    _ if self.frame.len() >= MAX_FRAME => self.frame.clear(),
                    _ if std::mem::take(&mut self.escaped) => self.frame.push(if byte == 0xDC { END } else { ESCAPE }),
                    _ => self.frame.push(byte),
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.port.set_timeout(left.clamp(Duration::from_millis(1), SLICE))?;
            match self.port.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.pending.clear();
                    self.pending.extend(buffer.iter().take(read));
                    self.at = 0;
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a command and waits for its answer: `data` bytes, before the status.
    pub(crate) fn command(&mut self, command: Command<'_>, data: usize, patience: Duration) -> Result<Vec<u8>, LoaderError> {
        let mut bytes = vec![];
        command.write(&mut bytes)?;
        self.ask(&bytes, data, patience)
    }

    fn ask(&mut self, bytes: &[u8], data: usize, patience: Duration) -> Result<Vec<u8>, LoaderError> {
        let op = bytes.get(1).copied().unwrap_or_default();
        self.discard()?;
        self.send(bytes)?;
        let begin = Instant::now();
        while let Some(frame) = self.receive(begin + patience)? {
            if let Some(answer) = answer(&frame, op, data, self.stub) {
                return answer;
            }
        }
        Err(LoaderError::Silent { op, after: begin.elapsed() })
    }

    /// Says hello, and tells whether the stub answers, or else the ROM. A ROM measures the speed of the line by it.
    pub(crate) fn sync(&mut self, patience: Duration) -> Result<bool, LoaderError> {
        let mut bytes = vec![0, 8, SYNC.len() as u8, 0, 0, 0, 0, 0];
        bytes.extend(SYNC);
        self.discard()?;
        self.send(&bytes)?;
        let begin = Instant::now();
        while let Some(frame) = self.receive(begin + patience)? {
            // Whose status is how long is what is to be found out.
            if let [1, 8, 2 | 4, 0, value @ ..] = &frame[..] {
                let stub = value.first_chunk() == Some(&[0; 4]);
                // It answers eight times.
                std::thread::sleep(Duration::from_millis(10));
                self.discard()?;
                return Ok(stub);
            }
        }
        Err(LoaderError::Silent { op: 8, after: begin.elapsed() })
    }

    /// The digest of a part of the flash, computed by the chip.
    pub(crate) fn md5(&mut self, offset: u32, size: u32, patience: Duration) -> Result<[u8; 16], LoaderError> {
        let length = if self.stub { 16 } else { 32 };
        let answer = self.command(Command::FlashMd5 { offset, size }, length, patience)?;
        let digest = match self.stub {
            true => answer.first_chunk().copied(),
            false => hexadecimal(&answer),
        };
        digest.ok_or(LoaderError::Silent { op: 0x13, after: patience })
    }

    /// Reads a part of the flash, its digest verified.
    pub(crate) fn read_flash(&mut self, offset: u32, size: u32, patience: Duration) -> Result<Vec<u8>, LoaderError> {
        if !self.stub {
            return self.read_slowly(offset, size, patience);
        }
        self.command(Command::ReadFlash { offset, size, block_size: SECTOR, max_in_flight: WINDOW }, 0, patience)?;
        let mut bytes = Vec::with_capacity(size as usize);
        let silent = LoaderError::Silent { op: 0xD2, after: patience };
        while bytes.len() < size as usize {
            let Some(frame) = self.receive(Instant::now() + patience)? else { return Err(silent) };
            bytes.extend(frame);
            self.send(&(bytes.len() as u32).to_le_bytes())?;
        }
        let digest = self.receive(Instant::now() + patience)?;
        match bytes.len() == size as usize && digest.as_deref() == Some(Md5::digest(&bytes).as_slice()) {
            true => Ok(bytes),
            false => Err(silent),
        }
    }

    /// The ROM gives 64 bytes at a time; some ROMs give none.
    fn read_slowly(&mut self, offset: u32, size: u32, patience: Duration) -> Result<Vec<u8>, LoaderError> {
        let mut bytes = vec![];
        while bytes.len() < size as usize {
            let command = Command::ReadFlashSlow { offset: offset + bytes.len() as u32, size: 64, block_size: 64, max_in_flight: 1 };
            bytes.extend(self.command(command, 64, patience)?);
        }
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    /// Leaves the loader: the chip starts again. Not every loader answers that; whoever opens the port next would discard what was not sent.
    pub(crate) fn reboot(&mut self, patience: Duration) -> Result<(), LoaderError> {
        let begin = Command::FlashBegin { size: 0, blocks: 0, block_size: 1024, offset: 0, supports_encryption: self.stub };
        self.command(begin, 0, patience)?;
        match self.command(Command::FlashEnd { reboot: true }, 0, patience.min(Duration::from_millis(500))) {
            Ok(_) | Err(LoaderError::Silent { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// An answer to `op` with `wanted` bytes of data, where a frame is one. A refusal comes without data.
fn answer(frame: &[u8], op: u8, wanted: usize, stub: bool) -> Option<Result<Vec<u8>, LoaderError>> {
    let (&[direction, found, low, high, _, _, _, _], rest) = frame.split_first_chunk()?;
    if direction != 1 || found != op || usize::from(u16::from_le_bytes([low, high])) != rest.len() {
        return None;
    }
    let (data, status) = rest.split_at_checked(rest.len().checked_sub(if stub { 2 } else { 4 })?)?;
    match *status {
        [0, ..] if data.len() == wanted => Some(Ok(data.to_vec())),
        [1, code, ..] if data.len() == wanted || data.is_empty() => Some(Err(LoaderError::Refused { op, code })),
        _ => None,
    }
}

fn hexadecimal(text: &[u8]) -> Option<[u8; 16]> {
    let text = std::str::from_utf8(text.get(..32)?).ok()?;
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}
