//! `edgectl run`: every sample through a model.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use edgectl_data::MetricKind;
use serde::Serialize;

use crate::args::{DataArgs, metrics};
use crate::engine::{Engine, Sequence};
use crate::eval::{self, Evaluation, Remembering};
use crate::model::Model;
use crate::output::Outputs;
use crate::stack::{self, Stack};
use crate::ui::{Align, Report, Style, Table, Ui, Verdict, metric};

/// Run a model on every sample of a data set
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Model: .onnx, .tflite or .edgm
    model: PathBuf,
    /// Samples: .npz, .safetensors, .npy, .csv, or a folder of images; .npz or .safetensors for models with several inputs
    #[arg(long, value_name = "DATA")]
    input: PathBuf,
    /// Write all outputs, stacked: .npz by name, or .npy for a model with one output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Compare with another model of the same outputs
    #[arg(long, value_name = "MODEL")]
    against: Option<PathBuf>,
    /// What is measured [default: top1, where there are labels and the only output is a list of classes]
    #[arg(long, value_name = "NAME", value_parser = metrics())]
    metric: Option<MetricKind>,
    /// Read at most the first so many samples
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Take samples for steps of sequences, so many each or all, of which a stateful model remembers those before
    #[arg(long, value_name = "STEPS", value_parser = sequence)]
    sequence: Option<Sequence>,
    #[command(flatten)]
    data: DataArgs,
}

fn sequence(text: &str) -> Result<Sequence, String> {
    match text {
        "all" => Ok(Sequence::All),
        steps => steps.parse().map(Sequence::Steps).map_err(|_| "expected a number of steps from 1 on, or all".to_owned()),
    }
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    args.output.as_deref().map(stack::Format::of).transpose()?;
    let model = Model::open(&args.model, ui)?;
    let other = args.against.as_deref().map(|path| Model::open(path, ui)).transpose()?;
    let engine = model.engine()?;
    let reference = other.as_ref().map(Model::engine).transpose()?;
    let mut samples = args.data.open(&args.input, args.limit, &engine.inputs())?;
    samples.sequence = args.sequence;
    if let Some(reference) = &reference {
        let shapes = |engine: &dyn Engine| engine.inputs().into_iter().map(|port| port.shape).collect::<Vec<_>>();
        let (expected, found) = (shapes(&**reference), shapes(&*engine));
        ensure!(expected == found, eval::EvalError::Inputs { expected, found });
    }
    let metric = args.metric.or_else(|| eval::default_metric(&samples, &*engine));
    let inputs: Vec<&Path> = [&args.model, &args.input].into_iter().chain(&args.against).map(PathBuf::as_path).collect();
    let outputs = Outputs::create(&args.output.as_deref().into_iter().collect::<Vec<_>>(), &inputs)?;
    let mut stack = args.output.as_deref().map(|path| Stack::new(path, engine.outputs(), samples.len())).transpose()?;

    let mut keep = |values: &[Vec<f32>]| stack.as_mut().map_or(Ok(()), |stack| stack.push(values));
    let reference = reference.as_deref().map(Remembering::new);
    let found = eval::evaluate(&*engine, reference.as_ref(), &samples, metric, &mut keep, ui)?;
    if let (Some(stack), Some(path)) = (stack, &args.output) {
        stack.write(outputs.file(0)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let sizes = outputs.commit()?;
    let output = args.output.as_ref().zip(sizes.first()).map(|(path, &bytes)| OutputRow { path: path.clone(), bytes });
    ui.result(&RunReport::new(args, engine.executes(), &found, output))?;
    Ok(Verdict::Positive)
}

#[derive(Debug, Serialize)]
struct RunReport {
    model: PathBuf,
    executed: &'static str,
    samples: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<metric::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    agreement: Vec<metric::Agreement>,
    p50_us: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<OutputRow>,
}

#[derive(Debug, Serialize)]
struct OutputRow {
    path: PathBuf,
    bytes: u64,
}

impl RunReport {
    fn new(args: &Args, executed: &'static str, found: &Evaluation, output: Option<OutputRow>) -> RunReport {
        RunReport {
            model: args.model.clone(),
            executed,
            samples: found.samples,
            metric: found.metric.as_ref().map(metric::Value::from),
            agreement: found.agreement.iter().map(metric::Agreement::from).collect(),
            p50_us: (found.p50.as_secs_f64() * 1e7).round() / 10.0,
            output,
        }
    }
}

impl Report for RunReport {
    fn text(&self, style: Style) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        table.row(["model".into(), self.model.display().to_string()]);
        table.row(["executed".into(), self.executed.into()]);
        table.row(["samples".into(), self.samples.to_string()]);
        if let Some(value) = &self.metric {
            table.row([value.name.into(), value.with_interval()]);
        }
        for agreement in &self.agreement {
            table.row(["agreement".into(), format!("{} {}", agreement.shown(), agreement.explanation())]);
        }
        let time = if self.p50_us < 1e4 { format!("{:.1} us", self.p50_us) } else { format!("{:.1} ms", self.p50_us / 1e3) };
        table.row(["p50".into(), format!("{time} per sample on this machine, one thread; not what a device takes")]);
        if let Some(output) = &self.output {
            table.row(["output".into(), format!("{} ({} bytes)", output.path.display(), output.bytes)]);
        }
        table.text(style)
    }
}
