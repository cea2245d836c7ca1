//! GELU that an exporter has taken apart.

use super::matching::{ConstantOperand, sole_producer};
use crate::{Activation, Binary, Graph, Node, NodeId, Op, Pass, Patch, TensorId, Unary};

/// The product of `x`, `1/2` and `1 + Erf(x / sqrt(2))`, in whatever order, becomes `Gelu(x)`.
///
/// Every intermediate tensor must have no other reader.
pub(super) struct FuseGelu;

/// Exporters write constants with few digits.
const TOLERANCE: f32 = 1e-4;

impl Pass for FuseGelu {
    fn name(&self) -> &'static str {
        "fuse-gelu"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, node)| fuse(graph, id, node))
    }
}

fn fuse(graph: &Graph, id: NodeId, node: &Node) -> Option<Patch> {
    // (x * (1 + erf)) * 1/2
    let halved = |node: &Node| scaled(graph, node, 0.5);
    let whole = halved(node).and_then(|product| product_of(graph, sole_producer(graph, product)?.1, Some));
    // (x * 1/2) * (1 + erf), or x * ((1 + erf) * 1/2)
    let half_x = || product_of(graph, node, |factor| halved(sole_producer(graph, factor)?.1));
    let half_sum = || {
        let (a, b) = factors(node)?;
        [(a, b), (b, a)].into_iter().find_map(|(x, half)| {
            let sum = halved(sole_producer(graph, half)?.1)?;
            (one_plus_erf(graph, sum)? == x).then_some(x)
        })
    };
    let x = whole.or_else(half_x).or_else(half_sum)?;
    let mut patch = Patch::new(graph, format!("write \"{}\" as Gelu", graph.label(node)));
    patch.replace(graph, id, Op::Unary(Unary::Gelu { tanh: false }), vec![Some(x)]);
    Some(patch)
}

/// The factors of a product without a clamp.
fn factors(node: &Node) -> Option<(TensorId, TensorId)> {
    let Op::Binary { op: Binary::Mul, activation: Activation::NONE } = node.op else { return None };
    node.input(0).zip(node.input(1))
}

/// The `x` of `f(x) * (1 + Erf(x / sqrt(2)))`, where `inner` finds `x` in `f(x)`.
fn product_of(graph: &Graph, node: &Node, inner: impl Fn(TensorId) -> Option<TensorId>) -> Option<TensorId> {
    let (a, b) = factors(node)?;
    [(a, b), (b, a)].into_iter().find_map(|(factor, sum)| {
        let x = inner(factor)?;
        (one_plus_erf(graph, sum)? == x).then_some(x)
    })
}

/// The `x` of `1 + Erf(x / sqrt(2))`.
fn one_plus_erf(graph: &Graph, id: TensorId) -> Option<TensorId> {
    let (_, node) = sole_producer(graph, id)?;
    let Op::Binary { op: Binary::Add, activation: Activation::NONE } = node.op else { return None };
    let operand = ConstantOperand::of(graph, node)?;
    if operand.uniform()? != 1.0 || !operand.keeps_shape(graph, node) {
        return None;
    }
    let (_, erf) = sole_producer(graph, operand.x)?;
    let root = erf.input(0).filter(|_| erf.op == Op::Unary(Unary::Erf))?;
    scaled(graph, sole_producer(graph, root)?.1, std::f32::consts::FRAC_1_SQRT_2)
}

/// The `x` of `x * factor`, also where it is written as a division.
fn scaled(graph: &Graph, node: &Node, factor: f32) -> Option<TensorId> {
    let Op::Binary { op, activation: Activation::NONE } = node.op else { return None };
    let operand = ConstantOperand::of(graph, node)?;
    let constant = operand.uniform()?;
    let found = match op {
        Binary::Mul => constant,
        Binary::Div if !operand.first => constant.recip(),
        _ => return None,
    };
    ((found - factor).abs() <= TOLERANCE && operand.keeps_shape(graph, node)).then_some(operand.x)
}
