//! One scale for activations that have one per channel, as NNCF writes them before depthwise convolutions.

use edgectl_graph::{Activation, Conv, DType, Data, Graph, Literal, NodeId, Op, Pass, Patch, TensorId};

use super::stated::Params;

/// `Conv -> Quantize [s] -> Dequantize [s] -> depthwise Conv`, or several of these, becomes the same with one scale `S`, the greatest: the
/// weights and biases of the first are multiplied by `S / s`, the weights of the second by `s / S`. All integers stay as they were, since `s` is in the scales of the
/// weights then. Only where all zero points are equal.
pub(super) struct UniteChannels;

impl Pass for UniteChannels {
    fn name(&self) -> &'static str {
        "unite-channels"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, _)| unite(graph, id))
    }
}

fn unite(graph: &Graph, quantize_id: NodeId) -> Option<Patch> {
    let quantize = graph.node(quantize_id);
    let Op::Quantize { axis: 1, dtype: dtype @ (DType::I8 | DType::U8) } = quantize.op else { return None };
    let params = Params::of(graph, quantize).ok()?;
    let (scales, zero_point) = (&params.scales, *params.zero_points.first()?);
    if scales.len() < 2 || params.zero_points.iter().any(|&other| other != zero_point) {
        return None;
    }

    let x = quantize.input(0)?;
    let first_id = graph.producer(x).filter(|_| graph.only_consumer(x) == Some(quantize_id))?;
    let Op::Conv(first) = &graph.node(first_id).op else { return None };
    let same = |other: Params| other.scales == *scales && other.zero_points == params.zero_points;
    let (mut pair, mut layers) = (vec![(quantize_id, x)], vec![]);
    for &id in graph.consumers(quantize.output()?) {
        let dequantize = graph.node(id);
        if !matches!(dequantize.op, Op::Dequantize { axis: 1 }) || !Params::of(graph, dequantize).is_ok_and(same) {
            return None;
        }
        pair.push((id, quantize.output()?));
        let y = dequantize.output().filter(|y| !graph.outputs().contains(y))?;
        for &id in graph.consumers(y) {
            let layer = graph.node(id);
            let Op::Conv(conv) = &layer.op else { return None };
            if conv.groups != scales.len() || layer.reads().filter(|&read| read == y).count() != 1 || layer.input(0) != Some(y) {
                return None;
            }
            layers.push((id, conv));
        }
    }

    let greatest = (if dtype == DType::U8 { 255 } else { 127 } - zero_point) as f32;
    let activation = rescaled(first.activation, scales, greatest)?;
    let top = scales.iter().copied().fold(0.0, f32::max);
    let up: Vec<f32> = scales.iter().map(|scale| top / scale).collect();
    let down: Vec<f32> = scales.iter().map(|scale| scale / top).collect();
    let mut patch = Patch::new(graph, format!("one scale for the channels of \"{}\"", graph.tensor(x).name));
    let op = Op::Conv(Conv { activation, ..first.clone() });
    let inputs = multiplied(graph, &mut patch, first_id, &up, true)?;
    patch.replace(graph, first_id, op, inputs);
    for (id, conv) in layers {
        let inputs = multiplied(graph, &mut patch, id, &down, false)?;
        patch.replace(graph, id, Op::Conv(conv.clone()), inputs);
    }
    let zero_point =
        Literal::new([], if dtype == DType::U8 { Data::U8([zero_point as u8].into()) } else { Data::I8([zero_point as i8].into()) })?;
    let scale = patch.constant("scale", Literal::f32([], vec![top])?);
    let zero_point = patch.constant("zero_point", zero_point);
    for (id, input) in pair {
        patch.replace(graph, id, graph.node(id).op.clone(), vec![Some(input), Some(scale), Some(zero_point)]);
    }
    Some(patch)
}

/// The activation between channels that are multiplied. A bound that saturation of the integers keeps as well can go; `None` where another
/// would be needed for each channel.
fn rescaled(activation: Activation, scales: &[f32], greatest: f32) -> Option<Activation> {
    let Activation { min, max } = activation;
    let saturates = max.is_infinite() || scales.iter().all(|scale| scale * greatest <= max + scale / 2.0);
    ((min == 0.0 || min == f32::NEG_INFINITY) && saturates).then_some(Activation { min, max: f32::INFINITY })
}

/// The inputs of a convolution with its weights, and with `bias` its biases, multiplied by factors of its output channels, of which several
/// in a row may have the same.
fn multiplied(graph: &Graph, patch: &mut Patch, id: NodeId, factors: &[f32], bias: bool) -> Option<Vec<Option<TensorId>>> {
    let mut inputs = graph.node(id).inputs.clone();
    for place in if bias { 1..3 } else { 1..2 } {
        let Some(constant) = inputs.get(place).copied().flatten() else { continue };
        let literal = graph.literal(constant)?;
        let rows = literal.shape().first().copied().filter(|rows| rows.is_multiple_of(factors.len()))?;
        let (row, repeat) = (literal.as_f32()?.len() / rows.max(1), rows / factors.len());
        let factor = |i: usize| factors[i / row.max(1) / repeat.max(1)];
        let values: Vec<f32> = literal.as_f32()?.iter().enumerate().map(|(i, value)| value * factor(i)).collect();
        inputs[place] = Some(patch.constant(&graph.tensor(constant).name, Literal::f32(literal.shape(), values)?));
    }
    Some(inputs)
}
