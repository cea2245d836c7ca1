//! Models that were quantized elsewhere: a graph with `QuantizeLinear`/`DequantizeLinear` pairs becomes a [`QuantGraph`] with the scales
//! that the model states.
//!
//! 1. Constants are noted in their integer form (`stored`), then folded to float (`fold`).
//! 2. The canonical passes run on the float operators between the pairs; a pair stays where it is, so nothing is moved across it.
//! 3. Activations with a scale per channel get one scale, where weights can take the differences (`unite`).
//! 4. Each activation gets the parameters that the pairs state (`stated`), the graph is built anew without the pairs, and where an operator
//!    cannot write the parameters that are stated, a requantization follows it (`build`).

mod build;
mod constant;
mod error;
mod fold;
mod stated;
mod stored;
mod unite;

use std::collections::BTreeMap;
use std::fmt;

use edgectl_graph::{Graph, Op, QuantGraph, pass, run, run_all};

pub use error::QdqError;

use crate::Range;
use fold::{FoldDequantize, FoldQuantize, RemovePaddedPair};
use stored::Stored;
use unite::UniteChannels;

/// A quantized graph that was read from pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct FromQdq {
    /// The graph, with the names of the model's inputs and outputs.
    pub quantized: QuantGraph,
    /// What is not quite as the model states it.
    pub notes: Vec<QdqNote>,
}

/// A departure from what a model states.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum QdqNote {
    /// A requantization that costs time: an operator cannot write, or read, the parameters that the model states.
    Requantized {
        /// The tensor that is written.
        tensor: String,
        /// The operator that needs it.
        op: String,
    },
    /// Weights of -128, which became -127: the arithmetic is symmetric.
    WeightsClamped {
        /// The weights.
        tensor: String,
        /// How many of them.
        count: usize,
    },
}

impl fmt::Display for QdqNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QdqNote::Requantized { tensor, op } => write!(f, "\"{tensor}\" is requantized: {op} fixes or shares its scale"),
            QdqNote::WeightsClamped { tensor, count } => write!(f, "weights \"{tensor}\": {count} of -128 became -127"),
        }
    }
}

/// Whether a graph has quantized activations or constants: then [`from_qdq`] is for it, and [`prepare`](crate::prepare) is not.
pub fn is_qdq(graph: &Graph) -> bool {
    graph.nodes().iter().any(|node| is_pair(&node.op) || is_pair_by_name(&node.op) || is_integer_operator(&node.op))
}

/// Turns a graph with pairs, as the front end reads it, into a quantized graph.
///
/// Takes per-tensor int8 and uint8 activations, which become int8 exactly (zero point - 128), and such with a scale per channel between a
/// convolution and a depthwise one, whose weights take the differences; int8 and uint8 weights, per tensor or per
/// output channel, whose zero point can be shifted to 0; int32 biases at `input scale * weight scale`, and other biases, which are
/// quantized at that. Integer inputs and outputs of the model become int8.
///
/// An operator that must share its parameters ([`sharing`](edgectl_graph::sharing)) but does not in the model, or whose parameters are
/// fixed, is followed by a requantization; several inputs, as those of a concatenation, are requantized before it. Operators that only move or select elements
/// take missing parameters from their neighbours. A symbolic batch becomes one.
///
/// `ranges` are those of tensors, by name, for which the model states nothing, found in some other way. Mostly there are none. Many tools
/// leave the last layer's output in float: without a range for it, that is [`QdqError::NotStated`], which names all such tensors.
///
/// # Errors
/// [`QdqError`] with the first thing that has no int8 form.
pub fn from_qdq(mut graph: Graph, ranges: &BTreeMap<String, Range>) -> Result<FromQdq, QdqError> {
    require_typed(&graph)?;
    graph.bind_batch(1)?;
    run(&mut graph, &FoldQuantize)?;
    let stored = Stored::collect(&graph)?;
    if !graph.iter().any(|(_, node)| is_pair(&node.op) && node.input(0).is_some_and(|id| graph.literal(id).is_none())) {
        return Err(if stored.len() == 0 { QdqError::NotQuantized } else { QdqError::WeightsOnly { constants: stored.len() } });
    }
    run_all(&mut graph, &[&FoldDequantize(&stored), &RemovePaddedPair])?;
    run_all(&mut graph, pass::CANONICAL)?;
    run(&mut graph, &UniteChannels)?;
    let stated = stated::resolve(&graph, ranges)?;
    build::build(&graph, &stored, &stated)
}

fn is_pair(op: &Op) -> bool {
    matches!(op, Op::Quantize { .. } | Op::Dequantize { .. })
}

/// A form of the pair that the front end could not read.
fn is_pair_by_name(op: &Op) -> bool {
    matches!(op, Op::Opaque(opaque) if matches!(&*opaque.op_type, "QuantizeLinear" | "DequantizeLinear"))
}

/// Operators of quantized models in other forms than pairs, of ONNX's own domain and of onnxruntime's.
fn is_integer_operator(op: &Op) -> bool {
    let Op::Opaque(opaque) = op else { return false };
    let name = &*opaque.op_type;
    let integer = ["ConvInteger", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat", "MatMulNBits"];
    (name.starts_with("QLinear") && name != "QLinear") || integer.contains(&name) || (opaque.domain == "com.microsoft" && name == "QGemm")
}

/// The first operator without a typed form decides: it hides the shapes of what comes after it.
fn require_typed(graph: &Graph) -> Result<(), QdqError> {
    let opaque = graph.nodes().iter().find_map(|node| if let Op::Opaque(opaque) = &node.op { Some((node, opaque)) } else { None });
    let Some((node, opaque)) = opaque else { return Ok(()) };
    let (label, op) = (graph.label(node), opaque.op_type.clone());
    if is_integer_operator(&node.op) {
        return Err(QdqError::QOperator { node: label, op });
    }
    if is_pair_by_name(&node.op) {
        let reason = if opaque.reason.is_empty() { format!("unknown in domain {}", opaque.domain) } else { opaque.reason.clone() };
        return Err(QdqError::Form { node: label, op, reason });
    }
    Ok(graph.require_deployable()?)
}
