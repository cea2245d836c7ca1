//! Programs in int8, by the runtime that devices have.

use std::time::Instant;

use anyhow::{Context, Result};
use edge_format::{Io, Program, Tensor};
use edge_runtime::affine::Affine;
use edge_runtime::{Interpreter, Resolver};

use super::{Engine, Inference, Port};

/// A program and the conversion of its inputs and outputs.
#[derive(Debug)]
pub(crate) struct Int8Engine<'p> {
    program: Program<'p>,
    inputs: Vec<Affine>,
    outputs: Vec<Affine>,
}

impl<'p> Int8Engine<'p> {
    /// Checks that the runtime can execute the program.
    pub(crate) fn new(program: Program<'p>) -> Result<Int8Engine<'p>> {
        Interpreter::new(program, &mut arena(program), Resolver::all())?;
        let affine = |io: Io<'_>| {
            let Tensor { scale, zero_point, .. } = program.tensor(io.tensor).context("the program lacks a tensor of its own")?;
            Ok(Affine { scale, zero_point })
        };
        let inputs = program.inputs().map(affine).collect::<Result<_>>()?;
        let outputs = program.outputs().map(affine).collect::<Result<_>>()?;
        Ok(Int8Engine { program, inputs, outputs })
    }
}

impl Engine for Int8Engine<'_> {
    fn inputs(&self) -> Vec<Port> {
        self.program.inputs().map(port).collect()
    }

    fn outputs(&self) -> Vec<Port> {
        self.program.outputs().map(port).collect()
    }

    fn executes(&self) -> &'static str {
        "int8 (edge-runtime)"
    }

    fn run(&self, samples: &[Vec<f32>]) -> Result<Vec<Inference>> {
        let mut arena = arena(self.program);
        let mut interpreter = Interpreter::new(self.program, &mut arena, Resolver::all())?;
        let mut run = |sample: &Vec<f32>| {
            let start = Instant::now();
            for (index, affine) in self.inputs.iter().enumerate() {
                let input = interpreter.input_mut(index)?;
                input.iter_mut().zip(sample).for_each(|(q, &real)| *q = affine.quantize(real));
            }
            interpreter.invoke()?;
            let mut outputs = vec![];
            for (index, affine) in self.outputs.iter().enumerate() {
                outputs.push(interpreter.output(index)?.iter().map(|&q| affine.dequantize(q)).collect());
            }
            Ok(Inference { outputs, time: start.elapsed() })
        };
        samples.iter().map(&mut run).collect()
    }
}

fn port(io: Io<'_>) -> Port {
    Port { name: io.name.to_owned(), shape: io.shape.dims().iter().map(|&dim| dim as usize).collect() }
}

/// Memory for a program; pages that no op touches are never made.
fn arena(program: Program<'_>) -> Vec<u8> {
    vec![0; program.arena_bytes() as usize]
}
