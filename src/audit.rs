//! The data type in which every operator is executed: what looks quantized may compute in float all the same.

use std::collections::{BTreeMap, BTreeSet};

use edge_format::Program;
use edgectl_graph::{Graph, Node, Op, QuantConst, QuantGraph, TensorId};
use edgectl_onnx::Int8Arithmetic;
use edgectl_quantize::from_qdq;
use serde::Serialize;

/// Every operator and its data type.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Audit(Vec<Executed>);

/// An operator and the data type in which it is executed.
#[derive(Clone, Debug, Serialize)]
struct Executed {
    node: String,
    op: String,
    /// That of its operands: `int8`, `int16`, `float32`.
    dtype: &'static str,
    /// Whether it computes; what only moves or converts values does not.
    computes: bool,
}

impl Audit {
    /// A float graph, or one with QDQ pairs: those become integer operators where all of them can.
    pub(crate) fn of_graph(graph: &Graph) -> Audit {
        let quantized = edgectl_quantize::is_qdq(graph).then(|| from_qdq(graph.clone(), &BTreeMap::new()).ok()).flatten();
        quantized.map_or_else(|| Audit::of(graph, |_| "float32"), |read| Audit::of_quantized(&read.quantized))
    }

    /// A quantized graph, as the program that it becomes; what is opaque stays float.
    pub(crate) fn of_quantized(quantized: &QuantGraph) -> Audit {
        let dtype = |node: &Node| {
            if matches!(node.op, Op::Opaque(_)) {
                return "float32";
            }
            let operand = node.input(0).filter(|&id| quantized.constant(id).is_none()).or(node.output());
            operand.and_then(|id| quantized.params(id)).map_or("int8", |params| params.ty.name())
        };
        Audit::of(quantized.graph(), dtype)
    }

    /// A float graph with int8 weights.
    pub(crate) fn of_weights(graph: &Graph, weights: &BTreeMap<TensorId, QuantConst>, arithmetic: Int8Arithmetic) -> Audit {
        let is_integer = |node: &Node| {
            let is_layer = matches!(node.op, Op::Conv(_) | Op::Dense { .. }) && node.input(1).is_some_and(|id| weights.contains_key(&id));
            is_layer && arithmetic == Int8Arithmetic::Dynamic
        };
        Audit::of(graph, |node| if is_integer(node) { "int8" } else { "float32" })
    }

    /// A program.
    pub(crate) fn of_program(program: Program<'_>) -> Audit {
        let executed = program.ops().map(|op| {
            let tensor = |index: Option<u32>| index.and_then(|index| program.tensor(index));
            Executed {
                node: tensor(op.outputs().next()).map_or_else(String::new, |tensor| tensor.name.to_owned()),
                op: op.code.name().to_owned(),
                dtype: tensor(op.input(0)).map_or("int8", |tensor| tensor.dtype.name()),
                computes: true,
            }
        });
        Audit(executed.collect())
    }

    fn of(graph: &Graph, dtype: impl Fn(&Node) -> &'static str) -> Audit {
        let executed = |node: &Node| {
            let op = match &node.op {
                Op::Opaque(opaque) => opaque.op_type.clone(),
                op => op.name().to_owned(),
            };
            Executed { node: graph.label(node), op, dtype: dtype(node), computes: computes(&node.op) }
        };
        Audit(graph.nodes().iter().map(executed).collect())
    }

    /// Whether every operator that computes does so in integers.
    pub(crate) fn is_integer(&self) -> bool {
        self.floats().next().is_none()
    }

    /// Whether there is nothing to say but that all is int8.
    pub(crate) fn is_plain_int8(&self) -> bool {
        self.0.iter().all(|executed| executed.dtype == "int8")
    }

    fn floats(&self) -> impl Iterator<Item = &Executed> {
        self.0.iter().filter(|executed| executed.computes && executed.dtype.starts_with("float"))
    }

    /// `9 in int8`; `3 in float32 (Conv, Softmax), 9 in int8`
    pub(crate) fn summary(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.0.iter().filter(|executed| executed.computes).for_each(|executed| *counts.entry(executed.dtype).or_default() += 1);
        let kinds: BTreeSet<&str> = self.floats().map(|executed| executed.op.as_str()).collect();
        let floats = kinds.into_iter().collect::<Vec<_>>().join(", ");
        let part = |(&dtype, count): (&&str, &usize)| {
            if dtype.starts_with("float") && counts.len() > 1 {
                format!("{count} in {dtype} ({floats})")
            } else {
                format!("{count} in {dtype}")
            }
        };
        let parts: Vec<String> = counts.iter().map(part).collect();
        if parts.is_empty() { "no operator computes".into() } else { parts.join(", ") }
    }
}

/// Whether an operator computes values, and does not only move or convert them.
fn computes(op: &Op) -> bool {
    !matches!(
        op,
        Op::Concat { .. }
            | Op::DepthToSpace { .. }
            | Op::Dequantize { .. }
            | Op::Gather { .. }
            | Op::Identity
            | Op::Pad { .. }
            | Op::Quantize { .. }
            | Op::Reshape { .. }
            | Op::Slice { .. }
            | Op::SpaceToDepth { .. }
            | Op::Transpose { .. }
    )
}
