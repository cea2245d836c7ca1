//! ONNX → [`Graph`].
//!
//! The bytes are foreign: nothing in them is trusted, no size in them is allocated before it is compared with what is there.

mod external;
mod fold;
mod importer;
mod ops_elementwise;
mod ops_layout;
mod ops_normalization;
mod ops_quant;
mod ops_recurrent;
mod ops_repeat;
mod ops_resize;
mod ops_slice;
mod ops_transposed;
mod ops_window;
mod order;
mod source;
mod table;
pub(crate) mod tensor;
mod widen;

use std::fs;
use std::path::Path;

use edgectl_graph::{Fact, Graph};
use prost::Message;

use crate::proto::ModelProto;
use crate::{MAX_NODES, MAX_OPSET, MIN_OPSET, OnnxError, Warning, sniff};

/// How to read a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions<'a> {
    /// The folder in which the model's external data lie; without it, such data are an error.
    pub base_dir: Option<&'a Path>,
    /// The size that symbolic first dimensions of the inputs get. Shapes that a model computes from them then become constants.
    pub batch: Option<usize>,
    /// What is known of tensors beyond what the model says itself: of the outputs of operators without rules for shapes.
    pub facts: &'a [(String, Fact)],
}

/// A model that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The model. It holds every invariant of [`Graph::check`].
    pub graph: Graph,
    /// The opset of the default domain.
    pub opset: i64,
    /// Peculiarities.
    pub warnings: Vec<Warning>,
}

/// Reads a model from a file; external data may lie beside it unless the options name another folder.
///
/// # Errors
/// As [`import`], and where the file cannot be read.
pub fn read(path: &Path, options: &ImportOptions<'_>) -> Result<Imported, OnnxError> {
    let io = |source| OnnxError::Io { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(io)?.len();
    if bytes > i32::MAX as u64 {
        return Err(OnnxError::TooLarge { bytes });
    }
    let base_dir = options.base_dir.or(path.parent());
    import(&fs::read(path).map_err(io)?, &ImportOptions { base_dir, ..*options })
}

/// Reads a model from the bytes of an ONNX file.
///
/// Names of tensors and nodes stay. Constants are the model's initializers and `Constant` nodes; integer arithmetic on shapes is
/// evaluated. A node becomes a typed operator where each of its attributes and inputs has a form that this is able to express;
/// otherwise it stays opaque, with the reason.
///
/// # Errors
/// Where the bytes are no valid model of a supported opset, or of more than [`MAX_NODES`] nodes.
pub fn import(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Imported, OnnxError> {
    let mut model = ModelProto::decode(bytes).map_err(|error| sniff::explain(bytes, error.to_string()))?;
    if model.graph.is_none() {
        return Err(match sniff::explain(bytes, String::new()) {
            OnnxError::Malformed { .. } => OnnxError::Missing { what: "graph" },
            other => other,
        });
    }
    let found = model.graph.as_ref().map_or(0, |graph| graph.node.len());
    if found > MAX_NODES {
        return Err(OnnxError::TooManyNodes { found });
    }
    let known_bytes = model.encoded_len();
    let mut warnings = vec![];
    if known_bytes != bytes.len() {
        warnings.push(Warning::UnknownFields { found_bytes: bytes.len(), known_bytes });
    }
    let widened = widen::declarations(&mut model);
    if widened > 0 {
        warnings.push(Warning::Widened { ports: widened });
    }
    let opset = opset(&model)?;
    let graph = importer::build(model, opset, options, &mut warnings)?;
    graph.check()?;
    Ok(Imported { graph, opset, warnings })
}

/// The opset of the default domain.
pub(crate) fn opset(model: &ModelProto) -> Result<i64, OnnxError> {
    let import = model.opset_import.iter().find(|import| is_default(import.domain()));
    match import.ok_or(OnnxError::Missing { what: "opset of the default domain" })?.version() {
        found @ MIN_OPSET..=MAX_OPSET => Ok(found),
        found => Err(OnnxError::Opset { found }),
    }
}

/// Whether a domain is that of ONNX's own operators.
pub(crate) fn is_default(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}
