//! Convolution and transposed convolution as matrix products, group by group and sample by sample: the columns of one sample fit the cache.

use super::geometry::Geometry;
use super::matmul::{Matrix, matmul};
use super::{simd, sum};

/// A convolution over a batch; a transposed one is described by the convolution that it reverses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conv {
    pub(crate) geometry: Geometry,
    /// Planes of the image.
    pub(crate) channels: usize,
    /// Planes of windows.
    pub(crate) filters: usize,
    pub(crate) groups: usize,
}

/// A group of a sample: its planes of the image and of windows, and its filters.
struct Sizes {
    /// Values of the image.
    image: usize,
    /// Filters.
    filters: usize,
    /// Elements of a filter.
    depth: usize,
    /// Windows.
    places: usize,
}

impl Conv {
    fn sizes(&self) -> Sizes {
        let channels = self.channels / self.groups;
        Sizes {
            image: channels * self.geometry.pixels(),
            filters: self.filters / self.groups,
            depth: channels * self.geometry.taps(),
            places: self.geometry.places(),
        }
    }

    /// `y = filter * x`, without bias. Shapes: x `[N, C, image]`, filter `[O, C / groups, taps]`, y `[N, O, places]`.
    pub(crate) fn forward(&self, x: &[f32], filter: &[f32], y: &mut [f32]) {
        let Sizes { image, filters, depth, places } = self.sizes();
        let mut columns = self.scratch(depth * places);
        for (item, (x, y)) in x.chunks_exact(image).zip(y.chunks_exact_mut(filters * places)).enumerate() {
            let filter = &filter[item % self.groups * filters * depth..][..filters * depth];
            let columns = self.columns(x, &mut columns);
            matmul(y, [filters, depth, places], Matrix::plain(filter), Matrix::plain(columns), false);
        }
    }

    /// The gradient of x, added to `dx`.
    pub(crate) fn image_gradient(&self, dy: &[f32], filter: &[f32], dx: &mut [f32]) {
        let Sizes { image, filters, depth, places } = self.sizes();
        let mut columns = self.scratch(depth * places);
        for (item, (dy, dx)) in dy.chunks_exact(filters * places).zip(dx.chunks_exact_mut(image)).enumerate() {
            let filter = &filter[item % self.groups * filters * depth..][..filters * depth];
            let (filter, dy) = (Matrix::transposed(filter), Matrix::plain(dy));
            if self.geometry.is_pointwise() {
                matmul(dx, [depth, filters, places], filter, dy, true);
            } else {
                matmul(&mut columns, [depth, filters, places], filter, dy, false);
                self.geometry.scatter(&columns, dx);
            }
        }
    }

    /// The gradient of the filter, added to `df`.
    pub(crate) fn filter_gradient(&self, x: &[f32], dy: &[f32], df: &mut [f32]) {
        let Sizes { image, filters, depth, places } = self.sizes();
        let mut columns = self.scratch(depth * places);
        for (item, (x, dy)) in x.chunks_exact(image).zip(dy.chunks_exact(filters * places)).enumerate() {
            let df = &mut df[item % self.groups * filters * depth..][..filters * depth];
            let columns = self.columns(x, &mut columns);
            matmul(df, [filters, places, depth], Matrix::plain(dy), Matrix::transposed(columns), true);
        }
    }

    fn scratch(&self, len: usize) -> Vec<f32> {
        if self.geometry.is_pointwise() { vec![] } else { vec![0.0; len] }
    }

    fn columns<'a>(&self, x: &'a [f32], scratch: &'a mut [f32]) -> &'a [f32] {
        if self.geometry.is_pointwise() {
            return x;
        }
        self.geometry.gather(x, scratch);
        scratch
    }
}

/// Adds a bias per channel to planes of this size, where there is one, and clamps.
pub(crate) fn finish(y: &mut [f32], bias: Option<&[f32]>, plane: usize, (min, max): (f32, f32)) {
    let clamps = min > f32::NEG_INFINITY || max < f32::INFINITY;
    if bias.is_none() && !clamps {
        return;
    }
    let zeros = [0.0];
    let bias = bias.unwrap_or(&zeros);
    for (plane, &bias) in y.chunks_exact_mut(plane).zip(bias.iter().cycle()) {
        simd(|| {
            for y in plane {
                // In this order a NaN stays one, to be found in the loss.
                let sum = *y + bias;
                let sum = if sum < min { min } else { sum };
                *y = if sum > max { max } else { sum };
            }
        });
    }
}

/// The gradient before a clamp: that after it where the result lies strictly within the bounds.
pub(crate) fn unclamp(y: &[f32], dy: &[f32], (min, max): (f32, f32)) -> Vec<f32> {
    let mut gradient = vec![0.0; dy.len()];
    simd(|| {
        for ((to, &y), &dy) in gradient.iter_mut().zip(y).zip(dy) {
            *to = if y > min && y < max { dy } else { 0.0 };
        }
    });
    gradient
}

/// The gradient of a bias per channel.
pub(crate) fn bias_gradient(dy: &[f32], plane: usize, channels: usize) -> Vec<f32> {
    let mut gradient = vec![0.0; channels];
    for (i, plane) in dy.chunks_exact(plane).enumerate() {
        gradient[i % channels] += simd(|| sum(plane));
    }
    gradient
}
