//! Why training could not be done, or stopped.

use std::io;
use std::path::PathBuf;

use edgectl_graph::{GraphError, PassError};
use thiserror::Error;

/// Why a graph cannot be trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The graph cannot be deployed as it is.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A pass broke the graph.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// Tensors that do not fit each other.
    #[error("{0}")]
    Tensors(String),
    /// An operator could not be executed.
    #[error("node \"{node}\": {message}")]
    Node {
        /// The node.
        node: String,
        /// What the operator said.
        message: String,
    },
    /// The graph has more or fewer inputs than one.
    #[error("the model has {found} inputs; expected one")]
    InputCount {
        /// Its inputs.
        found: usize,
    },
    /// The graph has no constant that could be trained.
    #[error("the model has no weights that could be trained")]
    NoParameters,
    /// An operator through which no gradient flows.
    #[error("node \"{node}\": operator {op} cannot be trained: {reason}")]
    NoGradient {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// Why not.
        reason: String,
    },
    /// A weight that is no real number.
    #[error("constant \"{tensor}\": expected finite real numbers, found {found}")]
    Constant {
        /// The constant.
        tensor: String,
        /// Its type, or a value of it.
        found: String,
    },
    /// The graph computes with several samples of a batch at once.
    #[error("output \"{output}\" of a sample depends on the other samples of its batch; expected that samples do not meet")]
    BatchMixed {
        /// The output.
        output: String,
    },
    /// Samples of another shape than the input has.
    #[error("samples have shape {found:?}, the model expects {expected:?}")]
    SampleShape {
        /// The shape of the input, without the batch.
        expected: Vec<usize>,
        /// The shape of the samples.
        found: Vec<usize>,
    },
    /// The parts of a data set do not fit each other.
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        /// What has the wrong length.
        what: String,
        /// Values that fit.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// There is nothing to train on, or to validate with.
    #[error("there are {found} samples; expected at least {expected}")]
    TooFew {
        /// The least number.
        expected: usize,
        /// The number given.
        found: usize,
    },
    /// A label that names no output.
    #[error("sample {sample}: label {label} is out of range for {classes} classes")]
    Label {
        /// The sample, from 0.
        sample: usize,
        /// Its label.
        label: i64,
        /// The number of outputs.
        classes: usize,
    },
    /// A class that one part of the data has, and the other has not.
    #[error("class {class}: expected at least one sample in the training data and one in the validation data, found {found}")]
    ClassMissing {
        /// The class.
        class: i64,
        /// Its samples.
        found: usize,
    },
    /// A term of the objective needs labels.
    #[error("the data have no labels, and the objective needs them")]
    NoLabels,
    /// A term of the objective has no tensor, or one of another size.
    #[error("{what} \"{tensor}\": expected {expected}, found {found}")]
    Target {
        /// What it is for.
        what: &'static str,
        /// The tensor of the student.
        tensor: String,
        /// What would fit.
        expected: String,
        /// What there is.
        found: String,
    },
    /// An option out of range.
    #[error("{option} is {found}; expected {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// The loss, or a gradient, is no number any more.
    #[error(
        "the loss is not finite in epoch {epoch}, step {step}: it begins in {place}{}",
        checkpoint.as_ref().map_or(String::new(), |path| format!("; the last good state is in {}", path.display()))
    )]
    NotFinite {
        /// The epoch, from 1.
        epoch: usize,
        /// The step in it, from 1.
        step: usize,
        /// The first value that is not finite.
        place: String,
        /// The checkpoint before.
        checkpoint: Option<PathBuf>,
    },
    /// A template that cannot take samples of this shape.
    #[error("the template {template} cannot take samples of shape {shape:?}")]
    Template {
        /// The template.
        template: &'static str,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A checkpoint cannot be written or read.
    #[error("checkpoint {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is no checkpoint of this training.
    #[error("checkpoint {path}: {reason}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was expected, and what was found.
        reason: String,
    },
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> TrainError {
        TrainError::Tensors(error.to_string())
    }
}
