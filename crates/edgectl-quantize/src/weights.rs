//! Weights alone: int8 without calibration, for engines that compute in float, or quantize activations as they come.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, Op, QuantConst, TensorId};

use crate::layer::finite;
use crate::{QuantizeError, quantize_weights, weight_scale};

/// The int8 form of the constant weights of every convolution and dense layer, symmetric, with a scale per output channel or one for all.
/// The graph need not be deployable as a whole: nodes that are not typed are passed over.
///
/// # Errors
/// A weight that is not finite.
pub fn int8_weights(graph: &Graph, per_channel: bool) -> Result<BTreeMap<TensorId, QuantConst>, QuantizeError> {
    let mut found = BTreeMap::new();
    let layers = graph.nodes().iter().filter(|node| matches!(node.op, Op::Conv(_) | Op::ConvTranspose(_) | Op::Dense { .. }));
    for id in layers.filter_map(|node| node.input(1)) {
        let (Some(values), Some(literal)) = (finite(graph, id)?, graph.literal(id)) else { continue };
        let channels = if per_channel { literal.shape().first().copied().unwrap_or(1).max(1) } else { 1 };
        let size = (values.len() / channels).max(1);
        // There is no bias to be represented: it stays float.
        let scales: Vec<f32> = values.chunks(size).map(|channel| weight_scale(channel, 0.0, 1.0)).collect();
        found.insert(id, QuantConst::Weights { values: quantize_weights(values, &scales).into(), scales: scales.into() });
    }
    Ok(found)
}
