//! Activations.

use super::matching::sole_producer;
use crate::{Activation, Graph, Node, NodeId, Op, Pass, Patch};

/// `Conv | Dense | Binary -> Relu | Clip` becomes the operator with the clamp fused into it.
///
/// The operator must have no other reader. A clamp that it already has is intersected with the new one: clamping to two intervals
/// that meet is clamping to what they share. Where they do not meet, both stay. The result keeps the tensor of the activation.
pub(super) struct FuseActivation;

impl Pass for FuseActivation {
    fn name(&self) -> &'static str {
        "fuse-activation"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| fuse(graph, id, node))
    }
}

fn fuse(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let Op::Unary(unary) = node.op else { return None };
    let clamp = unary.as_activation()?;
    let (first, producer) = sole_producer(graph, node.input(0)?)?;
    let own = producer.op.activation()?;
    let both = Activation { min: own.min.max(clamp.min), max: own.max.min(clamp.max) };
    if both.min > both.max {
        return None;
    }
    let mut patch = Patch::new(graph, format!("fuse \"{}\" into \"{}\"", graph.label(node), graph.label(producer)));
    patch.replace_as(graph, id, first, producer.op.with_activation(both)?, producer.inputs.clone());
    Some(patch)
}
