//! Programs in int8, by the runtime that devices have.

use std::time::Instant;

use anyhow::Result;
use edge_format::{AlignedBytes, Io, Program};
use edge_runtime::{Interpreter, Resolver};

use super::{Engine, Inference, Memory, NoMemory, Port, Sequence};
use crate::samples::Sample;

/// A program.
#[derive(Debug)]
pub(crate) struct Int8Engine {
    /// Packed for the kernels that this machine has.
    program: AlignedBytes,
}

impl Int8Engine {
    /// Checks that the runtime can execute the program.
    pub(crate) fn new(program: &Program<'_>) -> Result<Int8Engine> {
        let bytes = edge_runtime::pack::pack_for_this_machine(program)?;
        let program = Program::parse(&bytes)?;
        Interpreter::new(program, &mut arena(program), Resolver::fastest())?;
        Ok(Int8Engine { program: bytes })
    }

    fn ports<'p, I: Iterator<Item = Io<'p>>>(&'p self, ios: fn(&Program<'p>) -> I) -> Vec<Port> {
        // Parsed before, in `new`.
        Program::parse(&self.program).map_or(vec![], |program| ios(&program).map(port).collect())
    }
}

impl Engine for Int8Engine {
    fn inputs(&self) -> Vec<Port> {
        self.ports(Program::inputs)
    }

    fn outputs(&self) -> Vec<Port> {
        self.ports(Program::outputs)
    }

    fn executes(&self) -> &'static str {
        "int8 (edge-runtime)"
    }

    fn run(&self, samples: &[Sample]) -> Result<Vec<Inference>> {
        let program = Program::parse(&self.program)?;
        let mut arena = arena(program);
        let mut interpreter = Interpreter::new(program, &mut arena, Resolver::fastest())?;
        let mut run = |sample: &Sample| {
            interpreter.reset();
            infer(&mut interpreter, sample)
        };
        samples.iter().map(&mut run).collect()
    }

    fn run_steps(&self, samples: &[Sample], sequence: Sequence, memory: &mut Memory) -> Result<Vec<Inference>> {
        let program = Program::parse(&self.program)?;
        if program.state_bytes() == 0 {
            return Err(NoMemory { executes: self.executes() }.into());
        }
        let mut arena = arena(program);
        let mut interpreter = Interpreter::new(program, &mut arena, Resolver::fastest())?;
        if memory.0.len() == interpreter.state().len() {
            interpreter.state_mut().copy_from_slice(&memory.0);
        }
        let mut run = |sample: &Sample| {
            if sequence.begins(sample.index) {
                interpreter.reset();
            }
            infer(&mut interpreter, sample)
        };
        let found = samples.iter().map(&mut run).collect();
        memory.0 = interpreter.state().to_vec();
        found
    }
}

/// Runs a program once.
fn infer(interpreter: &mut Interpreter<'_, '_>, sample: &Sample) -> Result<Inference> {
    let start = Instant::now();
    for (index, values) in sample.inputs.iter().enumerate() {
        interpreter.write_input(index, values)?;
    }
    interpreter.invoke()?;
    let outputs = (0..interpreter.program().outputs().count()).map(|index| Ok(interpreter.read_output(index)?.collect()));
    let outputs = outputs.collect::<Result<_>>()?;
    Ok(Inference { outputs, time: start.elapsed() })
}

pub(crate) fn port(io: Io<'_>) -> Port {
    Port { name: io.name.to_owned(), shape: io.shape.dims().iter().map(|&dim| dim as usize).collect() }
}

/// Memory for a program; pages that no op touches are never made.
fn arena(program: Program<'_>) -> AlignedBytes {
    AlignedBytes::zeroed(program.arena_bytes() as usize)
}
