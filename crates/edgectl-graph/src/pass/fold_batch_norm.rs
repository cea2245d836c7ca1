//! Batch normalization.

use super::affine::{Affine, Linear};
use super::matching::{finite_literal, sole_producer};
use crate::{Activation, Binary, Graph, Node, NodeId, Op, Pass, Patch};

/// `Conv | Dense -> BatchNormalization` becomes `Conv | Dense` with other weights and another bias; any other `BatchNormalization`
/// becomes `Mul -> Add` with constants.
///
/// The parameters must be constants. To be folded, the convolution or dense layer must have constant weights, no clamp and no other
/// reader. Exact because `(x - mean) / sqrt(variance + epsilon) * scale + bias` is an affine map of each channel.
pub(super) struct FoldBatchNorm;

impl Pass for FoldBatchNorm {
    fn name(&self) -> &'static str {
        "fold-batch-norm"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| {
            let affine = Affine::of_batch_norm(graph, node)?;
            fold(graph, id, node, &affine).or_else(|| split(graph, id, node, &affine))
        })
    }
}

fn fold(graph: &Graph, id: NodeId, node: &Node, affine: &Affine) -> Option<Patch> {
    let x = node.input(0)?;
    let (producer, _) = sole_producer(graph, x)?;
    let linear = Linear::of(graph, producer)?;
    // Channels are axis 1 of a normalization; those of a dense layer with more than two axes are not.
    (linear.channel_axis(graph.shape(x)?.rank())? == 1).then(|| linear.then(affine, id, Activation::NONE))?
}

fn split(graph: &Graph, id: NodeId, node: &Node, affine: &Affine) -> Option<Patch> {
    let x = node.input(0)?;
    let mut shape = vec![1; graph.shape(x)?.rank().checked_sub(1)?];
    *shape.first_mut()? = affine.scale.len();
    let name = graph.label(node);
    let mut patch = Patch::new(graph, format!("write \"{name}\" as Mul and Add"));
    let scale = patch.constant(format!("{name}_scale"), finite_literal(&shape, affine.scale.iter().copied())?);
    let shift = patch.constant(format!("{name}_shift"), finite_literal(&shape, affine.shift.iter().copied())?);
    let arithmetic = |op| Op::Binary { op, activation: Activation::NONE };
    let product = patch.node(format!("{name}_mul"), arithmetic(Binary::Mul), vec![Some(x), Some(scale)], format!("{name}_scaled"));
    patch.replace(graph, id, arithmetic(Binary::Add), vec![Some(product), Some(shift)]);
    Some(patch)
}
