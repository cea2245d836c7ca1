//! The nodes with int16 activations, in a report.

use edgectl_graph::{Node, QuantType, has_int16};
use serde::Serialize;

use super::workbench::Attempt;
use crate::ui::{bytes, counted};

/// The nodes with int16 activations, what they cost and what they bring.
#[derive(Debug, Serialize)]
pub(super) struct Int16Row {
    nodes: Vec<String>,
    /// Those that are int8 because they have no int16 form.
    without_int16_form: Vec<String>,
    arena_bytes: usize,
    /// With all nodes in int8, as the next ones.
    arena_int8_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    snr_db: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snr_int8_db: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_int8: Option<f64>,
}

impl Int16Row {
    pub(super) fn new(attempt: &Attempt, int8: &Attempt) -> Int16Row {
        let (quantized, graph) = (&attempt.int8.quantized, attempt.int8.quantized.graph());
        let is_wide = |node: &&Node| node.output().and_then(|id| quantized.params(id)).is_some_and(|params| params.ty == QuantType::I16);
        let snr = |attempt: &Attempt| attempt.found.as_ref()?.agreement.first()?.value.snr_db;
        Int16Row {
            nodes: graph.nodes().iter().filter(is_wide).map(|node| graph.label(node)).collect(),
            without_int16_form: graph.nodes().iter().filter(|node| !has_int16(&node.op)).map(|node| graph.label(node)).collect(),
            arena_bytes: attempt.int8.report.arena_bytes,
            arena_int8_bytes: int8.int8.report.arena_bytes,
            snr_db: snr(attempt),
            snr_int8_db: snr(int8),
            metric_int8: int8.found.as_ref().and_then(|found| Some(found.metric.as_ref()?.value)),
        }
    }

    pub(super) fn describe(&self) -> String {
        /// Names that are shown; the others are in the JSON.
        const SHOWN: usize = 4;
        let list = |names: &[String]| {
            let shown = names.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            if names.len() > SHOWN { format!("{shown}, …") } else { shown }
        };
        let mut text = format!("{}: {}", counted(self.nodes.len() as u64, "node"), list(&self.nodes));
        if let (Some(new), Some(old)) = (self.snr_db, self.snr_int8_db) {
            text += &format!("; SNR {new:.1} dB instead of {old:.1} dB");
        }
        if let Some(metric) = self.metric_int8 {
            text += &format!(" (int8: {metric:.4})");
        }
        let (new, old) = (bytes(self.arena_bytes as u64), bytes(self.arena_int8_bytes as u64));
        text += &format!("; arena {new} instead of {old}");
        if !self.without_int16_form.is_empty() {
            text += &format!("; no int16 form: {}", list(&self.without_int16_form));
        }
        text
    }
}
