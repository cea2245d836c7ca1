//! Graphs in float, by tract.

use std::time::Instant;

use anyhow::Result;
use edgectl_float::FloatModel;
use edgectl_graph::Graph;

use super::{Engine, Inference, Port};
use crate::samples::Sample;

/// A graph in float.
#[derive(Debug)]
pub(crate) struct FloatEngine {
    model: FloatModel,
    quantized: bool,
}

impl FloatEngine {
    /// `quantized` says that the graph simulates int8.
    pub(crate) fn new(graph: &Graph, quantized: bool) -> Result<FloatEngine> {
        Ok(FloatEngine { model: FloatModel::from_graph(graph, &[])?, quantized })
    }
}

impl From<FloatModel> for FloatEngine {
    fn from(model: FloatModel) -> FloatEngine {
        FloatEngine { model, quantized: false }
    }
}

impl Engine for FloatEngine {
    fn inputs(&self) -> Vec<Port> {
        self.model.inputs().cloned().collect()
    }

    fn outputs(&self) -> Vec<Port> {
        self.model.outputs().to_vec()
    }

    fn executes(&self) -> &'static str {
        if self.quantized { "int8 simulated in float (tract)" } else { "float32 (tract)" }
    }

    fn run(&self, samples: &[Sample]) -> Result<Vec<Inference>> {
        let run = |sample: &Sample| {
            let start = Instant::now();
            let outputs = self.model.run(&sample.inputs())?;
            Ok(Inference { outputs, time: start.elapsed() })
        };
        samples.iter().map(run).collect()
    }
}
