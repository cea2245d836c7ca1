//! Models of which a part stays float, as ONNX for Linux devices: weights alone in int8 (`quantize --mode weights-only|dynamic`, without
//! calibration), or everything around operators that are not supported.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edgectl_data::Layout;
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, pass};
use edgectl_onnx::QdqOptions;
use edgectl_quantize::Recipe;
use serde::Serialize;

use super::figures::Figures;
use super::lint::{self, Looks};
use super::options::Mode;
use super::workbench::{Evaluation, Workbench};
use crate::audit::Audit;
use crate::engine::FloatEngine;
use crate::eval::{self, Remembering};
use crate::output::Outputs;
use crate::ui::{Align, Report, Style, Table, Ui, bytes, count, counted};

/// A model of which a part stays float, and what it is like.
#[derive(Debug, Serialize)]
pub(crate) struct PartlyFloatReport {
    mode: &'static str,
    /// In words.
    how: String,
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
}

#[derive(Debug, Serialize)]
struct OutputRow {
    path: PathBuf,
    bytes: u64,
}

/// Quantizes the weights of a graph and measures the result.
pub(crate) fn weights(
    (path, graph): (&Path, &Graph),
    mode: Mode,
    per_channel: bool,
    evaluation: &Evaluation,
    ui: &Ui,
) -> Result<(PartlyFloatReport, Vec<u8>)> {
    let arithmetic = mode.arithmetic();
    let mut canonical = graph.clone();
    edgectl_graph::run_all(&mut canonical, pass::CANONICAL)?;
    let weights = edgectl_quantize::int8_weights(&canonical, per_channel)?;
    let onnx = edgectl_onnx::export_int8_weights(&canonical, &weights, arithmetic)?;
    let found = measure(&onnx, &Remembering::new(&FloatEngine::new(graph, false)?), evaluation, ui)?;
    let how = format!("int8 weights of {}, no calibration", counted(weights.len() as u64, "layer"));
    let executed = Audit::of_weights(&canonical, &weights, arithmetic);
    Ok((PartlyFloatReport::new((path, graph), (mode, how), executed, found.as_ref()), onnx))
}

/// Quantizes all but the operators that are not supported and measures the result. The model and what its calibration data should not be.
pub(crate) fn around_opaque(
    (path, graph): (&Path, &Graph),
    bench: &Workbench<'_>,
    recipe: &Recipe,
    layout: Layout,
    ui: &Ui,
) -> Result<(PartlyFloatReport, Vec<u8>, Vec<String>)> {
    let (calibrated, looks) = rayon::join(|| bench.calibrate(recipe, ui), || Looks::new(bench, layout, ui));
    let ((calibrated, shown), looks) = (calibrated?, looks?);
    let quantized = calibrated.quantize(&recipe.int16)?;
    let onnx = edgectl_onnx::export_qdq(&quantized.graph, &QdqOptions::default())?;
    let found = measure(&onnx, &bench.float, &bench.evaluation, ui)?;
    let findings = lint::findings(bench, looks, (quantized.samples, &shown), found.as_ref());
    let how = format!("{recipe}, {}; what is not supported stays float", counted(quantized.samples, "sample"));
    let report = PartlyFloatReport::new((path, graph), (Mode::Static, how), Audit::of_quantized(&quantized.graph), found.as_ref());
    Ok((report, onnx, findings))
}

/// Measures an ONNX model of which a part is int8, simulated in float.
pub(crate) fn measure(onnx: &[u8], float: &Remembering<'_>, evaluation: &Evaluation, ui: &Ui) -> Result<Option<eval::Evaluation>> {
    let measure = |samples| {
        let int8 = FloatEngine::from(FloatModel::from_onnx(onnx)?);
        eval::evaluate(&int8, Some(float), samples, evaluation.metric, &mut |_| Ok(()), ui)
    };
    evaluation.samples.as_ref().map(measure).transpose().context("cannot evaluate")
}

impl PartlyFloatReport {
    /// Without files.
    pub(crate) fn new(
        (path, graph): (&Path, &Graph),
        (mode, how): (Mode, String),
        executed: Audit,
        found: Option<&eval::Evaluation>,
    ) -> PartlyFloatReport {
        let cost = graph.total_cost();
        let (parameters, macs, weights_float_bytes) = (cost.parameters, cost.macs, cost.parameter_bytes);
        let model = ModelRow { path: path.into(), parameters, macs, weights_float_bytes };
        PartlyFloatReport { mode: mode.name(), how, metrics: found.map(Figures::new), model, executed, outputs: vec![] }
    }

    /// Writes the model to all files.
    pub(crate) fn write(mut self, onnx: &[u8], files: &[&Path], outputs: Outputs) -> Result<PartlyFloatReport> {
        (0..files.len()).try_for_each(|file| outputs.write(file, onnx))?;
        self.outputs = files.iter().zip(outputs.commit()?).map(|(path, bytes)| OutputRow { path: path.into(), bytes }).collect();
        Ok(self)
    }
}

impl Report for PartlyFloatReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let model = &self.model;
        let mut facts = Table::new([("", Left), ("", Left)]);
        let size = format!("{} parameters, {} MACs", count(model.parameters), count(model.macs));
        facts.row(["model".into(), format!("{}, {size}", model.path.display())]);
        facts.row(["mode".into(), format!("{}, {}", self.mode, self.how)]);
        facts.row(["executed".into(), self.executed.summary()]);
        let mut table = Table::new([("", Left), ("float", Right), ("int8", Right), ("", Left)]);
        self.metrics.iter().for_each(|figures| figures.rows(&mut table));
        let mut files = Table::new([("file", Left), ("size", Right), ("what it is", Left)]);
        for output in &self.outputs {
            let what = "ONNX, partly int8: for onnxruntime on Linux devices";
            files.row([output.path.display().to_string(), bytes(output.bytes), what.into()]);
        }
        let table = if self.metrics.is_some() { format!("{}\n", table.text(style)) } else { String::new() };
        format!("{}\n{table}{}", facts.text(style), files.text(style))
    }
}
