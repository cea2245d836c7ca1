//! Bounds written as a minimum or a maximum.

use super::matching::ConstantOperand;
use crate::{Binary, Graph, Node, NodeId, Op, Pass, Patch, Unary};

/// `Max(x, c)` and `Min(x, c)` with one number `c` become `Clip`, which fuses into the operator before it, and whose bound need not be
/// among the numbers that the result can be.
pub(super) struct MinMaxToClip;

impl Pass for MinMaxToClip {
    fn name(&self) -> &'static str {
        "min-max-to-clip"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| convert(graph, id, node))
    }
}

fn convert(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let Op::Binary { op, activation } = node.op else { return None };
    let operand = ConstantOperand::of(graph, node)?;
    let bound = operand.uniform().filter(|bound| bound.is_finite() && operand.keeps_shape(graph, node))?;
    // The activation comes after.
    let (min, max) = match op {
        Binary::Max => (bound.max(activation.min).min(activation.max), activation.max),
        Binary::Min => (activation.min, bound.min(activation.max).max(activation.min)),
        _ => return None,
    };
    let mut patch = Patch::new(graph, format!("write \"{}\" as Clip", graph.label(node)));
    patch.replace(graph, id, Op::Unary(Unary::Clip { min, max }), vec![Some(operand.x)]);
    Some(patch)
}
