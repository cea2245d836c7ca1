//! `edgectl quantize`: a float model and calibration data become int8 files, with the accuracy of the very kernels that devices run.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use edge_format::{AlignedBytes, Program};
use edgectl_data::MetricKind;
use edgectl_lower::LowerOptions;
use edgectl_onnx::QdqOptions;
use edgectl_quantize::{Calibrator, QuantizeOptions};

use crate::args::{DataArgs, metrics, one_of};
use crate::calibrate::calibrate;
use crate::engine::{FloatEngine, Int8Engine};
use crate::eval;
use crate::model::{self, Model};
use crate::output::Outputs;
use crate::quantization::{CalibrationRow, Figures, Format, QuantizeReport};
use crate::ui::{Ui, Verdict};

/// Quantize a float model to int8 and measure what it costs
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Float model: .onnx
    model: PathBuf,
    /// Samples from which the ranges of activations are found; labels are not needed
    #[arg(long, value_name = "DATA")]
    calibration: PathBuf,
    /// Samples on which float and int8 are compared
    #[arg(long, value_name = "DATA")]
    eval: Option<PathBuf>,
    /// File to write: .edgm (int8 program) or .onnx (QDQ); may be given more than once
    #[arg(short, long, value_name = "OUT", required = true)]
    output: Vec<PathBuf>,
    /// How ranges are found
    #[arg(long, value_name = "NAME", default_value = "percentile", value_parser = one_of::<Calibrator>(Calibrator::NAMES.iter().copied()))]
    calibrator: Calibrator,
    /// percentile: the share of values that stays, above 50, at most 100 [default: 99.99]
    #[arg(long, value_name = "PERCENT", value_parser = percentile)]
    percentile: Option<f64>,
    /// Read at most the first so many calibration samples
    #[arg(long, value_name = "N")]
    calibration_samples: Option<NonZeroUsize>,
    /// Read at most the first so many evaluation samples
    #[arg(long, value_name = "N", requires = "eval")]
    limit: Option<NonZeroUsize>,
    /// What is measured [default: top1, where there are labels and the only output is a list of classes]
    #[arg(long, value_name = "NAME", value_parser = metrics(), requires = "eval")]
    metric: Option<MetricKind>,
    /// Exit with status 1 where int8 is worse than float by more than so many points
    #[arg(long, value_name = "POINTS", requires = "eval")]
    max_drop: Option<f64>,
    /// One weight scale per layer, instead of one per output channel
    #[arg(long)]
    per_tensor: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let formats = args.output.iter().map(|path| Format::of(path)).collect::<Result<Vec<_>, _>>()?;
    let calibrator = args.calibrator()?;
    let model = Model::open(&args.model, ui)?;
    let graph = model.float_graph()?;
    let cannot = || format!("cannot quantize {}", args.model.display());
    let prepared = model::prepared(graph).with_context(cannot)?;
    let float = FloatEngine::new(graph, false).with_context(cannot)?;
    let input = model::only_input(&float)?;
    let calibration = args.data.open(&args.calibration, args.calibration_samples, &input)?;
    let evaluation = args.eval.as_deref().map(|path| args.data.open(path, args.limit, &input)).transpose()?;
    let metric = args.metric.or_else(|| evaluation.as_ref().and_then(|samples| eval::default_metric(samples, &float)));
    if let (Some(samples), Some(metric)) = (&evaluation, metric) {
        eval::check_metric(metric, samples, &float, true)?;
    }
    let comparable = metric.is_some_and(MetricKind::higher_is_better);
    ensure!(args.max_drop.is_none() || comparable, "--max-drop needs a metric with labels");
    let inputs: Vec<&Path> = [&args.model, &args.calibration].into_iter().chain(&args.eval).map(PathBuf::as_path).collect();
    let outputs = Outputs::create(&args.output.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &inputs)?;

    let ranges = calibrate(&prepared, calibrator, &calibration, ui).context("cannot calibrate")?;
    let options = QuantizeOptions { per_channel_conv: !args.per_tensor, per_channel_dense: !args.per_tensor };
    let quantized = edgectl_quantize::quantize(prepared, &ranges, options).with_context(cannot)?;
    let lowered = edgectl_lower::lower(&quantized, &LowerOptions::default()).with_context(cannot)?;
    let program = AlignedBytes::from(&lowered.program[..]);
    let int8 = Int8Engine::new(Program::parse(&program)?)?;
    let measure = |samples| eval::evaluate(&int8, Some(&float), samples, metric, &mut |_| Ok(()), ui);
    let found = evaluation.as_ref().map(measure).transpose().context("cannot evaluate")?;
    for (i, format) in formats.iter().enumerate() {
        let bytes = match format {
            Format::Edgm => lowered.program.clone(),
            Format::QdqOnnx => edgectl_onnx::export_qdq(&quantized, &QdqOptions::default()).with_context(cannot)?,
        };
        outputs.write(i, &bytes)?;
    }
    let sizes = outputs.commit()?;
    let calibration = CalibrationRow { calibrator: calibrator.to_string(), samples: ranges.samples() };
    let report =
        QuantizeReport::new(&args.model, graph, &lowered.report, calibration, found.as_ref(), args.output.iter().zip(formats).zip(sizes));
    ui.result(&report)?;
    let dropped =
        args.max_drop.is_some_and(|limit| report.metrics.as_ref().and_then(Figures::drop_points).is_some_and(|drop| drop > limit));
    Ok(if dropped { Verdict::Negative } else { Verdict::Positive })
}

impl Args {
    fn calibrator(&self) -> Result<Calibrator> {
        match (self.calibrator, self.percentile) {
            (calibrator, None) => Ok(calibrator),
            (Calibrator::Percentile { .. }, Some(percent)) => Ok(Calibrator::Percentile { percent }),
            (other, Some(_)) => anyhow::bail!("--percentile belongs to the calibrator percentile, not to {other}"),
        }
    }
}

fn percentile(text: &str) -> Result<f64, String> {
    let percent = text.parse::<f64>().ok().filter(|&percent| percent > 50.0 && percent <= 100.0);
    percent.ok_or_else(|| "expected a number above 50, at most 100".into())
}
