//! What several passes ask about the neighbourhood of a node.

use crate::{Activation, Binary, Graph, Literal, Node, NodeId, Op, TensorId};

/// The node that computes a tensor which one node alone reads, and so may be merged into that reader.
pub(super) fn sole_producer(graph: &Graph, id: TensorId) -> Option<(NodeId, &Node)> {
    graph.only_consumer(id)?;
    let producer = graph.producer(id)?;
    Some((producer, graph.node(producer)))
}

/// The `x` of `x * gate(x)`.
pub(super) fn gated(graph: &Graph, node: &Node, gate: impl Fn(&Graph, TensorId) -> Option<TensorId>) -> Option<TensorId> {
    let Op::Binary { op: Binary::Mul, activation: Activation::NONE } = node.op else { return None };
    let (a, b) = (node.input(0)?, node.input(1)?);
    [(a, b), (b, a)].into_iter().find_map(|(x, gated)| (gate(graph, gated)? == x).then_some(x))
}

/// The operands of a binary node of which exactly one is a constant.
pub(super) struct ConstantOperand<'a> {
    /// The other operand.
    pub(super) x: TensorId,
    /// The constant.
    pub(super) constant: &'a Literal,
    /// Whether the constant is the first operand.
    pub(super) first: bool,
}

impl<'a> ConstantOperand<'a> {
    /// The operands of a node with two inputs, or `None` where both or none are constants.
    pub(super) fn of(graph: &'a Graph, node: &Node) -> Option<ConstantOperand<'a>> {
        let (a, b) = (node.input(0)?, node.input(1)?);
        match (graph.literal(a), graph.literal(b)) {
            (None, Some(constant)) => Some(ConstantOperand { x: a, constant, first: false }),
            (Some(constant), None) => Some(ConstantOperand { x: b, constant, first: true }),
            _ => None,
        }
    }

    /// Whether the result has the shape of the other operand: the constant does not broadcast it. Not so where a shape is not known.
    pub(super) fn keeps_shape(&self, graph: &Graph, node: &Node) -> bool {
        graph.shape(self.x).is_some() && graph.shape(self.x) == node.output().and_then(|output| graph.shape(output))
    }

    /// The float32 value that all elements of the constant have.
    pub(super) fn uniform(&self) -> Option<f32> {
        let (first, rest) = self.constant.as_f32()?.split_first()?;
        rest.iter().all(|value| value == first).then_some(*first)
    }
}

/// A float32 constant of values computed in double precision; `None` where one is not finite in single precision.
pub(super) fn finite_literal(shape: &[usize], values: impl IntoIterator<Item = f64>) -> Option<Literal> {
    let values: Vec<f32> =
        values.into_iter().map(|value| value as f32).map(|value| value.is_finite().then_some(value)).collect::<Option<_>>()?;
    Literal::f32(shape, values)
}
