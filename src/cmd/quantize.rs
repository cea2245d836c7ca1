//! `edgectl quantize`: a float model and calibration data become int8 files, with the accuracy of the very kernels that devices run.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use edgectl_data::MetricKind;
use edgectl_graph::{Graph, TensorId};
use edgectl_onnx::{Int8Arithmetic, QdqOptions};
use edgectl_profile::Profile;
use edgectl_quantize::{Calibrator, Int16, Method, QuantizeOptions, Range, Recipe};

use crate::args::{DataArgs, metrics, one_of};
use crate::benchmark::{self, Candidate, WithDevices, devices};
use crate::calibrate;
use crate::engine::{Engine, FloatEngine};
use crate::eval::{self, Remembering};
use crate::explanation::{self, ExplanationReport};
use crate::ladder::{self, Ladder, Limits};
use crate::lint;
use crate::memory::MemoryArgs;
use crate::model::{self, Int8Model, Model, ModelError, Source, Unstated};
use crate::output::{OutputError, Outputs};
use crate::partly_float;
use crate::quantization::{CalibrationRow, Format, QuantizeReport};
use crate::ui::{Ui, Verdict};
use crate::workbench::{Evaluation, Workbench};

/// Quantize a float model to int8 and measure what it costs
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Float model: .onnx or .tflite; or one that is int8 already, for its program
    model: PathBuf,
    /// Samples from which the ranges of activations are found; needed for float models, and for quantized ones of which a part has no scale
    #[arg(long, value_name = "DATA")]
    calibration: Option<PathBuf>,
    /// Samples on which float and int8 are compared
    #[arg(long, value_name = "DATA")]
    eval: Option<PathBuf>,
    /// File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once
    #[arg(short, long, value_name = "OUT", required = true)]
    output: Vec<PathBuf>,
    /// What becomes int8: activations and weights, for devices of any kind; or weights alone, as .onnx for Linux devices, computing in
    /// float (weights-only) or in integers with activations quantized as they come (dynamic)
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Static)]
    mode: Mode,
    /// Exit with status 1 where an operator computes in float
    #[arg(long)]
    require_int8: bool,
    /// How ranges are found [default: percentile]
    #[arg(long, value_name = "NAME", value_parser = one_of::<Calibrator>(Calibrator::NAMES.iter().copied()))]
    calibrator: Option<Calibrator>,
    /// percentile: the share of values that stays, above 50, at most 100 [default: 99.98]
    #[arg(long, value_name = "PERCENT", value_parser = percentile)]
    percentile: Option<f64>,
    /// Methods beside calibration, applied in their own order: none, or some of equalize, absorb-bias, clip-weights, round-adaptive,
    /// correct-bias, correct-bias-empirical [default: equalize; with --per-tensor also correct-bias-empirical]
    #[arg(long, value_name = "NAME,..")]
    passes: Option<Passes>,
    /// Read at most so many calibration samples, taken evenly from all of the data
    #[arg(long, value_name = "N", requires = "calibration")]
    calibration_samples: Option<NonZeroUsize>,
    /// Read at most the first so many evaluation samples
    #[arg(long, value_name = "N", requires = "eval")]
    limit: Option<NonZeroUsize>,
    /// What is measured [default: top1, where there are labels and the only output is a list of classes]
    #[arg(long, value_name = "NAME", value_parser = metrics(), requires = "eval")]
    metric: Option<MetricKind>,
    /// The drop of the metric that is allowed, in points: tries recipes from the cheapest on and stops at the first that stays within;
    /// exits with status 1 where none does
    #[arg(long, value_name = "POINTS", requires = "eval", value_parser = points)]
    max_drop: Option<f64>,
    /// Begin no further recipe of --max-drop after so long, such as 30s or 2m
    #[arg(long, value_name = "TIME", requires = "max_drop", value_parser = ladder::duration)]
    budget: Option<Duration>,
    /// Nodes with int16 activations and int8 weights: their names, all that have such a form, or auto, which with --max-drop takes as few
    /// as stay within it, where no recipe of int8 does
    #[arg(long, value_name = "NODE,..|all|auto")]
    int16: Option<Int16Choice>,
    /// Let calibration show but one value of an activation: a part of the model that does nothing
    #[arg(long)]
    allow_constant: bool,
    /// Refuse calibration data that look wrong, instead of warning
    #[arg(long)]
    strict: bool,
    /// Say where the noise of int8 is, which samples change class and where that begins, and try repairs
    #[arg(long)]
    explain: bool,
    /// Write the explanation as a page to look at, with plots; nothing in it is loaded from elsewhere
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Also say what the result costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',')]
    profile: Vec<String>,
    /// One weight scale per layer, instead of one per output channel
    #[arg(long)]
    per_tensor: bool,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    data: DataArgs,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let files = args.files()?;
    let calibrator = args.calibrator()?;
    ensure!(!args.chooses_int16() || args.max_drop.is_some(), "--int16 auto needs --max-drop, which says how many nodes are enough");
    let profiles = devices::open(&args.profile)?;
    args.check_mode(&files)?;
    let model = Model::open(&args.model, ui)?;
    let cannot = || format!("cannot quantize {}", args.model.display());
    let (source, completed) = match model.into_source(ui).with_context(cannot)? {
        Source::Unstated(unstated) => (Source::Int8(Box::new(args.complete(*unstated, calibrator, ui)?)), true),
        source => (source, false),
    };
    match source {
        Source::Float(graph) if args.mode != Mode::Static => {
            let float = FloatEngine::new(&graph, false).with_context(cannot)?;
            let evaluation = args.evaluation(&float, true)?;
            let outputs = args.create(&files)?;
            let paths: Vec<&Path> = files.iter().map(|(path, _)| *path).collect();
            let report =
                partly_float::weights((&args.model, &graph), args.mode.arithmetic(), !args.per_tensor, &evaluation, (&paths, outputs), ui);
            let report = report.with_context(cannot)?;
            ui.result(&report)?;
            Ok(Verdict::of(!args.require_int8 || report.executed.is_integer()))
        }
        Source::Float(graph) if model::has_opaque(&graph) && files.iter().all(|(_, format)| *format == Format::QdqOnnx) => {
            let unused = [("--explain", args.explain), ("--max-drop", args.max_drop.is_some()), ("--profile", !args.profile.is_empty())];
            if let Some((option, _)) = unused.into_iter().chain([(Args::MEMORY, args.memory.is_given())]).find(|(_, given)| *given) {
                bail!(
                    "{option} needs an int8 program, which {} cannot become: it has operators that are not supported",
                    args.model.display()
                );
            }
            let graph = model::with_shapes(&args.model, graph).with_context(cannot)?;
            let float = FloatEngine::new(&graph, false).with_context(cannot)?;
            let bench = args.workbench(model::prepared_around_opaque(&graph).with_context(cannot)?, &float)?;
            let outputs = args.create(&files)?;
            let paths: Vec<&Path> = files.iter().map(|(path, _)| *path).collect();
            let recipe = args.recipe(calibrator);
            let done = partly_float::around_opaque((&args.model, &graph), &bench, &recipe, args.data.model_layout(), ui);
            let (report, onnx, findings) = done.with_context(cannot)?;
            lint::report(&findings, args.strict, ui)?;
            let report = report.write(&onnx, &paths, outputs)?;
            ui.result(&report)?;
            Ok(Verdict::of(!args.require_int8 || report.executed.is_integer()))
        }
        Source::Float(graph) => {
            let prepared = model::prepared(&graph).with_context(cannot)?;
            let float = FloatEngine::new(&graph, false).with_context(cannot)?;
            let bench = args.workbench(prepared, &float)?;
            let outputs = args.create(&files)?;
            let recipe = args.recipe(calibrator);
            let (recipe, attempt, ladder) = match args.limits() {
                Some(limits) => {
                    let (recipe, attempt, ladder) = ladder::climb(&bench, recipe, limits, args.chooses_int16(), ui).with_context(cannot)?;
                    (recipe, attempt, Some(ladder))
                }
                None => {
                    let attempt = bench.attempt(&recipe, ui).with_context(cannot)?;
                    (recipe, attempt, None)
                }
            };
            attempt.notes.iter().for_each(|note| ui.detail(format_args!("{note}")));
            let all_int8 = Recipe { int16: Int16::None, ..recipe.clone() };
            let all_int8 = (all_int8 != recipe).then(|| bench.attempt(&all_int8, ui)).transpose().with_context(cannot)?;
            let findings = lint::findings(&bench, (attempt.samples, &attempt.shown), attempt.found.as_ref(), args.data.model_layout(), ui)?;
            lint::report(&findings, args.strict, ui)?;
            let calibration = Some(CalibrationRow::new(&recipe, &attempt, all_int8.as_ref(), &findings));
            let explanation = args.wants_explanation().then(|| {
                let found = explanation::explain(&bench, &attempt, ui)?;
                let repairs = explanation::trials(&bench, &recipe, &attempt, &found, ui)?;
                Ok::<_, anyhow::Error>(ExplanationReport::new(&attempt, found, repairs))
            });
            let explanation = explanation.transpose().with_context(cannot)?;
            let found = attempt.found.as_ref();
            Done { graph: &graph, int8: &attempt.int8, calibration, found, ladder, explanation, profiles }.finish(args, &files, outputs, ui)
        }
        // Completed above.
        Source::Unstated(unstated) => Err(unstated.into_error()).with_context(cannot),
        Source::Int8(int8) => {
            if args.calibration.is_some() && !completed {
                ui.warning(format_args!("{} is quantized already and keeps its scales: --calibration is not read", args.model.display()));
            }
            let static_only = args.of_static_mode().into_iter().filter(|(option, _)| match *option {
                "--calibration" | "--profile" | Args::MEMORY => false,
                "--calibrator" | "--percentile" => !completed,
                _ => true,
            });
            let others = [("--mode", args.mode != Mode::Static), ("--per-tensor", args.per_tensor)];
            if let Some((option, _)) = static_only.chain(others).find(|(_, given)| *given) {
                bail!("{option} is for float models; {} is quantized already", args.model.display());
            }
            let evaluation = args.evaluation(&int8.engine()?, false)?;
            let outputs = args.create(&files)?;
            let found = evaluation.run(&int8, None, ui)?;
            let graph = int8.quantized.graph();
            let found = found.as_ref();
            Done { graph, int8: &int8, calibration: None, found, ladder: None, explanation: None, profiles }
                .finish(args, &files, outputs, ui)
        }
    }
}

/// The results of all stages.
struct Done<'a> {
    /// As it was before quantization.
    graph: &'a Graph,
    int8: &'a Int8Model,
    calibration: Option<CalibrationRow>,
    found: Option<&'a eval::Evaluation>,
    ladder: Option<Ladder>,
    explanation: Option<ExplanationReport>,
    profiles: Vec<Profile>,
}

impl Done<'_> {
    /// Writes the files and reports.
    fn finish(self, args: &Args, files: &[(&Path, Format)], outputs: Outputs, ui: &Ui) -> Result<Verdict> {
        let mut report = QuantizeReport::new(&args.model, self.graph, self.int8, self.calibration, self.found);
        let remembering = args.memory.lower(self.int8).with_context(|| format!("cannot quantize {}", args.model.display()))?;
        let program = remembering.as_ref().map_or(&self.int8.program, |remembering| &remembering.program);
        report.memory = remembering.as_ref().map(|remembering| remembering.row.clone());
        (report.ladder, report.explanation, report.explain) = (self.ladder, self.explanation, args.explain);
        report.collapses().iter().for_each(|line| ui.warning(line));
        for (i, (_, format)) in files.iter().enumerate() {
            match format {
                Format::Edgm => outputs.write(i, program)?,
                Format::QdqOnnx => {
                    let qdq = edgectl_onnx::export_qdq(&self.int8.quantized, &QdqOptions::default());
                    outputs.write(i, &qdq.with_context(|| format!("cannot quantize {}", args.model.display()))?)?;
                }
                Format::Report => outputs.write(i, report.page().as_bytes())?,
            }
        }
        for ((path, format), bytes) in files.iter().zip(outputs.commit()?) {
            report.file(path, *format, bytes);
        }
        let estimate = || benchmark::estimate(Candidate::of_program(&args.model, program)?, self.profiles, ui);
        let devices = if args.profile.is_empty() { None } else { Some(estimate()?) };
        let with_devices = WithDevices { report: &report, devices };
        ui.result(&with_devices)?;
        let dropped =
            report.ladder.as_ref().is_some_and(|ladder| !ladder.is_within()) || args.require_int8 && !report.executed.is_integer();
        Ok(if dropped { Verdict::Negative } else { with_devices.verdict() })
    }
}

impl Args {
    /// The recipe that the options describe.
    fn recipe(&self, calibrator: Calibrator) -> Recipe {
        let options = QuantizeOptions { per_channel_conv: !self.per_tensor, per_channel_dense: !self.per_tensor };
        let int16 = self.int16.as_ref().map_or(Int16::None, |choice| choice.0.clone().unwrap_or_default());
        let methods = self.passes.as_ref().map_or_else(|| Recipe::default_methods(options), |passes| passes.0.clone());
        Recipe { calibrator, methods, options, int16, allow_constant: self.allow_constant, ..Recipe::default() }
    }

    /// A prepared graph with its float engine and all data.
    fn workbench<'e>(&self, prepared: Graph, float: &'e FloatEngine) -> Result<Workbench<'e>> {
        let Some(path) = &self.calibration else { bail!(ModelError::NoCalibration { path: self.model.clone() }) };
        let calibration = self.data.open_spread(path, self.calibration_samples, &float.inputs())?;
        let evaluation = self.evaluation(float, true)?;
        Ok(Workbench { prepared, float: Remembering::new(float), calibration, evaluation })
    }

    /// Finds the ranges that a quantized model does not state.
    fn complete(&self, unstated: Unstated, calibrator: Calibrator, ui: &Ui) -> Result<Int8Model> {
        let cannot = || format!("cannot quantize {}", self.model.display());
        let Some(path) = &self.calibration else { return Err(unstated.into_error()).with_context(cannot) };
        let engine = FloatEngine::new(&unstated.graph, true).with_context(cannot)?;
        let samples = self.data.open_spread(path, self.calibration_samples, &engine.inputs())?;
        let tensors: Vec<TensorId> = unstated.tensors.iter().map(|(_, id)| *id).collect();
        let found = calibrate::ranges(&unstated.graph, &tensors, calibrator, &samples, ui).with_context(cannot)?;
        let Some(ranges) = found.into_iter().collect::<Option<Vec<_>>>() else { return Err(unstated.into_error()).with_context(cannot) };
        for ((name, _), Range { min, max }) in unstated.tensors.iter().zip(&ranges) {
            ui.warning(format_args!("{}: \"{name}\" has no scale; calibration shows {min:.4} to {max:.4}", self.model.display()));
        }
        unstated.complete(&ranges, ui).with_context(cannot)
    }

    const MEMORY: &str = "--stateful, or --streaming,";

    /// Opens the evaluation data, and refuses early what cannot be measured.
    fn evaluation(&self, engine: &dyn Engine, has_reference: bool) -> Result<Evaluation> {
        let open = |path| self.data.open(path, self.limit, &engine.inputs());
        let samples = self.eval.as_deref().map(open).transpose()?;
        let metric = self.metric.or_else(|| samples.as_ref().and_then(|samples| eval::default_metric(samples, engine)));
        if let (Some(samples), Some(metric)) = (&samples, metric) {
            eval::check_metric(metric, samples, engine, has_reference)?;
        }
        let comparable = has_reference && metric.is_some_and(MetricKind::higher_is_better);
        ensure!(self.max_drop.is_none() || comparable, "--max-drop needs a metric with labels, and a float model to compare with");
        Ok(Evaluation { samples, metric })
    }

    /// The files to be written, the report last.
    fn files(&self) -> Result<Vec<(&Path, Format)>> {
        let models = self.output.iter().map(|path| Ok((path.as_path(), Format::of(path)?)));
        models.chain(self.report.iter().map(|path| Ok((path.as_path(), Format::Report)))).collect()
    }

    fn create(&self, files: &[(&Path, Format)]) -> Result<Outputs> {
        let inputs = [&self.model].into_iter().chain(&self.calibration).chain(&self.eval);
        let outputs: Vec<&Path> = files.iter().map(|(path, _)| *path).collect();
        Ok(Outputs::create(&outputs, &inputs.map(PathBuf::as_path).collect::<Vec<_>>())?)
    }

    /// The options that mean something only where a float model becomes int8 as a whole, and whether they are given.
    fn of_static_mode(&self) -> [(&'static str, bool); 12] {
        [
            ("--allow-constant", self.allow_constant),
            ("--calibration", self.calibration.is_some()),
            ("--calibrator", self.calibrator.is_some()),
            ("--explain", self.explain),
            ("--int16", self.int16.is_some()),
            ("--max-drop", self.max_drop.is_some()),
            ("--passes", self.passes.is_some()),
            ("--percentile", self.percentile.is_some()),
            ("--profile", !self.profile.is_empty()),
            ("--report", self.report.is_some()),
            (Self::MEMORY, self.memory.is_given()),
            ("--strict", self.strict),
        ]
    }

    /// Refuses options that a mode has no use for.
    fn check_mode(&self, files: &[(&Path, Format)]) -> Result<()> {
        if self.mode == Mode::Static {
            return Ok(());
        }
        if let Some((option, _)) = self.of_static_mode().into_iter().find(|(_, given)| *given) {
            bail!("{option} belongs to --mode static, not to --mode {}", self.mode.name());
        }
        match files.iter().find(|(_, format)| *format != Format::QdqOnnx) {
            Some((path, _)) => bail!(OutputError::Extension { path: path.into(), expected: ".onnx" }),
            None => Ok(()),
        }
    }

    fn limits(&self) -> Option<Limits> {
        self.max_drop.map(|max_drop_points| Limits { max_drop_points, budget: self.budget })
    }

    fn chooses_int16(&self) -> bool {
        self.int16.as_ref().is_some_and(|choice| choice.0.is_none())
    }

    fn wants_explanation(&self) -> bool {
        self.explain || self.report.is_some()
    }

    fn calibrator(&self) -> Result<Calibrator> {
        match (self.calibrator.unwrap_or(Recipe::default().calibrator), self.percentile) {
            (calibrator, None) => Ok(calibrator),
            (Calibrator::Percentile { .. }, Some(percent)) => Ok(Calibrator::Percentile { percent }),
            (other, Some(_)) => anyhow::bail!("--percentile belongs to the calibrator percentile, not to {other}"),
        }
    }
}

/// The nodes of `--int16`; `None` for auto.
#[derive(Clone, Debug)]
struct Int16Choice(Option<Int16>);

impl FromStr for Int16Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Int16Choice, String> {
        match text {
            "" => Err("expected all, auto, or names of nodes".into()),
            "all" => Ok(Int16Choice(Some(Int16::All))),
            "auto" => Ok(Int16Choice(None)),
            names => Ok(Int16Choice(Some(Int16::Nodes(names.split(',').map(str::to_owned).collect())))),
        }
    }
}

/// What becomes int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Activations and weights, by calibration
    Static,
    /// Weights; computes in float
    WeightsOnly,
    /// Weights; activations are quantized as they come
    Dynamic,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Static => "static",
            Mode::WeightsOnly => "weights-only",
            Mode::Dynamic => "dynamic",
        }
    }

    /// The name, and what layers compute in.
    fn arithmetic(self) -> (&'static str, Int8Arithmetic) {
        let arithmetic = if self == Mode::Dynamic { Int8Arithmetic::Dynamic } else { Int8Arithmetic::Dequantized };
        (self.name(), arithmetic)
    }
}

/// The methods of `--passes`.
#[derive(Clone, Debug)]
struct Passes(Vec<Method>);

impl FromStr for Passes {
    type Err = String;

    fn from_str(text: &str) -> Result<Passes, String> {
        match text {
            "none" => Ok(Passes(vec![])),
            names => names.split(',').map(Method::from_str).collect::<Result<_, _>>().map(Passes),
        }
    }
}

fn percentile(text: &str) -> Result<f64, String> {
    let percent = text.parse::<f64>().ok().filter(|&percent| percent > 50.0 && percent <= 100.0);
    percent.ok_or_else(|| "expected a number above 50, at most 100".into())
}

fn points(text: &str) -> Result<f64, String> {
    let points = text.parse::<f64>().ok().filter(|points| (0.0..=100.0).contains(points));
    points.ok_or_else(|| "expected points from 0 to 100".into())
}
