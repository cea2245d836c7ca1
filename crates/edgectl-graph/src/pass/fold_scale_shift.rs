//! Arithmetic with constants after a convolution or dense layer.

use super::affine::{Affine, Linear};
use super::matching::{ConstantOperand, sole_producer};
use crate::{Graph, NodeId, Op, Pass, Patch};

/// `Conv | Dense -> Mul | Div | Add | Sub` by a constant becomes `Conv | Dense` with other weights and another bias: what Keras exports
/// leave of a batch normalization, and the bias of a matrix product.
///
/// The constant must be one number, or one number per output channel. The convolution or dense layer must have constant weights, no
/// clamp and no other reader; it gets the clamp of the arithmetic. Exact because the arithmetic is an affine map of each channel.
pub(super) struct FoldScaleShift;

impl Pass for FoldScaleShift {
    fn name(&self) -> &'static str {
        "fold-scale-shift"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, _)| fold(graph, id))
    }
}

fn fold(graph: &Graph, id: NodeId) -> Option<Patch> {
    let node = graph.node(id);
    let Op::Binary { op, activation } = node.op else { return None };
    let operand = ConstantOperand::of(graph, node)?;
    let linear = Linear::of(graph, sole_producer(graph, operand.x)?.0)?;
    let rank = graph.shape(operand.x)?.rank();
    let affine = Affine::of_binary(op, &operand, rank, linear.channel_axis(rank)?, linear.outputs())?;
    linear.then(&affine, id, activation)
}
