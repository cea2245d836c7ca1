//! A firmware's share of an inference: a program in flash, an arena, and the kernels that the model needs.
//!
//! `cargo build --release --example device --target thumbv6m-none-eabi`, from `crates/edge-runtime/cross`.

#![no_std]

use edge_runtime::{Interpreter, Program, Registration, Resolver, RuntimeError, kernel};

/// What a keyword spotter needs; nothing else is linked.
static KERNELS: [Registration; 5] = [
    kernel::average_pool2d::KERNEL,
    kernel::conv2d::KERNEL,
    kernel::depthwise_conv2d::KERNEL,
    kernel::fully_connected::KERNEL,
    kernel::softmax::KERNEL,
];

/// A loaded model. Loading checks everything, so it happens once.
pub struct Spotter<'a>(Interpreter<'a, 'a>);

impl<'a> Spotter<'a> {
    /// Loads a program, which begins at a multiple of 4 in memory.
    ///
    /// # Errors
    /// None where it is no program; else why it does not run here.
    pub fn new(program: &'a [u8], arena: &'a mut [u8]) -> Result<Self, Option<RuntimeError>> {
        let program = Program::parse(program).map_err(|_| None)?;
        Ok(Self(Interpreter::new(program, arena, Resolver::new(&KERNELS))?))
    }

    /// The class with the highest score.
    ///
    /// # Errors
    /// Where the program has no input or output of int8.
    pub fn spot(&mut self, sample: &[i8]) -> Result<usize, RuntimeError> {
        for (input, &value) in self.0.input_mut(0)?.iter_mut().zip(sample) {
            *input = value;
        }
        self.0.invoke()?;
        let scores = self.0.output(0)?.iter().enumerate();
        Ok(scores.max_by_key(|&(_, score)| score).map_or(0, |(class, _)| class))
    }
}
