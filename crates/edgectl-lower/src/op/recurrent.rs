//! Recurrent layers.

use edge_runtime::{prepare, table};
use edgectl_graph::{Cell, Node, QuantConst, QuantParams, Recurrent};

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, recurrent: &Recurrent) -> Result<(), LowerError> {
    match recurrent.cell {
        Cell::Gru { reset_after } => gru(builder, node, recurrent, reset_after),
        Cell::Lstm { clip } => lstm(builder, node, recurrent, clip),
        _ => Err(builder.no_kernel(node, "its cell has no kernel")),
    }
}

/// What both kinds have: the tensors of x, weights, recurrent weights and bias, the scales of the gates, and the form of the state.
struct Parts<const GATES: usize> {
    inputs: Vec<usize>,
    scales: prepare::RecurrentScales<GATES>,
    state: Vec<usize>,
    name: String,
    hidden: QuantParams,
}

fn parts<const GATES: usize>(builder: &mut Builder<'_>, node: &Node, recurrent: &Recurrent) -> Result<Parts<GATES>, LowerError> {
    let (x, y) = ends(builder, node)?;
    let extents = recurrent.extents(&builder.shape(x)?, &builder.shape(y)?);
    let extents = extents.ok_or_else(|| builder.no_kernel(node, "its input is no batch of sequences"))?;
    let (input, hidden) = (builder.params(x)?, builder.params(y)?);
    let mut inputs = vec![builder.in_order(x, &layout::identity(3))?];
    let [filter, recurrent] = [1, 2].map(|index| weights(builder, node, index, extents.units, &mut inputs));
    let bias = bias(builder, node, 3)?;
    inputs.push(bias);
    let scales = prepare::RecurrentScales { input: input.scale, filter: filter?, recurrent: recurrent?, hidden: hidden.scale };
    Ok(Parts { inputs, scales, state: vec![extents.batch, extents.units], name: builder.graph().tensor(y).name.clone(), hidden })
}

/// Adds the weights to the inputs, and gives the scale of each gate.
fn weights<const GATES: usize>(
    builder: &mut Builder<'_>,
    node: &Node,
    index: usize,
    units: usize,
    inputs: &mut Vec<usize>,
) -> Result<[f32; GATES], LowerError> {
    let id = node.input(index).ok_or_else(|| builder.no_kernel(node, "it has no weights"))?;
    let Some(QuantConst::Weights { values, scales }) = builder.quantized.constant(id) else {
        return Err(builder.no_kernel(node, "its weights are not int8 constants"));
    };
    let shape = builder.shape(id)?;
    inputs.push(builder.constant_i8(&builder.graph().tensor(id).name, &shape, values));
    Ok(std::array::from_fn(|gate| scales.get(gate * units).or(scales.first()).copied().unwrap_or(1.0)))
}

fn bias(builder: &mut Builder<'_>, node: &Node, index: usize) -> Result<usize, LowerError> {
    let id = node.input(index).ok_or_else(|| builder.no_kernel(node, "it has no bias"))?;
    let Some(QuantConst::Bias { values }) = builder.quantized.constant(id) else {
        return Err(builder.no_kernel(node, "its bias is no int32 constant"));
    };
    Ok(builder.constant_i32(&builder.graph().tensor(id).name, values))
}

/// The table from which gates are interpolated.
fn sigmoid(builder: &mut Builder<'_>) -> usize {
    builder.constant_i16("", &[table::SIGMOID], &table::sigmoid_i16(f64::exp))
}

fn lstm(builder: &mut Builder<'_>, node: &Node, recurrent: &Recurrent, clip: f32) -> Result<(), LowerError> {
    let Parts { mut inputs, scales, state, name, hidden } = parts::<4>(builder, node, recurrent)?;
    let cell = node.input(4).map(|id| builder.params(id)).transpose()?;
    let cell = cell.ok_or_else(|| builder.no_kernel(node, "it has no cell"))?;
    let y = node.output().map(|y| builder.output(y, &layout::identity(3))).transpose()?;
    let y = y.ok_or_else(|| builder.no_kernel(node, "it has no output"))?;
    inputs.push(sigmoid(builder));
    let states = [(format!("{name}/hidden"), hidden), (format!("{name}/cell"), cell)];
    let states = states.map(|(name, params)| builder.state(name, state.clone(), params));
    inputs.extend(states.map(|[before, _]| before));
    let outputs = [vec![y], states.map(|[_, after]| after).to_vec()].concat();
    // The scale is a power of two.
    let params = prepare::lstm(&scales, cell.scale.log2().round() as i32, clip, recurrent.time_major);
    builder.push_all(params, inputs, outputs);
    Ok(())
}

fn gru(builder: &mut Builder<'_>, node: &Node, recurrent: &Recurrent, reset_after: bool) -> Result<(), LowerError> {
    let Parts { mut inputs, scales, state, name, hidden } = parts::<3>(builder, node, recurrent)?;
    inputs.push(bias(builder, node, 4)?);
    let y = node.output().map(|y| builder.output(y, &layout::identity(3))).transpose()?;
    let y = y.ok_or_else(|| builder.no_kernel(node, "it has no output"))?;
    inputs.push(sigmoid(builder));
    let scratch = builder.activation(format!("{name}/scratch"), vec![state[1]], hidden);
    let fine = QuantParams::int16(1.0 / 32768.0);
    let states = [(format!("{name}/hidden"), hidden), (format!("{name}/fine"), fine)];
    let states = states.map(|(name, params)| builder.state(name, state.clone(), params));
    inputs.extend(states.map(|[before, _]| before));
    let outputs = [vec![y, scratch], states.map(|[_, after]| after).to_vec()].concat();
    builder.push_all(prepare::gru(&scales, reset_after, recurrent.time_major), inputs, outputs);
    Ok(())
}
