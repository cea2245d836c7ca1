//! What can be wrong with a model that was quantized elsewhere.

use edgectl_graph::{GraphError, PassError, QuantError, QuantParams};
use thiserror::Error;

/// Why a graph with `QuantizeLinear`/`DequantizeLinear` pairs could not become a quantized graph. Nodes and tensors are given by name.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum QdqError {
    /// A bias that int32 cannot hold at the scale of its layer.
    #[error("node \"{node}\": bias \"{tensor}\" is {value} at element {element}: expected a magnitude below {limit}")]
    Bias {
        /// The layer.
        node: String,
        /// The bias.
        tensor: String,
        /// The place of the value.
        element: usize,
        /// The value.
        value: f32,
        /// What int32 can hold at `input scale * weight scale`.
        limit: f64,
    },
    /// A constant holds a value that is not a number, or infinite.
    #[error("constant \"{tensor}\": expected finite values, found {value} at element {element}")]
    ConstantNotFinite {
        /// The constant.
        tensor: String,
        /// The place of the value.
        element: usize,
        /// The value.
        value: f32,
    },
    /// A form of quantization that is not supported, with the front end's reason.
    #[error("node \"{node}\" ({op}): {reason}")]
    Form {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// What is not supported.
        reason: String,
    },
    /// The graph itself cannot be deployed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The model has neither quantized activations nor quantized constants.
    #[error("the model is not quantized: it has no QuantizeLinear and no DequantizeLinear")]
    NotQuantized,
    /// Tensors whose scale the model does not state, and which take none from their neighbours.
    #[error("{origin} \"{}\" has no scale: expected QuantizeLinear after it{}", first(tensors), others(tensors))]
    NotStated {
        /// What the first one is, as `output of node "conv1" (Conv)`.
        origin: String,
        /// All of them.
        tensors: Vec<String>,
    },
    /// A tensor that is read with other parameters than it was written with.
    #[error("node \"{node}\": expected the parameters of its QuantizeLinear, {}, found {}", words(quantized), words(dequantized))]
    PairDiffers {
        /// The `DequantizeLinear`.
        node: String,
        /// What the `QuantizeLinear` before it says.
        quantized: QuantParams,
        /// What it says.
        dequantized: QuantParams,
    },
    /// Scale or zero point of a node that cannot be used.
    #[error("node \"{node}\" ({op}): expected {expected}, found {found}")]
    Params {
        /// The node.
        node: String,
        /// `QuantizeLinear` or `DequantizeLinear`.
        op: String,
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A preparation pass broke the graph.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// An operator that computes with integers itself.
    #[error("node \"{node}\": {op} computes with integers: expected a float operator between QuantizeLinear and DequantizeLinear")]
    QOperator {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
    },
    /// The result would not be a valid quantized graph.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// Weights that are not int8 with zero point 0 and one scale or one per output channel.
    #[error("node \"{node}\": weights \"{tensor}\": expected {expected}, found {found}")]
    Weights {
        /// The layer.
        node: String,
        /// The weights.
        tensor: String,
        /// What the arithmetic needs.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A model whose constants are quantized, but none of whose activations is.
    #[error("weights only: {constants} constants are quantized, but no activation is")]
    WeightsOnly {
        /// The number of quantized constants.
        constants: usize,
    },
}

/// In ONNX's words, but for the zero point, which is that of int8.
fn words(params: &QuantParams) -> String {
    format!("scale {} and zero point {}", params.scale, params.zero_point)
}

fn first(tensors: &[String]) -> &str {
    tensors.first().map_or("", String::as_str)
}

fn others(tensors: &[String]) -> String {
    match tensors.len() {
        0 | 1 => String::new(),
        count => format!(" (one of {count} such tensors)"),
    }
}
