//! From ranges to a quantized graph.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, Literal, Node, Op, QuantConst, QuantGraph, QuantParams, TensorId};

use crate::group::{Groups, Source};
use crate::{QuantizeError, Range, Ranges, activation_params, quantize_bias, quantize_value, quantize_weights, weight_scale};

/// Choices of the scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantizeOptions {
    /// One weight scale per output channel of a convolution, instead of one for all.
    pub per_channel_conv: bool,
    /// One weight scale per output of a dense layer, instead of one for all.
    pub per_channel_dense: bool,
}

impl Default for QuantizeOptions {
    fn default() -> QuantizeOptions {
        QuantizeOptions { per_channel_conv: true, per_channel_dense: true }
    }
}

/// Quantizes a [prepared](crate::prepare) graph with the ranges of its activations.
///
/// # Errors
/// A constant with values that are not finite, a range that is missing, or an operator that has no int8 form.
pub fn quantize(graph: Graph, ranges: &Ranges, options: QuantizeOptions) -> Result<QuantGraph, QuantizeError> {
    let mut constants = BTreeMap::new();
    let activations = activations(&graph, ranges, &mut constants)?;
    for node in graph.nodes() {
        match node.op {
            Op::Conv(_) => weights(&graph, node, &activations, options.per_channel_conv, &mut constants)?,
            Op::Dense { .. } => weights(&graph, node, &activations, options.per_channel_dense, &mut constants)?,
            Op::Concat { .. } | Op::Reshape { .. } => {}
            _ => {
                for id in node.inputs.iter().flatten().copied() {
                    if let Some(values) = finite(&graph, id)?.filter(|_| !constants.contains_key(&id)) {
                        constants.insert(id, operand(values, activation_params(extent(values))));
                    }
                }
            }
        }
    }
    Ok(QuantGraph::new(graph, activations, constants)?)
}

/// Parameters of all activations, group by group; constants that belong to a group are quantized with its parameters.
fn activations(
    graph: &Graph,
    ranges: &Ranges,
    constants: &mut BTreeMap<TensorId, QuantConst>,
) -> Result<BTreeMap<TensorId, QuantParams>, QuantizeError> {
    let groups = Groups::new(graph);
    let mut params = BTreeMap::new();
    for (group, sources) in groups.sources(graph) {
        let mut range: Option<Range> = None;
        let mut fixed = None;
        for source in &sources {
            let more = match *source {
                Source::Constant(id) => finite(graph, id)?.map(extent),
                Source::Fixed(_, params) => {
                    fixed = Some(params);
                    None
                }
                Source::Padding(value) => Some(Range { min: value, max: value }),
                Source::Free(id) => Some(*ranges.ranges.get(&id).ok_or(QuantizeError::NoSamples)?),
            };
            range = range.into_iter().chain(more).reduce(Range::union);
        }
        let chosen = match (fixed, range) {
            (Some(params), _) => params,
            (None, Some(range)) => activation_params(range),
            (None, None) => return Err(QuantizeError::NoSamples),
        };
        params.insert(group, chosen);
        for source in sources {
            if let Source::Constant(id) = source
                && let Some(values) = finite(graph, id)?
            {
                constants.insert(id, operand(values, chosen));
            }
        }
    }
    let activations = graph.inputs().iter().copied().chain(graph.nodes().iter().flat_map(Node::writes));
    Ok(activations.filter_map(|id| Some((id, *params.get(&groups.of(id))?))).collect())
}

/// The weights and the bias of a convolution or a dense layer.
fn weights(
    graph: &Graph,
    node: &Node,
    activations: &BTreeMap<TensorId, QuantParams>,
    per_channel: bool,
    constants: &mut BTreeMap<TensorId, QuantConst>,
) -> Result<(), QuantizeError> {
    let no_int8 =
        || QuantizeError::NoInt8 { node: graph.label(node), op: node.op.name().into(), reason: "its weights are not constant".into() };
    let input_scale = node.input(0).and_then(|id| activations.get(&id)).ok_or_else(no_int8)?.scale;
    let id = node.input(1).ok_or_else(no_int8)?;
    let values = finite(graph, id)?.ok_or_else(no_int8)?;
    let outputs = graph.literal(id).and_then(|literal| literal.shape().first().copied()).unwrap_or(1).max(1);
    let bias = match node.input(2) {
        Some(id) => finite(graph, id)?.ok_or_else(no_int8)?,
        None => &[],
    };
    let scales: Vec<f32> = if per_channel {
        let channels = values.chunks((values.len() / outputs).max(1)).enumerate();
        channels.map(|(channel, weights)| weight_scale(weights, bias.get(channel).copied().unwrap_or(0.0), input_scale)).collect()
    } else {
        let greatest_bias = bias.iter().fold(0.0f32, |max, b| max.max(b.abs()));
        vec![weight_scale(values, greatest_bias, input_scale)]
    };
    if let Some(id) = node.input(2) {
        constants.insert(id, QuantConst::Bias { values: quantize_bias(bias, input_scale, &scales).into() });
    }
    constants.insert(id, QuantConst::Weights { values: quantize_weights(values, &scales).into(), scales: scales.into() });
    Ok(())
}

fn operand(values: &[f32], params: QuantParams) -> QuantConst {
    QuantConst::Operand { values: values.iter().map(|&x| quantize_value(x, params)).collect(), params }
}

fn extent(values: &[f32]) -> Range {
    values.iter().fold(Range { min: 0.0, max: 0.0 }, |range, &x| range.union(Range { min: x, max: x }))
}

/// The values of a float constant, all finite; `None` where the tensor is no float constant.
pub(crate) fn finite(graph: &Graph, id: TensorId) -> Result<Option<&[f32]>, QuantizeError> {
    let Some(values) = graph.literal(id).and_then(Literal::as_f32) else { return Ok(None) };
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(Some(values)),
        Some(element) => Err(QuantizeError::ConstantNotFinite { tensor: graph.tensor(id).name.clone(), element, value: values[element] }),
    }
}
