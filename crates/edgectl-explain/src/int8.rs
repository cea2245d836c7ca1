//! A quantized graph as a program that takes and gives real values.

use edge_format::{AlignedBytes, Program};
use edge_runtime::pack::pack_for_this_machine;
use edge_runtime::{Interpreter, Resolver};
use edgectl_graph::QuantGraph;
use edgectl_lower::{LowerError, LowerOptions};

use crate::ExplainError;

/// A program of a graph.
#[derive(Debug)]
pub(crate) struct Int8 {
    program: AlignedBytes,
}

impl Int8 {
    pub(crate) fn new(quantized: &QuantGraph) -> Result<Int8, ExplainError> {
        let lowered = edgectl_lower::lower(quantized, &LowerOptions::default())?;
        let portable = AlignedBytes::from(&lowered.program[..]);
        let bytes = pack_for_this_machine(&Program::parse(&portable)?).map_err(LowerError::from)?;
        let program = Program::parse(&bytes)?;
        Interpreter::new(program, &mut AlignedBytes::zeroed(program.arena_bytes() as usize), Resolver::fastest())?;
        Ok(Int8 { program: bytes })
    }

    /// The outputs in real values, for inputs that are rounded to the scales of their tensors.
    pub(crate) fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, ExplainError> {
        let program = Program::parse(&self.program)?;
        let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
        let mut interpreter = Interpreter::new(program, &mut arena, Resolver::fastest())?;
        inputs.iter().enumerate().try_for_each(|(index, values)| interpreter.write_input(index, values))?;
        interpreter.invoke()?;
        (0..program.outputs().count()).map(|index| Ok(interpreter.read_output(index)?.collect())).collect()
    }
}
