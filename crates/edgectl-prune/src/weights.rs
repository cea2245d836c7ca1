//! How the axes of a layer's constants relate to channels.

use edgectl_graph::{Graph, Node, NodeId, Op, TensorId};

/// What an index of a constant's axis is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The weights that compute an output channel.
    Row,
    /// The weights that read an input channel.
    Column,
    /// A parameter of a channel: a bias, a scale.
    Parameter,
}

/// The role of an axis of the operand at this place. `None` where the operand is what the node is applied to.
pub(crate) fn role(node: &Node, input: usize, axis: usize) -> Option<Role> {
    let line = |row: usize| if axis == row { Role::Row } else { Role::Column };
    Some(match (&node.op, input) {
        (op, 1) if op.is_layer() && axis < 2 => line(0),
        (Op::Recurrent(_), 1 | 2) => line(0),
        (Op::Gemm { trans_a, .. }, 0) => line(usize::from(*trans_a)),
        (Op::Gemm { trans_b, .. }, 1) => line(usize::from(!trans_b)),
        (Op::MatMul, _) => return None,
        (_, 0) => return None,
        _ => Role::Parameter,
    })
}

/// As [`role`], for products of two operands, where it depends on the rank as well.
pub(crate) fn role_of(graph: &Graph, node: &Node, input: usize, axis: usize) -> Option<Role> {
    let rank = graph.shape(node.input(input)?)?.rank();
    match (&node.op, input) {
        (Op::MatMul, 0) if axis + 1 == rank => Some(Role::Column),
        (Op::MatMul, 0) if axis + 2 == rank => Some(Role::Row),
        (Op::MatMul, 1) if axis + 1 == rank => Some(Role::Row),
        (Op::MatMul, 1) if axis + 2 == rank => Some(Role::Column),
        _ => role(node, input, axis),
    }
}

/// A layer that multiplies the channels of `x` with weights of its own.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// The layer.
    pub(crate) node: NodeId,
    /// What it reads.
    pub(crate) x: TensorId,
    /// The axis of channels.
    pub(crate) axis: usize,
    /// The weights `[O, columns, kernel...]`.
    pub(crate) weights: TensorId,
    /// Of a convolution; 1 for a dense layer.
    pub(crate) groups: usize,
    /// Whether pixels at the border see zeros instead of channels.
    pub(crate) padded: bool,
}

/// The layer that a node is, where it reads channels and has constant weights in float. Depthwise convolutions pass channels on.
pub(crate) fn reader(graph: &Graph, id: NodeId, node: &Node) -> Option<Reader> {
    let (x, weights) = (node.input(0)?, node.input(1)?);
    graph.literal(weights)?.as_f32()?;
    let rank = graph.shape(x)?.rank();
    let made = |axis, groups, padded| Reader { node: id, x, axis, weights, groups, padded };
    match &node.op {
        Op::Dense { .. } => Some(made(rank.checked_sub(1)?, 1, false)),
        Op::Conv(conv) if !is_depthwise(graph, node) => {
            let window = &conv.window;
            Some(made(1, conv.groups, window.pads_begin.iter().chain(&window.pads_end).any(|&pad| pad > 0)))
        }
        _ => None,
    }
}

/// Whether each output channel of a convolution reads one input channel, and there are several.
pub(crate) fn is_depthwise(graph: &Graph, node: &Node) -> bool {
    let groups = match &node.op {
        Op::Conv(conv) => conv.groups,
        Op::ConvTranspose(conv) => conv.groups,
        _ => return false,
    };
    let columns = node.input(1).and_then(|filter| graph.shape(filter)?.dims().get(1)?.fixed());
    groups > 1 && columns == Some(1)
}
