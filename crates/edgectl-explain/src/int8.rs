//! A quantized graph as a program that takes and gives real values.

use edge_format::{AlignedBytes, Io, Program};
use edge_runtime::affine::Affine;
use edge_runtime::{Interpreter, Resolver};
use edgectl_graph::QuantGraph;
use edgectl_lower::LowerOptions;

use crate::ExplainError;

/// A program of a graph whose inputs and outputs are int8.
#[derive(Debug)]
pub(crate) struct Int8 {
    program: AlignedBytes,
    inputs: Vec<Affine>,
    outputs: Vec<Affine>,
}

impl Int8 {
    pub(crate) fn new(quantized: &QuantGraph) -> Result<Int8, ExplainError> {
        let lowered = edgectl_lower::lower(quantized, &LowerOptions::default())?;
        let portable = AlignedBytes::from(&lowered.program[..]);
        let bytes = edgectl_lower::pack_for_this_machine(&Program::parse(&portable)?)?;
        let program = Program::parse(&bytes)?;
        Interpreter::new(program, &mut vec![0; program.arena_bytes() as usize], Resolver::fastest())?;
        let affine = |io: Io<'_>| {
            let tensor = program.tensor(io.tensor)?;
            Some(Affine { scale: tensor.scale, zero_point: tensor.zero_point })
        };
        let (inputs, outputs) = (program.inputs().filter_map(affine).collect(), program.outputs().filter_map(affine).collect());
        Ok(Int8 { program: bytes, inputs, outputs })
    }

    /// The outputs in real values, for inputs that are rounded to the scales of their tensors.
    pub(crate) fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, ExplainError> {
        let program = Program::parse(&self.program)?;
        let mut arena = vec![0; program.arena_bytes() as usize];
        let mut interpreter = Interpreter::new(program, &mut arena, Resolver::fastest())?;
        for (index, (affine, values)) in self.inputs.iter().zip(inputs).enumerate() {
            interpreter.input_mut(index)?.iter_mut().zip(*values).for_each(|(q, &real)| *q = affine.quantize(real));
        }
        interpreter.invoke()?;
        let outputs = self.outputs.iter().enumerate();
        outputs.map(|(index, affine)| Ok(interpreter.output(index)?.iter().map(|&q| affine.dequantize(q)).collect())).collect()
    }
}
