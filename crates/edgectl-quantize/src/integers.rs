//! The integers of one layer: weight scales, weights, biases, and the proof that no sum of them leaves its type.

use edgectl_graph::{INT16_LIMIT, INT32_LIMIT, QuantConst, QuantError, QuantParams, QuantType, accumulator_bound};

use crate::layer::Layer;
use crate::method::{self, Method, Note};
use crate::params::{quantize_wide_bias, weight_scale_for};
use crate::{Calibration, QuantizeError, Recipe, quantize_weights};

/// What decides the integers of a layer.
pub(crate) struct Integers<'a> {
    pub(crate) layer: &'a Layer,
    pub(crate) recipe: &'a Recipe,
    /// Of the layer's input.
    pub(crate) input: QuantParams,
    /// What calibration saw, for the methods that need it.
    pub(crate) seen: Option<&'a Calibration>,
}

impl Integers<'_> {
    /// The weights and the bias. A bias that the node does not have is only zeros.
    ///
    /// # Errors
    /// [`QuantError::Accumulator`].
    pub(crate) fn choose(&self, notes: &mut Vec<Note>) -> Result<(QuantConst, QuantConst), QuantizeError> {
        let layer = self.layer;
        let rows = || layer.weights.chunks(layer.geometry.columns().max(1));
        let channels: Vec<usize> = rows().enumerate().filter(|(_, row)| row.iter().all(|&w| w == 0.0)).map(|(i, _)| i).collect();
        let dead = channels.len();
        if !channels.is_empty() {
            notes.push(Note::DeadChannels { node: layer.label.clone(), channels });
        }
        let scales = self.scales();
        let weights = self.weights(&scales, notes);
        let columns = layer.geometry.columns().max(1);
        let vanish = |(row, integers): (&[f32], &[i8])| integers.iter().all(|&q| q == 0) && row.iter().any(|&w| w != 0.0);
        let vanished = rows().zip(weights.chunks(columns)).filter(|&channel| vanish(channel)).count();
        if vanished > 0 {
            let (node, channels) = (layer.label.clone(), layer.geometry.outputs);
            notes.push(Note::Vanished { node, vanished, left: channels - vanished - dead });
        }
        let bias = quantize_wide_bias(&self.bias(&scales, &weights), self.input.scale, &scales);
        let (channel, bound) = accumulator_bound(&weights, bias.iter().copied(), self.input);
        let limit = if self.input.ty == QuantType::I16 { INT16_LIMIT } else { INT32_LIMIT };
        if bound >= limit {
            return Err(QuantError::Accumulator { node: layer.label.clone(), channel, bound, limit }.into());
        }
        // Where sums fit int32, that is faster, and its multipliers are finer.
        let bias = if bound < INT32_LIMIT {
            QuantConst::Bias { values: bias.iter().map(|&b| b as i32).collect() }
        } else {
            QuantConst::WideBias { values: bias.into() }
        };
        Ok((QuantConst::Weights { values: weights.into(), scales: scales.into() }, bias))
    }

    fn scales(&self) -> Vec<f32> {
        let (layer, input) = (self.layer, self.input);
        let options = self.recipe.options;
        let per_channel = if layer.is_dense() { options.per_channel_dense } else { options.per_channel_conv };
        let scale = |weights: &[f32], bias: f32| {
            let full = weight_scale_for(weights, bias, input);
            if !self.recipe.has(Method::ClipWeights) {
                return full;
            }
            // What the bias needs stays the least.
            method::clipped_scale(weights, full).max(weight_scale_for(&[], bias, input).min(full))
        };
        if per_channel {
            layer.weights.chunks(layer.geometry.columns().max(1)).zip(&layer.bias).map(|(weights, &bias)| scale(weights, bias)).collect()
        } else {
            vec![scale(&layer.weights, layer.bias.iter().fold(0.0f32, |max, b| max.max(b.abs())))]
        }
    }

    fn weights(&self, scales: &[f32], notes: &mut Vec<Note>) -> Vec<i8> {
        let patches = self.seen.and_then(|seen| seen.patches(self.layer)).filter(|_| self.recipe.has(Method::RoundAdaptive));
        let (columns, limit) = (self.layer.geometry.columns(), method::MAX_COLUMNS);
        match patches {
            Some(patches) if columns <= limit => {
                method::round_adaptive(self.layer, scales, self.input, &patches.patches().collect::<Vec<_>>())
            }
            found => {
                if found.is_some() {
                    notes.push(Note::NotRounded { node: self.layer.label.clone(), columns, limit });
                }
                quantize_weights(&self.layer.weights, scales)
            }
        }
    }

    fn bias(&self, scales: &[f32], weights: &[i8]) -> Vec<f32> {
        let layer = self.layer;
        let columns = layer.geometry.columns().max(1);
        let scale = |i: usize| if scales.len() == 1 { scales[0] } else { scales[i / columns] };
        let dequantized = || weights.iter().enumerate().map(|(i, &q)| f32::from(q) * scale(i)).collect::<Vec<_>>();
        let means = || self.seen?.channels(layer.input)?.means();
        let correction = if self.recipe.has(Method::CorrectBiasEmpirical)
            && let Some(patches) = self.seen.and_then(|seen| seen.patches(layer))
        {
            method::empirical_correction(layer, &dequantized(), self.input, patches.patches())
        } else if self.recipe.has(Method::CorrectBias)
            && !layer.is_sparse()
            && let Some(means) = means()
        {
            method::analytic_correction(layer, &dequantized(), &means)
        } else {
            return layer.bias.clone();
        };
        layer.bias.iter().zip(correction).map(|(&bias, more)| (f64::from(bias) + more) as f32).collect()
    }
}
