//! Cross-layer equalization (M. Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019), with
//! the ranges of activations that calibration saw, and the weights that see them (G. Xiao et al., "SmoothQuant", 2023).
//!
//! `s * relu(x / s) = relu(x)` for positive `s`: a channel between two layers may have any scale. One int8 range must hold all channels,
//! so a channel much narrower than the widest has few integers. Every factor is a power of two, so the float function stays the same
//! to the bit, as long as no exponent underflows.

use edgectl_graph::Graph;

use super::Note;
use super::pair::{Pair, candidates};
use super::rewrite::rewrite;
use crate::layer::Layer;
use crate::{Calibration, QuantizeError};

/// Ranges closer than this are left alone: one int8 range serves them well, and scaling would only move the error into the next layer's
/// weights.
const LEAST_SPREAD: f64 = 16.0;

/// The greatest exponent of a factor. Beyond it, a channel is as good as dead.
const MAX_EXPONENT: f64 = 24.0;

/// Equalizes a graph by what a calibration with [`channels`](Calibration::watch_channels) of its candidates saw.
///
/// `per_channel` says that each output of a layer has a weight scale of its own.
pub(crate) fn equalize(graph: &mut Graph, seen: &Calibration, per_channel: bool, notes: &mut Vec<Note>) -> Result<(), QuantizeError> {
    let mut layers = Layer::all(graph)?;
    for pair in candidates(graph, &layers) {
        let (from, to) = (pair.from.label.clone(), pair.to.label.clone());
        let ranges = seen.channels(pair.from.output).and_then(|channels| channels.ranges()).ok_or(QuantizeError::NoSamples)?;
        let magnitudes: Vec<f64> = ranges.iter().map(|range| f64::from(range.min.abs().max(range.max.abs()))).collect();
        let spread = spread(&magnitudes);
        if spread < LEAST_SPREAD {
            continue;
        }
        if let Some(reason) = pair.scale_barrier.clone() {
            notes.push(Note::NotEqualized { from, to, reason });
            continue;
        }
        let exponents = exponents(&pair, &magnitudes, per_channel);
        let channels = exponents.iter().filter(|&&exponent| exponent != 0).count();
        if channels > 0 {
            scale(&mut layers, &pair, &exponents);
            notes.push(Note::Equalized { from, to, spread, channels });
        }
    }
    rewrite(graph, "equalize", &layers)
}

/// The ratio of the greatest to the smallest magnitude, of those that are not zero.
fn spread(magnitudes: &[f64]) -> f64 {
    let alive = || magnitudes.iter().copied().filter(|&magnitude| magnitude > 0.0);
    let (least, greatest) = (alive().fold(f64::INFINITY, f64::min), alive().fold(0.0, f64::max));
    if greatest > 0.0 { greatest / least } else { 1.0 }
}

/// The exponent by which each channel is divided.
///
/// Dividing channel `c` by `s` multiplies the weights that see it. With a scale per output, the weights of a depthwise layer follow
/// without loss, and `s = range`. Elsewhere the channel's weights grow against those of the other channels, and `s = sqrt(range / weights)`
/// gives both the same.
fn exponents(pair: &Pair, magnitudes: &[f64], per_channel: bool) -> Vec<i32> {
    let columns = pair.to.geometry.columns();
    let mut weights = vec![0.0f64; magnitudes.len()];
    let greatest = |row: &[f32]| row.iter().fold(0.0f32, |max, w| max.max(w.abs()));
    let all = greatest(&pair.to.weights);
    for (output, row) in pair.to.weights.chunks(columns.max(1)).enumerate() {
        let unit = f64::from(if per_channel { greatest(row) } else { all });
        for (column, w) in row.iter().enumerate().filter(|_| unit > 0.0) {
            let channel = pair.channel(output, column);
            weights[channel] = weights[channel].max(f64::from(w.abs()) / unit);
        }
    }
    let top = magnitudes.iter().copied().fold(0.0, f64::max);
    let follows = per_channel && pair.to.is_depthwise();
    let exponent = |(&range, &weight): (&f64, &f64)| {
        if range == 0.0 || weight == 0.0 {
            return 0;
        }
        let factor = if follows { range / top } else { (range / top / weight).sqrt() };
        factor.log2().round().clamp(-MAX_EXPONENT, MAX_EXPONENT) as i32
    };
    magnitudes.iter().zip(&weights).map(exponent).collect()
}

/// Divides the channels between a pair by `2^exponent`.
fn scale(layers: &mut [Layer], pair: &Pair, exponents: &[i32]) {
    let columns = pair.from.geometry.columns();
    for layer in layers {
        if layer.node == pair.from.node {
            for (output, &exponent) in exponents.iter().enumerate() {
                let factor = 2f32.powi(-exponent);
                layer.weights[output * columns..][..columns].iter_mut().for_each(|w| *w *= factor);
                layer.bias[output] *= factor;
            }
        } else if layer.node == pair.to.node {
            for (output, row) in layer.weights.chunks_mut(pair.to.geometry.columns().max(1)).enumerate() {
                row.iter_mut().enumerate().for_each(|(column, w)| *w *= 2f32.powi(exponents[pair.channel(output, column)]));
            }
        }
    }
}
