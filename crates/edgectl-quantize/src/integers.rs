//! The integers of one layer: weight scales, weights, biases, and the proof that no sum of them leaves int32.

use edgectl_graph::{QuantConst, QuantParams};

use crate::layer::Layer;
use crate::method::{self, Method, Note};
use crate::{Calibration, QuantizeError, Recipe, quantize_bias, quantize_weights, weight_scale};

/// The greatest magnitude of an int8 input less its zero point.
const INPUT_MAX: u64 = 255;

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
    /// [`QuantizeError::Accumulator`].
    pub(crate) fn choose(&self, notes: &mut Vec<Note>) -> Result<(QuantConst, QuantConst), QuantizeError> {
        let layer = self.layer;
        let rows = || layer.weights.chunks(layer.geometry.columns().max(1));
        let channels: Vec<usize> = rows().enumerate().filter(|(_, row)| row.iter().all(|&w| w == 0.0)).map(|(i, _)| i).collect();
        if !channels.is_empty() {
            notes.push(Note::DeadChannels { node: layer.label.clone(), channels });
        }
        let scales = self.scales();
        let weights = self.weights(&scales, notes);
        let bias = quantize_bias(&self.bias(&scales, &weights), self.input.scale, &scales);
        self.prove(&weights, &bias)?;
        Ok((QuantConst::Weights { values: weights.into(), scales: scales.into() }, QuantConst::Bias { values: bias.into() }))
    }

    fn scales(&self) -> Vec<f32> {
        let (layer, input) = (self.layer, self.input.scale);
        let options = self.recipe.options;
        let per_channel = if layer.is_dense() { options.per_channel_dense } else { options.per_channel_conv };
        let scale = |weights: &[f32], bias: f32| {
            let full = weight_scale(weights, bias, input);
            if !self.recipe.has(Method::ClipWeights) {
                return full;
            }
            // What the bias needs stays the least.
            method::clipped_scale(weights, full).max(weight_scale(&[], bias, input).min(full))
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

    /// No input can take the accumulator out of int32: `255 * sum |w| + |bias|` stays below `2^31` in every channel.
    fn prove(&self, weights: &[i8], bias: &[i32]) -> Result<(), QuantizeError> {
        let rows = weights.chunks(self.layer.geometry.columns().max(1)).zip(bias).enumerate();
        for (channel, (row, bias)) in rows {
            let sum: u64 = row.iter().map(|q| u64::from(q.unsigned_abs())).sum();
            let bound = sum * INPUT_MAX + u64::from(bias.unsigned_abs());
            if bound > i32::MAX as u64 {
                return Err(QuantizeError::Accumulator { node: self.layer.label.clone(), channel, bound });
            }
        }
        Ok(())
    }
}
