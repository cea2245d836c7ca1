//! MODEL: what a file is, and its content.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edge_format::{AlignedBytes, Program};
use edgectl_graph::{Graph, Op, pass};
use edgectl_onnx::{ImportOptions, Imported};
use edgectl_quantize::QuantizeError;
use thiserror::Error;

use crate::engine::{Engine, FloatEngine, Int8Engine, Port};
use crate::ui::Ui;

/// Why a file is no model that can be worked on.
#[derive(Debug, Error)]
pub(crate) enum ModelError {
    #[error("{path} is a TensorFlow Lite model, which is not yet supported")]
    Tflite { path: PathBuf },
    #[error("{path}: unknown kind of model: expected .onnx, .tflite or .edgm")]
    UnknownKind { path: PathBuf },
    #[error("{path} is {found}; expected {expected}")]
    Kind { path: PathBuf, expected: &'static str, found: &'static str },
    #[error("{path}: expected a regular file of less than 2 GiB")]
    Size { path: PathBuf },
    #[error("the model has {found} inputs; expected one")]
    InputCount { found: usize },
}

/// A model of any kind.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// As read, before any pass, with a batch of 1.
    Onnx(Imported),
    /// Validated.
    Program(AlignedBytes),
}

impl Model {
    /// Reads a model; what its reader finds peculiar becomes warnings.
    pub(crate) fn open(path: &Path, ui: &Ui) -> Result<Model> {
        Model::read(path, ui).with_context(|| format!("cannot read the model {}", path.display()))
    }

    fn read(path: &Path, ui: &Ui) -> Result<Model> {
        let metadata = fs::metadata(path)?;
        let bytes = metadata.len();
        // Neither format holds more; and a device or a pipe may never end.
        if !metadata.is_file() || bytes > i32::MAX as u64 {
            return Err(ModelError::Size { path: path.into() }.into());
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
        let content = match extension.as_str() {
            "onnx" => {
                let imported = edgectl_onnx::read(path, &ImportOptions { batch: Some(1), ..ImportOptions::default() })?;
                imported.warnings.iter().for_each(|warning| ui.warning(format_args!("{}: {warning}", path.display())));
                Content::Onnx(imported)
            }
            "edgm" => {
                let file = AlignedBytes::from(&fs::read(path)?[..]);
                Program::parse(&file)?;
                Content::Program(file)
            }
            "tflite" => return Err(ModelError::Tflite { path: path.into() }.into()),
            _ => return Err(ModelError::UnknownKind { path: path.into() }.into()),
        };
        ui.detail(format_args!("read {} ({bytes} bytes)", path.display()));
        Ok(Model { path: path.into(), bytes, content })
    }

    /// The float graph, for work that starts from one.
    pub(crate) fn float_graph(&self) -> Result<&Graph> {
        let found = match &self.content {
            Content::Program(_) => "an int8 program",
            Content::Onnx(imported) if is_quantized(&imported.graph) => "quantized already",
            Content::Onnx(imported) => return Ok(&imported.graph),
        };
        Err(ModelError::Kind { path: self.path.clone(), expected: "a float model", found }.into())
    }

    /// Makes the model ready to run; it must have one input.
    pub(crate) fn engine(&self) -> Result<Box<dyn Engine + '_>> {
        let make = || -> Result<Box<dyn Engine + '_>> {
            Ok(match &self.content {
                Content::Onnx(imported) => Box::new(FloatEngine::new(&imported.graph, is_quantized(&imported.graph))?),
                Content::Program(bytes) => Box::new(Int8Engine::new(Program::parse(bytes)?)?),
            })
        };
        make().with_context(|| format!("cannot run {}", self.path.display()))
    }
}

/// The only input.
pub(crate) fn only_input(engine: &dyn Engine) -> Result<Port> {
    let mut inputs = engine.inputs();
    match inputs.len() {
        1 => Ok(inputs.remove(0)),
        found => Err(ModelError::InputCount { found }.into()),
    }
}

/// The graph in the form from which it is calibrated, quantized and lowered.
pub(crate) fn prepared(graph: &Graph) -> Result<Graph, QuantizeError> {
    let mut graph = graph.clone();
    edgectl_graph::run_all(&mut graph, pass::CANONICAL)?;
    edgectl_quantize::prepare(&mut graph)?;
    Ok(graph)
}

fn is_quantized(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| matches!(node.op, Op::Quantize { .. } | Op::Dequantize { .. }))
}
