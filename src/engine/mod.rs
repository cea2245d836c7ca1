//! Runs a model sample by sample, whatever executes it.

mod float;
mod int8;

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Result;
pub(crate) use edgectl_float::Port;
use thiserror::Error;

pub(crate) use float::FloatEngine;
pub(crate) use int8::{Int8Engine, port};

use crate::samples::Sample;

/// Something that computes a model's outputs. The batch is 1.
pub(crate) trait Engine: Sync {
    fn inputs(&self) -> Vec<Port>;

    fn outputs(&self) -> Vec<Port>;

    /// The data type in which the operators are executed, and by what: `int8 (edge-runtime)`.
    fn executes(&self) -> &'static str;

    /// Runs samples that have nothing to do with each other. The caller's threads call this at the same time.
    fn run(&self, samples: &[Sample]) -> Result<Vec<Inference>>;

    /// Runs samples that follow each other in time. `memory` holds what the model remembers after those before them, and is filled with what
    /// it remembers after these.
    fn run_steps(&self, _samples: &[Sample], _sequence: Sequence, _memory: &mut Memory) -> Result<Vec<Inference>> {
        Err(NoMemory { executes: self.executes() }.into())
    }
}

/// How many samples are the steps of one sequence, before which a model remembers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequence {
    /// All samples of the data.
    All,
    /// So many.
    Steps(NonZeroUsize),
}

impl Sequence {
    /// Whether a sequence begins with the sample of this place in the data.
    fn begins(self, index: usize) -> bool {
        match self {
            Sequence::All => index == 0,
            Sequence::Steps(steps) => index.is_multiple_of(steps.get()),
        }
    }
}

/// What a model remembers.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<i8>);

/// A model that is to be run on a sequence, and remembers nothing.
#[derive(Debug, Error)]
#[error("the model remembers nothing from one sample to the next ({executes}): it cannot be fed a sequence step by step")]
pub(crate) struct NoMemory {
    executes: &'static str,
}

/// What a sample gave.
#[derive(Clone, Debug)]
pub(crate) struct Inference {
    /// The values of each output.
    pub(crate) outputs: Vec<Vec<f32>>,
    /// From the input in float to the outputs in float.
    pub(crate) time: Duration,
}
