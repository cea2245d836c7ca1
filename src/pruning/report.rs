//! What `prune` reports.

use std::io::Write;
use std::path::{Path, PathBuf};

use edgectl_prune::{Fixed, Idle};
use serde::Serialize;

use super::target::{Limit, Quantity};
use crate::benchmark::BenchReport;
use crate::ui::metric::{Agreement, Value};
use crate::ui::{Align, Report, Style, Table, bytes, count, counted, micros, paragraph, percent, percent_points};

/// Names that are shown of a list; the others are in the JSON.
const SHOWN: usize = 6;

/// A model before and after.
#[derive(Debug, Serialize)]
pub(crate) struct PruneReport {
    pub(crate) model: PathBuf,
    /// How channels or weights were chosen, in words.
    pub(crate) method: String,
    /// What was trained, in words; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) training: Option<String>,
    /// Absent where no evaluation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<Metrics>,
    pub(crate) before: Figures,
    pub(crate) after: Figures,
    /// Estimates of the int8 program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<DeviceRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<LimitRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<StepRow>,
    /// Absent for masks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) layers: Vec<LayerRow>,
    /// Channels that did nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) idle: Vec<IdleRow>,
    /// Layers whose channels must stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fixed: Vec<FixedRow>,
    /// The greatest difference of an output, where nothing was to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_abs_difference: Option<Difference>,
    /// Why the result was refused; then nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<Refusal>,
    pub(crate) outputs: Vec<OutputRow>,
}

/// The metric on the evaluation samples.
#[derive(Debug, Serialize)]
pub(crate) struct Metrics {
    pub(crate) name: &'static str,
    pub(crate) samples: usize,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    pub(crate) drop_points: Option<f64>,
    /// With the model before.
    pub(crate) agreement: Vec<Agreement>,
}

/// What a model is made of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) parameters: u64,
    /// Those that are not zero.
    pub(crate) nonzero_parameters: u64,
    pub(crate) macs: u64,
    /// Absent where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_bytes: Option<u64>,
    /// The file as zlib compresses it (level 9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compressed_bytes: Option<u64>,
    /// Of the int8 program; absent where the model has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arena_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeviceRow {
    profile: String,
    kernels: String,
    latency_before_ms: f64,
    latency_after_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ram_before_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ram_after_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flash_before_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flash_after_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LimitRow {
    pub(crate) quantity: Quantity,
    pub(crate) most: f64,
    pub(crate) before: f64,
    pub(crate) after: f64,
}

/// The model after a step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StepRow {
    pub(crate) step: usize,
    pub(crate) parameters: u64,
    pub(crate) macs: u64,
    pub(crate) zero_weights: u64,
    pub(crate) metric: Option<f64>,
    pub(crate) drop_points: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LayerRow {
    pub(crate) layers: Vec<String>,
    pub(crate) channels_before: usize,
    pub(crate) channels_after: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct IdleRow {
    layers: Vec<String>,
    channels: usize,
    unread: usize,
    zero: usize,
    constant: usize,
    duplicate: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct FixedRow {
    layer: String,
    channels: usize,
    place: String,
    reason: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    pub(crate) samples: usize,
    pub(crate) value: f64,
    /// Of the outputs that it is a difference of.
    pub(crate) largest_output: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    /// What could be had instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nearest: Option<StepRow>,
    pub(crate) advice: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputRow {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

impl From<&Idle> for IdleRow {
    fn from(idle: &Idle) -> IdleRow {
        let Idle { layers, channels, unread, zero, constant, duplicate } = idle.clone();
        IdleRow { layers, channels, unread, zero, constant, duplicate }
    }
}

impl From<&Fixed> for FixedRow {
    fn from(fixed: &Fixed) -> FixedRow {
        let Fixed { layer, channels, place, reason } = fixed.clone();
        FixedRow { layer, channels, place, reason }
    }
}

impl LimitRow {
    pub(crate) fn new(limit: &Limit, before: f64, after: f64) -> LimitRow {
        LimitRow { quantity: limit.quantity, most: limit.most, before, after }
    }
}

/// Findings of the same devices, before and after.
pub(crate) fn devices(before: &BenchReport, after: &BenchReport) -> Vec<DeviceRow> {
    let row = |(old, new): (&crate::benchmark::Entry, &crate::benchmark::Entry)| {
        let (old, new) = (&old.finding, &new.finding);
        let ram = |finding: &edgectl_bench::finding::Finding| finding.memory.as_ref().map(|memory| memory.ram.total_bytes);
        let flash = |finding: &edgectl_bench::finding::Finding| finding.memory.as_ref().map(|memory| memory.flash.total_bytes);
        DeviceRow {
            profile: new.target.name.clone(),
            kernels: new.engine.kernels.clone(),
            latency_before_ms: old.latency.value_us / 1e3,
            latency_after_ms: new.latency.value_us / 1e3,
            ram_before_bytes: ram(old),
            ram_after_bytes: ram(new),
            flash_before_bytes: flash(old),
            flash_after_bytes: flash(new),
        }
    };
    before.findings.iter().zip(&after.findings).map(row).collect()
}

impl PruneReport {
    fn table(&self) -> Table {
        use Align::{Left, Right};
        let mut table = Table::new([("", Left), ("before", Right), ("after", Right), ("", Left)]);
        let share = |before: f64, after: f64| match (1.0 - after / before) * 100.0 {
            _ if before == after => "the same".to_owned(),
            percent if percent.abs() < 0.05 => "about the same".to_owned(),
            percent if percent < 0.0 => format!("{:.1} % more", -percent),
            percent => format!("{percent:.1} % less"),
        };
        let (before, after) = (&self.before, &self.after);
        if let Some(metrics) = &self.metrics {
            if let (Some(old), Some(new)) = (&metrics.before, &metrics.after) {
                table.row([metrics.name.into(), old.shown(), new.shown(), percent_points(new.value - old.value)]);
                if let (Some(old), Some(new)) = (old.interval(), new.interval()) {
                    table.row(["95 % interval".into(), old, new, String::new()]);
                }
            }
            for output in &metrics.agreement {
                table.row(["agreement".into(), String::new(), output.shown(), output.explanation()]);
            }
        }
        let numbers = |name: &str, old: u64, new: u64| [name.into(), count(old), count(new), share(old as f64, new as f64)];
        table.row(numbers("parameters", before.parameters, after.parameters));
        if after.nonzero_parameters < after.parameters && self.is_masked() {
            table.row(numbers("not zero", before.nonzero_parameters, after.nonzero_parameters));
        }
        table.row(numbers("MACs", before.macs, after.macs));
        let sizes = [
            ("file", before.file_bytes, after.file_bytes),
            ("compressed", before.compressed_bytes, after.compressed_bytes),
            ("int8 arena", before.arena_bytes, after.arena_bytes),
        ];
        for (name, old, new) in sizes {
            if let (Some(old), Some(new)) = (old, new) {
                table.row([name.into(), bytes(old), bytes(new), share(old as f64, new as f64)]);
            }
        }
        for row in &self.devices {
            let name = format!("{}, estimated", row.profile);
            let (old, new) = (row.latency_before_ms, row.latency_after_ms);
            table.row([name, micros(old * 1e3), micros(new * 1e3), format!("{} ({})", share(old, new), row.kernels)]);
            let memories = [("RAM", row.ram_before_bytes, row.ram_after_bytes), ("flash", row.flash_before_bytes, row.flash_after_bytes)];
            for (name, old, new) in memories {
                if let (Some(old), Some(new)) = (old, new) {
                    table.row([format!("{}, {name}", row.profile), bytes(old), bytes(new), share(old as f64, new as f64)]);
                }
            }
        }
        table
    }

    fn is_masked(&self) -> bool {
        self.before.parameters == self.after.parameters
    }

    fn facts(&self) -> Table {
        use Align::Left;
        let mut facts = Table::new([("", Left), ("", Left)]);
        facts.row(["model".into(), self.model.display().to_string()]);
        facts.row(["method".into(), self.method.clone()]);
        self.training.iter().for_each(|training| facts.row(["training".into(), training.clone()]));
        let evaluation = match (&self.metrics, &self.max_abs_difference) {
            (Some(metrics), _) => format!("{}, float by tract", counted(metrics.samples as u64, "sample")),
            (None, Some(difference)) => format!("{} for the outputs, float by tract", counted(difference.samples as u64, "sample")),
            (None, None) => "none; --eval DATA measures the loss".into(),
        };
        facts.row(["evaluation".into(), evaluation]);
        if let Some(difference) = &self.max_abs_difference {
            facts.row([
                "outputs".into(),
                format!("differ by at most {:.1e}; the largest is {:.1e}", difference.value, difference.largest_output),
            ]);
        }
        facts
    }

    fn lists(&self, style: Style) -> String {
        use Align::{Left, Right};
        let mut text = String::new();
        let names = |names: &[String]| {
            let shown = names.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", ");
            if names.len() > 2 { format!("{shown} and {} more", names.len() - 2) } else { shown }
        };
        if self.steps.len() > 1 {
            let mut table = Table::new([("step", Right), ("parameters", Right), ("MACs", Right), ("zero", Right), ("metric", Right)]);
            for row in &self.steps {
                let metric = |value: Option<f64>| {
                    value.map_or_else(String::new, |value| if value.abs() <= 1.0 { percent(value) } else { format!("{value:.4}") })
                };
                let zero = if row.zero_weights > 0 { count(row.zero_weights) } else { String::new() };
                table.row([row.step.to_string(), count(row.parameters), count(row.macs), zero, metric(row.metric)]);
            }
            text += &format!("{}\n", table.without_empty_columns().text(style));
        }
        if !self.layers.is_empty() {
            let mut table = Table::new([("channels", Right), ("of", Right), ("of layers", Left)]);
            for row in &self.layers {
                table.row([row.channels_after.to_string(), row.channels_before.to_string(), names(&row.layers)]);
            }
            text += &format!("{}\n", table.text(style));
        }
        if self.idle.is_empty() && self.max_abs_difference.is_some() {
            text += "no channel does nothing\n\n";
        }
        if !self.idle.is_empty() {
            let mut table = Table::new([
                ("did nothing", Right),
                ("of", Right),
                ("zero", Right),
                ("constant", Right),
                ("equal", Right),
                ("unread", Right),
                ("channels of", Left),
            ]);
            for row in &self.idle {
                let all = row.unread + row.zero + row.constant + row.duplicate;
                let cells = [all, row.channels, row.zero, row.constant, row.duplicate, row.unread].map(|n| n.to_string());
                let [all, of, zero, constant, equal, unread] = cells;
                table.row([all, of, zero, constant, equal, unread, names(&row.layers)]);
            }
            text += &format!("{}\n", table.text(style));
        }
        if !self.fixed.is_empty() {
            for row in self.fixed.iter().take(SHOWN) {
                let channels = counted(row.channels as u64, "channel");
                text += &paragraph(&format!("{channels} of \"{}\" must stay: \"{}\": {}", row.layer, row.place, row.reason));
            }
            if self.fixed.len() > SHOWN {
                text += &format!("and {} more, see --format json\n", self.fixed.len() - SHOWN);
            }
            text += "\n";
        }
        text
    }
}

impl Report for PruneReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let mut text = format!("{}\n{}\n{}", self.facts().text(style), self.table().text(style), self.lists(style));
        if !self.limits.is_empty() {
            let mut table = Table::new([("limit", Left), ("at most", Right), ("before", Right), ("after", Right), ("", Left)]);
            for row in &self.limits {
                let shown = |value| row.quantity.shown(value);
                let met = if row.after <= row.most { "met" } else { "exceeded" };
                table.row([row.quantity.name().into(), shown(row.most), shown(row.before), shown(row.after), met.into()]);
            }
            text += &format!("{}\n", table.text(style));
        }
        if let Some(refusal) = &self.refused {
            text += &format!("{} {}\n", style.red("refused:"), refusal.reason);
            return text + &paragraph(&refusal.advice);
        }
        let mut files = Table::new([("file", Left), ("size", Right), ("what it is", Left)]);
        for output in &self.outputs {
            let what = "ONNX in float, for `edgectl quantize` and others";
            files.row([output.path.display().to_string(), bytes(output.bytes), what.into()]);
        }
        text + &files.text(style)
    }
}

impl PruneReport {
    /// Notes what was written, and what was read.
    pub(crate) fn wrote(&mut self, path: &Path, onnx: &[u8], bytes: u64, (file_bytes, file): (u64, &[u8])) {
        (self.before.file_bytes, self.before.compressed_bytes) = (Some(file_bytes), Some(compressed(file)));
        (self.after.file_bytes, self.after.compressed_bytes) = (Some(bytes), Some(compressed(onnx)));
        self.outputs.push(OutputRow { path: path.into(), bytes });
    }
}

/// The size of some bytes as zlib compresses them.
fn compressed(bytes: &[u8]) -> u64 {
    let mut encoder = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::best());
    // A vector takes all that is written to it.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_or(0, |written| written.len() as u64)
}
