//! `edgectl prune`: a float model becomes smaller, and stays a float model.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use edgectl_data::MetricKind;
use edgectl_profile::Profile;
use edgectl_prune::{Keep, Pattern, Scope};
use edgectl_train::Augmentation;

use crate::args::{DataArgs, metrics, number};
use crate::benchmark::devices;
use crate::engine::{Engine, FloatEngine, Port};
use crate::eval::{self, Remembering};
use crate::model::{Model, ModelError, Source};
use crate::output::{OutputError, Outputs};
use crate::pruning::target::{self, Limit, Quantity};
use crate::pruning::{self, Importance, Options, Pruning, PruningError, Structure, Training};
use crate::quantization::{Evaluation, options::points};
use crate::samples::Samples;
use crate::training::checkpoint_of;
use crate::ui::{Ui, Verdict};

/// Remove channels from a float model, or set weights to zero, and measure what that costs
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Float model: .onnx or .tflite
    model: PathBuf,
    /// Samples, with labels or without: for activation statistics, gradients and training
    #[arg(long, value_name = "DATA", required_unless_present = "lossless")]
    data: Option<PathBuf>,
    /// Samples on which the model is measured before and after
    #[arg(long, value_name = "DATA")]
    eval: Option<PathBuf>,
    /// File to write: .onnx
    #[arg(short, long, value_name = "OUT", required = true)]
    output: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    training: TrainingArgs,
    /// Read at most so many samples of --data, taken evenly from all of them
    #[arg(long, value_name = "N", requires = "data")]
    samples: Option<NonZeroUsize>,
    /// Read at most the first so many evaluation samples
    #[arg(long, value_name = "N", requires = "eval")]
    limit: Option<NonZeroUsize>,
    /// What is measured [default: top1, where there are labels and the only output is a list of classes]
    #[arg(long, value_name = "NAME", value_parser = metrics(), requires = "eval")]
    metric: Option<MetricKind>,
    #[command(flatten)]
    data_args: DataArgs,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Target: how small the model must become")]
#[group(id = "targets", required = true, multiple = true)]
struct Target {
    /// Remove only what does nothing: outputs stay as they are, to rounding
    #[arg(long, conflicts_with_all = ["sparsity", "max_macs", "max_params", "max_latency_ms", "max_ram_kib", "max_flash_kib", "max_drop"])]
    lossless: bool,
    /// The share of parameters that goes, from 0 to 1; with --structure unstructured, the share of weights that become zero
    #[arg(long, value_name = "SHARE", value_parser = share)]
    sparsity: Option<f64>,
    /// The most multiply-accumulate operations: 1500000, 1500k or 1.5M
    #[arg(long, value_name = "N", value_parser = quantity)]
    max_macs: Option<f64>,
    /// The most parameters: 20000 or 20k
    #[arg(long, value_name = "N", value_parser = quantity)]
    max_params: Option<f64>,
    /// Time of an inference on each --profile, as its cost model estimates it for int8
    #[arg(long, value_name = "MS", value_parser = positive, requires = "profile")]
    max_latency_ms: Option<f64>,
    /// Arena, stack and, on Linux, the int8 program
    #[arg(long, value_name = "KIB", value_parser = positive, requires = "profile")]
    max_ram_kib: Option<f64>,
    /// Int8 program, runtime and kernels
    #[arg(long, value_name = "KIB", value_parser = positive, requires = "profile")]
    max_flash_kib: Option<f64>,
    /// Weights of which blocks stay, N of M, such as 2:4
    #[arg(long, value_name = "N:M", conflicts_with_all = ["sparsity", "max_macs", "max_params", "max_latency_ms", "lossless"])]
    blocks: Option<Pattern>,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Choice: what goes")]
struct Choice {
    /// Whether channels go, or single weights become zero
    #[arg(long, value_name = "NAME", value_enum, default_value_t = StructureArg::Channels)]
    structure: StructureArg,
    /// How channels are compared
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Importance::Reconstruction)]
    importance: Importance,
    /// Whether all layers are compared, or each loses the same share
    #[arg(long, value_name = "NAME", value_enum, default_value_t = ScopeArg::Global)]
    scope: ScopeArg,
    /// Only take channels out, and leave the weights of the others as they are, instead of letting them make up for what goes
    #[arg(long)]
    no_compensation: bool,
    /// Numbers of channels become multiples of this [default: what the profile's kernels take at a time, otherwise 1]
    #[arg(long, value_name = "N")]
    multiple: Option<NonZeroUsize>,
    /// The share of channels that each layer keeps at least
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.1)]
    keep: f64,
    /// The drop of the metric that is allowed, in points; more than that is refused with exit status 1, and nothing is written
    #[arg(long, value_name = "POINTS", requires = "eval", value_parser = points)]
    max_drop: Option<f64>,
    /// --lossless: the range of the model's inputs, such as 0,1 [default: any number]
    #[arg(long, value_name = "LOW,HIGH", requires = "lossless", allow_hyphen_values = true)]
    input_range: Option<Range>,
    /// Devices: names (see `edgectl profiles list`) or files
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',')]
    profile: Vec<String>,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Training after each step")]
struct TrainingArgs {
    /// Steps in which the target is reached
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    steps: u16,
    /// Epochs after each step but the last
    #[arg(long, value_name = "N", default_value_t = 2)]
    epochs: u16,
    /// Epochs after the last step [default: 4 times --epochs]
    #[arg(long, value_name = "N")]
    final_epochs: Option<u16>,
    /// Samples of a batch
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN.saturating_add(63))]
    batch: NonZeroUsize,
    /// The greatest learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-3, value_parser = rate)]
    learning_rate: f32,
    /// How much the unpruned model's outputs count beside the labels, from 0 to 1; without labels they are all there is
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.7, value_parser = share_f32)]
    distill_weight: f32,
    /// How soft the unpruned model's classes are
    #[arg(long, value_name = "T", default_value_t = 3.0, value_parser = rate)]
    temperature: f32,
    /// How much the inner tensors of the unpruned model count: channels that stay are held to what they were [default: 100 without labels, 0
    /// with labels]
    #[arg(long, value_name = "WEIGHT", value_parser = weight)]
    feature_weight: Option<f32>,
    /// Random changes of training samples (see `edgectl finetune --help`)
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    augment: Vec<Augmentation>,
    /// Whence all randomness comes
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The state of training: kept in a file for each step, with its number behind this name, after each epoch and on interrupt, and taken up
    /// again by the same command; goes when all is done [default: the output with .checkpoint behind it]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let structure = args.structure()?;
    if args.output.extension().is_none_or(|extension| extension != "onnx") {
        return Err(OutputError::Extension { path: args.output.clone(), expected: ".onnx" }.into());
    }
    let profiles = devices::open(&args.choice.profile)?;
    let cannot = || format!("cannot prune {}", args.model.display());
    let model = Model::open(&args.model, ui)?;
    let (file_bytes, opened) = (model.bytes, model.into_source(ui).with_context(cannot)?);
    let Source::Float(graph) = opened else {
        let (expected, found) = ("a float model: prune first, then quantize", "quantized already");
        return Err(ModelError::Kind { path: args.model.clone(), expected, found }.into());
    };
    graph.require_deployable().with_context(cannot)?;
    let float = FloatEngine::new(&graph, false).with_context(cannot)?;
    let ports = float.inputs();
    let data = args.data.as_deref().map(|path| args.data_args.open_spread(path, args.samples, &ports)).transpose()?;
    let evaluation = args.evaluation(&float, &ports)?;
    let inputs: Vec<&Path> = [&args.model].into_iter().chain(&args.data).chain(&args.eval).map(PathBuf::as_path).collect();
    let outputs = Outputs::create(&[&args.output], &inputs)?;
    let options = args.options(structure, &profiles);
    let pruning = Pruning {
        path: &args.model,
        original: &graph,
        reference: Remembering::new(&float),
        data: data.as_ref(),
        evaluation: &evaluation,
        profiles: &profiles,
        options: &options,
        ui,
    };
    let (mut report, pruned) = pruning.run().with_context(cannot)?;
    if report.refused.is_none() {
        let batch = pruning::batch_symbol(&args.model).with_context(cannot)?;
        let onnx = pruning::export(pruned, batch.as_deref()).with_context(cannot)?;
        outputs.write(0, &onnx)?;
        let bytes = outputs.commit()?;
        report.wrote(&args.output, &onnx, bytes[0], (file_bytes, &std::fs::read(&args.model)?));
    }
    options.remove_checkpoints();
    ui.result(&report)?;
    Ok(Verdict::of(report.refused.is_none()))
}

impl Args {
    fn structure(&self) -> Result<Structure> {
        let Target { lossless, sparsity, blocks, max_macs, max_params, max_latency_ms, max_ram_kib, max_flash_kib } = &self.target;
        let limits = [
            ("--max-macs", max_macs),
            ("--max-params", max_params),
            ("--max-latency-ms", max_latency_ms),
            ("--max-ram-kib", max_ram_kib),
            ("--max-flash-kib", max_flash_kib),
        ];
        let limited = limits.iter().find(|(_, limit)| limit.is_some()).map(|(option, _)| *option);
        let masked = self.choice.structure == StructureArg::Unstructured || blocks.is_some();
        if let Some(option) = limited.filter(|_| masked) {
            anyhow::bail!("{option} belongs to --structure channels: weights of zero leave size and number of operations as they are");
        }
        Ok(match (lossless, blocks, sparsity) {
            (true, ..) => {
                ensure!(!masked, "--lossless belongs to --structure channels");
                let any = Range { low: f32::NEG_INFINITY, high: f32::INFINITY };
                let Range { low, high } = self.choice.input_range.unwrap_or(any);
                Structure::Lossless { range: (low, high) }
            }
            (_, Some(pattern), _) => Structure::Masks { pattern: *pattern, share: 1.0 },
            (.., Some(share)) if masked => Structure::Masks { pattern: Pattern::Unstructured, share: *share },
            _ => Structure::Channels,
        })
    }

    fn options(&self, structure: Structure, profiles: &[Profile]) -> Options {
        let limit = |quantity, most: Option<f64>| most.map(|most| Limit { quantity, most });
        let Target { max_macs, max_params, max_latency_ms, max_ram_kib, max_flash_kib, .. } = self.target;
        let bytes = |kib: Option<f64>| kib.map(|kib| kib * 1024.0);
        let limits = [
            limit(Quantity::Macs, max_macs),
            limit(Quantity::Parameters, max_params),
            limit(Quantity::LatencyMs, max_latency_ms),
            limit(Quantity::RamBytes, bytes(max_ram_kib)),
            limit(Quantity::FlashBytes, bytes(max_flash_kib)),
        ];
        let train = &self.training;
        let multiple = self.choice.multiple.map_or_else(|| profiles.iter().map(target::multiple).max().unwrap_or(1), NonZeroUsize::get);
        Options {
            structure,
            importance: self.choice.importance,
            scope: if self.choice.scope == ScopeArg::Global { Scope::Global } else { Scope::PerLayer },
            compensate: !self.choice.no_compensation,
            keep: Keep { multiple, share: self.choice.keep },
            steps: train.steps.into(),
            limits: limits.into_iter().flatten().collect(),
            sparsity: self.target.sparsity,
            max_drop_points: self.choice.max_drop,
            training: Training {
                epochs: train.epochs.into(),
                final_epochs: train.final_epochs.unwrap_or(train.epochs.saturating_mul(4)).into(),
                batch: train.batch.get(),
                learning_rate: train.learning_rate,
                distill_weight: train.distill_weight,
                temperature: train.temperature,
                feature_weight: train.feature_weight,
                augmentations: train.augment.clone(),
                seed: train.seed,
            },
            checkpoint: train.checkpoint.clone().unwrap_or_else(|| checkpoint_of(&self.output)),
        }
    }

    /// Opens the evaluation data, and refuses early what cannot be measured.
    fn evaluation(&self, engine: &FloatEngine, ports: &[Port]) -> Result<Evaluation> {
        let samples: Option<Samples> = self.eval.as_deref().map(|path| self.data_args.open(path, self.limit, ports)).transpose()?;
        let metric = self.metric.or_else(|| samples.as_ref().and_then(|samples| eval::default_metric(samples, engine)));
        if let (Some(samples), Some(metric)) = (&samples, metric) {
            eval::check_metric(metric, samples, engine, true)?;
        }
        if self.choice.max_drop.is_some() && !metric.is_some_and(MetricKind::higher_is_better) {
            return Err(PruningError::NoMetric.into());
        }
        Ok(Evaluation { samples, metric })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum StructureArg {
    /// Channels go: the model has fewer operations
    Channels,
    /// Single weights become zero: the model only compresses better
    Unstructured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ScopeArg {
    /// All layers are compared
    Global,
    /// Each layer loses the same share
    PerLayer,
}

/// The range of inputs.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f32,
    high: f32,
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let numbers = text.split_once(',').and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
        let range = numbers.map(|(low, high)| Range { low, high }).filter(|range| range.low <= range.high);
        range.ok_or_else(|| "expected two numbers, the lower one first, such as 0,1".into())
    }
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |share| (0.0..1.0).contains(&share), "a share from 0 to below 1")
}

fn share_f32(text: &str) -> Result<f32, String> {
    number(text, |share| (0.0..=1.0).contains(&share), "a number from 0 to 1")
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |number: f64| number.is_finite() && number > 0.0, "a number above 0")
}

fn weight(text: &str) -> Result<f32, String> {
    number(text, |number: f32| number.is_finite() && number >= 0.0, "a number of at least 0")
}

fn rate(text: &str) -> Result<f32, String> {
    number(text, |number: f32| number.is_finite() && number > 0.0, "a number above 0")
}

/// A number, with k, M or G for thousands, millions or milliards.
fn quantity(text: &str) -> Result<f64, String> {
    let factor = match text.chars().last() {
        Some('k' | 'K') => 1e3,
        Some('M') => 1e6,
        Some('G') => 1e9,
        _ => 1.0,
    };
    let digits = if factor > 1.0 { &text[..text.len() - 1] } else { text };
    positive(digits).map(|number| number * factor).map_err(|_| "expected a number above 0, such as 1500000, 1500k or 1.5M".into())
}
