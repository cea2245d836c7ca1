//! Programs in int8, by the runtime that devices have.

use std::time::Instant;

use anyhow::{Context, Result};
use edge_format::{AlignedBytes, DType, Io, Program, Tensor};
use edge_runtime::affine::Affine;
use edge_runtime::{Interpreter, Resolver};

use super::{Engine, Inference, Port};

/// A program and the conversion of its inputs and outputs.
#[derive(Debug)]
pub(crate) struct Int8Engine {
    /// Packed for the kernels that this machine has.
    program: AlignedBytes,
    inputs: Vec<Affine>,
    outputs: Vec<Affine>,
}

impl Int8Engine {
    /// Checks that the runtime can execute the program.
    pub(crate) fn new(program: &Program<'_>) -> Result<Int8Engine> {
        let bytes = edgectl_lower::pack_for_this_machine(program)?;
        let program = Program::parse(&bytes)?;
        Interpreter::new(program, &mut arena(program), Resolver::fastest())?;
        let affine = |io: Io<'_>| {
            let Tensor { scale, zero_point, .. } = program.tensor(io.tensor).context("the program lacks a tensor of its own")?;
            Ok(Affine { scale, zero_point })
        };
        let inputs = program.inputs().map(affine).collect::<Result<_>>()?;
        let outputs = program.outputs().map(affine).collect::<Result<_>>()?;
        Ok(Int8Engine { inputs, outputs, program: bytes })
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

    fn run(&self, samples: &[Vec<f32>]) -> Result<Vec<Inference>> {
        let program = Program::parse(&self.program)?;
        let mut arena = arena(program);
        let mut interpreter = Interpreter::new(program, &mut arena, Resolver::fastest())?;
        let mut run = |sample: &Vec<f32>| {
            let start = Instant::now();
            for (index, affine) in self.inputs.iter().enumerate() {
                let input = interpreter.input_mut(index)?;
                input.iter_mut().zip(sample).for_each(|(q, &real)| *q = affine.quantize(real));
            }
            interpreter.invoke()?;
            let mut outputs = vec![];
            for (index, affine) in self.outputs.iter().enumerate() {
                outputs.push(match program.outputs().nth(index).and_then(|io| program.tensor(io.tensor)) {
                    // Indices stand for themselves.
                    Some(Tensor { dtype: DType::I32, .. }) => {
                        interpreter.output_of::<i32>(index)?.iter().map(|&index| index as f32).collect()
                    }
                    _ => interpreter.output(index)?.iter().map(|&q| affine.dequantize(q)).collect(),
                });
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
