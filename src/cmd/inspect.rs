//! `edgectl inspect`: what a model is made of and what it costs.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use edge_format::Program;
use edgectl_bundle::{Bundle, BundleError};

use crate::audit::Audit;
use crate::benchmark::{self, Candidate, WithDevices, devices};
use crate::inspection::{GraphReport, Inspection, ProgramKind, ProgramReport};
use crate::model::{Content, Model, ModelError};
use crate::packaging::{BundleReport, Judgement};
use crate::ui::{Ui, Verdict};

/// Show a model's operators, their cost, and whether it can be quantized; or what a bundle holds
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Model: .onnx, .tflite or .edgm; or a bundle: .edgepkg
    model: PathBuf,
    /// Print the graph as text, one line per tensor or node, before any pass
    #[arg(long, conflicts_with = "profile")]
    dump: bool,
    /// Exit with status 1 where an operator computes in float
    #[arg(long)]
    require_int8: bool,
    /// Also say what it costs on these devices (see `edgectl bench`); exit with status 1 where it does not fit or run there
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',')]
    profile: Vec<String>,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    if args.model.extension().is_some_and(|extension| extension == "edgepkg") {
        return bundle(args, ui);
    }
    let profiles = devices::open(&args.profile)?;
    let model = Model::open(&args.model, ui)?;
    if args.dump {
        let graph = match &model.content {
            Content::Graph { graph, .. } => graph,
            Content::Quantized(int8) => int8.quantized.graph(),
            Content::Program(_) => {
                bail!(ModelError::Kind { path: args.model.clone(), expected: "a model with a graph", found: "an int8 program" })
            }
        };
        ui.raw(graph.to_string().as_bytes())?;
        return Ok(Verdict::Positive);
    }
    let executed = match &model.content {
        Content::Graph { graph, .. } => Audit::of_graph(graph),
        Content::Program(bytes) => Audit::of_program(Program::parse(bytes)?),
        Content::Quantized(int8) => Audit::of_quantized(&int8.quantized),
    };
    let is_integer = executed.is_integer();
    let report = match &model.content {
        Content::Graph { graph, opset } => Inspection::Graph(GraphReport::new(&model, graph, *opset, executed)),
        Content::Program(bytes) => Inspection::Program(ProgramReport::new(&model, Program::parse(bytes)?, ProgramKind::Edgm, executed)),
        Content::Quantized(int8) => {
            Inspection::Program(ProgramReport::new(&model, Program::parse(&int8.program)?, ProgramKind::Tflite, executed))
        }
    };
    let devices = if profiles.is_empty() { None } else { Some(benchmark::estimate(Candidate::new(model, ui)?, profiles, ui)?) };
    let report = WithDevices { report: &report, devices };
    ui.result(&report)?;
    Ok(if args.require_int8 && !is_integer { Verdict::Negative } else { report.verdict() })
}

/// A bundle as it describes itself: whose word that is, `verify` says.
fn bundle(args: &Args, ui: &Ui) -> Result<Verdict> {
    let path = &args.model;
    let read = || -> Result<BundleReport, BundleError> {
        let mut bundle = Bundle::open(path)?;
        let claims = bundle.claims()?;
        let judgement = Judgement::unjudged(&claims);
        Ok(BundleReport::new(path, bundle.digest(), claims, judgement))
    };
    let report = read().with_context(|| format!("cannot read the bundle {}", path.display()))?;
    ui.result(&report.with_size(std::fs::metadata(path)?.len()))?;
    Ok(Verdict::Positive)
}
