//! What `quantize --explain` and `--report` find: where the noise is, which samples change class and where that begins, what repairs it.

mod page;
mod repair;
mod report;
mod text;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use edgectl_explain::{Explanation, Runner, Sample};
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, QuantGraph, TensorId};

use crate::eval;
use crate::quantization::{Attempt, Workbench};
use crate::samples::Samples;
use crate::ui::Ui;

pub(crate) use page::page;
pub(crate) use repair::{Trial, trials};
pub(crate) use report::{ExplanationReport, collapses};

/// Samples on which figures rest, evenly spread over the data.
const SAMPLES: usize = 128;
/// The most values of such samples: what is held in memory.
const SAMPLE_VALUES: usize = 1 << 24;

/// Explains what a recipe gave, by evaluation data where there are any, else by calibration data.
pub(crate) fn explain(bench: &Workbench<'_>, attempt: &Attempt, ui: &Ui) -> Result<Explanation> {
    let data = bench.evaluation.samples.as_ref().unwrap_or(&bench.calibration);
    let changed = attempt.found.as_ref().map_or(&[][..], |found| &found.changed);
    let samples = pick(data, changed)?;
    let quantized = &attempt.int8.quantized;
    let has_classes = bench.float.engine.outputs().first().is_some_and(|port| eval::is_list_of_classes(port, bench.float.engine));
    let progress = ui.progress("explaining", edgectl_explain::steps(quantized.graph(), samples.len()));
    let found = edgectl_explain::explain(quantized, &samples, has_classes, &prepare, &|| progress.advance(1));
    found.context("cannot explain")
}

fn prepare(graph: &Graph, observe: &[TensorId]) -> Result<Runner<anyhow::Error>> {
    let model = FloatModel::from_graph(graph, observe)?;
    Ok(Box::new(move |inputs| Ok(model.run(inputs)?)))
}

/// Samples evenly spread over the data, and those at these places.
fn pick(data: &Samples, places: &[usize]) -> Result<Vec<Sample>> {
    let most = SAMPLES.min(SAMPLE_VALUES / data.elements().max(1)).max(1);
    let stride = data.len().div_ceil(most).max(1);
    let wanted: BTreeSet<usize> = places.iter().copied().take(most).chain((0..data.len()).step_by(stride)).collect();
    let mut picked = vec![];
    data.chunks(|chunk| {
        let wanted = chunk.iter().filter(|sample| wanted.contains(&sample.index));
        picked.extend(wanted.map(|sample| Sample { index: sample.index, label: sample.label, inputs: sample.inputs.clone() }));
        Ok(())
    })?;
    Ok(picked)
}

/// The node that contributes most to the noise of the output; where there is no output noise, the one with the most noise of its own.
fn suspect<'e>(explanation: &'e Explanation, quantized: &QuantGraph) -> Option<(usize, &'e edgectl_explain::NodeFigures)> {
    let nodes = || explanation.nodes.iter().enumerate().take(quantized.graph().nodes().len());
    let by_share = nodes().filter(|(_, node)| node.output_noise_share.is_some_and(|share| share > 0.0));
    let by_share = by_share.max_by(|(_, a), (_, b)| a.output_noise_share.unwrap_or(0.0).total_cmp(&b.output_noise_share.unwrap_or(0.0)));
    let by_local = || nodes().filter(|(_, node)| node.local_snr_db.is_some()).min_by(|(_, a), (_, b)| snr(a).total_cmp(&snr(b)));
    by_share.or_else(by_local)
}

fn snr(node: &edgectl_explain::NodeFigures) -> f64 {
    node.local_snr_db.unwrap_or(f64::INFINITY)
}
