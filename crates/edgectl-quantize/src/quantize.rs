//! From ranges to a quantized graph.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, Node, Op, QuantConst, QuantGraph, QuantParams, QuantType, TensorId};

use crate::group::{Groups, Source};
use crate::int16::Typed;
use crate::integers::Integers;
use crate::layer::{Layer, finite};
use crate::method::Note;
use crate::recurrent::RecurrentLayer;
use crate::{Calibration, QuantizeError, Range, Ranges, Recipe, activation_params, quantize_operand};

/// How much further than what calibration saw int16 reaches. One bit of sixteen costs nothing beside weights of eight, and inputs that
/// calibration did not see are not cut off.
const INT16_HEADROOM: f32 = 2.0;

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

/// Quantizes a [prepared](crate::prepare) graph with the ranges of its activations: every value rounded to the nearest.
///
/// # Errors
/// A constant with values that are not finite, a range that is missing, an operator that has no int8 form, or a layer whose accumulator
/// could leave int32.
pub fn quantize(graph: Graph, ranges: &Ranges, options: QuantizeOptions) -> Result<QuantGraph, QuantizeError> {
    let recipe = Recipe { methods: vec![], options, ..Recipe::default() };
    quantize_layers(graph, ranges, &recipe, None, &mut vec![])
}

/// Quantizes with the methods of a recipe that work on one layer, and what calibration saw for them.
pub(crate) fn quantize_layers(
    graph: Graph,
    ranges: &Ranges,
    recipe: &Recipe,
    seen: Option<&Calibration>,
    notes: &mut Vec<Note>,
) -> Result<QuantGraph, QuantizeError> {
    let typed = Typed::new(graph, &recipe.int16)?;
    let graph = &typed.graph;
    let mut constants = BTreeMap::new();
    let activations = activations(&typed, ranges, &mut constants)?;
    for (id, node) in graph.iter() {
        if let Some(mut layer) = Layer::of(graph, id)? {
            let input = activations.get(&layer.input).copied().ok_or(QuantizeError::NoSamples)?;
            // What was seen was seen before identities were inserted.
            (layer.input, layer.output) = (typed.origin(layer.input), typed.origin(layer.output));
            let (weights, bias) = Integers { layer: &layer, recipe, input, seen }.choose(notes)?;
            constants.extend(node.input(1).map(|id| (id, weights)));
            constants.extend(node.input(2).map(|id| (id, bias)));
        } else if let Some(layer) = RecurrentLayer::of(graph, node)? {
            let params = |id| activations.get(&id).copied().ok_or(QuantizeError::NoSamples);
            let magnitude = ranges.cells.get(&typed.origin(layer.output)).copied().unwrap_or_default();
            constants.extend(layer.constants(graph, node, params(layer.input)?, params(layer.output)?, magnitude)?);
        } else if node.op.is_normalization() {
            constants.extend(node.inputs.iter().skip(1).flatten().map(|&id| (id, QuantConst::Real)));
        } else if !matches!(node.op, Op::Concat { .. } | Op::Opaque(_) | Op::Reshape { .. }) {
            let ty = node.output().map_or(QuantType::I8, |output| typed.of(output));
            for id in node.inputs.iter().flatten().copied() {
                if let Some(values) = finite(graph, id)?.filter(|_| !constants.contains_key(&id)) {
                    constants.insert(id, quantize_operand(values, activation_params(extent(values), ty)));
                }
            }
        }
    }
    Ok(QuantGraph::new(typed.graph, activations, constants)?)
}

/// Parameters of all activations, group by group; constants that belong to a group are quantized with its parameters.
fn activations(
    typed: &Typed,
    ranges: &Ranges,
    constants: &mut BTreeMap<TensorId, QuantConst>,
) -> Result<BTreeMap<TensorId, QuantParams>, QuantizeError> {
    let graph = &typed.graph;
    let groups = Groups::new(graph);
    // A node reads what it writes, so that a group has one type: that of any of its activations.
    let members = graph.inputs().iter().copied().chain(graph.nodes().iter().flat_map(Node::writes));
    let types: BTreeMap<usize, QuantType> = members.map(|id| (groups.of(id), typed.of(id))).collect();
    let mut params = BTreeMap::new();
    for (group, sources) in groups.sources_of(graph, |id| typed.of(id)) {
        let ty = types.get(&group).copied().unwrap_or_default();
        let (found, headroom) = if ty == QuantType::I16 { (&ranges.extents, INT16_HEADROOM) } else { (&ranges.ranges, 1.0) };
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
                Source::Free(id) => {
                    let seen = typed.range(id, found).ok_or(QuantizeError::NoSamples)?;
                    Some(Range { min: (seen.min * headroom).max(f32::MIN), max: (seen.max * headroom).min(f32::MAX) })
                }
            };
            range = range.into_iter().chain(more).reduce(Range::union);
        }
        let chosen = match (fixed, range) {
            (Some(params), _) => params,
            (None, Some(range)) => activation_params(range, ty),
            (None, None) => return Err(QuantizeError::NoSamples),
        };
        params.insert(group, chosen);
        for source in sources {
            if let Source::Constant(id) = source
                && let Some(values) = finite(graph, id)?
            {
                constants.insert(id, quantize_operand(values, chosen));
            }
        }
    }
    let activations = graph.inputs().iter().copied().chain(graph.nodes().iter().flat_map(Node::writes));
    Ok(activations.filter_map(|id| Some((id, *params.get(&groups.of(id))?))).collect())
}

fn extent(values: &[f32]) -> Range {
    values.iter().fold(Range { min: 0.0, max: 0.0 }, |range, &x| range.union(Range { min: x, max: x }))
}
