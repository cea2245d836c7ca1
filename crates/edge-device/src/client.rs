//! The host's side: a device at the other end of a line that loses and garbles bytes.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::{Duration, Instant};

use thiserror::Error;

use edge_format::OpCode;

use crate::VERSIONS;
use crate::fault::FaultKind;
use crate::frame::{Decoder, MAX_FRAME, PayloadBuffer};
use crate::image::{Digest, HEADER_BYTES, Header};
use crate::journal::SLOTS;
use crate::message::{self, MAX_CHUNK, Numbered, OPERATOR_BYTES, Refusal, Request, Response, Status};
use crate::self_test::SelfTest;
use crate::server::encode;
use crate::slots::{Progress, Slot, SlotError};

/// How often a request is sent before the device counts as silent.
const ATTEMPTS: u32 = 3;

/// How long a device may take to answer what it need not compute, over a serial line.
pub const PROMPT: Duration = Duration::from_secs(2);

/// How long flash takes at most to erase, per byte: 400 ms for 4 KiB, by the data sheet of the Pico's (W25Q16JV).
const ERASE_PER_BYTE: Duration = Duration::from_micros(100);

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
    /// No protocol version is common.
    #[error("expected a firmware that speaks protocol version {} to {}, found one of {} to {}", host.0, host.1, device.0, device.1)]
    Version {
        /// Lowest and highest of this host.
        host: (u16, u16),
        /// Of the device.
        device: (u16, u16),
    },
    /// What is to be sent is no image.
    #[error("expected an image for a slot, found other bytes")]
    NoImage,
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
    /// Longest image.
    pub slot_bytes: u32,
    /// Unit in which images are written.
    pub write_bytes: u16,
    operators: [u8; OPERATOR_BYTES],
}

impl Identity {
    /// Whether the firmware has a kernel for an operator.
    pub fn executes(&self, op: OpCode) -> bool {
        let code = op as usize;
        self.operators.get(code / 8).is_some_and(|byte| byte >> (code % 8) & 1 == 1)
    }
}

/// The program that a device said it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name.
    pub name: String,
    /// SHA-256 of the whole file.
    pub digest: Digest,
    /// Length of the file.
    pub length: u32,
    /// Memory that it needs for activations.
    pub arena_bytes: u32,
    /// Number of ops.
    pub ops: u32,
}

/// What a device said has ended an earlier run by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it was.
    pub kind: FaultKind,
    /// Where the code was, 0 where that is not known.
    pub pc: u32,
    /// From where it had been called, 0 where that is not known.
    pub lr: u32,
    /// A panic's message and place.
    pub text: String,
}

/// A conversation with a device.
pub struct Client<L> {
    link: L,
    prompt: Duration,
    sequence: u32,
    /// Whether anything has been said.
    begun: bool,
    /// As the device calls this conversation.
    session: u32,
    /// Unit in which images are written.
    write_bytes: u16,
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
            session: 0,
            write_bytes: 1,
            decoder: Decoder::default(),
            buffer: [0; size_of::<PayloadBuffer>()],
            frame: [0; MAX_FRAME],
        }
    }

    /// The line.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    /// Gives the line back.
    pub fn into_link(self) -> L {
        self.link
    }

    /// Asks the device who it is, and begins a conversation: what another host began has ended.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Version`] where no protocol version is common.
    pub fn hello(&mut self) -> Result<Identity, ClientError> {
        let hello = self.ask(Request::Hello { versions: VERSIONS }, self.prompt, "an identity", |response| match response {
            Response::Hello(found) => {
                let identity = Identity {
                    chip: found.chip.into(),
                    firmware: found.firmware.into(),
                    abi: found.abi,
                    board: found.board,
                    clock_hz: found.clock_hz,
                    arena_bytes: found.arena_bytes,
                    slot_bytes: found.slot_bytes,
                    write_bytes: found.write_bytes,
                    operators: found.operators,
                };
                let known = (VERSIONS.0..=VERSIONS.1).contains(&found.version) && found.write_bytes > 0;
                known.then_some((identity, found.session))
            }
            _ => None,
        });
        match hello {
            Ok((identity, session)) => {
                (self.session, self.write_bytes) = (session, identity.write_bytes);
                Ok(identity)
            }
            Err(ClientError::Refused { refusal: Refusal::Version { spoken }, .. }) => {
                Err(ClientError::Version { host: VERSIONS, device: spoken })
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Client::hello`], of a device that may still be starting: asks until it answers, at most so long.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Silent`] where the time is over.
    pub fn wait(&mut self, patience: Duration) -> Result<Identity, ClientError> {
        let begin = Instant::now();
        loop {
            match self.hello() {
                Err(ClientError::Silent { .. }) if begin.elapsed() < patience => {}
                answer => return answer,
            }
        }
    }

    /// Asks how the device is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn status(&mut self) -> Result<Status, ClientError> {
        self.ask(Request::Status, self.prompt, "a status", |response| match response {
            Response::Status(status) => Some(status),
            _ => None,
        })
    }

    /// Asks what the slots hold.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slots(&mut self) -> Result<[Slot; SLOTS], ClientError> {
        self.ask(Request::Slots, self.prompt, "slots", |response| match response {
            Response::Slots(slots) => Some(slots),
            _ => None,
        })
    }

    /// Asks what has ended an earlier run by itself.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn fault(&mut self) -> Result<Option<Fault>, ClientError> {
        self.ask(Request::Fault, self.prompt, "a fault or none", |response| match response {
            Response::Fault(fault) => {
                Some(fault.map(|fault| Fault { kind: fault.kind, pc: fault.pc, lr: fault.lr, text: fault.text.into() }))
            }
            _ => None,
        })
    }

    /// Sends an [image](crate::image) to the slot that does not run, from where it stopped if it was begun before, and has it verified there.
    /// `advanced` is told the bytes that are there, and how many there will be. Nothing runs it yet: see [`Client::activate`].
    ///
    /// # Errors
    /// [`ClientError`]. Sent again, it goes on where it stopped.
    pub fn send_image(&mut self, image: &[u8], mut advanced: impl FnMut(u32, u32)) -> Result<(), ClientError> {
        let header = image.first_chunk::<HEADER_BYTES>().and_then(|bytes| Header::parse(bytes, u32::try_from(image.len()).ok()?));
        let header = header.filter(|header| header.length as usize == image.len()).ok_or(ClientError::NoImage)?;
        let (length, session) = (header.length, self.session);
        let begin = Request::Begin { session, length, digest: header.digest, security_version: header.security_version };
        let expected = "how far the image has arrived";
        let take = |response: Response<'_>| match response {
            Response::Progress(progress) if progress.received <= length => Some(progress),
            _ => None,
        };
        // Sectors are a little longer than what they hold.
        let patience = self.prompt + ERASE_PER_BYTE * (length + (128 << 10));
        let mut progress = self.ask(begin, patience, expected, take)?;
        let unit = usize::from(self.write_bytes);
        let step = MAX_CHUNK / unit * unit;
        if step == 0 {
            return Err(ClientError::Answer { request: "hello", expected: "a writable unit that fits a message" });
        }
        let mut stalled = 0;
        while progress.received < length {
            advanced(progress.received, length);
            let at = progress.received as usize;
            let bytes = image.get(at..(at + step).min(image.len())).unwrap_or_default();
            let next: Progress = match self.ask(Request::Write { session, offset: progress.received, bytes }, self.prompt, expected, take) {
                // The device has lost count, as after a failed write.
                Err(ClientError::Refused { refusal: Refusal::Slot(SlotError::NotReceiving), .. }) => {
                    self.ask(begin, patience, expected, take)?
                }
                answer => answer?,
            };
            stalled = if next.received > progress.received { 0 } else { stalled + 1 };
            if stalled > ATTEMPTS {
                return Err(ClientError::Answer { request: "write", expected: "that the image advances" });
            }
            progress = next;
        }
        advanced(length, length);
        self.accept(Request::Finish { session }, patience)
    }

    /// Has an image started on trial after the next reset.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn activate(&mut self, digest: &Digest) -> Result<(), ClientError> {
        self.accept(Request::Activate { session: self.session, digest: *digest }, self.prompt)
    }

    /// Makes the running image permanent.
    ///
    /// # Errors
    /// [`ClientError`]; [`SlotError::NoSuchImage`] where another runs.
    pub fn confirm(&mut self, digest: &Digest) -> Result<(), ClientError> {
        self.accept(Request::Confirm { session: self.session, digest: *digest }, self.prompt)
    }

    /// Has an image not run after the next reset, nor ever again unless it is activated again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reject(&mut self, digest: &Digest) -> Result<(), ClientError> {
        self.accept(Request::Reject { session: self.session, digest: *digest }, self.prompt)
    }

    /// Has the device replay the golden vectors of the image that runs.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Silent`] where it takes longer than `timeout`.
    pub fn self_test(&mut self, timeout: Duration) -> Result<SelfTest, ClientError> {
        self.ask(Request::SelfTest, timeout, "what the self-test found", |response| match response {
            Response::Tested(test) => Some(test),
            _ => None,
        })
    }

    /// Asks which program the device runs.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn model(&mut self) -> Result<Model, ClientError> {
        self.ask(Request::Model, self.prompt, "a program", |response| match response {
            Response::Model(message::Model { name, digest, length, arena_bytes, ops }) => {
                Some(Model { name: name.into(), digest, length, arena_bytes, ops })
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
            self.accept(Request::Input { index, offset, bytes }, self.prompt)?;
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

    fn accept(&mut self, request: Request<'_>, timeout: Duration) -> Result<(), ClientError> {
        self.ask(request, timeout, "a confirmation", |response| (response == Response::Accepted).then_some(()))
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
        Request::Status => "status",
        Request::Slots => "slots",
        Request::Begin { .. } => "begin",
        Request::Write { .. } => "write",
        Request::Finish { .. } => "finish",
        Request::Activate { .. } => "activate",
        Request::Confirm { .. } => "confirm",
        Request::Reject { .. } => "reject",
        Request::SelfTest => "self-test",
        Request::Fault => "fault",
    }
}
