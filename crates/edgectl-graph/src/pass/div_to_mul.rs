//! Division by constants.

use super::matching::{ConstantOperand, finite_literal};
use crate::{Binary, Graph, Node, NodeId, Op, Pass, Patch};

/// `Div` by a constant becomes `Mul` by its reciprocal, for which there are integer kernels.
///
/// The reciprocal is rounded once, in single precision: results may differ from those of the division in the last bit.
pub(super) struct DivToMul;

impl Pass for DivToMul {
    fn name(&self) -> &'static str {
        "div-to-mul"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| convert(graph, id, node))
    }
}

fn convert(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let Op::Binary { op: Binary::Div, activation } = node.op else { return None };
    let ConstantOperand { x, constant, first: false } = ConstantOperand::of(graph, node)? else { return None };
    let reciprocals = finite_literal(constant.shape(), constant.as_f32()?.iter().map(|&value| f64::from(value).recip()))?;
    let mut patch = Patch::new(graph, format!("write \"{}\" as Mul", graph.label(node)));
    let constant = patch.constant(&graph.tensor(node.input(1)?).name, reciprocals);
    patch.replace(graph, id, Op::Binary { op: Binary::Mul, activation }, vec![Some(x), Some(constant)]);
    Some(patch)
}
