//! What `quantize` reports.

use std::path::{Path, PathBuf};

use edgectl_graph::Graph;
use edgectl_quantize::{GrowthPoint, Recipe};
use serde::Serialize;

use super::figures::Figures;
use super::files::Format;
use super::int16::Int16Row;
use super::ladder::Ladder;
use super::memory::MemoryRow;
use super::workbench::Attempt;
use crate::audit::Audit;
use crate::eval::Evaluation;
use crate::explanation::{self, ExplanationReport};
use crate::model::Int8Model;
use crate::ui::{Align, Report, Style, Table, bytes, count, counted, percent, percent_points};

/// Accuracy, size and files.
#[derive(Debug, Serialize)]
pub(crate) struct QuantizeReport {
    /// Absent where the model has scales of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<CalibrationRow>,
    /// Absent where no evaluation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<Figures>,
    model: ModelRow,
    /// The data type in which each operator is executed.
    pub(crate) executed: Audit,
    outputs: Vec<OutputRow>,
    /// Absent where the program forgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<MemoryRow>,
    /// Absent without `--max-drop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ladder: Option<Ladder>,
    /// Absent where none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<ExplanationReport>,
    /// Whether the explanation is part of the text.
    #[serde(skip)]
    pub(crate) explain: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct CalibrationRow {
    calibrator: String,
    passes: Vec<String>,
    samples: u64,
    /// The most memory that the calibrators could take for each thread, whatever the number of samples.
    memory_bound_bytes_per_thread: usize,
    /// The ranges that growing sets of the samples give, against those that all of them give.
    growth: Vec<GrowthRow>,
    #[serde(skip)]
    half: Option<GrowthPoint>,
    /// What is wrong with the data, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    /// Absent where all nodes are int8.
    #[serde(skip_serializing_if = "Option::is_none")]
    int16: Option<Int16Row>,
}

/// What a part of the calibration samples finds.
#[derive(Debug, Serialize)]
struct GrowthRow {
    samples: u64,
    /// Ranges that differ by more than a tenth of what all samples give.
    moved: usize,
    tensors: usize,
    mean_difference: f64,
    worst_difference: f64,
}

impl From<&GrowthPoint> for GrowthRow {
    fn from(point: &GrowthPoint) -> GrowthRow {
        let &GrowthPoint { samples, moved, tensors, mean, worst } = point;
        GrowthRow { samples, moved, tensors, mean_difference: mean, worst_difference: worst }
    }
}

impl CalibrationRow {
    /// `int8` is what the recipe gives without int16, where it has any.
    pub(crate) fn new(recipe: &Recipe, attempt: &Attempt, int8: Option<&Attempt>, findings: &[String]) -> CalibrationRow {
        let passes = recipe.methods.iter().map(ToString::to_string).collect();
        CalibrationRow {
            calibrator: recipe.calibrator.to_string(),
            passes,
            samples: attempt.samples,
            memory_bound_bytes_per_thread: attempt.calibration_bytes,
            growth: attempt.shown.growth.points().iter().map(GrowthRow::from).collect(),
            half: attempt.shown.growth.half(),
            findings: findings.to_vec(),
            int16: int8.map(|int8| Int16Row::new(attempt, int8)),
        }
    }

    /// Whether more samples would still move the scales, as far as half of them tells.
    fn settled(&self) -> Option<String> {
        let GrowthPoint { moved, tensors, worst, .. } = self.half?;
        let found = tensors - moved;
        Some(format!("half of the samples give {found} of {tensors} within 10 %, the worst within {}", percent(worst)))
    }
}

#[derive(Debug, Serialize)]
struct ModelRow {
    path: PathBuf,
    parameters: u64,
    macs: u64,
    weights_float_bytes: u64,
    weights_int8_bytes: usize,
    arena_bytes: usize,
    arena_lower_bound_bytes: usize,
}

#[derive(Debug, Serialize)]
struct OutputRow {
    path: PathBuf,
    format: Format,
    bytes: u64,
}

impl QuantizeReport {
    /// Without files.
    pub(crate) fn new(
        path: &Path,
        graph: &Graph,
        int8: &Int8Model,
        calibration: Option<CalibrationRow>,
        found: Option<&Evaluation>,
    ) -> QuantizeReport {
        let (cost, lowered) = (graph.total_cost(), &int8.report);
        QuantizeReport {
            executed: Audit::of_quantized(&int8.quantized),
            calibration,
            metrics: found.map(Figures::new),
            model: ModelRow {
                path: path.to_owned(),
                parameters: cost.parameters,
                macs: cost.macs,
                weights_float_bytes: cost.parameter_bytes,
                weights_int8_bytes: lowered.weights_bytes,
                arena_bytes: lowered.arena_bytes,
                arena_lower_bound_bytes: lowered.arena_lower_bound_bytes,
            },
            outputs: vec![],
            memory: None,
            ladder: None,
            explanation: None,
            explain: false,
        }
    }

    /// Lists a file that was written.
    pub(crate) fn file(&mut self, path: &Path, format: Format, bytes: u64) {
        self.outputs.push(OutputRow { path: path.into(), format, bytes });
    }

    /// What was done to which model, on which data.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let model = &self.model;
        let size = format!("{} parameters, {} MACs", count(model.parameters), count(model.macs));
        let calibration = self.calibration.as_ref().map(|row| {
            let passes = row.passes.iter().map(|pass| format!(" + {pass}")).collect::<String>();
            let (samples, bound) = (counted(row.samples, "sample"), bytes(row.memory_bound_bytes_per_thread as u64));
            format!("{}{passes}, {samples}, in at most {bound} a thread", row.calibrator)
        });
        let evaluation =
            self.metrics.as_ref().map(|figures| format!("{}, int8 by edge-runtime", counted(figures.samples as u64, "sample")));
        let settled = self.calibration.as_ref().and_then(CalibrationRow::settled);
        let mut facts = vec![
            ("model", format!("{}, {size}", model.path.display())),
            ("calibration", calibration.unwrap_or_else(|| "none; the model has scales of its own".into())),
            ("ranges", settled.unwrap_or_default()),
            ("evaluation", evaluation.unwrap_or_else(|| "none; --eval DATA compares int8 with float".into())),
        ];
        facts.retain(|(_, fact)| !fact.is_empty());
        facts.extend(self.calibration.as_ref().and_then(|row| Some(("int16", row.int16.as_ref()?.describe()))));
        facts
    }

    /// Classes that int8 loses, in words.
    pub(crate) fn collapses(&self) -> &[String] {
        self.metrics.as_ref().map_or(&[], |figures| &figures.collapses)
    }

    /// The page of `--report`.
    pub(crate) fn page(&self) -> String {
        let head = [self.facts(), self.comparison()].concat();
        let findings = self.calibration.as_ref().map_or(&[][..], |row| &row.findings);
        let ladder = self.ladder.as_ref().map(Ladder::section);
        explanation::page(&self.model.path.display().to_string(), &head, self.collapses(), findings, ladder, self.explanation.as_ref())
    }

    /// Float against int8, in lines for the head of a page.
    fn comparison(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![];
        if let Some((float, int8)) = self.metrics.as_ref().and_then(|figures| figures.values.as_ref()) {
            let change = percent_points(int8.value - float.value);
            rows.push((float.name, format!("float {}, int8 {}: {change}", float.with_interval(), int8.with_interval())));
        }
        let outputs = self.metrics.iter().flat_map(|figures| &figures.outputs);
        rows.extend(outputs.map(|output| ("agreement", format!("{} {}", output.shown(), output.explanation()))));
        let (float, int8) = (bytes(self.model.weights_float_bytes), bytes(self.model.weights_int8_bytes as u64));
        rows.push(("weights", format!("float {float}, int8 {int8}")));
        rows.push(("arena", bytes(self.model.arena_bytes as u64)));
        rows
    }
}

impl Report for QuantizeReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let model = &self.model;
        let mut facts = Table::new([("", Left), ("", Left)]);
        self.facts().into_iter().for_each(|(name, value)| facts.row([name.into(), value]));
        let memory = self.memory.iter().flat_map(MemoryRow::describe);
        memory.for_each(|(name, value)| facts.row([name.into(), value]));

        let mut table = Table::new([("", Left), ("float", Right), ("int8", Right), ("", Left)]);
        self.metrics.iter().for_each(|figures| figures.rows(&mut table));
        let ratio = model.weights_int8_bytes as f64 / (model.weights_float_bytes as f64).max(1.0);
        let (float, int8) = (bytes(model.weights_float_bytes), bytes(model.weights_int8_bytes as u64));
        table.row(["weights".into(), float, int8, format!("{:.0} % of float", ratio * 100.0)]);
        let bound = format!("no plan can need less than {}", bytes(model.arena_lower_bound_bytes as u64));
        table.row(["arena".into(), String::new(), bytes(model.arena_bytes as u64), bound]);
        if !self.executed.is_plain_int8() {
            table.row(["executed".into(), String::new(), String::new(), self.executed.summary()]);
        }

        let mut files = Table::new([("file", Left), ("size", Right), ("what it is", Left)]);
        for output in &self.outputs {
            files.row([output.path.display().to_string(), bytes(output.bytes), output.format.describe().into()]);
        }
        let explanation = self.explanation.as_ref().filter(|_| self.explain);
        let explanation = explanation.map_or_else(String::new, |explanation| format!("{}\n", explanation.text(style)));
        let ladder = self.ladder.as_ref().and_then(|ladder| ladder.text(style));
        let ladder = ladder.map_or_else(String::new, |ladder| ladder + "\n");
        format!("{}\n{}\n{ladder}{explanation}{}", facts.text(style), table.text(style), files.text(style))
    }
}
