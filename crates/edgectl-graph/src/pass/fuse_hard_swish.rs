//! Hard swish and hard sigmoid that an exporter has taken apart.

use super::matching::{ConstantOperand, gated, sole_producer};
use crate::{Activation, Binary, Graph, Node, NodeId, Op, Pass, Patch, TensorId, Unary};

/// With `c = Clip(x + 3, 0, 6)`: `c / 6` becomes `HardSigmoid(x; 1/6, 1/2)`; `x * HardSigmoid(x; 1/6, 1/2)` and `x * c / 6` become
/// `HardSwish(x)`.
///
/// Every intermediate tensor must have no other reader. Equal but for rounding: `Clip(x + 3, 0, 6) / 6 = Clip(x / 6 + 1/2, 0, 1)`.
pub(super) struct FuseHardSwish;

const HARD_SIGMOID: Unary = Unary::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 };
/// Exporters write 1/6 with few digits.
const SIXTH_TOLERANCE: f32 = 1e-6;

impl Pass for FuseHardSwish {
    fn name(&self) -> &'static str {
        "fuse-hard-swish"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| fuse(graph, id, node))
    }
}

fn fuse(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let Op::Binary { op, activation: Activation::NONE } = node.op else { return None };
    let (x, unary) = match sixth(graph, node, op) {
        Some(inner) => match clipped(graph, inner) {
            Some(x) => (x, HARD_SIGMOID),
            None => (gated(graph, sole_producer(graph, inner)?.1, clipped)?, Unary::HardSwish),
        },
        None => (gated(graph, node, hard_sigmoid)?, Unary::HardSwish),
    };
    let mut patch = Patch::new(graph, format!("write \"{}\" as {}", graph.label(node), unary.name()));
    patch.replace(graph, id, Op::Unary(unary), vec![Some(x)]);
    Some(patch)
}

/// What the node divides by six.
fn sixth(graph: &Graph, node: &Node, op: Binary) -> Option<TensorId> {
    let operand = ConstantOperand::of(graph, node)?;
    let constant = operand.uniform()?;
    let divides = match op {
        Binary::Div => !operand.first && constant == 6.0,
        Binary::Mul => (constant - 1.0 / 6.0).abs() <= SIXTH_TOLERANCE,
        _ => false,
    };
    (divides && operand.keeps_shape(graph, node)).then_some(operand.x)
}

/// The `x` of `HardSigmoid(x; 1/6, 1/2)`.
fn hard_sigmoid(graph: &Graph, id: TensorId) -> Option<TensorId> {
    let (_, node) = sole_producer(graph, id)?;
    let Op::Unary(Unary::HardSigmoid { alpha, beta: 0.5 }) = node.op else { return None };
    if (alpha - 1.0 / 6.0).abs() <= SIXTH_TOLERANCE { node.input(0) } else { None }
}

/// The `x` of `Clip(x + 3, 0, 6)`, with the clip as a node or as a clamp of the sum.
fn clipped(graph: &Graph, id: TensorId) -> Option<TensorId> {
    let (_, mut node) = sole_producer(graph, id)?;
    let mut clamp = None;
    if let Op::Unary(unary) = node.op {
        clamp = Some(unary.as_activation()?);
        node = sole_producer(graph, node.input(0)?)?.1;
    }
    let Op::Binary { op: Binary::Add, activation } = node.op else { return None };
    let bounded = matches!((activation, clamp), (Activation::NONE, Some(Activation::RELU6)) | (Activation::RELU6, None));
    let operand = ConstantOperand::of(graph, node)?;
    let shifted = operand.uniform()? == 3.0 && operand.keeps_shape(graph, node);
    (bounded && shifted).then_some(operand.x)
}
