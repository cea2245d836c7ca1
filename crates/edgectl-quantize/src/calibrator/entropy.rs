//! The range whose int8 form has the least Kullback-Leibler divergence from the values (S. Migacz, "8-bit inference with TensorRT", 2017),
//! with a threshold on the magnitude that cuts each end of an asymmetric range only where the values reach beyond it.

use std::collections::BTreeMap;

use edgectl_graph::QuantType;

use super::distribution::Distribution;
use crate::{Observer, Range, activation_params};

/// Candidate thresholds, as shares of the greatest magnitude.
const STEPS: u32 = 128;

/// Remembers how the values are distributed.
#[derive(Clone, Debug, Default)]
pub struct Entropy(Distribution);

/// The divergence of the values' int8 form from the values, both as distributions over the bins within the range. The values beyond it
/// are counted at its ends in the one, and missing in the other.
///
/// Of a finite number of values, the bins that share an integer differ by chance: that alone adds half a value per bin to the estimate
/// (G. Miller, "Note on the bias of information estimates", 1955), more in a wider range, and is taken off.
fn divergence(bins: &[(f64, f64, f64)], range: Range) -> f64 {
    let scale = f64::from(activation_params(range, QuantType::I8).scale);
    let (min, max) = (f64::from(range.min), f64::from(range.max));
    let inside = |bin: &&(f64, f64, f64)| (bin.0 + bin.1) / 2.0 >= min && (bin.0 + bin.1) / 2.0 <= max;
    let kept: Vec<_> = bins.iter().filter(inside).collect();
    if kept.is_empty() {
        return f64::INFINITY;
    }
    let mut reference: Vec<f64> = kept.iter().map(|bin| bin.2).collect();
    let below: f64 = bins.iter().filter(|bin| (bin.0 + bin.1) / 2.0 < min).map(|bin| bin.2).sum();
    let above: f64 = bins.iter().filter(|bin| (bin.0 + bin.1) / 2.0 > max).map(|bin| bin.2).sum();
    let last = reference.len() - 1;
    reference[0] += below;
    reference[last] += above;

    // What falls on the same integer cannot be told apart: its mass is spread evenly, by width.
    let level = |bin: &(f64, f64, f64)| ((bin.0 + bin.1) / 2.0 / scale).round_ties_even() as i64;
    let mut levels: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for bin in &kept {
        let (mass, width) = levels.entry(level(bin)).or_default();
        *mass += bin.2;
        *width += bin.1 - bin.0;
    }
    let total: f64 = reference.iter().sum();
    let quantized_total: f64 = kept.iter().map(|bin| bin.2).sum();
    let term = |(bin, reference): (&&(f64, f64, f64), f64)| {
        let (mass, width) = levels[&level(bin)];
        let share = if width > 0.0 { (bin.1 - bin.0) / width } else { 1.0 };
        let (p, q) = (reference / total, mass * share / quantized_total);
        // A bin cut to nothing by the extremes has no share of its integer.
        if q > 0.0 { p * (p / q).ln() } else { 0.0 }
    };
    let bias = (kept.len() - levels.len()) as f64 / (2.0 * total);
    kept.iter().zip(reference).map(term).sum::<f64>() - bias
}

impl Observer for Entropy {
    fn observe(&mut self, values: &[f32], extent: Range) {
        self.0.add(values, extent);
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(other) = other.as_any().downcast_ref::<Entropy>() {
            self.0.merge(&other.0);
        }
    }

    fn range(&self) -> Option<Range> {
        let extremes = self.0.extremes?;
        let bins = self.0.bins();
        let magnitude = extremes.min.abs().max(extremes.max.abs());
        let cut = |step: u32| {
            let threshold = magnitude * (step as f32 / STEPS as f32);
            Range { min: extremes.min.max(-threshold), max: extremes.max.min(threshold) }
        };
        // From the widest inwards; where two are equally good, the wider one stays. Of fewer bins than int8 has values, nothing is lost.
        let mut best = (divergence(&bins, extremes), extremes);
        for range in (STEPS / 8..STEPS).rev().map(cut).filter(|range| range.min <= range.max) {
            let found = divergence(&bins, range);
            if found < best.0 {
                best = (found, range);
            }
        }
        Some(best.1)
    }

    fn bytes(&self) -> usize {
        size_of::<Entropy>() + Distribution::HEAP_BYTES
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
