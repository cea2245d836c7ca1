//! Arithmetic with constants before a convolution or dense layer.

use super::affine::{Affine, Linear};
use super::matching::{ConstantOperand, sole_producer};
use crate::{Activation, Graph, NodeId, Op, Pass, Patch};

/// `Mul | Div | Add | Sub` by a constant `-> Conv | Dense` becomes `Conv | Dense` with other weights and another bias: the input
/// normalization that many models begin with.
///
/// The constant must be one number, or one number per input channel; the arithmetic must have no clamp and no other reader. Exact
/// because the arithmetic is an affine map of each channel; a shift before padding with zeros is not, and stays.
pub(super) struct FoldInputScale;

impl Pass for FoldInputScale {
    fn name(&self) -> &'static str {
        "fold-input-scale"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, _)| fold(graph, id))
    }
}

fn fold(graph: &Graph, id: NodeId) -> Option<Patch> {
    let linear = Linear::of(graph, id)?;
    let (first, node) = sole_producer(graph, graph.node(id).input(0)?)?;
    let Op::Binary { op, activation: Activation::NONE } = node.op else { return None };
    let operand = ConstantOperand::of(graph, node)?;
    // A constant may also broadcast a single channel to several; then there is no map per channel.
    if !operand.keeps_shape(graph, node) {
        return None;
    }
    let rank = graph.shape(operand.x)?.rank();
    let axis = linear.channel_axis(rank)?;
    let affine = Affine::of_binary(op, &operand, rank, axis, linear.inputs())?;
    linear.after(&affine, first, operand.x)
}
