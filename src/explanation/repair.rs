//! Repairs, each tried for real: quantized, lowered and measured like the recipe that it changes.

use anyhow::Result;
use edgectl_explain::Explanation;
use edgectl_graph::{Node, QuantType, has_int16};
use edgectl_quantize::{Calibrator, Int16, METHODS, Recipe};
use serde::Serialize;

use super::suspect;
use crate::eval;
use crate::quantization::{Attempt, Workbench};
use crate::ui::Ui;

/// A change of the recipe and what it brought.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trial {
    /// What was changed, in words.
    pub(crate) change: String,
    /// The options that do it, where `quantize` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<String>,
    /// By how much the metric grows, in its own unit; positive is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric_gain: Option<f64>,
    /// By how much the signal-to-noise ratio of the first output grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snr_gain_db: Option<f64>,
    /// Samples that no longer change class; negative where more do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fewer_changes: Option<i64>,
    /// What it costs in memory while running.
    pub(crate) ram_bytes: i64,
    /// What it costs in the program's size.
    pub(crate) flash_bytes: i64,
    /// What it costs in multiply-accumulate operations.
    pub(crate) macs: i64,
    /// Whether it is the cheapest of those that bring at least half of what the best brings, and make the metric no worse.
    pub(crate) cheapest: bool,
    /// Why it could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// The least gain of the signal-to-noise ratio that makes a repair, in decibels.
const LEAST_GAIN_DB: f64 = 1.0;

/// Tries what could repair the node that contributes most to the noise of the output.
pub(crate) fn trials(bench: &Workbench<'_>, recipe: &Recipe, before: &Attempt, explanation: &Explanation, ui: &Ui) -> Result<Vec<Trial>> {
    if before.found.is_none() {
        return Ok(vec![]);
    }
    let changes = changes(recipe, before, explanation);
    let progress = ui.progress("trying repairs", changes.len());
    let mut trials = vec![];
    for (change, options, recipe) in changes {
        trials.push(trial(bench, before, change, options, &recipe, ui));
        progress.advance(1);
    }
    mark_cheapest(&mut trials);
    Ok(trials)
}

/// What to try: words, options, recipe.
fn changes(recipe: &Recipe, before: &Attempt, explanation: &Explanation) -> Vec<(String, Option<String>, Recipe)> {
    let mut changes = vec![];
    if let Some((_, node)) = suspect(explanation, &before.int8.quantized) {
        let others = Calibrator::NAMES.iter().filter_map(|name| name.parse::<Calibrator>().ok());
        for calibrator in others.filter(|other| other.name() != recipe.calibrator.name()) {
            let mut changed = recipe.clone();
            changed.overrides.insert(node.tensor.clone(), calibrator);
            changes.push((format!("{} for \"{}\"", calibrator.name(), node.node), None, changed));
        }
        changes.extend(in_int16(recipe, before, &node.node));
    }
    let options = recipe.options;
    if !(options.per_channel_conv && options.per_channel_dense) {
        let mut changed = recipe.clone();
        (changed.options.per_channel_conv, changed.options.per_channel_dense) = (true, true);
        changes.push(("a weight scale per channel".into(), Some("leave out --per-tensor".into()), changed));
    }
    for info in METHODS.iter().filter(|info| !recipe.has(info.method)) {
        let mut changed = recipe.clone();
        changed.methods.push(info.method);
        let passes: Vec<&str> = METHODS.iter().filter(|info| changed.has(info.method)).map(|info| info.name).collect();
        changes.push((info.name.to_owned(), Some(format!("--passes {}", passes.join(","))), changed));
    }
    changes
}

/// A node in int16, beside those that are; nothing where it is already, or has no such form.
fn in_int16(recipe: &Recipe, before: &Attempt, name: &str) -> Option<(String, Option<String>, Recipe)> {
    let quantized = &before.int8.quantized;
    let graph = quantized.graph();
    let is_wide = |node: &Node| node.output().and_then(|id| quantized.params(id)).is_some_and(|params| params.ty == QuantType::I16);
    let node = graph.nodes().iter().find(|node| graph.label(node) == name)?;
    let mut nodes = match &recipe.int16 {
        Int16::All => return None,
        Int16::None => Default::default(),
        Int16::Nodes(nodes) => nodes.clone(),
    };
    if is_wide(node) || !has_int16(&node.op) || !nodes.insert(name.to_owned()) {
        return None;
    }
    let options = format!("--int16 {}", nodes.iter().map(String::as_str).collect::<Vec<_>>().join(","));
    Some((format!("int16 for \"{name}\""), Some(options), Recipe { int16: Int16::Nodes(nodes), ..recipe.clone() }))
}

fn trial(bench: &Workbench<'_>, before: &Attempt, change: String, options: Option<String>, recipe: &Recipe, ui: &Ui) -> Trial {
    let difference = |new: usize, old: usize| new as i64 - old as i64;
    let macs = |attempt: &Attempt| attempt.int8.quantized.graph().total_cost().macs as i64;
    let failed = Trial {
        change,
        options,
        metric_gain: None,
        snr_gain_db: None,
        fewer_changes: None,
        ram_bytes: 0,
        flash_bytes: 0,
        macs: 0,
        cheapest: false,
        error: None,
    };
    let after = match bench.attempt(recipe, ui) {
        Ok(after) => after,
        Err(error) => return Trial { error: Some(format!("{error:#}")), ..failed },
    };
    let (Some(old), Some(new)) = (&before.found, &after.found) else { return failed };
    let changed = |found: &eval::Evaluation| Some(found.classes.as_ref()?.changed() as i64);
    let snr = |found: &eval::Evaluation| found.agreement.first()?.value.snr_db;
    Trial {
        metric_gain: eval::gain(old, new),
        snr_gain_db: snr(new).zip(snr(old)).map(|(new, old)| new - old),
        fewer_changes: changed(old).zip(changed(new)).map(|(old, new)| old - new),
        ram_bytes: difference(after.int8.report.arena_bytes, before.int8.report.arena_bytes),
        flash_bytes: difference(after.int8.program.len(), before.int8.program.len()),
        macs: macs(&after) - macs(before),
        ..failed
    }
}

fn mark_cheapest(trials: &mut [Trial]) {
    let gain = |trial: &Trial| trial.snr_gain_db.unwrap_or(0.0);
    let harmless = trials.iter().filter(|trial| trial.metric_gain.is_none_or(|gain| gain >= 0.0));
    let best = harmless.map(gain).fold(0.0, f64::max);
    let best = LEAST_GAIN_DB.max(best / 2.0);
    let worth = trials.iter_mut().filter(|trial| gain(trial) >= best && trial.metric_gain.is_none_or(|gain| gain >= 0.0));
    let metric = |trial: &Trial| trial.metric_gain.unwrap_or(0.0);
    let cost = |trial: &Trial| (trial.macs.max(0), trial.ram_bytes.max(0) + trial.flash_bytes.max(0));
    let cheapest = worth.min_by(|a, b| cost(a).cmp(&cost(b)).then(metric(b).total_cmp(&metric(a))).then(gain(b).total_cmp(&gain(a))));
    if let Some(trial) = cheapest {
        trial.cheapest = true;
    }
}
