//! MODEL: what a file is, and its content.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edge_format::{AlignedBytes, Program};
use edgectl_float::FloatModel;
use edgectl_graph::{Fact, Graph, Node, Op, QuantGraph, Shape, TensorId, pass};
use edgectl_lower::{LowerError, LowerOptions, Lowered};
use edgectl_onnx::ImportOptions;
use edgectl_quantize::{FromQdq, QdqError, QuantizeError, Range};
use thiserror::Error;

use crate::engine::{Engine, FloatEngine, Int8Engine};
use crate::ui::Ui;

/// Why a file is no model that can be worked on.
#[derive(Debug, Error)]
pub(crate) enum ModelError {
    #[error("{path}: unknown kind of model: expected .onnx, .tflite or .edgm")]
    UnknownKind { path: PathBuf },
    #[error("{path} is {found}; expected {expected}")]
    Kind { path: PathBuf, expected: &'static str, found: &'static str },
    #[error("{path}: expected a regular file of less than 2 GiB")]
    Size { path: PathBuf },
    #[error("{path} is a float model; its quantization needs calibration data")]
    NoCalibration { path: PathBuf },
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
    /// `.onnx` or a float `.tflite`: as read, before any pass, with a batch of 1.
    Graph {
        graph: Graph,
        /// Of `.onnx`.
        opset: Option<i64>,
    },
    /// `.edgm`, validated.
    Program(AlignedBytes),
    /// An int8 `.tflite`.
    Quantized(Box<Int8Model>),
}

/// A quantized graph and its program.
#[derive(Debug)]
pub(crate) struct Int8Model {
    pub(crate) quantized: QuantGraph,
    pub(crate) report: edgectl_lower::Report,
    pub(crate) program: AlignedBytes,
}

impl Int8Model {
    pub(crate) fn new(quantized: QuantGraph) -> Result<Int8Model, LowerError> {
        let Lowered { program, report } = edgectl_lower::lower(&quantized, &LowerOptions::default())?;
        Ok(Int8Model { quantized, report, program: AlignedBytes::from(&program[..]) })
    }

    pub(crate) fn engine(&self) -> Result<Int8Engine> {
        Int8Engine::new(&Program::parse(&self.program)?)
    }
}

/// What quantization starts from.
#[derive(Debug)]
pub(crate) enum Source {
    Float(Graph),
    /// Quantized elsewhere; it keeps its scales.
    Int8(Box<Int8Model>),
    /// Quantized elsewhere but for some tensors, whose ranges must be found: [`Unstated::complete`].
    Unstated(Box<Unstated>),
}

/// A model with pairs, some of which are missing: mostly that of the last layer.
#[derive(Debug)]
pub(crate) struct Unstated {
    pub(crate) graph: Graph,
    /// The tensors without ranges.
    pub(crate) tensors: Vec<(String, TensorId)>,
    error: QdqError,
    path: PathBuf,
}

impl Unstated {
    /// With the ranges of the tensors, in their order.
    pub(crate) fn complete(self, ranges: &[Range], ui: &Ui) -> Result<Int8Model> {
        let ranges = self.tensors.iter().zip(ranges).map(|((name, _), &range)| (name.clone(), range)).collect();
        lowered(edgectl_quantize::from_qdq(self.graph, &ranges)?, &self.path, ui)
    }

    /// What is missing.
    pub(crate) fn into_error(self) -> QdqError {
        self.error
    }
}

/// The program of a model with pairs; what is not quite as it states becomes warnings.
fn lowered(read: FromQdq, path: &Path, ui: &Ui) -> Result<Int8Model> {
    read.notes.iter().for_each(|note| ui.warning(format_args!("{}: {note}", path.display())));
    Ok(Int8Model::new(read.quantized)?)
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
                Content::Graph { graph: imported.graph, opset: Some(imported.opset) }
            }
            "edgm" => {
                let file = AlignedBytes::from(&fs::read(path)?[..]);
                Program::parse(&file)?.check_padding()?;
                Content::Program(file)
            }
            "tflite" => {
                let imported = edgectl_tflite::read(path)?;
                imported.warnings.iter().for_each(|warning| ui.warning(format_args!("{}: {warning}", path.display())));
                match imported.model {
                    edgectl_tflite::Model::Float(graph) => Content::Graph { graph, opset: None },
                    edgectl_tflite::Model::Int8(quantized) => Content::Quantized(Box::new(Int8Model::new(quantized)?)),
                }
            }
            _ => return Err(ModelError::UnknownKind { path: path.into() }.into()),
        };
        ui.detail(format_args!("read {} ({bytes} bytes)", path.display()));
        Ok(Model { path: path.into(), bytes, content })
    }

    /// What quantization starts from.
    pub(crate) fn into_source(self, ui: &Ui) -> Result<Source> {
        match self.content {
            Content::Graph { graph, .. } if edgectl_quantize::is_qdq(&graph) => {
                match edgectl_quantize::from_qdq(graph.clone(), &BTreeMap::new()) {
                    // Weights that are stored as integers, for float arithmetic.
                    Err(QdqError::WeightsOnly { .. }) => Ok(Source::Float(graph)),
                    Err(QdqError::NotStated { origin, tensors }) => {
                        let found: Option<Vec<_>> = tensors.iter().map(|name| Some((name.clone(), graph.find(name)?))).collect();
                        let error = QdqError::NotStated { origin, tensors };
                        // What only the passes made cannot be shown samples.
                        let Some(tensors) = found else { return Err(error.into()) };
                        Ok(Source::Unstated(Box::new(Unstated { graph, tensors, error, path: self.path })))
                    }
                    Err(error) => Err(error.into()),
                    Ok(read) => Ok(Source::Int8(Box::new(lowered(read, &self.path, ui)?))),
                }
            }
            Content::Graph { graph, .. } => Ok(Source::Float(graph)),
            Content::Program(_) => {
                Err(ModelError::Kind { path: self.path, expected: "a model with a graph", found: "an int8 program already" }.into())
            }
            Content::Quantized(model) => Ok(Source::Int8(model)),
        }
    }

    /// Makes the model ready to run.
    pub(crate) fn engine(&self) -> Result<Box<dyn Engine + '_>> {
        let make = || -> Result<Box<dyn Engine + '_>> {
            Ok(match &self.content {
                Content::Graph { graph, .. } => Box::new(FloatEngine::new(graph, simulates_int8(graph))?),
                Content::Program(bytes) => Box::new(Int8Engine::new(&Program::parse(bytes)?)?),
                Content::Quantized(model) => Box::new(model.engine()?),
            })
        };
        make().with_context(|| format!("cannot run {}", self.path.display()))
    }
}

/// The graph in the form from which it is calibrated, quantized and lowered.
pub(crate) fn prepared(graph: &Graph) -> Result<Graph, QuantizeError> {
    let mut graph = graph.clone();
    edgectl_graph::run_all(&mut graph, pass::CANONICAL)?;
    edgectl_quantize::prepare(&mut graph)?;
    Ok(graph)
}

/// As [`prepared`], with operators that are not supported left as they are.
pub(crate) fn prepared_around_opaque(graph: &Graph) -> Result<Graph, QuantizeError> {
    let mut graph = graph.clone();
    edgectl_graph::run_all(&mut graph, pass::CANONICAL)?;
    edgectl_quantize::prepare_around_opaque(&mut graph)?;
    Ok(graph)
}

/// Whether a graph has operators that are not supported, and came from ONNX, so that it can go back there with them.
pub(crate) fn has_opaque(graph: &Graph) -> bool {
    let from_onnx = graph.origin.as_ref().is_some_and(|origin| origin.format == "onnx");
    from_onnx && graph.nodes().iter().any(|node| matches!(node.op, Op::Opaque(_)))
}

/// Reads an `.onnx` file again, with the shapes that its operators of unknown rules give, so that those which follow are understood.
pub(crate) fn with_shapes(path: &Path, graph: Graph) -> Result<Graph> {
    let opaque = graph.nodes().iter().filter(|node| matches!(node.op, Op::Opaque(_)));
    let unknown: Vec<TensorId> = opaque.flat_map(Node::writes).filter(|&id| graph.shape(id).and_then(Shape::fixed).is_none()).collect();
    if unknown.is_empty() {
        return Ok(graph);
    }
    let model = FloatModel::from_graph(&graph, &unknown)?;
    let first = graph.outputs().len();
    let named = unknown.iter().enumerate().map(|(i, &id)| Some((graph.tensor(id).name.clone(), model.output_fact(first + i)?)));
    let facts: Vec<(String, Fact)> = named.flatten().collect();
    Ok(edgectl_onnx::read(path, &ImportOptions { batch: Some(1), facts: &facts, ..ImportOptions::default() })?.graph)
}

/// Why a graph cannot become an int8 program, if it cannot.
pub(crate) fn obstacle(graph: &Graph) -> Option<String> {
    let float = || prepared(graph).err().map(|error| error.to_string());
    if !edgectl_quantize::is_qdq(graph) {
        return float();
    }
    match edgectl_quantize::from_qdq(graph.clone(), &BTreeMap::new()) {
        Err(QdqError::WeightsOnly { .. }) => float(),
        other => other.err().map(|error| error.to_string()),
    }
}

fn simulates_int8(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| matches!(node.op, Op::Quantize { .. }))
}
