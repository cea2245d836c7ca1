//! Runs a model sample by sample, whatever executes it.

mod float;
mod int8;

use std::time::Duration;

use anyhow::Result;
pub(crate) use edgectl_float::Port;

pub(crate) use float::FloatEngine;
pub(crate) use int8::Int8Engine;

use crate::samples::Sample;

/// Something that computes a model's outputs. The batch is 1.
pub(crate) trait Engine: Sync {
    fn inputs(&self) -> Vec<Port>;

    fn outputs(&self) -> Vec<Port>;

    /// The data type in which the operators are executed, and by what: `int8 (edge-runtime)`.
    fn executes(&self) -> &'static str;

    /// Runs samples one after the other. The caller's threads call this at the same time.
    fn run(&self, samples: &[Sample]) -> Result<Vec<Inference>>;
}

/// What a sample gave.
#[derive(Clone, Debug)]
pub(crate) struct Inference {
    /// The values of each output.
    pub(crate) outputs: Vec<Vec<f32>>,
    /// From the input in float to the outputs in float.
    pub(crate) time: Duration,
}
