//! Transposes and reshapes.

use super::matching::sole_producer;
use crate::{Dim, Graph, Node, NodeId, Op, Pass, Patch, TensorId};

/// Brings transposes and reshapes together until they cancel:
///
/// - `Transpose -> Transpose` becomes one `Transpose`, `Reshape -> Reshape` one `Reshape`;
/// - a `Transpose` that moves only dimensions of size one becomes a `Reshape`;
/// - `Transpose -> Unary | Binary` becomes `Unary | Binary -> Transpose`, where that leads to another `Transpose` or joins two equal ones.
///
/// All are exact: they move elements and change none. To be pushed down, a transpose must have no other reader, and the other operand of
/// a binary operator must be a constant or the same transpose of something. It is pushed only towards another transpose, along nodes
/// with one reader each, so that either the number of transposes or the way between two of them gets smaller.
pub(super) struct MergeLayout;

impl Pass for MergeLayout {
    fn name(&self) -> &'static str {
        "merge-layout"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| match &node.op {
            Op::Reshape { .. } => merge(graph, id, node),
            Op::Transpose { perm } => {
                merge(graph, id, node).or_else(|| to_reshape(graph, id, node, perm)).or_else(|| push_down(graph, id, node, perm))
            }
            _ => None,
        })
    }
}

fn merge(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let first = graph.node(graph.producer(node.input(0)?)?);
    let op = match (&first.op, &node.op) {
        (Op::Reshape { .. }, Op::Reshape { shape }) => Op::Reshape { shape: shape.clone() },
        (Op::Transpose { perm: first }, Op::Transpose { perm }) => {
            Op::Transpose { perm: perm.iter().map(|&axis| first.get(axis).copied()).collect::<Option<_>>()? }
        }
        _ => return None,
    };
    let mut patch = Patch::new(graph, format!("merge \"{}\" into \"{}\"", graph.label(first), graph.label(node)));
    patch.replace(graph, id, op, vec![Some(first.input(0)?)]);
    Some(patch)
}

fn to_reshape(graph: &Graph, id: NodeId, node: &Node, perm: &[usize]) -> Option<Patch> {
    let x = node.input(0)?;
    let dims = graph.shape(x)?.dims();
    if perm.is_sorted() || !perm.iter().filter(|&&axis| dims.get(axis) != Some(&Dim::Fixed(1))).is_sorted() {
        return None;
    }
    let mut patch = Patch::new(graph, format!("write \"{}\" as Reshape", graph.label(node)));
    patch.replace(graph, id, Op::Reshape { shape: graph.shape(node.output()?)?.clone() }, vec![Some(x)]);
    Some(patch)
}

/// The input of a transpose by `perm` that has no other reader.
fn transposed(graph: &Graph, id: TensorId, perm: &[usize]) -> Option<TensorId> {
    match sole_producer(graph, id)?.1 {
        node if matches!(&node.op, Op::Transpose { perm: other } if other == perm) => node.input(0),
        _ => None,
    }
}

fn push_down(graph: &Graph, id: NodeId, node: &Node, perm: &[usize]) -> Option<Patch> {
    // Where the shape of the output is known, `perm` is a permutation.
    graph.shape(node.output()?)?;
    let below = graph.only_consumer(node.output()?)?;
    let reader = graph.node(below);
    if !matches!(reader.op, Op::Unary(_) | Op::Binary { .. }) {
        return None;
    }
    let operands: Vec<TensorId> = reader.inputs.iter().copied().collect::<Option<_>>()?;
    let joins = operands.iter().any(|&operand| Some(operand) != node.output() && transposed(graph, operand, perm).is_some());
    if !joins && !leads_to_transpose(graph, reader) {
        return None;
    }
    let label = |node| graph.label(node);
    let mut patch = Patch::new(graph, format!("push \"{}\" below \"{}\"", label(node), label(reader)));
    let mut inputs = Vec::with_capacity(operands.len());
    for operand in operands {
        inputs.push(Some(match graph.literal(operand) {
            None => transposed(graph, operand, perm)?,
            Some(literal) if literal.elements() == 1 && literal.shape().len() <= perm.len() => operand,
            Some(literal) => {
                let mut shape = vec![1; perm.len().checked_sub(literal.shape().len())?];
                shape.extend(literal.shape());
                let mut inverse = vec![0; perm.len()];
                perm.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
                let moved = literal.reshaped(shape)?.permuted_f32(&inverse)?;
                patch.constant(&graph.tensor(operand).name, moved)
            }
        }));
    }
    patch.replace_as(graph, id, below, reader.op.clone(), inputs);
    patch.replace_as(graph, below, id, node.op.clone(), vec![node.output()]);
    Some(patch)
}

/// Whether elementwise nodes with one reader each and constant operands lead from here to a transpose.
fn leads_to_transpose<'a>(graph: &'a Graph, mut node: &'a Node) -> bool {
    let constant = |id: &TensorId| graph.literal(*id).is_some();
    loop {
        match &node.op {
            Op::Transpose { .. } => return true,
            Op::Unary(_) => {}
            Op::Binary { .. } if node.reads().any(|id| constant(&id)) => {}
            _ => return false,
        }
        match node.output().and_then(|output| graph.only_consumer(output)) {
            Some(next) => node = graph.node(next),
            None => return false,
        }
    }
}
