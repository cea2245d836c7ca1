//! The explanation as data: what `--format json` carries.

use edgectl_data::{ClassTable, Collapse};
use edgectl_explain::{Change, Explanation, NodeFigures, Origin};
use serde::Serialize;

use super::Trial;
use crate::eval::Evaluation;
use crate::quantization::Attempt;
use crate::ui::{counted, percent};

/// Where the noise is, what it does, and what repairs it.
#[derive(Debug, Serialize)]
pub(crate) struct ExplanationReport {
    /// Samples on which the figures of nodes rest.
    pub(crate) samples: usize,
    pub(crate) input_noise_share: Option<f64>,
    pub(crate) nodes: Vec<NodeRow>,
    /// Samples of the evaluation that changed class; absent where the first output is no list of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<Changed>,
    pub(crate) classes: Vec<ClassRow>,
    pub(crate) repairs: Vec<Trial>,
    /// For plots.
    #[serde(skip)]
    pub(crate) found: Explanation,
}

#[derive(Debug, Serialize)]
pub(crate) struct NodeRow {
    pub(crate) node: String,
    pub(crate) op: String,
    pub(crate) tensor: String,
    pub(crate) macs: u64,
    pub(crate) local_snr_db: Option<f64>,
    pub(crate) accumulated_snr_db: Option<f64>,
    pub(crate) output_noise_share: Option<f64>,
    range: [f32; 2],
    seen: [f32; 2],
    pub(crate) clipped_share: f64,
    /// The greatest of the output channels' weight ranges as a multiple of the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weight_range_spread: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_scale_per_channel: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    pub(crate) samples: u64,
    pub(crate) of: u64,
    /// Those whose change was followed to where it begins.
    pub(crate) followed: Vec<ChangeRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChangeRow {
    pub(crate) sample: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<i64>,
    pub(crate) float_class: usize,
    pub(crate) int8_class: usize,
    pub(crate) margin: f64,
    /// The node where the change begins; `input` where rounding the model's input is enough.
    pub(crate) begins_at: String,
    /// The noise there as a multiple of what 99 of 100 samples that kept their class stay within.
    pub(crate) departure: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ClassRow {
    pub(crate) class: String,
    pub(crate) samples: u64,
    pub(crate) float_recall: Option<f64>,
    pub(crate) int8_recall: Option<f64>,
    pub(crate) float_given: u64,
    pub(crate) int8_given: u64,
}

impl ExplanationReport {
    pub(crate) fn new(attempt: &Attempt, found: Explanation, repairs: Vec<Trial>) -> ExplanationReport {
        let names = attempt.found.as_ref().map_or(&[][..], |found| &found.class_names);
        let table = attempt.found.as_ref().and_then(|found| found.classes.as_ref());
        let changed = table.map(|table| Changed {
            samples: table.changed(),
            of: table.samples(),
            followed: found.changes.iter().map(|change| change_row(change, &found.nodes)).collect(),
        });
        ExplanationReport {
            samples: found.samples,
            input_noise_share: found.input_noise_share,
            nodes: found.nodes.iter().map(node_row).collect(),
            changed,
            classes: table.map_or_else(Vec::new, |table| class_rows(table, names)),
            repairs,
            found,
        }
    }

    /// The nodes that change values and not only their places, by their share of the output's noise, then by their own noise.
    pub(crate) fn noisiest(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.nodes.len()).filter(|&i| self.nodes[i].local_snr_db.is_some()).collect();
        let key = |i: usize| (self.nodes[i].output_noise_share.unwrap_or(0.0), -self.nodes[i].local_snr_db.unwrap_or(0.0));
        order.sort_by(|&a, &b| key(b).0.total_cmp(&key(a).0).then(key(b).1.total_cmp(&key(a).1)));
        order
    }
}

/// The classes that do not survive, in words.
pub(crate) fn collapses(found: &Evaluation) -> Vec<String> {
    let class = |class: usize| class_name(class, &found.class_names);
    let words = |collapse: Collapse| match collapse {
        Collapse::Dominates { class: of, float, int8 } => {
            format!("int8 gives class {} to {} of all samples, float to {}", class(of), percent(int8), percent(float))
        }
        Collapse::RecallFalls { class: of, samples, float, int8 } => {
            let samples = counted(samples, "sample");
            format!("int8 recognizes {} of the {samples} of class {}, float {}", percent(int8), class(of), percent(float))
        }
        Collapse::Vanishes { class: of, float } => {
            format!("int8 gives class {} to no sample, float to {}", class(of), crate::ui::count(float))
        }
        _ => format!("{collapse:?}"),
    };
    found.classes.iter().flat_map(ClassTable::collapses).map(words).collect()
}

fn class_name(class: usize, names: &[String]) -> String {
    names.get(class).map_or_else(|| class.to_string(), |name| format!("{class} ({name})"))
}

fn class_rows(table: &ClassTable, names: &[String]) -> Vec<ClassRow> {
    let recall = |correct: u64, of: u64| (of > 0).then(|| correct as f64 / of as f64);
    let rows = table.rows().iter().enumerate().filter(|(_, row)| row.samples + row.float_given + row.int8_given > 0);
    let row = |(class, row): (usize, &edgectl_data::ClassCounts)| ClassRow {
        class: class_name(class, names),
        samples: row.samples,
        float_recall: recall(row.float_correct, row.samples),
        int8_recall: recall(row.int8_correct, row.samples),
        float_given: row.float_given,
        int8_given: row.int8_given,
    };
    rows.map(row).collect()
}

fn node_row(node: &NodeFigures) -> NodeRow {
    NodeRow {
        node: node.node.clone(),
        op: node.op.clone(),
        tensor: node.tensor.clone(),
        macs: node.macs,
        local_snr_db: node.local_snr_db,
        accumulated_snr_db: node.accumulated_snr_db,
        output_noise_share: node.output_noise_share,
        range: [node.range.min, node.range.max],
        seen: [node.seen.min, node.seen.max],
        clipped_share: node.clipped_share,
        weight_range_spread: node.weights.as_ref().map(edgectl_explain::WeightFigures::spread),
        weight_scale_per_channel: node.weights.as_ref().map(|weights| weights.per_channel),
    }
}

fn change_row(change: &Change, nodes: &[NodeFigures]) -> ChangeRow {
    ChangeRow {
        sample: change.sample,
        label: change.label,
        float_class: change.float_class,
        int8_class: change.int8_class,
        margin: change.margin,
        begins_at: match change.origin {
            Origin::Input => "input".into(),
            Origin::Node(node) => nodes.get(node).map_or_else(String::new, |node| node.node.clone()),
        },
        departure: change.departure,
    }
}
