//! A pack: programs with their inputs and the outputs that are expected of them, one after the other, as an emulator puts it into memory.
//!
//! ```text
//! offset size  record; each part begins at a multiple of 16 bytes
//!      0    4  magic "EDGV"; anything else ends the pack
//!      4    4  length of the name, in bytes
//!      8    4  length of the program
//!     12    4  length of the inputs: all inputs of the first invocation, then all of the second..
//!     16    4  length of the outputs, likewise
//!     20    4  number of invocations
//!     32       name, program, inputs, outputs
//! ```

#![no_std]
#![forbid(unsafe_code)]

use edge_runtime::{Interpreter, Program, Resolver};

/// Every kernel, in the form that is asked for.
pub const fn kernels() -> Resolver<'static> {
    #[cfg(feature = "mcu")]
    return Resolver::for_core(edge_runtime::Core::HERE);
    #[cfg(not(feature = "mcu"))]
    Resolver::all()
}

const MAGIC: u32 = u32::from_le_bytes(*b"EDGV");
const HEADER_BYTES: usize = 32;

/// A program with its inputs and outputs.
pub struct Record<'a> {
    /// What it is.
    pub name: &'a str,
    program: &'a [u8],
    inputs: &'a [u8],
    outputs: &'a [u8],
    invocations: usize,
}

/// Reads a pack.
pub struct Pack<'a>(pub &'a [u8]);

impl<'a> Pack<'a> {
    fn part(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, _) = self.0.split_at_checked(length)?;
        self.0 = self.0.get(length.next_multiple_of(16)..)?;
        Some(part)
    }
}

impl<'a> Iterator for Pack<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let header = self.part(HEADER_BYTES)?;
        let word = |index: usize| Some(u32::from_le_bytes(*header.get(4 * index..)?.first_chunk()?) as usize);
        if word(0)? != MAGIC as usize {
            return None;
        }
        let [name, program, inputs, outputs] = [self.part(word(1)?)?, self.part(word(2)?)?, self.part(word(3)?)?, self.part(word(4)?)?];
        Some(Record { name: core::str::from_utf8(name).ok()?, program, inputs, outputs, invocations: word(5)? })
    }
}

/// What it took to load a program, or to invoke it once; the greatest of several.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// Instructions executed.
    pub instructions: u64,
    /// Bytes of stack.
    pub stack_bytes: usize,
}

impl Cost {
    /// The greater of two, each number by itself.
    pub fn max(self, other: Self) -> Self {
        Self { instructions: self.instructions.max(other.instructions), stack_bytes: self.stack_bytes.max(other.stack_bytes) }
    }
}

/// Loads a record's program, invokes it as often as there are inputs, and compares: what loading and invoking took, or what went wrong.
///
/// `measure` calls the closure and says what that took.
pub fn replay(record: &Record<'_>, arena: &mut [u8], measure: impl Fn(&mut dyn FnMut()) -> Cost) -> Result<[Cost; 2], &'static str> {
    let mut loaded = None;
    let mut arena = Some(arena);
    let load = measure(&mut || {
        let arena = arena.take().unwrap_or_default();
        loaded = Some(Program::parse(record.program).map_err(|_| "the program is refused").and_then(|program| {
            let arena = arena.get_mut(..program.arena_bytes() as usize).ok_or("the arena is too small")?;
            Interpreter::new(program, arena, kernels()).map_err(|_| "an op is refused")
        }));
    });
    let mut interpreter = loaded.ok_or("nothing was measured")??;
    let program = interpreter.program();
    let each = |bytes: &[u8]| bytes.len().checked_div(record.invocations).unwrap_or_default();
    let mut inputs = record.inputs;
    let mut outputs = record.outputs;
    let mut invoke = Cost::default();
    for _ in 0..record.invocations {
        let (mut given, rest) = inputs.split_at_checked(each(record.inputs)).ok_or("inputs are missing")?;
        inputs = rest;
        for index in 0..program.inputs().count() {
            let input = bytes_mut(&mut interpreter, index).ok_or("no such input")?;
            let (bytes, rest) = given.split_at_checked(input.len()).ok_or("inputs are missing")?;
            input.copy_from_slice(bytes);
            given = rest;
        }
        let mut outcome = Ok(());
        invoke = invoke.max(measure(&mut || outcome = interpreter.invoke()));
        outcome.map_err(|_| "an op failed")?;
        for index in 0..program.outputs().count() {
            let output = bytes(&interpreter, index).ok_or("no such output")?;
            let (expected, rest) = outputs.split_at_checked(output.len()).ok_or("outputs are missing")?;
            if output != expected {
                return Err("an output differs");
            }
            outputs = rest;
        }
    }
    if !outputs.is_empty() || record.invocations == 0 {
        return Err("there are more outputs than the program has");
    }
    Ok([load, invoke])
}

/// The bytes of an input, of whatever type it is.
fn bytes_mut<'i>(interpreter: &'i mut Interpreter<'_, '_>, index: usize) -> Option<&'i mut [u8]> {
    if interpreter.input_mut(index).is_ok() {
        return interpreter.input_mut(index).ok().map(bytemuck::cast_slice_mut);
    }
    interpreter.input_mut_of::<i16>(index).ok().map(bytemuck::cast_slice_mut)
}

/// The bytes of an output, of whatever type it is.
fn bytes<'i>(interpreter: &'i Interpreter<'_, '_>, index: usize) -> Option<&'i [u8]> {
    let int8 = interpreter.output(index).ok().map(bytemuck::cast_slice);
    int8.or_else(|| interpreter.output_of::<i16>(index).ok().map(bytemuck::cast_slice))
        .or_else(|| interpreter.output_of::<i32>(index).ok().map(bytemuck::cast_slice))
}
