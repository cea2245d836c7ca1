//! What `quantize` does: a model and data become int8 files and a report.
//!
//! | module | role |
//! |---|---|
//! | `calibrate` | runs the float graph on calibration data and watches its activations |
//! | `workbench` | a float model and data; recipes are tried on it |
//! | `ladder` | recipes from the cheapest on, until one is close enough to float |
//! | `lint` | looks at calibration data before anybody trusts them |
//! | `memory` | programs that remember: `--stateful`, `--streaming` |
//! | `partly_float` | models of which a part stays float, as ONNX |
//! | `report`, `figures`, `int16`, `files` | what is reported and written |
//! | `options` | values of options |

pub(crate) mod calibrate;
mod figures;
mod files;
mod int16;
pub(crate) mod ladder;
mod lint;
mod memory;
pub(crate) mod options;
mod partly_float;
mod report;
mod workbench;

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use edgectl_data::MetricKind;
use edgectl_graph::Graph;
use edgectl_onnx::QdqOptions;
use edgectl_profile::Profile;
use edgectl_quantize::{Int16, Range, Recipe};

use crate::args::DataArgs;
use crate::benchmark::{self, Candidate, WithDevices};
use crate::engine::{Engine, FloatEngine, Port};
use crate::eval::{self, Remembering};
use crate::explanation::{self, ExplanationReport};
use crate::model::{self, Int8Model, Model, ModelError, Source, Unstated};
use crate::output::Outputs;
use crate::samples::Samples;
use crate::ui::{Ui, Verdict};

pub(crate) use files::Format;
pub(crate) use ladder::Limits;
pub(crate) use lint::LintError;
use lint::Looks;
pub(crate) use memory::MemoryArgs;
pub(crate) use options::Mode;
use report::{CalibrationRow, QuantizeReport};
pub(crate) use workbench::{Attempt, Evaluation, Workbench};

/// What is asked.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) model: &'a Path,
    pub(crate) mode: Mode,
    pub(crate) recipe: Recipe,
    /// Of the ladder, where it is climbed.
    pub(crate) limits: Option<Limits>,
    pub(crate) data: Data<'a>,
    /// What is written, the page last.
    pub(crate) files: Vec<(&'a Path, Format)>,
    pub(crate) memory: &'a MemoryArgs,
    pub(crate) profiles: Vec<Profile>,
    /// Whether findings about data are errors.
    pub(crate) strict: bool,
    pub(crate) require_int8: bool,
    /// Whether the explanation is part of the text.
    pub(crate) explain: bool,
    /// Those of the options that are given which mean something only where a float model becomes int8.
    pub(crate) given: Vec<&'static str>,
}

/// The data of a plan.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    pub(crate) args: &'a DataArgs,
    pub(crate) calibration: Option<&'a Path>,
    /// The most samples, evenly from all of the data.
    pub(crate) calibration_samples: Option<NonZeroUsize>,
    pub(crate) eval: Option<&'a Path>,
    /// The most samples, the first ones.
    pub(crate) limit: Option<NonZeroUsize>,
    pub(crate) metric: Option<MetricKind>,
}

impl Data<'_> {
    fn calibration(&self, model: &Path, inputs: &[Port]) -> Result<Samples> {
        let Some(path) = self.calibration else { bail!(ModelError::NoCalibration { path: model.into() }) };
        self.args.open_spread(path, self.calibration_samples, inputs)
    }

    /// Opens the evaluation data, and refuses early what cannot be measured.
    fn evaluation(&self, engine: &dyn Engine, has_reference: bool) -> Result<Evaluation> {
        let samples = self.eval.map(|path| self.args.open(path, self.limit, &engine.inputs())).transpose()?;
        let metric = self.metric.or_else(|| samples.as_ref().and_then(|samples| eval::default_metric(samples, engine)));
        if let (Some(samples), Some(metric)) = (&samples, metric) {
            eval::check_metric(metric, samples, engine, has_reference)?;
        }
        Ok(Evaluation { samples, metric })
    }
}

/// The results of all stages.
struct Done<'a> {
    /// As it was before quantization.
    graph: &'a Graph,
    int8: &'a Int8Model,
    calibration: Option<CalibrationRow>,
    found: Option<&'a eval::Evaluation>,
    ladder: Option<ladder::Ladder>,
    explanation: Option<ExplanationReport>,
}

impl Plan<'_> {
    /// Quantizes, writes and reports.
    pub(crate) fn run(self, ui: &Ui) -> Result<Verdict> {
        let source = Model::open(self.model, ui)?.into_source(ui).with_context(|| self.cannot())?;
        match source {
            Source::Float(graph) if self.mode != Mode::Static => self.weights(&graph, ui),
            Source::Float(graph) if model::has_opaque(&graph) && self.files.iter().all(|(_, format)| *format == Format::QdqOnnx) => {
                self.around_opaque(graph, ui)
            }
            Source::Float(graph) => self.float(&graph, ui),
            Source::Int8(int8) => {
                if self.data.calibration.is_some() {
                    let path = self.model.display();
                    ui.warning(format_args!("{path} is quantized already and keeps its scales: --calibration is not read"));
                }
                self.quantized(&int8, &["--calibration"], ui)
            }
            Source::Unstated(unstated) => {
                let int8 = self.completed(*unstated, ui)?;
                self.quantized(&int8, &["--allow-constant", "--calibration", "--calibrator", "--percentile"], ui)
            }
        }
    }

    fn cannot(&self) -> String {
        format!("cannot quantize {}", self.model.display())
    }

    /// A float model as a whole.
    fn float(self, graph: &Graph, ui: &Ui) -> Result<Verdict> {
        let prepared = model::prepared(graph).with_context(|| self.cannot())?;
        let float = FloatEngine::deferred(graph).with_context(|| self.cannot())?;
        let bench = self.workbench(prepared, &float)?;
        let outputs = self.outputs()?;
        let comparable = bench.evaluation.metric.is_some_and(MetricKind::higher_is_better);
        ensure!(self.limits.is_none() || comparable, "--max-drop needs a metric with labels, and a float model to compare with");
        let looks = || Looks::new(&bench, self.data.args.model_layout(), ui);
        let (tried, looks) = rayon::join(|| self.attempt(&bench, ui), looks);
        let (recipe, attempt, ladder) = tried.with_context(|| self.cannot())?;
        for note in &attempt.notes {
            if note.is_loss() { ui.warning(note) } else { ui.detail(format_args!("{note}")) }
        }
        let all_int8 = Recipe { int16: Int16::None, ..recipe.clone() };
        let all_int8 = (all_int8 != recipe).then(|| bench.attempt(&all_int8, ui)).transpose().with_context(|| self.cannot())?;
        let found = attempt.found.as_ref();
        let findings = lint::findings(&bench, looks?, (attempt.samples, &attempt.shown), found);
        lint::report(&findings, self.strict, ui)?;
        let calibration = Some(CalibrationRow::new(&recipe, &attempt, all_int8.as_ref(), &findings));
        let wants_explanation = self.explain || self.files.iter().any(|(_, format)| *format == Format::Report);
        let explanation = wants_explanation.then(|| {
            let found = explanation::explain(&bench, &attempt, ui)?;
            let repairs = explanation::trials(&bench, &recipe, &attempt, &found, ui)?;
            Ok::<_, anyhow::Error>(ExplanationReport::new(&attempt, found, repairs))
        });
        let explanation = explanation.transpose().with_context(|| self.cannot())?;
        self.finish(Done { graph, int8: &attempt.int8, calibration, found, ladder, explanation }, outputs, ui)
    }

    /// The recipe, or the one at which the ladder ended, and what it gave.
    fn attempt(&self, bench: &Workbench<'_>, ui: &Ui) -> Result<(Recipe, Attempt, Option<ladder::Ladder>)> {
        let Some(limits) = self.limits else { return Ok((self.recipe.clone(), bench.attempt(&self.recipe, ui)?, None)) };
        let (recipe, attempt, ladder) = ladder::climb(bench, self.recipe.clone(), limits, ui)?;
        Ok((recipe, attempt, Some(ladder)))
    }

    /// A model that is int8 already. Of the options that are given, these are of use to it.
    fn quantized(self, int8: &Int8Model, useful: &[&str], ui: &Ui) -> Result<Verdict> {
        let others = [("--mode", self.mode != Mode::Static), ("--per-tensor", !self.recipe.options.per_channel_conv)];
        let others = others.into_iter().filter_map(|(option, given)| given.then_some(option));
        let useless = |option: &&str| !useful.contains(option) && !matches!(*option, "--profile" | MemoryArgs::OPTIONS);
        if let Some(option) = self.given.iter().copied().filter(useless).chain(others).next() {
            bail!("{option} is for float models; {} is quantized already", self.model.display());
        }
        let evaluation = self.data.evaluation(&int8.engine()?, false)?;
        let outputs = self.outputs()?;
        let found = evaluation.run(int8, None, ui)?;
        let graph = int8.quantized.graph();
        self.finish(Done { graph, int8, calibration: None, found: found.as_ref(), ladder: None, explanation: None }, outputs, ui)
    }

    /// Finds the ranges that a quantized model does not state.
    fn completed(&self, unstated: Unstated, ui: &Ui) -> Result<Int8Model> {
        if self.data.calibration.is_none() {
            return Err(unstated.into_error()).with_context(|| self.cannot());
        }
        let engine = FloatEngine::new(&unstated.graph, true).with_context(|| self.cannot())?;
        let samples = self.data.calibration(self.model, &engine.inputs())?;
        let by = (self.recipe.calibrator, self.recipe.allow_constant);
        let ranges = calibrate::ranges(&unstated.graph, &unstated.tensors, by, &samples, ui).with_context(|| self.cannot())?;
        for ((name, _), Range { min, max }) in unstated.tensors.iter().zip(&ranges) {
            ui.warning(format_args!("{}: \"{name}\" has no scale; calibration shows {min:.4} to {max:.4}", self.model.display()));
        }
        unstated.complete(&ranges, ui).with_context(|| self.cannot())
    }

    /// A float model of which only the weights become int8.
    fn weights(self, graph: &Graph, ui: &Ui) -> Result<Verdict> {
        let float = FloatEngine::new(graph, false).with_context(|| self.cannot())?;
        let evaluation = self.data.evaluation(&float, true)?;
        let outputs = self.outputs()?;
        let per_channel = self.recipe.options.per_channel_conv;
        let done = partly_float::weights((self.model, graph), self.mode, per_channel, &evaluation, ui);
        let (report, onnx) = done.with_context(|| self.cannot())?;
        self.finish_partly_float(report, &onnx, outputs, ui)
    }

    /// A float model with operators that are not supported, as QDQ around them.
    fn around_opaque(self, graph: Graph, ui: &Ui) -> Result<Verdict> {
        let program = ["--explain", "--max-drop", "--profile", MemoryArgs::OPTIONS];
        if let Some(option) = self.given.iter().find(|option| program.contains(option)) {
            bail!("{option} needs an int8 program, which {} cannot become: it has operators that are not supported", self.model.display());
        }
        let graph = model::with_shapes(self.model, graph).with_context(|| self.cannot())?;
        let float = FloatEngine::new(&graph, false).with_context(|| self.cannot())?;
        let bench = self.workbench(model::prepared_around_opaque(&graph).with_context(|| self.cannot())?, &float)?;
        let outputs = self.outputs()?;
        let layout = self.data.args.model_layout();
        let done = partly_float::around_opaque((self.model, &graph), &bench, &self.recipe, layout, ui);
        let (report, onnx, findings) = done.with_context(|| self.cannot())?;
        lint::report(&findings, self.strict, ui)?;
        self.finish_partly_float(report, &onnx, outputs, ui)
    }

    /// A prepared graph with its float engine and all data.
    fn workbench<'e>(&self, prepared: Graph, float: &'e FloatEngine) -> Result<Workbench<'e>> {
        let calibration = self.data.calibration(self.model, &float.inputs())?;
        let evaluation = self.data.evaluation(float, true)?;
        Ok(Workbench { prepared, float: Remembering::new(float), calibration, evaluation })
    }

    fn outputs(&self) -> Result<Outputs> {
        let inputs: Vec<&Path> = [self.model].into_iter().chain(self.data.calibration).chain(self.data.eval).collect();
        Ok(Outputs::create(&self.files.iter().map(|(path, _)| *path).collect::<Vec<_>>(), &inputs)?)
    }

    /// Writes the files and reports.
    fn finish(self, done: Done<'_>, outputs: Outputs, ui: &Ui) -> Result<Verdict> {
        let mut report = QuantizeReport::new(self.model, done.graph, done.int8, done.calibration, done.found);
        let remembering = self.memory.lower(done.int8).with_context(|| self.cannot())?;
        let program = remembering.as_ref().map_or(&done.int8.program, |remembering| &remembering.program);
        report.memory = remembering.as_ref().map(|remembering| remembering.row.clone());
        (report.ladder, report.explanation, report.explain) = (done.ladder, done.explanation, self.explain);
        report.collapses().iter().for_each(|line| ui.warning(line));
        for (i, (_, format)) in self.files.iter().enumerate() {
            match format {
                Format::Edgm => outputs.write(i, program)?,
                Format::QdqOnnx => {
                    let qdq = edgectl_onnx::export_qdq(&done.int8.quantized, &QdqOptions::default());
                    outputs.write(i, &qdq.with_context(|| self.cannot())?)?;
                }
                Format::Report => outputs.write(i, report.page().as_bytes())?,
            }
        }
        for ((path, format), bytes) in self.files.iter().zip(outputs.commit()?) {
            report.file(path, *format, bytes);
        }
        let estimate = |profiles| benchmark::estimate(Candidate::of_program(self.model, program)?, profiles, ui);
        let devices = if self.profiles.is_empty() { None } else { Some(estimate(self.profiles)?) };
        let with_devices = WithDevices { report: &report, devices };
        ui.result(&with_devices)?;
        let dropped = report.ladder.as_ref().is_some_and(|ladder| !ladder.is_within());
        let negative = dropped || self.require_int8 && !report.executed.is_integer();
        Ok(if negative { Verdict::Negative } else { with_devices.verdict() })
    }

    fn finish_partly_float(self, report: partly_float::PartlyFloatReport, onnx: &[u8], outputs: Outputs, ui: &Ui) -> Result<Verdict> {
        let paths: Vec<&Path> = self.files.iter().map(|(path, _)| *path).collect();
        let report = report.write(onnx, &paths, outputs)?;
        ui.result(&report)?;
        Ok(Verdict::of(!self.require_int8 || report.executed.is_integer()))
    }
}
