//! `quantize --mode weights-only|dynamic`: int8 weights for Linux devices, as ONNX, without calibration.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, pass};
use edgectl_onnx::Int8Arithmetic;
use serde::Serialize;

use crate::audit::Audit;
use crate::engine::FloatEngine;
use crate::eval::{self, Remembering};
use crate::output::Outputs;
use crate::quantization::Figures;
use crate::ui::{Align, Report, Style, Table, Ui, bytes, count, counted};
use crate::workbench::Evaluation;

/// A model with int8 weights, and what it is like.
#[derive(Debug, Serialize)]
pub(crate) struct WeightsReport {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Figures>,
    model: ModelRow,
    pub(crate) executed: Audit,
    outputs: Vec<OutputRow>,
}

#[derive(Debug, Serialize)]
struct ModelRow {
    path: PathBuf,
    parameters: u64,
    macs: u64,
    weights_float_bytes: u64,
    /// Layers whose weights are int8.
    layers: usize,
}

#[derive(Debug, Serialize)]
struct OutputRow {
    path: PathBuf,
    bytes: u64,
}

/// Quantizes the weights of a graph, measures the result and writes it.
pub(crate) fn quantize(
    (path, graph): (&Path, &Graph),
    (mode, arithmetic): (&'static str, Int8Arithmetic),
    per_channel: bool,
    evaluation: &Evaluation,
    (files, outputs): (&[&Path], Outputs),
    ui: &Ui,
) -> Result<WeightsReport> {
    let mut canonical = graph.clone();
    edgectl_graph::run_all(&mut canonical, pass::CANONICAL)?;
    let weights = edgectl_quantize::int8_weights(&canonical, per_channel)?;
    let onnx = edgectl_onnx::export_int8_weights(&canonical, &weights, arithmetic)?;
    let measure = |samples| {
        let int8 = FloatEngine::from(FloatModel::from_onnx(&onnx)?);
        let float = FloatEngine::new(graph, false)?;
        eval::evaluate(&int8, Some(&Remembering::new(&float)), samples, evaluation.metric, &mut |_| Ok(()), ui)
    };
    let found = evaluation.samples.as_ref().map(measure).transpose().context("cannot evaluate")?;
    (0..files.len()).try_for_each(|file| outputs.write(file, &onnx))?;
    let cost = graph.total_cost();
    Ok(WeightsReport {
        mode,
        metrics: found.as_ref().map(Figures::new),
        model: ModelRow {
            path: path.into(),
            parameters: cost.parameters,
            macs: cost.macs,
            weights_float_bytes: cost.parameter_bytes,
            layers: weights.len(),
        },
        executed: Audit::of_weights(&canonical, &weights, arithmetic),
        outputs: files.iter().zip(outputs.commit()?).map(|(path, bytes)| OutputRow { path: path.into(), bytes }).collect(),
    })
}

impl Report for WeightsReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let model = &self.model;
        let mut facts = Table::new([("", Left), ("", Left)]);
        let size = format!("{} parameters, {} MACs", count(model.parameters), count(model.macs));
        facts.row(["model".into(), format!("{}, {size}", model.path.display())]);
        facts.row(["mode".into(), format!("{}, int8 weights of {}, no calibration", self.mode, counted(model.layers as u64, "layer"))]);
        facts.row(["executed".into(), self.executed.summary()]);
        let mut table = Table::new([("", Left), ("float", Right), ("int8", Right), ("", Left)]);
        self.metrics.iter().for_each(|figures| figures.rows(&mut table));
        let mut files = Table::new([("file", Left), ("size", Right), ("what it is", Left)]);
        for output in &self.outputs {
            let what = "ONNX with int8 weights: for onnxruntime on Linux devices";
            files.row([output.path.display().to_string(), bytes(output.bytes), what.into()]);
        }
        let table = if self.metrics.is_some() { format!("{}\n", table.text(style)) } else { String::new() };
        format!("{}\n{table}{}", facts.text(style), files.text(style))
    }
}
