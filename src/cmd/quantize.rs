//! `edgectl quantize`: a float model and calibration data become int8 files, with the accuracy of the very kernels that devices run.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use edgectl_data::MetricKind;
use edgectl_quantize::{Calibrator, Int16, QuantizeOptions, Recipe};

use crate::args::{DataArgs, metrics, one_of};
use crate::benchmark::devices;
use crate::output::OutputError;
use crate::quantization::options::{self, Int16Choice, Passes};
use crate::quantization::{Data, Format, Limits, MemoryArgs, Mode, Plan};
use crate::ui::{Ui, Verdict};

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
    #[arg(long, value_name = "PERCENT", value_parser = options::percentile)]
    percentile: Option<f64>,
    /// Methods beside calibration, applied in their own order: none, or some of remove-dead, equalize, absorb-bias, clip-weights,
    /// round-adaptive, correct-bias, correct-bias-empirical [default: equalize; with --per-tensor also correct-bias-empirical]
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
    #[arg(long, value_name = "POINTS", requires = "eval", value_parser = options::points)]
    max_drop: Option<f64>,
    /// Begin no further recipe of --max-drop after so long, such as 30s or 2m
    #[arg(long, value_name = "TIME", requires = "max_drop", value_parser = options::duration)]
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
    args.plan()?.run(ui)
}

impl Args {
    /// What the options ask for, as far as that can be known without the model.
    fn plan(&self) -> Result<Plan<'_>> {
        let models = self.output.iter().map(|path| Ok((path.as_path(), Format::of(path)?)));
        let report = self.report.iter().map(|path| Ok((path.as_path(), Format::Report)));
        let files: Vec<(&Path, Format)> = models.chain(report).collect::<Result<_, OutputError>>()?;
        let recipe = self.recipe()?;
        let chooses_int16 = self.int16.as_ref().is_some_and(|choice| choice.0.is_none());
        ensure!(!chooses_int16 || self.max_drop.is_some(), "--int16 auto needs --max-drop, which says how many nodes are enough");
        let given: Vec<&'static str> = self.of_static_mode().into_iter().filter_map(|(option, given)| given.then_some(option)).collect();
        if self.mode != Mode::Static {
            if let Some(option) = given.first() {
                bail!("{option} belongs to --mode static, not to --mode {}", self.mode.name());
            }
            if let Some((path, _)) = files.iter().find(|(_, format)| *format != Format::QdqOnnx) {
                bail!(OutputError::Extension { path: (*path).into(), expected: ".onnx" });
            }
        }
        Ok(Plan {
            model: &self.model,
            mode: self.mode,
            recipe,
            limits: self.max_drop.map(|max_drop_points| Limits { max_drop_points, budget: self.budget, int16: chooses_int16 }),
            data: Data {
                args: &self.data,
                calibration: self.calibration.as_deref(),
                calibration_samples: self.calibration_samples,
                eval: self.eval.as_deref(),
                limit: self.limit,
                metric: self.metric,
            },
            files,
            memory: &self.memory,
            profiles: devices::open(&self.profile)?,
            strict: self.strict,
            require_int8: self.require_int8,
            explain: self.explain,
            given,
        })
    }

    fn recipe(&self) -> Result<Recipe> {
        let calibrator = match (self.calibrator.unwrap_or(Recipe::default().calibrator), self.percentile) {
            (calibrator, None) => calibrator,
            (Calibrator::Percentile { .. }, Some(percent)) => Calibrator::Percentile { percent },
            (other, Some(_)) => bail!("--percentile belongs to the calibrator percentile, not to {other}"),
        };
        let options = QuantizeOptions { per_channel_conv: !self.per_tensor, per_channel_dense: !self.per_tensor };
        let int16 = self.int16.as_ref().map_or(Int16::None, |choice| choice.0.clone().unwrap_or_default());
        let methods = self.passes.as_ref().map_or_else(|| Recipe::default_methods(options), |passes| passes.0.clone());
        Ok(Recipe { calibrator, methods, options, int16, allow_constant: self.allow_constant, ..Recipe::default() })
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
            (MemoryArgs::OPTIONS, self.memory.is_given()),
            ("--strict", self.strict),
        ]
    }
}
