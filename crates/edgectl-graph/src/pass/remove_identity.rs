//! Removal of nodes that change nothing.

use super::matching::ConstantOperand;
use crate::{Activation, Binary, Dim, Graph, Node, Op, Pass, Patch, TensorId, Unary, Window};

/// `x -> op -> y` becomes `x`, where `op` passes every element on:
///
/// - `Identity`, `Concat` of one tensor, `Pad` by nothing, `Clip` without bounds;
/// - `Reshape` to the shape that is there, `Transpose` that keeps the order;
/// - a pool with a window of one and stride one, a mean over axes of size one;
/// - `x * 1`, `x / 1`, `x + 0`, `x - 0`, with a constant that does not broadcast `x` and without a clamp.
///
/// Stays where the readers of `y` may not read `x` ([`Graph::can_redirect`]).
pub(super) struct RemoveIdentity;

impl Pass for RemoveIdentity {
    fn name(&self) -> &'static str {
        "remove-identity"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(_, node)| {
            let (x, y) = (passed_on(graph, node)?, node.output()?);
            if !graph.can_redirect(y, x) || graph.tensor(x).fact != graph.tensor(y).fact {
                return None;
            }
            let mut patch = Patch::new(graph, format!("remove \"{}\"", graph.label(node)));
            patch.redirect(y, x);
            Some(patch)
        })
    }
}

/// The input whose elements the node passes on unchanged, if in the same shape.
fn passed_on(graph: &Graph, node: &Node) -> Option<TensorId> {
    let x = node.input(0)?;
    let unchanged = match &node.op {
        Op::Identity => true,
        // Attributes are checked against shapes: where there is none, they may be anything.
        _ if graph.shape(x).is_none() => false,
        Op::Reshape { shape } => graph.shape(x) == Some(shape),
        Op::Transpose { perm } => perm.is_sorted(),
        Op::Pad { before, after, .. } => before.iter().chain(after).all(|&n| n == 0),
        Op::Unary(Unary::Clip { min, max }) => (Activation { min: *min, max: *max }) == Activation::NONE,
        Op::AveragePool { pool, .. } | Op::MaxPool(pool) => is_unit(pool),
        Op::GlobalAveragePool | Op::GlobalMaxPool => all_ones(graph, x, 2..graph.shape(x)?.rank()),
        Op::ReduceMean { axes, .. } => all_ones(graph, x, axes.iter().copied()),
        Op::Concat { .. } => node.inputs.len() == 1,
        Op::Binary { op, activation: Activation::NONE } => return neutral(graph, node, *op),
        _ => false,
    };
    unchanged.then_some(x)
}

fn all_ones(graph: &Graph, x: TensorId, mut axes: impl Iterator<Item = usize>) -> bool {
    graph.shape(x).is_some_and(|shape| axes.all(|axis| shape.dims().get(axis) == Some(&Dim::Fixed(1))))
}

fn is_unit(pool: &Window) -> bool {
    let pads = pool.pads_begin.iter().chain(&pool.pads_end);
    pool.kernel.iter().chain(&pool.strides).all(|&n| n == 1) && pads.copied().all(|n| n == 0)
}

fn neutral(graph: &Graph, node: &Node, op: Binary) -> Option<TensorId> {
    let operand = ConstantOperand::of(graph, node)?;
    let (element, commutes) = match op {
        Binary::Add => (0.0, true),
        Binary::Div => (1.0, false),
        Binary::Mul => (1.0, true),
        Binary::Sub => (0.0, false),
        Binary::Max | Binary::Min => return None,
    };
    (operand.uniform()? == element && operand.keeps_shape(graph, node) && (commutes || !operand.first)).then_some(operand.x)
}
