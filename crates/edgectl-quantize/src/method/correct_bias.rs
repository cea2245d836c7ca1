//! Bias correction (M. Nagel et al., 2019): rounding weights shifts the mean of a layer's outputs, and the bias can take that back.

use edgectl_graph::QuantParams;

use crate::layer::Layer;
use crate::quantize_value;

/// What the bias of each output must gain, by the means of the input channels: `-(w_q - w) * E[x]`. `dequantized` are the weights that
/// the integers stand for. Padding counts as if it had the channel's mean.
pub(crate) fn analytic_correction(layer: &Layer, dequantized: &[f32], means: &[f64]) -> Vec<f64> {
    let columns = layer.geometry.columns().max(1);
    let rows = layer.weights.chunks(columns).zip(dequantized.chunks(columns)).enumerate();
    let mean = |output: usize, column: usize| means.get(layer.geometry.channel(output, column)).copied().unwrap_or(0.0);
    let correction = |(output, (row, found)): (usize, (&[f32], &[f32]))| -> f64 {
        let terms = row.iter().zip(found).enumerate();
        terms.map(|(column, (&w, &found))| (f64::from(w) - f64::from(found)) * mean(output, column)).sum()
    };
    rows.map(correction).collect()
}

/// What the bias of each output must gain, by the mean over input patches of what the layer's int8 form loses: `E[w * x - w_q * x_q]`.
/// Without patches, nothing.
pub(crate) fn empirical_correction<'a>(
    layer: &Layer,
    dequantized: &[f32],
    input: QuantParams,
    patches: impl ExactSizeIterator<Item = &'a [f32]>,
) -> Vec<f64> {
    let (mut exact, mut rounded) = (vec![0.0; layer.geometry.patch()], vec![0.0; layer.geometry.patch()]);
    let count = patches.len().max(1) as f64;
    // The outputs are linear in the patch, so the mean of the outputs is the output of the mean patch.
    for patch in patches {
        for (i, &x) in patch.iter().enumerate() {
            exact[i] += f64::from(x) / count;
            rounded[i] += f64::from(simulate(x, input)) / count;
        }
    }
    let columns = layer.geometry.columns().max(1);
    let rows = layer.weights.chunks(columns).zip(dequantized.chunks(columns)).enumerate();
    let correction = |(output, (row, found)): (usize, (&[f32], &[f32]))| -> f64 {
        let seen = layer.geometry.seen_by(output);
        let float = row.iter().zip(&exact[seen.clone()]).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
        float - found.iter().zip(&rounded[seen]).map(|(&w, x)| f64::from(w) * x).sum::<f64>()
    };
    rows.map(correction).collect()
}

/// The value that an integer stands for in place of `x`.
pub(crate) fn simulate(x: f32, params: QuantParams) -> f32 {
    params.scale * (quantize_value(x, params) - i32::from(params.zero_point)) as f32
}
