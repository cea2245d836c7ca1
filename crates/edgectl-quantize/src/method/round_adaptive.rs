//! Adaptive rounding (after M. Nagel et al., "Up or down? Adaptive rounding for post-training quantization", 2020): each weight is
//! rounded up or down so that the layer's outputs, not its weights, change least on calibration data.
//!
//! For an output with weights `w` and integers `q`, over input patches `x` (float) and `x_q` (what int8 stands for), the loss is
//! `sum (w * x - s * q * x_q)^2`. Instead of AdaRound's relaxation, coordinate descent flips one weight at a time between its two
//! neighbours, while that lowers the loss: no randomness, and an end.

use edgectl_graph::QuantParams;

use super::correct_bias::simulate;
use crate::layer::Layer;

/// The most weights of an output: the matrix of their products is quadratic in it.
pub(crate) const MAX_COLUMNS: usize = 2048;
/// Passes over all weights of an output.
const SWEEPS: usize = 16;
/// Added to the diagonal, as a share of its mean: what patches do not show must not be left to chance.
const DAMPING: f64 = 0.02;

/// Integers in `-127..=127` for a layer's weights. `scales` has one entry, or one per output. Patches must not be too many columns wide.
pub(crate) fn round_adaptive(layer: &Layer, scales: &[f32], input: QuantParams, patches: &[&[f32]]) -> Vec<i8> {
    let columns = layer.geometry.columns().max(1);
    let per_group = layer.geometry.outputs / layer.geometry.groups.max(1);
    let rows: Vec<&[f32]> = layer.weights.chunks(columns).collect();
    let groups = rows.chunks(per_group.max(1)).enumerate();
    let round = |(group, rows): (usize, &[&[f32]])| -> Vec<i8> {
        let seen = layer.geometry.seen_by(group * per_group);
        let products = Products::new(patches.iter().map(|patch| &patch[seen.clone()]), columns, input);
        let scale = |row: usize| if scales.len() == 1 { scales[0] } else { scales[group * per_group + row] };
        rows.iter().enumerate().flat_map(|(row, weights)| products.round(weights, scale(row))).collect()
    };
    groups.flat_map(round).collect()
}

/// Second moments of the patches of one group.
struct Products {
    /// `x_q[i] * x_q[j]`, averaged; symmetric.
    rounded: Vec<f64>,
    /// `x_q[i] * x[j]`, averaged.
    mixed: Vec<f64>,
    columns: usize,
}

impl Products {
    fn new<'a>(patches: impl ExactSizeIterator<Item = &'a [f32]>, columns: usize, input: QuantParams) -> Products {
        let (mut rounded, mut mixed) = (vec![0.0; columns * columns], vec![0.0; columns * columns]);
        let count = patches.len().max(1) as f64;
        for patch in patches {
            let exact: Vec<f64> = patch.iter().map(|&x| f64::from(x)).collect();
            let int8: Vec<f64> = patch.iter().map(|&x| f64::from(simulate(x, input))).collect();
            for (i, &x) in int8.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                let row = i * columns..(i + 1) * columns;
                rounded[row.clone()].iter_mut().zip(&int8).for_each(|(sum, y)| *sum += x * y / count);
                mixed[row].iter_mut().zip(&exact).for_each(|(sum, y)| *sum += x * y / count);
            }
        }
        let mean: f64 = (0..columns).map(|i| rounded[i * columns + i]).sum::<f64>() / columns as f64;
        // The same on both: the loss gains `DAMPING * mean * |w - s * q|^2`.
        for matrix in [&mut rounded, &mut mixed] {
            (0..columns).for_each(|i| matrix[i * columns + i] += DAMPING * mean);
        }
        Products { rounded, mixed, columns }
    }

    /// The integers of one output.
    fn round(&self, weights: &[f32], scale: f32) -> Vec<i8> {
        let scale = f64::from(scale);
        let ideal: Vec<f64> = weights.iter().map(|&w| f64::from(w) / scale).collect();
        let mut q: Vec<f64> = ideal.iter().map(|w| w.round_ties_even().clamp(-127.0, 127.0)).collect();
        // Half the gradient of the loss by q, in units of `scale^2`.
        let dot = |row: &[f64], values: &[f64]| -> f64 { row.iter().zip(values).map(|(a, b)| a * b).sum() };
        let row =
            |matrix: &[f64], i: usize| -> std::ops::Range<usize> { i * self.columns..(i * self.columns + self.columns).min(matrix.len()) };
        let gradient = |i: usize| dot(&self.rounded[row(&self.rounded, i)], &q) - dot(&self.mixed[row(&self.mixed, i)], &ideal);
        let mut gradient: Vec<f64> = (0..q.len()).map(gradient).collect();
        for _ in 0..SWEEPS {
            let mut flipped = false;
            for i in 0..q.len() {
                let other = if q[i] > ideal[i] { ideal[i].floor() } else { ideal[i].ceil() };
                let step = other.clamp(-127.0, 127.0) - q[i];
                let curvature = self.rounded[i * self.columns + i];
                if step != 0.0 && 2.0 * step * gradient[i] + step * step * curvature < -1e-12 * curvature {
                    q[i] += step;
                    gradient.iter_mut().zip(&self.rounded[row(&self.rounded, i)]).for_each(|(sum, product)| *sum += step * product);
                    flipped = true;
                }
            }
            if !flipped {
                break;
            }
        }
        q.into_iter().map(|q| q as i8).collect()
    }
}
