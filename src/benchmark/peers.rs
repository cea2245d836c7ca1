//! Other engines on this machine, to compare our int8 with.

use std::env;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use edgectl_bench::backend::{Answer, Backend, BackendError, Subject};
use edgectl_bench::finding::{BackendKind, Engine, Latency};
use edgectl_bench::measure::{BLOCKS, Protocol, Runs, Times, measure};
use edgectl_float::FloatModel;
use edgectl_onnx::{ExportOptions, QdqOptions};
use serde::Deserialize;

use super::subject::Candidate;

/// An engine that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// Float, in this binary.
    Tract,
    /// Float, and int8 as QDQ; where Python finds it.
    Onnxruntime,
}

/// What an engine is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Float,
    Qdq,
}

/// The back ends of a peer for a model; a model without a float graph has none.
pub(crate) fn of<'a>(peer: Peer, candidate: &'a Candidate, protocol: Protocol) -> Vec<Box<dyn Backend + 'a>> {
    match peer {
        Peer::Tract if candidate.float.is_some() => vec![Box::new(Tract { candidate, protocol })],
        Peer::Onnxruntime => {
            let forms = [(Form::Float, candidate.float.is_some()), (Form::Qdq, candidate.quantized.is_some())];
            let there = forms.into_iter().filter(|(_, there)| *there);
            there.map(|(form, _)| Box::new(Onnxruntime { candidate, protocol, form }) as Box<dyn Backend>).collect()
        }
        Peer::Tract => vec![],
    }
}

struct Tract<'a> {
    candidate: &'a Candidate,
    protocol: Protocol,
}

impl Tract<'_> {
    fn times(&self) -> Result<Times> {
        let model = FloatModel::from_graph(self.candidate.float.as_ref().context("no float graph")?, &[])?;
        let noise = |size: usize| (0..size).map(|i| (i as f32 * 0.618_034).fract()).collect::<Vec<f32>>();
        let inputs: Vec<Vec<f32>> = model.inputs().map(|port| noise(port.shape.iter().product())).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let begin = Instant::now();
        Ok(measure(self.protocol, &mut || begin.elapsed(), |block| block.repeat(|| model.run(&inputs).map(drop)))?)
    }
}

impl Backend for Tract<'_> {
    fn kind(&self) -> BackendKind {
        BackendKind::Host
    }

    fn bench(&self, _: Subject<'_>) -> Result<Answer, BackendError> {
        let times = self.times().map_err(|error| BackendError::Foreign { engine: "tract", source: error.into() })?;
        Ok(answer("tract", "in this binary", "fp32", times))
    }
}

struct Onnxruntime<'a> {
    candidate: &'a Candidate,
    protocol: Protocol,
    form: Form,
}

/// What the helper prints.
#[derive(Deserialize)]
struct Printed {
    version: String,
    warm_up_runs: u64,
    blocks_us: Vec<Vec<f64>>,
}

impl Onnxruntime<'_> {
    /// Runs the helper: a process of its own, so that a library of another language is neither linked nor loaded.
    fn run(&self) -> Result<Printed> {
        let Candidate { float, quantized, .. } = self.candidate;
        let onnx = match (self.form, float, quantized) {
            (Form::Float, Some(graph), _) => edgectl_onnx::export(graph, &ExportOptions { observe: &[] })?,
            (Form::Qdq, _, Some(quantized)) => edgectl_onnx::export_qdq(quantized, &QdqOptions::default())?,
            _ => bail!("the model has no such form"),
        };
        let folder = tempfile::tempdir()?;
        let model = folder.path().join("model.onnx");
        fs::write(&model, onnx)?;
        let seconds = match self.protocol.runs {
            Runs::Time(time) => time,
            // A number of runs says nothing about their time, which is what the helper takes.
            Runs::Count(_) => Duration::from_secs(1),
        };
        let python = env::var_os("EDGECTL_PYTHON").unwrap_or_else(|| "python3".into());
        let output = Command::new(&python)
            .args(["-c", include_str!("onnxruntime_peer.py")])
            .arg(&model)
            .args([BLOCKS.to_string(), (seconds.as_secs_f64() / BLOCKS as f64).to_string()])
            .arg(self.protocol.warm_up.min(seconds).as_secs_f64().to_string())
            .output()
            .with_context(|| format!("cannot run {}", python.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}", python.display(), said.lines().last().unwrap_or("it said nothing"));
        }
        let printed: Printed = serde_json::from_slice(&output.stdout).context("cannot read what the helper prints")?;
        if printed.blocks_us.len() != BLOCKS || printed.blocks_us.iter().any(Vec::is_empty) {
            bail!("expected {BLOCKS} blocks of times from the helper, found {}", printed.blocks_us.len());
        }
        Ok(printed)
    }
}

impl Backend for Onnxruntime<'_> {
    fn kind(&self) -> BackendKind {
        BackendKind::Host
    }

    fn bench(&self, _: Subject<'_>) -> Result<Answer, BackendError> {
        let printed = self.run().map_err(|error| BackendError::Foreign { engine: "onnxruntime", source: error.into() })?;
        let times = Times::of_blocks(&printed.blocks_us, printed.warm_up_runs, true);
        let (kernels, dtype) = if self.form == Form::Qdq { ("onnxruntime-int8", "int8") } else { ("onnxruntime-fp32", "fp32") };
        Ok(answer(kernels, &format!("onnxruntime {}", printed.version), dtype, times))
    }
}

fn answer(kernels: &str, title: &str, dtype: &str, times: Times) -> Answer {
    Answer {
        engine: Engine { kernels: kernels.into(), title: title.into(), dtype: dtype.into(), threads: 1 },
        ops: vec![],
        provenance: format!("measured here, {} runs after {} for warming up", times.runs, times.warm_up_runs),
        latency: Latency { value_us: times.p50_us, interval: None, times: Some(times) },
    }
}
