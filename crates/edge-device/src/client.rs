//! The host's side: a device at the other end of a line that loses and garbles bytes.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::VERSIONS;
use crate::frame::{Decoder, MAX_FRAME, PayloadBuffer};
use crate::message::{self, MAX_CHUNK, Numbered, Refusal, Request, Response};
use crate::server::encode;

/// How often a request is sent before the device counts as silent.
const ATTEMPTS: u32 = 3;

/// How long a device may take to answer what it need not compute, over a serial line.
pub const PROMPT: Duration = Duration::from_secs(2);

/// A line to a device.
pub trait Link {
    /// Sends all bytes.
    ///
    /// # Errors
    /// Where the line is broken.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits for at least one byte, at most so long; none is no error.
    ///
    /// # Errors
    /// Where the line is broken.
    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize>;
}

/// Why a conversation fails.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The line is broken.
    #[error("the line to the device is broken")]
    Line(#[from] io::Error),
    /// No answer, however often asked.
    #[error("{request}: expected an answer within {}, found none in {ATTEMPTS} attempts", Seconds(*.timeout))]
    Silent {
        /// What was asked.
        request: &'static str,
        /// For each attempt.
        timeout: Duration,
    },
    /// The device refuses.
    #[error("{request}: the device refuses: {refusal}")]
    Refused {
        /// What was asked.
        request: &'static str,
        /// Why not.
        refusal: Refusal,
    },
    /// An answer to another question, or out of its bounds.
    #[error("{request}: expected {expected}, found another answer")]
    Answer {
        /// What was asked.
        request: &'static str,
        /// What would have been an answer.
        expected: &'static str,
    },
}

struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", self.0.as_secs_f32())
    }
}

/// Who a device said it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chip.
    pub chip: String,
    /// Name and version of the firmware.
    pub firmware: String,
    /// The runtime ABI of the programs that it executes.
    pub abi: u16,
    /// What tells this board from others of its kind.
    pub board: [u8; 8],
    /// Processor cycles in a second.
    pub clock_hz: u32,
    /// Greatest arena.
    pub arena_bytes: u32,
    /// Longest program.
    pub slot_bytes: u32,
}

/// The program that a device said it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name.
    pub name: String,
    /// CRC-32 of the whole file.
    pub checksum: u32,
    /// Length of the file.
    pub length: u32,
    /// Memory that it needs for activations.
    pub arena_bytes: u32,
    /// Number of ops.
    pub ops: u32,
}

/// A conversation with a device.
pub struct Client<L> {
    link: L,
    prompt: Duration,
    sequence: u32,
    /// Whether anything has been said.
    begun: bool,
    decoder: Decoder,
    buffer: PayloadBuffer,
    frame: [u8; MAX_FRAME],
}

impl<L: Link> Client<L> {
    /// Takes a line and how long the device may take for what it need not compute, such as [`PROMPT`]. Nothing is said yet.
    pub fn new(link: L, prompt: Duration) -> Self {
        // From anywhere, so that late answers to an earlier host are not taken for its own.
        let sequence = RandomState::new().hash_one(0) as u32;
        Self {
            link,
            prompt,
            sequence,
            begun: false,
            decoder: Decoder::default(),
            buffer: [0; size_of::<PayloadBuffer>()],
            frame: [0; MAX_FRAME],
        }
    }

    /// Asks the device who it is.
    ///
    /// # Errors
    /// [`ClientError`]; [`Refusal::Version`] where no protocol version is common.
    pub fn hello(&mut self) -> Result<Identity, ClientError> {
        self.ask(Request::Hello { versions: VERSIONS }, self.prompt, "an identity", |response| match response {
            Response::Hello(found) => Some(Identity {
                chip: found.chip.into(),
                firmware: found.firmware.into(),
                abi: found.abi,
                board: found.board,
                clock_hz: found.clock_hz,
                arena_bytes: found.arena_bytes,
                slot_bytes: found.slot_bytes,
            }),
            _ => None,
        })
    }

    /// Asks which program the device holds.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn model(&mut self) -> Result<Model, ClientError> {
        self.ask(Request::Model, self.prompt, "a program", |response| match response {
            Response::Model(message::Model { name, checksum, length, arena_bytes, ops }) => {
                Some(Model { name: name.into(), checksum, length, arena_bytes, ops })
            }
            _ => None,
        })
    }

    /// Writes a model input.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn write_input(&mut self, index: u8, bytes: &[u8]) -> Result<(), ClientError> {
        let mut offset = 0;
        for bytes in bytes.chunks(MAX_CHUNK) {
            let accepted = |response: Response<'_>| (response == Response::Accepted).then_some(());
            self.ask(Request::Input { index, offset, bytes }, self.prompt, "a confirmation", accepted)?;
            offset += bytes.len() as u32;
        }
        Ok(())
    }

    /// Runs the program: the cycles that it took. With `costs`, [`Client::costs`] then tells those of each op.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Silent`] where it takes longer than `timeout`.
    pub fn invoke(&mut self, costs: bool, timeout: Duration) -> Result<u64, ClientError> {
        self.ask(Request::Invoke { costs }, timeout, "the number of cycles", |response| match response {
            Response::Invoked { cycles } => Some(cycles),
            _ => None,
        })
    }

    /// Reads the first `length` bytes of a model output.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn read_output(&mut self, index: u8, length: u32) -> Result<Vec<u8>, ClientError> {
        let mut output = Vec::new();
        while (output.len() as u32) < length {
            let offset = output.len() as u32;
            let wanted = (length - offset).min(MAX_CHUNK as u32) as u16;
            let request = Request::Output { index, offset, length: wanted };
            let bytes = self.ask(request, self.prompt, "as many bytes as asked for", |response| match response {
                Response::Bytes(bytes) if bytes.len() == usize::from(wanted) => Some(bytes.to_vec()),
                _ => None,
            })?;
            output.extend(bytes);
        }
        Ok(output)
    }

    /// Cycles of the first `ops` ops in the last run that counted.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn costs(&mut self, ops: u16) -> Result<Vec<u32>, ClientError> {
        let mut costs: Vec<u32> = Vec::new();
        while costs.len() < usize::from(ops) {
            let first = costs.len() as u16;
            costs.extend(self.ask(Request::Costs { first }, self.prompt, "one or more numbers of cycles", |response| {
                match response {
                    Response::Costs(bytes) if bytes.len() >= size_of::<u32>() => Some(
                        bytes
                            .chunks_exact(size_of::<u32>())
                            .map(|cost| u32::from_le_bytes([cost[0], cost[1], cost[2], cost[3]]))
                            .collect::<Vec<_>>(),
                    ),
                    _ => None,
                }
            })?);
        }
        costs.truncate(ops.into());
        Ok(costs)
    }

    /// Starts the device again.
    ///
    /// # Errors
    /// Where the line is broken.
    pub fn reset(&mut self) -> Result<(), ClientError> {
        self.sequence = self.sequence.wrapping_add(1);
        self.say(Request::Reset)
    }

    fn say(&mut self, request: Request<'_>) -> Result<(), ClientError> {
        let message = Numbered { sequence: self.sequence, body: request };
        let frame = encode(&message, &mut self.buffer, &mut self.frame);
        let frame = frame.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "request too long for a frame"))?;
        Ok(self.link.send(frame)?)
    }

    /// Asks until there is an answer with the request's number; `take` picks out what is wanted of it.
    fn ask<T>(
        &mut self,
        request: Request<'_>,
        timeout: Duration,
        expected: &'static str,
        take: impl Fn(Response<'_>) -> Option<T>,
    ) -> Result<T, ClientError> {
        let name = name(&request);
        self.sequence = self.sequence.wrapping_add(1);
        for attempt in 0..ATTEMPTS {
            // Ends whatever came to the device before.
            if attempt > 0 || !self.begun {
                self.link.send(&[0])?;
                self.begun = true;
            }
            self.say(request)?;
            let begin = Instant::now();
            let mut bytes = [0; 256];
            while let Some(left) = timeout.checked_sub(begin.elapsed()) {
                let received = self.link.receive(&mut bytes, left)?;
                for &byte in bytes.iter().take(received) {
                    let Some(payload) = self.decoder.push(byte) else { continue };
                    let Ok(response) = postcard::from_bytes::<Numbered<Response<'_>>>(payload) else { continue };
                    match response.body {
                        _ if response.sequence != self.sequence => {}
                        Response::Refused(refusal) => return Err(ClientError::Refused { request: name, refusal }),
                        body => return take(body).ok_or(ClientError::Answer { request: name, expected }),
                    }
                }
            }
        }
        Err(ClientError::Silent { request: name, timeout })
    }
}

fn name(request: &Request<'_>) -> &'static str {
    match request {
        Request::Hello { .. } => "hello",
        Request::Model => "model",
        Request::Input { .. } => "input",
        Request::Invoke { .. } => "invoke",
        Request::Output { .. } => "output",
        Request::Costs { .. } => "costs",
        Request::Reset => "reset",
    }
}
