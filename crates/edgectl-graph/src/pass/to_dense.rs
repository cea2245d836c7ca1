//! Matrix products with constant weights.

use super::matching::finite_literal;
use crate::{Activation, Graph, Literal, Node, NodeId, Op, Pass, Patch};

/// `Gemm(A, constant B, constant C)` and `MatMul(A, constant B)` become `Dense(A, weights [O, I], bias [O])`.
///
/// `A` of a Gemm must not be transposed, and its `C` must be the same for every row. `B` must be a matrix. Alpha and beta go into weights
/// and bias. The `Add` that often follows a MatMul is left to `fold-scale-shift`.
pub(super) struct ToDense;

impl Pass for ToDense {
    fn name(&self) -> &'static str {
        "to-dense"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| convert(graph, id, node))
    }
}

fn convert(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    let (alpha, beta, transposed) = match node.op {
        Op::Gemm { alpha, beta, trans_a: false, trans_b } => (alpha, beta, trans_b),
        Op::MatMul => (1.0, 0.0, false),
        _ => return None,
    };
    let (x, b) = (node.input(0)?, node.input(1)?);
    let literal = graph.literal(b).filter(|literal| literal.shape().len() == 2 && literal.elements() > 0)?;
    if graph.literal(x).is_some() {
        return None;
    }
    let oriented = if transposed { literal.clone() } else { literal.permuted_f32(&[1, 0])? };
    let outputs = oriented.shape()[0];
    let bias = match node.input(2) {
        Some(c) if beta != 0.0 => Some(bias(graph.literal(c)?, outputs, beta)?),
        _ => None,
    };
    let name = graph.label(node);
    let mut patch = Patch::new(graph, format!("write \"{name}\" as Dense"));
    let weights = if transposed && alpha == 1.0 {
        b
    } else {
        let scaled = oriented.as_f32()?.iter().map(|&w| f64::from(w) * f64::from(alpha));
        patch.constant(&graph.tensor(b).name, finite_literal(oriented.shape(), scaled)?)
    };
    let mut inputs = vec![Some(x), Some(weights)];
    if let (Some(bias), Some(c)) = (bias, node.input(2)) {
        let unchanged = graph.literal(c) == Some(&bias);
        inputs.push(Some(if unchanged { c } else { patch.constant(&graph.tensor(c).name, bias) }));
    }
    patch.replace(graph, id, Op::Dense { activation: Activation::NONE }, inputs);
    Some(patch)
}

/// `beta * c` as a vector; `None` where `c` is not the same for every row.
fn bias(c: &Literal, outputs: usize, beta: f32) -> Option<Literal> {
    let rows = c.shape().split_last().map_or(&[][..], |(_, rows)| rows);
    let values = c.as_f32().filter(|_| rows.iter().all(|&size| size == 1))?;
    let scaled = |value: f32| f64::from(value) * f64::from(beta);
    match values {
        [value] => finite_literal(&[outputs], vec![scaled(*value); outputs]),
        values => finite_literal(&[outputs], values.iter().map(|&value| scaled(value))),
    }
}
