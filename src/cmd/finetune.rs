//! `edgectl finetune`: a model is trained further, in float or as int8 will compute.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use edgectl_data::MetricKind;

use crate::args::{DataArgs, metrics};
use crate::benchmark::devices;
use crate::engine::{Engine, FloatEngine};
use crate::model::{Model, ModelError, Source};
use crate::training::{Aim, Course, Defaults, Pupil, Teacher, TrainingArgs};
use crate::ui::{Ui, Verdict};

/// Train a model further: one that was pruned, that drifted, or that shall become int8
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Float model: .onnx or .tflite
    model: PathBuf,
    /// Samples to train on, with labels where there are any
    #[arg(long, value_name = "DATA")]
    data: PathBuf,
    /// Samples on which the model is measured before and after
    #[arg(long, value_name = "DATA")]
    eval: Option<PathBuf>,
    /// File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once
    #[arg(short, long, value_name = "OUT", required = true)]
    output: Vec<PathBuf>,
    /// A model to learn from beside the labels: .onnx, .tflite or .edgm
    #[arg(long, value_name = "MODEL")]
    teacher: Option<PathBuf>,
    /// Train as int8 will compute, and learn the ranges of activations
    #[arg(long)]
    quantization_aware: bool,
    /// Quantization-aware: one weight scale per layer, instead of one per output channel
    #[arg(long, requires = "quantization_aware")]
    per_tensor: bool,
    /// Read at most the first so many training samples
    #[arg(long, value_name = "N")]
    samples: Option<NonZeroUsize>,
    /// Read at most the first so many evaluation samples
    #[arg(long, value_name = "N", requires = "eval")]
    limit: Option<NonZeroUsize>,
    /// What is measured [default: top1, where there are labels and the only output is a list of classes]
    #[arg(long, value_name = "NAME", value_parser = metrics(), requires = "eval")]
    metric: Option<MetricKind>,
    /// Also say what the int8 program costs on these devices (see `edgectl bench`)
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',')]
    profile: Vec<String>,
    #[command(flatten)]
    aim: Aim,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    preprocessing: DataArgs,
}

const DEFAULTS: Defaults = Defaults { epochs: 10, learning_rate: 5e-4, warm_up_epochs: 0.0 };

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let profiles = devices::open(&args.profile)?;
    let model = Model::open(&args.model, ui)?;
    let cannot = || format!("cannot fine-tune {}", args.model.display());
    let graph = match model.into_source(ui).with_context(cannot)? {
        Source::Float(graph) => graph,
        Source::Int8(_) | Source::Unstated(_) => {
            bail!(ModelError::Kind { path: args.model.clone(), expected: "a float model", found: "quantized already" });
        }
    };
    let teacher = args.teacher.as_deref().map(|path| Teacher::open(path, ui)).transpose()?;
    let inputs = FloatEngine::new(&graph, false).with_context(cannot)?.inputs();
    let open = |path: &Path| args.preprocessing.open(path, args.limit, &inputs);
    let course = Course {
        pupil: Pupil { name: Some("before"), path: &args.model, graph: &graph },
        teacher: teacher.as_ref(),
        teacher_is_shown: false,
        data: args.preprocessing.open(&args.data, args.samples, &inputs)?,
        taught: match &teacher {
            Some(teacher) => Some(args.preprocessing.open(&args.data, args.samples, &teacher.inputs()?)?),
            None => None,
        },
        evaluation: args.eval.as_deref().map(open).transpose()?,
        metric: args.metric,
        aim: &args.aim,
        training: &args.training,
        defaults: DEFAULTS,
        quantization_aware: args.quantization_aware,
        per_tensor: args.per_tensor,
        profiles,
        outputs: &args.output,
    };
    let files: Vec<&Path> = [&args.model, &args.data].into_iter().chain(&args.eval).chain(&args.teacher).map(PathBuf::as_path).collect();
    let report = course.run(&files, ui).with_context(cannot)?;
    ui.result(&report)?;
    Ok(Verdict::Positive)
}
