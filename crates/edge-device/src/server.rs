//! The device's side: answers one request after the other from the program and the memory that the firmware gives it.

use edge_format::{Program, RUNTIME_ABI, crc32};
use edge_runtime::{Interpreter, Resolver, RuntimeError};
use serde::Serialize;

use crate::VERSIONS;
use crate::frame::{self, Decoder, MAX_FRAME, PayloadBuffer};
use crate::message::{Identity, MAX_CHUNK, Model, Numbered, Refusal, Request, Response};

/// Ops whose cycles are kept.
pub const MAX_COSTS: usize = 512;

/// What the server needs of the board, beside memory.
pub trait Board {
    /// The next byte of the line. Waits for it, and keeps the watchdog quiet meanwhile.
    fn read(&mut self) -> u8;

    /// Sends bytes.
    fn write(&mut self, bytes: &[u8]);

    /// Processor cycles since some moment.
    fn cycles(&mut self) -> u64;

    /// Starts again from the beginning.
    fn reset(&mut self);
}

/// Answers requests.
pub struct Server<'p, 'a> {
    identity: Identity<'a>,
    bytes: &'p [u8],
    interpreter: Result<Interpreter<'p, 'a>, Refusal>,
    costs: [u32; MAX_COSTS],
    counted: usize,
    /// Number and cycles of the last `Invoke`.
    invoked: Option<(u32, u64)>,
}

impl<'p, 'a> Server<'p, 'a> {
    /// Takes the program in `slot`, if there is one: its length is in its header, and what lies behind it is ignored.
    pub fn new(identity: Identity<'a>, slot: &'p [u8], arena: &'a mut [u8], resolver: Resolver<'a>) -> Self {
        let identity = Identity { abi: RUNTIME_ABI, slot_bytes: size(slot.len()), arena_bytes: size(arena.len()), ..identity };
        let bytes = Program::length(slot).and_then(|length| slot.get(..length)).unwrap_or_default();
        let program = Program::parse(bytes).map_err(|_| Refusal::NoProgram);
        let interpreter = program.and_then(|program| Interpreter::new(program, arena, resolver).map_err(refusal));
        Self { identity, bytes, interpreter, costs: [0; MAX_COSTS], counted: 0, invoked: None }
    }

    /// Serves until the host asks for a reset, which it leaves to the board.
    pub fn serve(&mut self, board: &mut impl Board) {
        let (mut decoder, mut buffer, mut frame) = (Decoder::default(), [0; size_of::<PayloadBuffer>()], [0; MAX_FRAME]);
        loop {
            let Some(payload) = decoder.push(board.read()) else { continue };
            let (sequence, response) = match postcard::from_bytes::<Numbered<Request<'_>>>(payload) {
                Ok(Numbered { body: Request::Reset, .. }) => return board.reset(),
                Ok(Numbered { sequence, body }) => (sequence, self.answer(sequence, body, board)),
                // What has a number gets an answer, so that a newer host learns that this firmware is older.
                Err(_) => match postcard::take_from_bytes::<u32>(payload) {
                    Ok((sequence, _)) => (sequence, Response::Refused(Refusal::Unknown)),
                    Err(_) => continue,
                },
            };
            if let Some(bytes) = encode(&Numbered { sequence, body: response }, &mut buffer, &mut frame) {
                board.write(bytes);
            }
        }
    }

    fn answer(&mut self, sequence: u32, request: Request<'_>, board: &mut impl Board) -> Response<'_> {
        self.try_answer(sequence, request, board).unwrap_or_else(Response::Refused)
    }

    fn try_answer(&mut self, sequence: u32, request: Request<'_>, board: &mut impl Board) -> Result<Response<'_>, Refusal> {
        if let Request::Hello { versions: (low, high) } = request {
            let version = high.min(VERSIONS.1);
            let common = version >= low.max(VERSIONS.0);
            let identity = Identity { version, ..self.identity };
            // A new conversation may begin with the numbers of the last one.
            self.invoked = None;
            return if common { Ok(Response::Hello(identity)) } else { Err(Refusal::Version { spoken: VERSIONS }) };
        }
        let interpreter = self.interpreter.as_mut().map_err(|refusal| *refusal)?;
        let program = interpreter.program();
        match request {
            Request::Model => Ok(Response::Model(Model {
                name: prefix(program.name(), MAX_CHUNK),
                checksum: crc32(&[self.bytes]),
                length: size(self.bytes.len()),
                arena_bytes: program.arena_bytes(),
                ops: program.op_count(),
            })),
            Request::Input { index, offset, bytes } => {
                let input: &mut [u8] = bytemuck::cast_slice_mut(interpreter.input_mut(index.into()).map_err(|_| Refusal::Range)?);
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
                    let (costs, counted) = (&mut self.costs, &mut self.counted);
                    *counted = 0;
                    let mut last = begin;
                    interpreter.invoke_with(|executed| {
                        let now = board.cycles();
                        if let Some(cost) = costs.get_mut(executed.index as usize) {
                            *cost = now.saturating_sub(last).try_into().unwrap_or(u32::MAX);
                            *counted = executed.index as usize + 1;
                        }
                        last = board.cycles();
                    })
                } else {
                    interpreter.invoke()
                };
                run.map_err(refusal)?;
                let cycles = board.cycles().saturating_sub(begin);
                self.invoked = Some((sequence, cycles));
                Ok(Response::Invoked { cycles })
            }
            Request::Output { index, offset, length } => {
                let output: &[u8] = bytemuck::cast_slice(interpreter.output(index.into()).map_err(|_| Refusal::Range)?);
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
            Request::Hello { .. } | Request::Reset => Err(Refusal::Unknown),
        }
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
