//! Batch normalization with the statistics of the batch, followed by a clamp (S. Ioffe, C. Szegedy: Batch Normalization, 2015).

use super::{simd, sum, sum2};

/// A batch `[N, C, plane]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchNorm {
    pub(crate) channels: usize,
    pub(crate) plane: usize,
    pub(crate) epsilon: f32,
}

/// Mean and variance of each channel, the variance with N in the denominator.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

impl BatchNorm {
    fn count(&self, x: &[f32]) -> f64 {
        (x.len() / self.channels) as f64
    }

    /// Calls `each(channel, plane number)` for every plane.
    fn planes<'a>(&self, x: &'a [f32]) -> impl Iterator<Item = (usize, &'a [f32])> {
        let channels = self.channels;
        x.chunks_exact(self.plane).enumerate().map(move |(i, plane)| (i % channels, plane))
    }

    /// The statistics of a batch; two passes, so that a great mean does not hide a small variance.
    pub(crate) fn statistics(&self, x: &[f32]) -> Statistics {
        let count = self.count(x);
        let mut sums = vec![0.0f64; self.channels];
        self.planes(x).for_each(|(channel, plane)| sums[channel] += f64::from(simd(|| sum(plane))));
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let mut squares = vec![0.0f64; self.channels];
        self.planes(x).for_each(|(channel, plane)| {
            let mean = mean[channel];
            squares[channel] += f64::from(simd(|| sum2(plane, plane, |x, _| (x - mean) * (x - mean))));
        });
        Statistics { mean, variance: squares.iter().map(|sum| (sum / count) as f32).collect() }
    }

    fn inverse_deviation(&self, statistics: &Statistics) -> Vec<f32> {
        statistics.variance.iter().map(|variance| 1.0 / (variance + self.epsilon).sqrt()).collect()
    }

    /// `y = (x - mean) / sqrt(variance + epsilon) * scale + shift`
    pub(crate) fn forward(&self, x: &[f32], statistics: &Statistics, scale: &[f32], shift: &[f32], y: &mut [f32]) {
        let inverse = self.inverse_deviation(statistics);
        for ((channel, x), y) in self.planes(x).zip(y.chunks_exact_mut(self.plane)) {
            let factor = scale[channel] * inverse[channel];
            let offset = shift[channel] - statistics.mean[channel] * factor;
            simd(|| y.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor + offset));
        }
    }

    /// The gradients of x, scale and shift, the statistics being those of x.
    pub(crate) fn backward(&self, x: &[f32], statistics: &Statistics, scale: &[f32], dy: &[f32]) -> [Vec<f32>; 3] {
        let inverse = self.inverse_deviation(statistics);
        let (mut d_scale, mut d_shift) = (vec![0.0f64; self.channels], vec![0.0f64; self.channels]);
        for ((channel, x), dy) in self.planes(x).zip(dy.chunks_exact(self.plane)) {
            let mean = statistics.mean[channel];
            let (with_x, alone) = simd(|| (sum2(x, dy, |x, dy| (x - mean) * dy), sum(dy)));
            d_scale[channel] += f64::from(with_x * inverse[channel]);
            d_shift[channel] += f64::from(alone);
        }
        let count = self.count(x);
        let mut dx = vec![0.0; x.len()];
        for (((channel, x), dy), dx) in self.planes(x).zip(dy.chunks_exact(self.plane)).zip(dx.chunks_exact_mut(self.plane)) {
            let factor = scale[channel] * inverse[channel];
            let (mean, along_x) = (statistics.mean[channel], (d_scale[channel] / count) as f32 * inverse[channel]);
            let along_one = (d_shift[channel] / count) as f32;
            simd(|| {
                for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                    *dx = factor * (dy - along_one - (x - mean) * along_x);
                }
            });
        }
        [dx, narrow(&d_scale), narrow(&d_shift)]
    }

    /// The gradients of x, scale and shift, the statistics being constants.
    pub(crate) fn backward_frozen(&self, x: &[f32], statistics: &Statistics, scale: &[f32], dy: &[f32]) -> [Vec<f32>; 3] {
        let inverse = self.inverse_deviation(statistics);
        let (mut d_scale, mut d_shift) = (vec![0.0f64; self.channels], vec![0.0f64; self.channels]);
        let mut dx = vec![0.0; x.len()];
        for (((channel, x), dy), dx) in self.planes(x).zip(dy.chunks_exact(self.plane)).zip(dx.chunks_exact_mut(self.plane)) {
            let (mean, factor) = (statistics.mean[channel], scale[channel] * inverse[channel]);
            simd(|| dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = factor * dy));
            d_scale[channel] += f64::from(simd(|| sum2(x, dy, |x, dy| (x - mean) * dy)) * inverse[channel]);
            d_shift[channel] += f64::from(simd(|| sum(dy)));
        }
        [dx, narrow(&d_scale), narrow(&d_shift)]
    }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}
