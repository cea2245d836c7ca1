//! What is reported of a pruned model: figures, metrics, layers, words.

use anyhow::Result;
use edgectl_graph::Graph;
use edgectl_prune::{Pattern, Scope};

use super::report::{self, Figures, LayerRow, LimitRow, Metrics};
use super::target::{Limit, OnDevices};
use super::{Options, Progress, PruneReport, Pruning, Structure};
use crate::eval;
use crate::ui::{counted, metric::Value};

impl Pruning<'_> {
    pub(super) fn describe(
        &self,
        before: &Graph,
        made: &Progress,
        found: Option<&eval::Evaluation>,
        limits: &[Limit],
    ) -> Result<PruneReport> {
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
pub(super) fn drop_points(found: &eval::Evaluation) -> Option<f64> {
    let (after, before) = (found.metric.as_ref()?, found.reference_metric.as_ref()?);
    let difference = (before.value - after.value) * 100.0;
    Some(if after.kind.higher_is_better() { difference } else { -difference })
}

/// The layers whose numbers of channels have changed.
pub(super) fn layers(before: &Graph, after: &Graph) -> Vec<LayerRow> {
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
