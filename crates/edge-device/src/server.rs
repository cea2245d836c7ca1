//! The device's side: chooses and proves the image to run, then answers one request after the other.

use core::fmt::{self, Write};

use edge_format::{FormatError, RUNTIME_ABI, crc32};
use edge_runtime::{Interpreter, Program, Resolver, RuntimeError};
use embedded_storage::nor_flash::NorFlash;
use serde::Serialize;

use crate::VERSIONS;
use crate::fault::FaultRecord;
use crate::frame::{self, Decoder, MAX_FRAME, PayloadBuffer};
use crate::image::{Digest, Header};
use crate::message::{Identity, MAX_CHUNK, Model, Numbered, OPERATOR_BYTES, Refusal, Request, Response, Status};
use crate::self_test::{self, Failure, SelfTest, input_bytes, output_bytes};
use crate::slots::{Layout, SlotError, Slots};

/// Ops whose cycles are kept.
pub const MAX_COSTS: usize = 512;

/// Lines over which a host may talk to a device. It is answered on the one that it has used.
pub const LINES: usize = 2;

/// Faults in a row after which no image is run.
pub const MAX_FAULTS: u8 = 3;

/// What the server needs of the board, beside memory and flash.
pub trait Board {
    /// The next byte, and the line that it has come over. Waits for it, and keeps the watchdog quiet meanwhile. `None` ends serving.
    fn read(&mut self) -> Option<(usize, u8)>;

    /// Sends bytes over a line.
    fn write(&mut self, line: usize, bytes: &[u8]);

    /// Processor cycles since some moment.
    fn cycles(&mut self) -> u64;

    /// Says that the code is alive: between ops, pages and sectors.
    fn feed(&mut self);

    /// What is remembered of faults.
    fn fault(&mut self) -> &mut FaultRecord;

    /// Starts again from the beginning.
    fn reset(&mut self);
}

/// Flash from which programs are run in place.
pub trait ProgramFlash<'p>: NorFlash {
    /// What lies there now. What the server keeps of it is not erased before the next reset.
    fn mapped(&self, offset: u32, length: u32) -> &'p [u8];
}

/// What a firmware is made of.
pub struct Setup<'a, F> {
    /// Who the device is, as far as the firmware knows.
    pub about: About<'a>,
    /// The flash.
    pub flash: F,
    /// Where what lies in it; [`Layout::is_valid`].
    pub layout: Layout,
    /// Memory for activations.
    pub arena: &'a mut [u8],
    /// Kernels.
    pub resolver: Resolver<'a>,
    /// Memory for the cycles of ops.
    pub costs: &'a mut [u32; MAX_COSTS],
}

/// What messages pass through: too much for the stacks of small chips.
pub struct Buffers {
    decoders: [Decoder; LINES],
    payload: PayloadBuffer,
    frame: [u8; MAX_FRAME],
}

impl Buffers {
    /// Before anything was said.
    pub const EMPTY: Self =
        Self { decoders: [const { Decoder::new() }; LINES], payload: [0; size_of::<PayloadBuffer>()], frame: [0; MAX_FRAME] };
}

/// Who a device is.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The chip.
    pub chip: &'a str,
    /// Name and version of the firmware.
    pub firmware: &'a str,
    /// What tells this board from others of its kind.
    pub board: [u8; 8],
    /// Processor cycles in a second.
    pub clock_hz: u32,
}

/// Answers requests.
pub struct Server<'p, 'a, F> {
    identity: Identity<'a>,
    slots: Result<Slots<F>, SlotError>,
    resolver: Resolver<'a>,
    /// Of the image that runs, or was to run.
    header: Option<Header>,
    image: &'p [u8],
    self_test: SelfTest,
    safe: bool,
    interpreter: Result<Interpreter<'p, 'a>, Refusal>,
    costs: &'a mut [u32; MAX_COSTS],
    counted: usize,
    /// Number and cycles of the last `Invoke`.
    invoked: Option<(u32, u64)>,
    /// Number of the last `Hello`.
    greeted: Option<u32>,
}

/// What a firmware does once the chip is ready: chooses the image to run, says so over the line that is the console, and serves until the host asks for
/// a reset, which it leaves to the board.
pub fn run<'p, F: ProgramFlash<'p>>(setup: Setup<'_, F>, board: &mut impl Board, console: usize, buffers: &mut Buffers) {
    let mut server = Server::start(setup, board);
    // A board takes all that it is given.
    let _ = write!(Console { board, line: console }, "{}", server.greeting());
    server.serve(board, buffers);
}

/// A line, for text.
struct Console<'b, B> {
    board: &'b mut B,
    line: usize,
}

impl<B: Board> fmt::Write for Console<'_, B> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.board.write(self.line, text.as_bytes());
        Ok(())
    }
}

impl<'p, 'a, F: ProgramFlash<'p>> Server<'p, 'a, F> {
    /// Chooses the image to run: the first, in the order of [`Slots::choose`], whose program runs and computes what its golden vectors say.
    pub fn start(setup: Setup<'a, F>, board: &mut impl Board) -> Self {
        let Setup { about, flash, layout, arena, resolver, costs } = setup;
        let mut operators = [0; OPERATOR_BYTES];
        for kernel in resolver.kernels() {
            let code = kernel.op as usize;
            if let Some(byte) = operators.get_mut(code / 8) {
                *byte |= 1 << (code % 8);
            }
        }
        let identity = Identity {
            version: VERSIONS.1,
            chip: about.chip,
            firmware: about.firmware,
            abi: RUNTIME_ABI,
            board: about.board,
            clock_hz: about.clock_hz,
            arena_bytes: size(arena.len()),
            slot_bytes: layout.slot_bytes(),
            write_bytes: F::WRITE_SIZE as u16,
            operators,
            session: 0,
        };
        let mut server = Self {
            identity,
            slots: Slots::open(flash, layout),
            resolver,
            header: None,
            image: &[],
            self_test: SelfTest::default(),
            safe: board.fault().in_a_row() >= MAX_FAULTS,
            interpreter: Err(Refusal::NoProgram),
            costs,
            counted: 0,
            invoked: None,
            greeted: None,
        };
        let proven = if server.safe { Ok(false) } else { server.prove(arena, board) };
        match proven {
            Ok(true) => server.interpreter = program(&server.header, server.image).and_then(|program| load(program, arena, resolver)),
            Ok(false) => {}
            Err(error) => server.interpreter = Err(Refusal::Slot(error)),
        }
        server
    }

    /// Goes through the images until one passes its self-test.
    fn prove(&mut self, arena: &mut [u8], board: &mut impl Board) -> Result<bool, SlotError> {
        let slots = self.slots.as_mut().map_err(|error| *error)?;
        slots.take_in()?;
        while let Some((slot, header)) = slots.choose()? {
            board.feed();
            let image = slots.flash().mapped(slots.region(slot).offset, header.length);
            let tested = program(&Some(header), image).and_then(|program| {
                let mut interpreter = load(program, arena, self.resolver)?;
                Ok(test(&mut interpreter, &header, image, board))
            });
            (self.header, self.image) = (Some(header), image);
            match tested {
                Ok(test) if test.is_passed() => {
                    self.self_test = test;
                    slots.pass()?;
                    return Ok(true);
                }
                Ok(test) => (self.self_test, self.interpreter) = (test, Err(Refusal::SelfTest)),
                Err(refusal) => {
                    self.self_test = SelfTest { failure: Some(Failure::Program), ..SelfTest::default() };
                    self.interpreter = Err(refusal);
                }
            }
            slots.fail()?;
        }
        Ok(false)
    }

    /// What to say on the console before anybody asks. It ends with a zero, so that a frame behind it is found.
    pub fn greeting(&self) -> impl fmt::Display {
        Greeting {
            version: env!("CARGO_PKG_VERSION"),
            chip: self.identity.chip,
            model: self.header.map(|header| header.program_digest),
            self_test: self.self_test,
        }
    }

    /// Serves until the host asks for a reset, which it leaves to the board.
    pub fn serve(&mut self, board: &mut impl Board, buffers: &mut Buffers) {
        while let Some((line, byte)) = board.read() {
            let Some(payload) = buffers.decoders.get_mut(line).and_then(|decoder| decoder.push(byte)) else { continue };
            let (sequence, response) = match postcard::from_bytes::<Numbered<Request<'_>>>(payload) {
                Ok(Numbered { body: Request::Reset, .. }) => {
                    board.fault().clear();
                    return board.reset();
                }
                Ok(Numbered { sequence, body }) => (sequence, self.answer(sequence, body, board)),
                // What has a number gets an answer, so that a newer host learns that this firmware is older.
                Err(_) => match postcard::take_from_bytes::<u32>(payload) {
                    Ok((sequence, _)) => (sequence, Response::Refused(Refusal::Unknown)),
                    Err(_) => continue,
                },
            };
            let frame = encode(&Numbered { sequence, body: response }, &mut buffers.payload, &mut buffers.frame);
            if let Some(bytes) = frame {
                board.write(line, bytes);
            }
        }
    }

    fn answer<'r>(&'r mut self, sequence: u32, request: Request<'_>, board: &'r mut impl Board) -> Response<'r> {
        let answered = match request {
            Request::Hello { versions } => self.hello(sequence, versions, board),
            Request::Status => Ok(Response::Status(self.status())),
            Request::Slots => self.slots().map(|slots| Response::Slots(slots.record().slots)),
            Request::Fault => Ok(Response::Fault(board.fault().fault())),
            Request::Begin { session, length, digest, security_version } => self
                .slots_of(session)
                .and_then(|slots| slots.begin(length, &digest, security_version).map_err(Refusal::Slot))
                .map(Response::Progress),
            Request::Write { session, offset, bytes } => {
                self.slots_of(session).and_then(|slots| slots.write(offset, bytes).map_err(Refusal::Slot)).map(Response::Progress)
            }
            Request::Finish { session } => self.finish(session).map(|()| Response::Accepted),
            Request::Activate { session, digest } => self.change(session, |slots| slots.activate(&digest)),
            Request::Confirm { session, digest } => self.change(session, |slots| slots.confirm(&digest)),
            Request::Reject { session, digest } => self.change(session, |slots| slots.reject(&digest)),
            Request::Model
            | Request::Input { .. }
            | Request::Invoke { .. }
            | Request::Output { .. }
            | Request::Costs { .. }
            | Request::SelfTest => self.run(sequence, request, board),
            Request::Reset => Err(Refusal::Unknown),
        };
        answered.unwrap_or_else(Response::Refused)
    }

    fn hello(&mut self, sequence: u32, (low, high): (u16, u16), board: &mut impl Board) -> Result<Response<'_>, Refusal> {
        let version = high.min(VERSIONS.1);
        if version < low.max(VERSIONS.0) {
            return Err(Refusal::Version { spoken: VERSIONS });
        }
        board.fault().settle();
        // Asked again because the answer was late, it is the same conversation.
        if self.greeted != Some(sequence) {
            self.greeted = Some(sequence);
            // A new conversation may begin with the numbers of the last one.
            self.invoked = None;
            // No secret: it tells conversations apart.
            let session = crc32(&[&self.identity.session.to_le_bytes(), &self.identity.board, &board.cycles().to_le_bytes()]);
            self.identity = Identity { version, session, ..self.identity };
        }
        Ok(Response::Hello(self.identity))
    }

    fn status(&self) -> Status {
        let slots = self.slots.as_ref().ok();
        Status {
            running: slots.and_then(|slots| slots.running()).map(|(index, _)| index),
            self_test: self.self_test,
            floor: slots.map_or(0, |slots| slots.record().floor),
            safe: self.safe,
        }
    }

    fn slots(&mut self) -> Result<&mut Slots<F>, Refusal> {
        self.slots.as_mut().map_err(|error| Refusal::Slot(*error))
    }

    fn slots_of(&mut self, session: u32) -> Result<&mut Slots<F>, Refusal> {
        if session == self.identity.session && session != 0 { self.slots() } else { Err(Refusal::Session) }
    }

    fn change(&mut self, session: u32, change: impl FnOnce(&mut Slots<F>) -> Result<(), SlotError>) -> Result<Response<'_>, Refusal> {
        change(self.slots_of(session)?).map_err(Refusal::Slot)?;
        Ok(Response::Accepted)
    }

    /// Verifies what has arrived, and that it could run here: before it is activated, since then the one that runs now is gone.
    fn finish(&mut self, session: u32) -> Result<(), Refusal> {
        let (arena, resolver) = (self.identity.arena_bytes, self.resolver);
        let slots = self.slots_of(session)?;
        let (slot, header) = slots.finish().map_err(Refusal::Slot)?;
        let image = slots.flash().mapped(slots.region(slot).offset, header.length);
        let program = program(&Some(header), image)?;
        if program.arena_bytes() > arena {
            return Err(Refusal::Arena { needed: program.arena_bytes(), available: arena });
        }
        match (0..).zip(program.ops()).find(|(_, op)| resolver.find(op.code).is_none()) {
            Some((op, found)) => Err(Refusal::NoKernel { op, code: found.code as u16 }),
            None => Ok(()),
        }
    }

    /// What needs a program that runs.
    fn run(&mut self, sequence: u32, request: Request<'_>, board: &mut impl Board) -> Result<Response<'_>, Refusal> {
        let interpreter = self.interpreter.as_mut().map_err(|refusal| *refusal)?;
        let header = self.header.as_ref().ok_or(Refusal::NoProgram)?;
        match request {
            Request::Model => {
                let program = interpreter.program();
                Ok(Response::Model(Model {
                    name: prefix(program.name(), MAX_NAME),
                    digest: header.program_digest,
                    length: header.program_length,
                    arena_bytes: program.arena_bytes(),
                    ops: program.op_count(),
                }))
            }
            Request::Input { index, offset, bytes } => {
                let input = input_bytes(interpreter, index.into()).ok_or(Refusal::Range)?;
                let place = range(offset, bytes.len()).and_then(|range| input.get_mut(range)).ok_or(Refusal::Range)?;
                place.copy_from_slice(bytes);
                Ok(Response::Accepted)
            }
            Request::Invoke { costs } => {
                // Asked again because the answer got lost: the inputs may be gone.
                if let Some((_, cycles)) = self.invoked.filter(|invoked| invoked.0 == sequence) {
                    return Ok(Response::Invoked { cycles });
                }
                let begin = board.cycles();
                let run = if costs {
                    let (costs, counted) = (&mut *self.costs, &mut self.counted);
                    *counted = 0;
                    let mut last = begin;
                    interpreter.invoke_with(|executed| {
                        let now = board.cycles();
                        if let Some(cost) = costs.get_mut(executed.index as usize) {
                            *cost = now.saturating_sub(last).try_into().unwrap_or(u32::MAX);
                            *counted = executed.index as usize + 1;
                        }
                        board.feed();
                        last = board.cycles();
                    })
                } else {
                    interpreter.invoke_with(|_| board.feed())
                };
                run.map_err(refusal)?;
                let cycles = board.cycles().saturating_sub(begin);
                self.invoked = Some((sequence, cycles));
                Ok(Response::Invoked { cycles })
            }
            Request::Output { index, offset, length } => {
                let output = output_bytes(interpreter, index.into()).ok_or(Refusal::Range)?;
                let bytes = range(offset, length.into()).and_then(|range| output.get(range)).filter(|bytes| bytes.len() <= MAX_CHUNK);
                bytes.map(Response::Bytes).ok_or(Refusal::Range)
            }
            Request::Costs { first } => {
                let costs = self
                    .costs
                    .get(..self.counted)
                    .and_then(|costs| costs.get(first.into()..))
                    .filter(|costs| !costs.is_empty())
                    .ok_or(Refusal::Range)?;
                let costs = costs.get(..MAX_CHUNK / size_of::<u32>()).unwrap_or(costs);
                Ok(Response::Costs(bytemuck::cast_slice(costs)))
            }
            Request::SelfTest => Ok(Response::Tested(test(interpreter, header, self.image, board))),
            _ => Err(Refusal::Unknown),
        }
    }
}

/// Longest name of a program that is told.
const MAX_NAME: usize = 256;

struct Greeting<'a> {
    version: &'a str,
    chip: &'a str,
    model: Option<Digest>,
    self_test: SelfTest,
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "edgectl {} {} abi={RUNTIME_ABI} model=", self.version, self.chip)?;
        match self.model {
            Some(digest) => digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?,
            None => f.write_str("none")?,
        }
        write!(f, " self-test={}\r\n\0", self.self_test)
    }
}

/// The program of an image whose digest was verified.
fn program<'p>(header: &Option<Header>, image: &'p [u8]) -> Result<Program<'p>, Refusal> {
    let bytes = header.and_then(|header| header.program(image)).ok_or(Refusal::NoProgram)?;
    Program::parse(bytes).map_err(|error| match error {
        FormatError::RuntimeAbi { expected, found } => Refusal::Abi { expected, found },
        FormatError::FormatVersion { expected, found } => Refusal::Format { expected, found },
        _ => Refusal::NoProgram,
    })
}

fn load<'p, 'r>(program: Program<'p>, arena: &'r mut [u8], resolver: Resolver<'r>) -> Result<Interpreter<'p, 'r>, Refusal> {
    Interpreter::new(program, arena, resolver).map_err(refusal)
}

/// Replays the vectors of an image; one without any passes.
fn test(interpreter: &mut Interpreter<'_, '_>, header: &Header, image: &[u8], board: &mut impl Board) -> SelfTest {
    match header.vectors(image) {
        Some(vectors) => self_test::run(interpreter, vectors, || board.feed()),
        None if header.vectors_length == 0 => SelfTest::default(),
        None => SelfTest { failure: Some(Failure::Vectors), ..SelfTest::default() },
    }
}

/// Writes the frame of a message.
pub(crate) fn encode<'f>(message: &impl Serialize, buffer: &mut PayloadBuffer, frame: &'f mut [u8; MAX_FRAME]) -> Option<&'f [u8]> {
    let length = postcard::to_slice(message, buffer).ok()?.len();
    frame::encode(buffer, length, frame)
}

fn refusal(error: RuntimeError) -> Refusal {
    match error {
        RuntimeError::ArenaSize { expected, found } => Refusal::Arena { needed: expected, available: size(found) },
        RuntimeError::NoKernel { op, code } => Refusal::NoKernel { op, code: code as u16 },
        RuntimeError::Op { op, .. } | RuntimeError::Fault { op, .. } => Refusal::Op { op },
        _ => Refusal::NoProgram,
    }
}

fn range(offset: u32, length: usize) -> Option<core::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(length)?)
}

fn size(bytes: usize) -> u32 {
    bytes.try_into().unwrap_or(u32::MAX)
}

/// The longest beginning of a text that is no longer than so many bytes.
fn prefix(text: &str, bytes: usize) -> &str {
    (0..=bytes).rev().find_map(|end| text.get(..end.min(text.len()))).unwrap_or_default()
}
