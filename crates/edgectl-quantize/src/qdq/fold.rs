//! The passes that run before the canonical ones. Each makes all its changes at once.

use edgectl_graph::{DType, Data, Graph, Literal, Node, Op, Pass, Patch, TensorId};

use super::stated::{self, Params};
use super::stored::{Stored, elements_per_step};

/// One patch of all changes, where there are any. `change` says whether it made one.
fn patch(graph: &Graph, why: &str, mut change: impl FnMut(&mut Patch, &Node) -> Option<()>) -> Option<Patch> {
    let mut patch = Patch::new(graph, why);
    let changes = graph.nodes().iter().filter_map(|node| change(&mut patch, node)).count();
    (changes > 0).then_some(patch)
}

/// `Quantize(float constant)` becomes an integer constant: weights that are exported as they are trained, with their pair.
pub(super) struct FoldQuantize;

impl Pass for FoldQuantize {
    fn name(&self) -> &'static str {
        "fold-quantize"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        patch(graph, "quantize the constants", |patch, node| {
            let Op::Quantize { axis, .. } = node.op else { return None };
            let (x, output) = (node.input(0)?, node.output()?);
            let quantized = quantized(graph.literal(x)?, &Params::of(graph, node).ok()?, axis)?;
            if !graph.can_redirect(output, x) {
                return None;
            }
            let constant = patch.constant(&graph.tensor(output).name, quantized);
            patch.redirect(output, constant);
            Some(())
        })
    }
}

/// `None` where a value is not finite, or a parameter does not fit.
fn quantized(literal: &Literal, params: &Params, axis: usize) -> Option<Literal> {
    let values = literal.as_f32().filter(|values| values.iter().all(|value| value.is_finite()))?;
    let inner = elements_per_step(literal.shape(), params.scales.len(), axis)?;
    // As int8; uint8 is the same rule, shifted.
    let shift = if params.dtype == DType::U8 { 128 } else { 0 };
    let steps = values.iter().enumerate().map(|(index, &value)| {
        let channel = index / inner % params.scales.len();
        let zero_point = i32::try_from(params.zero_points[channel] - shift).ok()?;
        Some(edge_runtime::affine::quantize(value, params.scales[channel], zero_point))
    });
    let steps: Vec<i8> = steps.collect::<Option<_>>()?;
    let data = match params.dtype {
        DType::I8 => Data::I8(steps.into()),
        DType::U8 => Data::U8(steps.iter().map(|&q| q.cast_unsigned() ^ 0x80).collect()),
        _ => return None,
    };
    Literal::new(literal.shape(), data)
}

/// `Dequantize(constant)` becomes a float constant.
pub(super) struct FoldDequantize<'s>(pub(super) &'s Stored);

impl Pass for FoldDequantize<'_> {
    fn name(&self) -> &'static str {
        "fold-dequantize"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        patch(graph, "dequantize the constants", |patch, node| {
            let (Op::Dequantize { .. }, x, output) = (&node.op, node.input(0)?, node.output()?) else { return None };
            graph.literal(x).filter(|_| graph.can_redirect(output, x))?;
            let entry = self.0.named(&graph.tensor(output).name)?;
            let constant = patch.constant(&entry.name, Literal::f32(entry.shape.clone(), entry.real.clone())?);
            patch.redirect(output, constant);
            Some(())
        })
    }
}

/// `Dequantize -> Pad -> Quantize -> Dequantize -> Conv` loses the pair after the padding, where both pairs have the same parameters, so that
/// the padding can become part of the convolution. Exact: the padded tensor holds nothing that the first pair has not rounded, and zero.
pub(super) struct RemovePaddedPair;

impl Pass for RemovePaddedPair {
    fn name(&self) -> &'static str {
        "remove-padded-pair"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        patch(graph, "remove the pairs between padding and convolutions", |patch, node| {
            let (Op::Pad { value: 0.0, .. }, x, padded) = (&node.op, node.input(0)?, node.output()?) else { return None };
            let before = graph.node(graph.producer(x)?);
            let (quantize, quantized) = only_reader(graph, padded)?;
            let (dequantize, output) = only_reader(graph, quantized)?;
            let (conv, _) = only_reader(graph, output)?;
            let ops = (&before.op, &quantize.op, &dequantize.op, &conv.op);
            let (Op::Dequantize { .. }, Op::Quantize { .. }, Op::Dequantize { .. }, Op::Conv(_)) = ops else { return None };
            let params = |node| stated::of_activation(graph, node).ok();
            let same = params(before)? == params(quantize)? && params(quantize)? == params(dequantize)?;
            (same && graph.can_redirect(output, padded)).then(|| patch.redirect(output, padded))
        })
    }
}

/// The only reader of a tensor, and its output.
fn only_reader(graph: &Graph, id: TensorId) -> Option<(&Node, TensorId)> {
    let reader = graph.node(graph.only_consumer(id)?);
    Some((reader, reader.output()?))
}
