//! `edgectl inspect`: what a model is made of and what it costs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use edge_format::Program;

use crate::inspection::{GraphReport, ProgramReport};
use crate::model::{Content, Model, ModelError};
use crate::ui::{Ui, Verdict};

/// Show a model's operators, their cost, and whether it can be quantized
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Model: .onnx or .edgm
    model: PathBuf,
    /// Print the graph as text, one line per tensor or node, before any pass
    #[arg(long)]
    dump: bool,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let model = Model::open(&args.model, ui)?;
    let is_onnx = matches!(model.content, Content::Onnx(_));
    ensure!(is_onnx || !args.dump, ModelError::Kind { path: args.model.clone(), expected: "an ONNX model", found: "an int8 program" });
    match &model.content {
        Content::Onnx(imported) if args.dump => ui.raw(imported.graph.to_string().as_bytes())?,
        Content::Onnx(imported) => ui.result(&GraphReport::new(&model, imported))?,
        Content::Program(bytes) => ui.result(&ProgramReport::new(&model, Program::parse(bytes)?))?,
    }
    Ok(Verdict::Positive)
}
