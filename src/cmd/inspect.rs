//! `edgectl inspect`: what a model is made of and what it costs.

use std::path::PathBuf;

use anyhow::{Result, bail};
use edge_format::Program;

use crate::inspection::{GraphReport, ProgramKind, ProgramReport};
use crate::model::{Content, Model, ModelError};
use crate::ui::{Ui, Verdict};

/// Show a model's operators, their cost, and whether it can be quantized
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Model: .onnx, .tflite or .edgm
    model: PathBuf,
    /// Print the graph as text, one line per tensor or node, before any pass
    #[arg(long)]
    dump: bool,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let model = Model::open(&args.model, ui)?;
    match &model.content {
        Content::Graph { graph, .. } if args.dump => ui.raw(graph.to_string().as_bytes())?,
        Content::Quantized(quantized) if args.dump => ui.raw(quantized.quantized.graph().to_string().as_bytes())?,
        Content::Program(_) if args.dump => {
            bail!(ModelError::Kind { path: args.model.clone(), expected: "a model with a graph", found: "an int8 program" })
        }
        Content::Graph { graph, opset } => ui.result(&GraphReport::new(&model, graph, *opset))?,
        Content::Program(bytes) => ui.result(&ProgramReport::new(&model, Program::parse(bytes)?, ProgramKind::Edgm))?,
        Content::Quantized(quantized) => {
            ui.result(&ProgramReport::new(&model, Program::parse(&quantized.program)?, ProgramKind::Tflite))?;
        }
    }
    Ok(Verdict::Positive)
}
