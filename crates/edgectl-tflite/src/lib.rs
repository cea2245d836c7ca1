//! `.tflite` → [`Graph`] or [`QuantGraph`].
//!
//! An int8 model becomes a [`QuantGraph`], which lowers to a program that gives the same bytes as TensorFlow Lite Micro's reference
//! kernels. A float model becomes a [`Graph`]; so does a hybrid one, whose weights are int8 or float16 behind float arithmetic.
//!
//! TensorFlow Lite puts channels last, the graph puts them second. Every tensor of rank four may be wanted in both layouts: the importer
//! keeps what an operator computes in that operator's layout and transposes where another layout is asked for.
//!
//! The way of a model: `flat` (bytes) → `schema` (tables) → `arrange` (what is meant) → `importer` and `ops` (the graph). To add an
//! operator, write its code into `codes`, a function into `ops` and a line into the table there.
#![forbid(unsafe_code)]

mod arrange;
mod codes;
mod constant;
mod error;
mod flat;
mod importer;
mod ops;
mod schema;
mod sniff;

use std::fs;
use std::path::Path;

use edgectl_graph::{Graph, QuantGraph};

pub use crate::error::{TfliteError, Warning};
use crate::flat::Flat;
use crate::importer::Importer;

/// The most operators that are read: passes over a graph take time with the square of its length.
pub const MAX_OPERATORS: usize = 1 << 14;

/// A model, in the arithmetic in which it computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Float. Operators that have no typed form are opaque.
    Float(Graph),
    /// Int8 throughout.
    Int8(QuantGraph),
}

/// A model that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The model. Its inputs and outputs have the names that its signature gives them, else those of its tensors.
    pub model: Model,
    /// What the model says of itself, mostly which converter wrote it; may be empty.
    pub description: String,
    /// Peculiarities.
    pub warnings: Vec<Warning>,
}

/// Reads a model from a file.
///
/// # Errors
/// As [`import`], and where the file cannot be read.
pub fn read(path: &Path) -> Result<Imported, TfliteError> {
    let io = |source| TfliteError::Io { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(io)?.len();
    if bytes > i32::MAX as u64 {
        return Err(TfliteError::TooLarge { bytes });
    }
    import(&fs::read(path).map_err(io)?)
}

/// Reads a model from the bytes of a `.tflite` file.
///
/// Shapes are those that the model states, so a batch is as large as there, mostly one. Operators that no output depends on are left out.
/// Tensors keep their names, where these are unique.
///
/// # Errors
/// Where the bytes are no valid model with one subgraph; where an int8 model has an operator, or a form of one, that is not supported; where
/// activations are quantized in another type than int8.
pub fn import(bytes: &[u8]) -> Result<Imported, TfliteError> {
    sniff::expect_tflite(bytes)?;
    let flat = Flat::new(bytes);
    let mut model = schema::Model::parse(&flat)?;
    let found = model.operators.len();
    if found > MAX_OPERATORS {
        return Err(TfliteError::TooManyOperators { found });
    }
    let mut warnings = vec![];
    let kind = arrange::arrange(&mut model, &mut warnings)?;
    let description = std::mem::take(&mut model.description);
    let model = Importer::new(&model, kind).run()?;
    Ok(Imported { model, description, warnings })
}
