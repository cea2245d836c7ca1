//! What `quantize` reports.

use std::path::{Path, PathBuf};

use edgectl_graph::{Graph, Node, QuantType, has_int16};
use edgectl_quantize::Recipe;
use serde::Serialize;

use crate::audit::Audit;
use crate::eval::Evaluation;
use crate::explanation::{self, ExplanationReport};
use crate::ladder::Ladder;
use crate::memory::MemoryRow;
use crate::model::Int8Model;
use crate::output::OutputError;
use crate::ui::metric::{Agreement, Value};
use crate::ui::{Align, Report, Style, Table, bytes, count, counted, percent_points};
use crate::workbench::Attempt;

/// What a file is, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    Edgm,
    QdqOnnx,
    Report,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Result<Format, OutputError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("edgm") => Ok(Format::Edgm),
            Some("onnx") => Ok(Format::QdqOnnx),
            _ => Err(OutputError::Extension { path: path.into(), expected: ".edgm or .onnx" }),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Format::Edgm => "int8 program: what edge-runtime executes, here and on a device",
            Format::QdqOnnx => "ONNX with QDQ pairs: for onnxruntime, TensorRT and others",
            Format::Report => "what quantization does to the model, to look at: open it in a browser",
        }
    }
}

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
    /// What is wrong with the data, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    /// Absent where all nodes are int8.
    #[serde(skip_serializing_if = "Option::is_none")]
    int16: Option<Int16Row>,
}

/// The nodes with int16 activations, what they cost and what they bring.
#[derive(Debug, Serialize)]
struct Int16Row {
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
    fn new(attempt: &Attempt, int8: &Attempt) -> Int16Row {
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

    fn describe(&self) -> String {
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

impl CalibrationRow {
    /// `int8` is what the recipe gives without int16, where it has any.
    pub(crate) fn new(recipe: &Recipe, attempt: &Attempt, int8: Option<&Attempt>, findings: &[String]) -> CalibrationRow {
        let passes = recipe.methods.iter().map(ToString::to_string).collect();
        CalibrationRow {
            calibrator: recipe.calibrator.to_string(),
            passes,
            samples: attempt.samples,
            memory_bound_bytes_per_thread: attempt.calibration_bytes,
            findings: findings.to_vec(),
            int16: int8.map(|int8| Int16Row::new(attempt, int8)),
        }
    }
}

/// Float against int8 on the evaluation samples.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// The metric; `agreement` where none could be measured.
    name: &'static str,
    samples: usize,
    float: Option<f64>,
    int8: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    float_interval_95: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int8_interval_95: Option<[f64; 2]>,
    /// Share of samples for which float and int8 give the same class; absent where the first output is no list of classes.
    agreement: Option<f64>,
    outputs: Vec<Agreement>,
    /// Classes that int8 loses, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    collapses: Vec<String>,
    #[serde(skip)]
    values: Option<(Value, Value)>,
    /// That of int8, where there is none of float.
    #[serde(skip)]
    only: Option<Value>,
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

impl Figures {
    pub(crate) fn new(found: &Evaluation) -> Figures {
        let int8 = found.metric.as_ref().map(Value::from);
        // A metric that compares with the float model has no value for that model itself.
        let float = found.reference_metric.as_ref().map(Value::from);
        let outputs: Vec<Agreement> = found.agreement.iter().map(Agreement::from).collect();
        Figures {
            name: int8.as_ref().map_or("agreement", |value| value.name),
            samples: found.samples,
            float: float.as_ref().map(|value| value.value),
            int8: int8.as_ref().map(|value| value.value),
            float_interval_95: float.as_ref().and_then(|value| value.interval_95),
            int8_interval_95: int8.as_ref().and_then(|value| value.interval_95),
            agreement: outputs.first().and_then(|output| output.top1),
            only: int8.clone().filter(|_| float.is_none()),
            collapses: explanation::collapses(found),
            values: float.zip(int8),
            outputs,
        }
    }

    /// Fills a table with the columns of names, float, int8 and remarks.
    pub(crate) fn rows(&self, table: &mut Table) {
        if let Some((float, int8)) = &self.values {
            table.row([float.name.into(), float.shown(), int8.shown(), percent_points(int8.value - float.value)]);
            if let (Some(float), Some(int8)) = (float.interval(), int8.interval()) {
                table.row(["95 % interval".into(), float, int8, String::new()]);
            }
        } else if let Some(int8) = &self.only {
            table.row([int8.name.into(), String::new(), int8.with_interval(), String::new()]);
        }
        for output in &self.outputs {
            table.row(["agreement".into(), String::new(), output.shown(), output.explanation()]);
        }
    }
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
        let mut facts = vec![
            ("model", format!("{}, {size}", model.path.display())),
            ("calibration", calibration.unwrap_or_else(|| "none; the model has scales of its own".into())),
            ("evaluation", evaluation.unwrap_or_else(|| "none; --eval DATA compares int8 with float".into())),
        ];
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
        explanation::page(&self.model.path.display().to_string(), &head, self.collapses(), findings, self.explanation.as_ref())
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
