//! `edgectl distill`: a small model learns from a large one.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use edgectl_bench::budget::Budget;
use edgectl_data::MetricKind;
use edgectl_graph::Graph;
use edgectl_train::{Template, TemplateSpec, logits};

use crate::args::{DataArgs, metrics};
use crate::benchmark::devices;
use crate::engine::{Engine, FloatEngine};
use crate::training::{Aim, Contract, Course, Defaults, Pupil, StudentChoice, Teacher, TrainingArgs, read_student};
use crate::ui::{Ui, Verdict};

/// Train a small model to do what a large one does
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The large model: .onnx, .tflite or .edgm
    #[arg(long, value_name = "MODEL")]
    teacher: PathBuf,
    /// The small model: .onnx, .tflite; a template such as ds-cnn:width=0.5 (autoencoder, ds-cnn, gru, mlp, mobilenet-v1, mobilenet-v2,
    /// resnet8, squeezenet, tcn); or auto, the widest template that --profile can run within the limits
    #[arg(long, value_name = "MODEL|TEMPLATE|auto")]
    student: StudentChoice,
    /// Samples to train on; labels are used where there are any
    #[arg(long, value_name = "DATA")]
    data: PathBuf,
    /// Samples on which the models are measured
    #[arg(long, value_name = "DATA")]
    eval: Option<PathBuf>,
    /// File to write: .onnx; with --quantization-aware .onnx (QDQ) or .edgm (int8 program); may be given more than once
    #[arg(short, long, value_name = "OUT", required = true)]
    output: Vec<PathBuf>,
    /// A student's file: begin with new random weights
    #[arg(long)]
    reinitialize: bool,
    /// Train as int8 will compute, and learn the ranges of activations
    #[arg(long)]
    quantization_aware: bool,
    /// Quantization-aware: one weight scale per layer, instead of one per output channel
    #[arg(long, requires = "quantization_aware")]
    per_tensor: bool,
    /// auto: the template [default: by the shape of the samples]
    #[arg(long, value_name = "NAME", value_parser = template)]
    template: Option<Template>,
    /// auto: the device that must run it. Also says what the int8 programs cost there (see `edgectl bench`)
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',')]
    profile: Vec<String>,
    /// auto: time of an inference
    #[arg(long, value_name = "MS")]
    max_latency_ms: Option<f64>,
    /// auto: arena, stack and, on Linux, the program
    #[arg(long, value_name = "KIB")]
    max_ram_kib: Option<f64>,
    /// auto: program, runtime and kernels
    #[arg(long, value_name = "KIB")]
    max_flash_kib: Option<f64>,
    /// Read at most the first so many training samples
    #[arg(long, value_name = "N")]
    samples: Option<NonZeroUsize>,
    /// Read at most the first so many evaluation samples
    #[arg(long, value_name = "N", requires = "eval")]
    limit: Option<NonZeroUsize>,
    /// What is measured [default: top1, where there are labels and the only output is a list of classes]
    #[arg(long, value_name = "NAME", value_parser = metrics(), requires = "eval")]
    metric: Option<MetricKind>,
    #[command(flatten)]
    aim: Aim,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    preprocessing: DataArgs,
}

const DEFAULTS: Defaults = Defaults { epochs: 30, learning_rate: 1e-2, warm_up_epochs: 1.0 };

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let profiles = devices::open(&args.profile)?;
    let budget = args.budget()?;
    let teacher = Teacher::open(&args.teacher, ui)?;
    let contract = args.contract(&teacher)?;
    let contract = Contract { sample: &contract.0, outputs: contract.1, softmax: contract.2, seed: args.training.seed };
    let (path, graph) = match &args.student {
        StudentChoice::File(path) => {
            let graph = read_student(path, ui).with_context(|| format!("cannot train {}", path.display()))?;
            let graph = if args.reinitialize { edgectl_train::reinitialize(&graph, args.training.seed)? } else { graph };
            (path.clone(), graph)
        }
        StudentChoice::Template(spec) => named(*spec, contract.build(spec)?),
        StudentChoice::Auto => {
            let [profile] = &profiles[..] else { bail!("--student auto needs one --profile: the device that must run it") };
            let (spec, graph) = contract.widest(args.template, profile, budget, ui)?;
            ui.note(format_args!("the student is {spec}: no wider one fits {}", profile.name));
            named(spec, graph)
        }
    };
    let is_file = matches!(args.student, StudentChoice::File(_));
    ensure!(is_file || !args.reinitialize, "--reinitialize is for students in files; a template has new weights");
    let cannot = || format!("cannot distill {} into {}", args.teacher.display(), path.display());
    let inputs = FloatEngine::new(&graph, false).with_context(cannot)?.inputs();
    let course = Course {
        pupil: Pupil { name: (is_file && !args.reinitialize).then_some("before"), path: &path, graph: &graph },
        teacher: Some(&teacher),
        teacher_is_shown: true,
        data: args.preprocessing.open(&args.data, args.samples, &inputs)?,
        taught: Some(args.preprocessing.open(&args.data, args.samples, &teacher.inputs()?)?),
        evaluation: args.eval.as_deref().map(|path| args.preprocessing.open(path, args.limit, &inputs)).transpose()?,
        metric: args.metric,
        aim: &args.aim,
        training: &args.training,
        defaults: DEFAULTS,
        quantization_aware: args.quantization_aware,
        per_tensor: args.per_tensor,
        profiles,
        outputs: &args.output,
    };
    let file = is_file.then_some(&path);
    let files: Vec<&Path> = [&args.teacher, &args.data].into_iter().chain(&args.eval).chain(file).map(PathBuf::as_path).collect();
    let report = course.run(&files, ui).with_context(cannot)?;
    ui.result(&report)?;
    Ok(Verdict::Positive)
}

fn named(spec: TemplateSpec, graph: Graph) -> (PathBuf, Graph) {
    (spec.to_string().into(), graph)
}

fn template(name: &str) -> Result<Template, String> {
    let found = Template::all().find(|template| template.name() == name);
    found.ok_or_else(|| format!("expected one of {}", Template::names().join(", ")))
}

impl Args {
    fn budget(&self) -> Result<Budget> {
        let limits = [self.max_latency_ms, self.max_ram_kib, self.max_flash_kib];
        let is_auto = matches!(self.student, StudentChoice::Auto);
        ensure!(is_auto || (limits.iter().all(Option::is_none) && self.template.is_none()), "limits and --template are for --student auto");
        ensure!(limits.iter().flatten().all(|limit| limit.is_finite() && *limit > 0.0), "a limit must be a positive number");
        Ok(Budget { latency_ms: limits[0], ram_kib: limits[1], flash_kib: limits[2], energy_uj: None })
    }

    /// What a template must give in place of the teacher: the shape of a sample, the number of outputs, whether they are probabilities.
    fn contract(&self, teacher: &Teacher) -> Result<(Vec<usize>, usize, bool)> {
        let sample = teacher.inputs()?.first().and_then(|port| port.shape.get(1..)).unwrap_or_default().to_vec();
        let outputs = teacher.engine()?.outputs().first().map(|port| port.shape.iter().product()).unwrap_or_default();
        let softmax = teacher.graph().is_some_and(|graph| logits(graph) != graph.outputs().first().copied());
        Ok((sample, outputs, softmax))
    }
}
