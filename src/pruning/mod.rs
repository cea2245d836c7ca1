//! What `prune` does: cuts, trains, measures, step by step towards a target.

mod report;
pub(crate) mod target;
mod training;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use edgectl_float::FloatModel;
use edgectl_graph::Graph;
use edgectl_profile::Profile;
use edgectl_prune::{
    Dependencies, Keep, Masks, Norm, Pattern, Plan, PruneError, Scope, Scores, Statistics, batch_norm_scale, lossless, magnitude,
    reconstruction,
};
use rayon::prelude::*;
use thiserror::Error;

use crate::engine::{Engine as _, FloatEngine};
use crate::eval::{self, Remembering};
use crate::quantization::Evaluation;
use crate::samples::{Sample, Samples};
use crate::ui::{Ui, counted, metric::Value};

pub(crate) use report::PruneReport;
use report::{Difference, Figures, LayerRow, LimitRow, Metrics, Refusal, StepRow};
use target::{Limit, OnDevices, Quantity, Yardstick, between, fits};
use training::Trainer;
pub(crate) use training::Training;

/// Samples that are looked at for activation statistics, taken evenly from all of the data.
const STATISTICS_SAMPLES: usize = 512;
/// Samples that one thread looks at before its sums are added to those of others; sums do not depend on the number of threads.
const PIECE: usize = 32;
/// Samples of random numbers on which outputs are compared where there are no data.
const RANDOM_SAMPLES: usize = 32;

/// What is asked of `prune` that does not fit together.
#[derive(Debug, Error)]
pub(crate) enum PruningError {
    #[error("importance {importance} needs {needs}, and {found}")]
    Importance { importance: &'static str, needs: &'static str, found: &'static str },
    #[error("--max-drop needs a metric, and there is none to measure on these data")]
    NoMetric,
}

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Structure {
    /// Channels, until limits are met.
    Channels,
    /// What does nothing on inputs of this range.
    Lossless { range: (f32, f32) },
    /// A share of all weights, which become zero.
    Masks { pattern: Pattern, share: f64 },
}

/// How channels are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Importance {
    /// What is lost of the next layers' outputs on the data, once the other channels make up for it
    Reconstruction,
    /// Sums of the magnitudes of weights
    L1,
    /// Root of the sums of squares of weights
    L2,
    /// Scales of batch normalization
    BnScale,
    /// Weights times gradients, squared (first-order Taylor expansion of the loss)
    Taylor,
}

impl Importance {
    fn words(self) -> &'static str {
        match self {
            Importance::Reconstruction => "reconstruction from activations",
            Importance::L1 => "L1 magnitude",
            Importance::L2 => "L2 magnitude",
            Importance::BnScale => "batch normalization scale",
            Importance::Taylor => "first-order Taylor expansion",
        }
    }
}

/// How to prune.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) structure: Structure,
    pub(crate) importance: Importance,
    pub(crate) scope: Scope,
    /// Whether the weights that stay are changed so that they make up for those that go.
    pub(crate) compensate: bool,
    pub(crate) keep: Keep,
    pub(crate) steps: usize,
    pub(crate) limits: Vec<Limit>,
    /// A share of parameters to remove, as a limit; its size is known when the model is.
    pub(crate) sparsity: Option<f64>,
    pub(crate) max_drop_points: Option<f64>,
    pub(crate) training: Training,
}

/// What is pruned, and on what it is measured.
pub(crate) struct Pruning<'a> {
    pub(crate) path: &'a Path,
    /// As it was read, with a batch of 1.
    pub(crate) original: &'a Graph,
    pub(crate) reference: Remembering<'a>,
    pub(crate) data: Option<&'a Samples>,
    pub(crate) evaluation: &'a Evaluation,
    pub(crate) profiles: &'a [Profile],
    pub(crate) options: &'a Options,
    pub(crate) ui: &'a Ui,
}

/// A graph on its way.
struct Progress {
    graph: Graph,
    steps: Vec<StepRow>,
    refused: Option<Refusal>,
}

impl Pruning<'_> {
    /// Prunes. The graph may be written where the report does not refuse it.
    pub(crate) fn run(&self) -> Result<(PruneReport, Graph)> {
        let before = self.original.clone();
        let start = training::trainable(self.original)?;
        let range = if let Structure::Lossless { range } = self.options.structure { range } else { (f32::NEG_INFINITY, f32::INFINITY) };
        let idle = lossless(&start, range)?;
        let limits = self.limits(&before);
        let mut made = match self.options.structure {
            Structure::Lossless { .. } => Progress { graph: idle.graph.clone(), steps: vec![], refused: None },
            Structure::Channels => self.channels(idle.graph.clone(), &limits)?,
            Structure::Masks { pattern, share } => self.masks(start.clone(), pattern, share)?,
        };
        let found = self.evaluate(&made.graph)?;
        if let (Some(row), Some(found)) = (made.steps.last_mut(), &found) {
            (row.metric, row.drop_points) = (found.metric.as_ref().map(|metric| metric.value), drop_points(found));
        }
        let mut report = self.describe(&before, &made, found.as_ref(), &limits)?;
        if matches!(self.options.structure, Structure::Lossless { .. }) {
            report.max_abs_difference = Some(self.difference(&made.graph)?);
        }
        if !matches!(self.options.structure, Structure::Masks { .. }) {
            report.idle = idle.removed.iter().map(Into::into).collect();
            // That outputs stay, everybody expects.
            let named = start.outputs().iter().map(|&id| start.tensor(id).name.clone());
            let computed = start.outputs().iter().filter_map(|&id| start.producer(id)).map(|id| start.label(start.node(id)));
            let outputs: Vec<String> = named.chain(computed).collect();
            let dependencies = Dependencies::of(&start)?;
            let fixed = dependencies.fixed().iter().filter(|fixed| !outputs.contains(&fixed.place));
            report.fixed = fixed.map(Into::into).collect();
            report.layers = layers(&start, &made.graph);
        }
        let drop = report.metrics.as_ref().and_then(|metrics| metrics.drop_points);
        if let (Some(most), None) = (self.options.max_drop_points, &made.refused) {
            let drop = drop.ok_or(PruningError::NoMetric)?;
            if drop > most {
                made.refused = Some(self.too_far(&made.steps, drop, most));
            }
        }
        report.refused = made.refused;
        Ok((report, made.graph))
    }

    /// The limits, with the share of parameters as one of them.
    fn limits(&self, before: &Graph) -> Vec<Limit> {
        let parameters = before.total_cost().parameters as f64;
        let sparsity = self.options.sparsity.filter(|_| self.options.structure == Structure::Channels);
        let sparsity = sparsity.map(|share| Limit { quantity: Quantity::Parameters, most: (parameters * (1.0 - share)).floor() });
        self.options.limits.iter().copied().chain(sparsity).collect()
    }

    fn yardstick(&self) -> Yardstick<'_> {
        Yardstick { path: self.path, profiles: self.profiles, ui: self.ui }
    }

    /// Removes channels step by step, training in between.
    fn channels(&self, start: Graph, limits: &[Limit]) -> Result<Progress> {
        let (yardstick, steps) = (self.yardstick(), self.options.steps);
        let measured = yardstick.measure(&start, limits)?;
        let mut made = Progress { graph: start, steps: vec![], refused: None };
        if fits(limits, &measured) {
            self.ui.warning("the model is within its limits as it is: only what does nothing is removed");
            return Ok(made);
        }
        let mut trainer = Trainer::new(self)?;
        for step in 1..=steps {
            let goal = between(limits, &measured, step as f64 / steps as f64);
            let dependencies = Dependencies::of(&made.graph)?;
            if dependencies.groups().is_empty() {
                let reasons = dependencies.fixed().iter().map(|fixed| format!("\"{}\": {}", fixed.place, fixed.reason)).collect();
                return Err(PruneError::NothingPrunable { reasons }.into());
            }
            let statistics = self.statistics(&made.graph, &dependencies)?;
            let scores = self.scores(&made.graph, &dependencies, statistics.as_ref(), &mut trainer)?;
            let benefits = self.benefits(&made.graph, &dependencies, limits)?;
            let plan = Plan::new(&dependencies, &scores, self.options.scope, self.options.keep, &benefits);
            // Before anything is trained, whether the end can be reached.
            let ahead = if step == 1 { limits } else { &goal[..] };
            let farthest = dependencies.without(&made.graph, &plan.units(plan.len()))?;
            let least = yardstick.measure(&farthest, ahead)?;
            if !fits(ahead, &least) {
                made.refused = Some(infeasible(ahead, &least, &farthest));
                return Ok(made);
            }
            let found =
                plan.search(&made.graph, &dependencies, |cut| Ok::<_, anyhow::Error>(fits(&goal, &yardstick.measure(cut, &goal)?)))?;
            let units = plan.units(found.unwrap_or(plan.len()));
            made.graph = match statistics.as_ref().filter(|_| self.options.compensate) {
                Some(statistics) => dependencies.without_compensated(&made.graph, &units, statistics)?,
                None => dependencies.without(&made.graph, &units)?,
            };
            made.graph = trainer.train(&made.graph, None, step == steps)?;
            made.steps.push(self.row(step, step == steps, &made.graph, 0)?);
        }
        Ok(made)
    }

    /// What a channel of each group brings towards the limits that are exceeded, as the share of what there is now.
    fn benefits(&self, graph: &Graph, dependencies: &Dependencies, limits: &[Limit]) -> Result<Vec<f64>> {
        let (yardstick, channels) = (self.yardstick(), self.options.keep.multiple);
        let now = yardstick.measure(graph, limits)?;
        let benefit = |group: usize| {
            let Some(some) = dependencies.example(group, channels) else { return Ok(0.0) };
            let then = yardstick.measure(&dependencies.without(graph, &some)?, limits)?;
            let exceeded = limits.iter().zip(now.iter().zip(then)).filter(|(limit, (now, _))| **now > limit.most);
            let gains = exceeded.map(|(_, (now, then))| (now - then) / now);
            Ok(gains.sum::<f64>().max(0.0) / some.len() as f64)
        };
        (0..dependencies.groups().len()).map(benefit).collect()
    }

    /// Sets weights to zero step by step, training in between: fast at first, when there are many to choose from (Zhu and Gupta, 2018).
    fn masks(&self, start: Graph, pattern: Pattern, share: f64) -> Result<Progress> {
        let steps = if pattern == Pattern::Unstructured { self.options.steps } else { 1 };
        let mut trainer = Trainer::new(self)?;
        let mut made = Progress { graph: start, steps: vec![], refused: None };
        for step in 1..=steps {
            let part = share * (1.0 - (1.0 - step as f64 / steps as f64).powi(3));
            let masks = Masks::new(&made.graph, pattern, self.options.scope, part);
            ensure!(!masks.is_empty(), "no weight of the model can be masked: no layer has as many input channels as a block");
            made.graph = masks.apply(&made.graph)?;
            made.graph = trainer.train(&made.graph, Some(&masks), step == steps)?;
            made.steps.push(self.row(step, step == steps, &made.graph, masks.zeros())?);
        }
        self.ui.warning(self.no_speed());
        Ok(made)
    }

    fn no_speed(&self) -> String {
        let names: Vec<&str> = self.profiles.iter().map(|profile| profile.name.as_str()).collect();
        let place =
            if names.is_empty() { "here or on any device that edgectl knows".to_owned() } else { format!("on {}", names.join(", ")) };
        format!("weights of zero make nothing faster {place}: its kernels multiply with them as well; they only compress better")
    }

    /// How channels vary, where that is asked for.
    fn statistics(&self, graph: &Graph, dependencies: &Dependencies) -> Result<Option<Statistics>> {
        let needed = self.options.importance == Importance::Reconstruction;
        if !needed && (!self.options.compensate || self.data.is_none()) {
            return Ok(None);
        }
        let needs = PruningError::Importance { importance: "reconstruction", needs: "samples", found: "no --data are given" };
        let data = self.data.ok_or(needs)?;
        let mut statistics = Statistics::new(graph, dependencies);
        let model = FloatModel::from_graph(graph, statistics.observed())?;
        let every = data.len().div_ceil(STATISTICS_SAMPLES).max(1);
        let progress = self.ui.progress("observing", data.len().div_ceil(every));
        data.chunks(|samples| {
            let chosen: Vec<&Sample> = samples.iter().filter(|sample| sample.index % every == 0).collect();
            let watch = |piece: &[&Sample]| -> Result<Statistics> {
                let mut seen = Statistics::new(graph, dependencies);
                for sample in piece {
                    let mut outputs = model.run(&sample.inputs())?;
                    seen.observe(&outputs.split_off(graph.outputs().len()))?;
                    progress.advance(1);
                }
                Ok(seen)
            };
            let pieces = chosen.par_chunks(PIECE).map(watch).collect::<Result<Vec<_>>>()?;
            pieces.iter().for_each(|seen| statistics.merge(seen));
            Ok(())
        })?;
        Ok(Some(statistics))
    }

    fn scores(
        &self,
        graph: &Graph,
        dependencies: &Dependencies,
        statistics: Option<&Statistics>,
        trainer: &mut Trainer<'_>,
    ) -> Result<Scores> {
        Ok(match (self.options.importance, statistics) {
            (Importance::Reconstruction, Some(statistics)) => reconstruction(graph, dependencies, statistics),
            (Importance::Reconstruction | Importance::L2, _) => magnitude(graph, dependencies, Norm::L2),
            (Importance::L1, _) => magnitude(graph, dependencies, Norm::L1),
            (Importance::BnScale, _) => batch_norm_scale(graph, dependencies).ok_or(PruningError::Importance {
                importance: "bn-scale",
                needs: "batch normalization behind every layer",
                found: "some layers have none",
            })?,
            (Importance::Taylor, _) => trainer.taylor(graph, dependencies)?,
        })
    }

    /// Measures a graph beside the original, where there is something to measure on.
    fn evaluate(&self, graph: &Graph) -> Result<Option<eval::Evaluation>> {
        let measure = |samples: &Samples| {
            let engine = FloatEngine::new(graph, false)?;
            eval::evaluate(&engine, Some(&self.reference), samples, self.evaluation.metric, &mut |_| Ok(()), self.ui)
        };
        self.evaluation.samples.as_ref().map(measure).transpose().context("cannot evaluate")
    }

    fn row(&self, step: usize, is_last: bool, graph: &Graph, zero_weights: u64) -> Result<StepRow> {
        // The last step is measured as the result.
        let found = if is_last { None } else { self.evaluate(graph)? };
        let found = found.as_ref();
        let cost = graph.total_cost();
        let row = StepRow {
            step,
            parameters: cost.parameters,
            macs: cost.macs,
            zero_weights,
            metric: found.and_then(|found| Some(found.metric.as_ref()?.value)),
            drop_points: found.and_then(drop_points),
        };
        self.ui.detail(format_args!("step {step}: {} parameters, {} MACs, {:?} points lost", row.parameters, row.macs, row.drop_points));
        Ok(row)
    }

    /// How much outputs differ from those of the original.
    fn difference(&self, graph: &Graph) -> Result<Difference> {
        let engine = FloatEngine::new(graph, false)?;
        let mut difference = Difference { samples: 0, value: 0.0, largest_output: 0.0 };
        let mut compare = |samples: &[Sample]| -> Result<()> {
            let (before, after) = (self.reference.engine.run(samples)?, engine.run(samples)?);
            for (before, after) in before.iter().zip(&after) {
                for (before, after) in before.outputs.iter().flatten().zip(after.outputs.iter().flatten()) {
                    difference.value = difference.value.max(f64::from((before - after).abs()));
                    difference.largest_output = difference.largest_output.max(f64::from(before.abs()));
                }
            }
            difference.samples += samples.len();
            Ok(())
        };
        match self.data.or(self.evaluation.samples.as_ref()) {
            Some(data) => data.chunks(compare)?,
            None => {
                let sizes: Vec<usize> = engine.inputs().iter().map(|port| port.shape.iter().product()).collect();
                let mut random = fastrand::Rng::with_seed(self.options.training.seed);
                let mut sample = |index| {
                    let values = |&size: &usize| (0..size).map(|_| random.f32() * 2.0 - 1.0).collect();
                    Sample { index, label: None, inputs: sizes.iter().map(values).collect() }
                };
                compare(&(0..RANDOM_SAMPLES).map(&mut sample).collect::<Vec<_>>())?;
            }
        }
        Ok(difference)
    }

    fn too_far(&self, steps: &[StepRow], drop: f64, most: f64) -> Refusal {
        let within = |row: &&StepRow| row.drop_points.is_some_and(|drop| drop <= most);
        let nearest = steps.iter().rev().find(within).cloned();
        let advice = match (&nearest, self.options.structure) {
            (Some(row), Structure::Channels) => {
                let (parameters, macs, lost) = (row.parameters, row.macs, row.drop_points.unwrap_or_default());
                format!(
                    "the nearest point that was tried: {} and {macs} MACs, {lost:.2} points lost (--max-params {parameters} --max-macs \
                     {macs}); more --epochs or --steps may get farther",
                    counted(parameters, "parameter")
                )
            }
            (Some(row), _) => format!("the nearest point that was tried: {} of zero", counted(row.zero_weights, "weight")),
            (None, _) => "no step stayed within: ask for less, or train for more --epochs".into(),
        };
        Refusal { reason: format!("{drop:.2} points are lost, {most} are allowed; nothing was written"), nearest, advice }
    }

    fn describe(&self, before: &Graph, made: &Progress, found: Option<&eval::Evaluation>, limits: &[Limit]) -> Result<PruneReport> {
        let yardstick = self.yardstick();
        let (old, new) = (yardstick.devices(before)?, yardstick.devices(&made.graph)?);
        let rows = |limits: &[Limit]| -> Result<Vec<LimitRow>> {
            let (old, new) = (yardstick.measure(before, limits)?, yardstick.measure(&made.graph, limits)?);
            Ok(limits.iter().zip(old.into_iter().zip(new)).map(|(limit, (old, new))| LimitRow::new(limit, old, new)).collect())
        };
        Ok(PruneReport {
            model: self.path.to_owned(),
            method: self.method(),
            training: self.options.training.words(self.data, &self.options.structure),
            metrics: found.map(metrics),
            before: figures(before, &old),
            after: figures(&made.graph, &new),
            devices: report::devices(&old.report, &new.report),
            limits: rows(limits)?,
            steps: made.steps.clone(),
            layers: vec![],
            idle: vec![],
            fixed: vec![],
            max_abs_difference: None,
            refused: None,
            outputs: vec![],
        })
    }

    fn method(&self) -> String {
        let Options { importance, scope, keep, steps, .. } = self.options;
        let scope = if *scope == Scope::Global { "all layers compared" } else { "the same share of each layer" };
        let steps = counted(*steps as u64, "step");
        match self.options.structure {
            Structure::Channels => {
                let multiple = if keep.multiple > 1 { format!(", in multiples of {}", keep.multiple) } else { String::new() };
                let alone = if self.options.compensate { "" } else { ", not made up for" };
                format!("channels by {}, {scope}, {steps}{multiple}{alone}", importance.words())
            }
            Structure::Lossless { range: (low, high) } if low.is_finite() || high.is_finite() => {
                format!("channels that do nothing on inputs from {low} to {high}")
            }
            Structure::Lossless { .. } => "channels that do nothing on any input".into(),
            Structure::Masks { pattern: Pattern::Unstructured, share } => {
                format!("{:.0} % of the weights of layers are zero, by magnitude, {scope}, {steps}", share * 100.0)
            }
            Structure::Masks { pattern, .. } => format!("{pattern} of the weights along input channels are not zero, by magnitude"),
        }
    }
}

fn figures(graph: &Graph, devices: &OnDevices) -> Figures {
    let cost = graph.total_cost();
    let values = graph.tensors().iter().filter_map(|tensor| tensor.literal.as_ref()?.as_f32());
    let nonzero_parameters = values.flatten().filter(|&&value| value != 0.0).count() as u64;
    Figures {
        parameters: cost.parameters,
        nonzero_parameters,
        macs: cost.macs,
        file_bytes: None,
        compressed_bytes: None,
        arena_bytes: devices.arena_bytes,
    }
}

fn metrics(found: &eval::Evaluation) -> Metrics {
    let (before, after) = (found.reference_metric.as_ref().map(Value::from), found.metric.as_ref().map(Value::from));
    Metrics {
        name: after.as_ref().map_or("agreement", |value| value.name),
        samples: found.samples,
        before,
        after,
        drop_points: drop_points(found),
        agreement: found.agreement.iter().map(Into::into).collect(),
    }
}

/// How many points worse the model is than the original, by the metric or, where that needs no labels, by agreement with the original.
fn drop_points(found: &eval::Evaluation) -> Option<f64> {
    let (after, before) = (found.metric.as_ref()?, found.reference_metric.as_ref()?);
    let difference = (before.value - after.value) * 100.0;
    Some(if after.kind.higher_is_better() { difference } else { -difference })
}

/// The layers whose numbers of channels have changed.
fn layers(before: &Graph, after: &Graph) -> Vec<LayerRow> {
    let rows = |graph: &Graph, node: &edgectl_graph::Node| graph.literal(node.input(1)?)?.shape().first().copied();
    let mut layers: Vec<LayerRow> = vec![];
    for node in before.nodes().iter().filter(|node| node.op.is_layer()) {
        let name = before.label(node);
        let same = after.nodes().iter().find(|other| other.op.is_layer() && after.label(other) == name);
        let (Some(channels_before), Some(channels_after)) = (rows(before, node), same.and_then(|other| rows(after, other))) else {
            continue;
        };
        if channels_before != channels_after {
            layers.push(LayerRow { layers: vec![name], channels_before, channels_after });
        }
    }
    layers
}

fn infeasible(limits: &[Limit], least: &[f64], farthest: &Graph) -> Refusal {
    let exceeded = limits.iter().zip(least).filter(|(limit, found)| **found > limit.most);
    let reason = |(limit, &found): (&Limit, &f64)| {
        let (name, option) = (limit.quantity.name(), limit.quantity.option());
        format!("{name} can be {} at least, {} are allowed ({option})", limit.quantity.shown(found), limit.quantity.shown(limit.most))
    };
    let reasons: Vec<String> = exceeded.map(reason).collect();
    let cost = farthest.total_cost();
    let nearest = StepRow { step: 0, parameters: cost.parameters, macs: cost.macs, zero_weights: 0, metric: None, drop_points: None };
    let advice = "that is with every channel gone that may go; --keep lets go of more".to_owned();
    Refusal { reason: format!("{}; nothing was written", reasons.join(", ")), nearest: Some(nearest), advice }
}

/// How many channels the kernels of a device's processor take at a time: of 128 bit vectors, 16 of 8 bits, of which NEON multiplies 8 at a
/// time; DSP extensions multiply 4 that lie in a word. Plain loops take any number.
pub(crate) fn multiple(profile: &Profile) -> usize {
    let library = profile.kernels.get(&profile.default_kernels);
    let processor = library.and_then(|library| profile.processors.get(&library.processor));
    let lanes = |name: &String| match name.as_str() {
        "dsp" => 4,
        "neon" => 8,
        wide if wide.ends_with("-128") => 16,
        _ => 1,
    };
    processor.and_then(|processor| processor.simd.iter().map(lanes).max()).unwrap_or(1)
}

/// The name of the batch's symbol in a file, where it has one.
pub(crate) fn batch_symbol(path: &Path) -> Result<Option<String>> {
    if path.extension().is_none_or(|extension| extension != "onnx") {
        return Ok(None);
    }
    let imported = edgectl_onnx::read(path, &edgectl_onnx::ImportOptions::default())?;
    Ok(imported.graph.batch_symbol().map(|symbol| symbol.to_string()))
}

/// The model as ONNX, of any batch where it was read so.
pub(crate) fn export(graph: Graph, batch: Option<&str>) -> Result<Vec<u8>> {
    // Where a reshape mixes the batch with other dimensions, it stays 1.
    let free = batch.and_then(|symbol| graph.with_free_batch(symbol).ok());
    Ok(edgectl_onnx::export(&free.unwrap_or(graph), &edgectl_onnx::ExportOptions::default())?)
}
