//! Graphs in float, by tract.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, TensorId};

use super::{Engine, Inference, Port};
use crate::samples::Sample;

/// A graph in float.
#[derive(Debug)]
pub(crate) struct FloatEngine {
    model: OnceLock<FloatModel>,
    /// Of what the model is made when it is first run.
    deferred: Mutex<Option<Graph>>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    quantized: bool,
}

impl FloatEngine {
    /// `quantized` says that the graph simulates int8.
    pub(crate) fn new(graph: &Graph, quantized: bool) -> Result<FloatEngine> {
        Ok(FloatEngine { quantized, ..FloatModel::from_graph(graph, &[])?.into() })
    }

    /// One that is planned when it is first run: planning takes longer than calibration on a few samples, and nothing runs it without
    /// evaluation data.
    pub(crate) fn deferred(graph: &Graph) -> Result<FloatEngine> {
        let mut graph = graph.clone();
        graph.bind_batch(1)?;
        let ports = |ids: &[TensorId]| -> Result<Vec<Port>> {
            ids.iter().map(|&id| Ok(Port { name: graph.tensor(id).name.clone(), shape: graph.fixed_shape(id)? })).collect()
        };
        let (inputs, outputs) = (ports(graph.inputs())?, ports(graph.outputs())?);
        Ok(FloatEngine { model: OnceLock::new(), deferred: Some(graph).into(), inputs, outputs, quantized: false })
    }

    fn model(&self) -> Result<&FloatModel> {
        if self.model.get().is_none() {
            let mut deferred = self.deferred.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(graph) = deferred.as_ref() {
                let model = FloatModel::from_graph(graph, &[])?;
                self.model.get_or_init(|| model);
                *deferred = None;
            }
        }
        self.model.get().context("there is no model")
    }
}

impl From<FloatModel> for FloatEngine {
    fn from(model: FloatModel) -> FloatEngine {
        let (inputs, outputs) = (model.inputs().cloned().collect(), model.outputs().to_vec());
        FloatEngine { model: model.into(), deferred: None.into(), inputs, outputs, quantized: false }
    }
}

impl Engine for FloatEngine {
    fn inputs(&self) -> Vec<Port> {
        self.inputs.clone()
    }

    fn outputs(&self) -> Vec<Port> {
        self.outputs.clone()
    }

    fn executes(&self) -> &'static str {
        if self.quantized { "int8 simulated in float (tract)" } else { "float32 (tract)" }
    }

    fn run(&self, samples: &[Sample]) -> Result<Vec<Inference>> {
        let model = self.model()?;
        let run = |sample: &Sample| {
            let start = Instant::now();
            let outputs = model.run(&sample.inputs())?;
            Ok(Inference { outputs, time: start.elapsed() })
        };
        samples.iter().map(run).collect()
    }
}
