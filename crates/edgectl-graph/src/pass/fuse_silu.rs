//! SiLU and Mish that an exporter has taken apart.

use super::matching::{gated, sole_producer};
use crate::{Graph, Node, NodeId, Op, Pass, Patch, TensorId, Unary};

/// `x * Sigmoid(x)` becomes `Silu(x)`, `x * Tanh(Softplus(x))` becomes `Mish(x)`.
///
/// Every intermediate tensor must have no other reader. One table then stands for the whole, and no precision is lost between.
pub(super) struct FuseSilu;

impl Pass for FuseSilu {
    fn name(&self) -> &'static str {
        "fuse-silu"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| fuse(graph, id, node))
    }
}

fn fuse(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let sigmoid = |graph: &Graph, id| of(graph, id, Unary::Sigmoid);
    let mish_gate = |graph: &Graph, id| of(graph, of(graph, id, Unary::Tanh)?, Unary::Softplus);
    let (x, unary) = match gated(graph, node, sigmoid) {
        Some(x) => (x, Unary::Silu),
        None => (gated(graph, node, mish_gate)?, Unary::Mish),
    };
    let mut patch = Patch::new(graph, format!("write \"{}\" as {}", graph.label(node), unary.name()));
    patch.replace(graph, id, Op::Unary(unary), vec![Some(x)]);
    Some(patch)
}

/// The `x` of `unary(x)`.
fn of(graph: &Graph, id: TensorId, unary: Unary) -> Option<TensorId> {
    let (_, node) = sole_producer(graph, id)?;
    if node.op == Op::Unary(unary) { node.input(0) } else { None }
}
