//! How channels vary together, as layers read them: means and second moments over data.

use std::collections::HashMap;

use edgectl_graph::{Graph, TensorId};

use crate::weights::{Reader, reader};
use crate::{Dependencies, PruneError, UnitId};

/// Pixels of one sample that are looked at; more of them say little that is new.
const PIXELS_PER_SAMPLE: usize = 128;
/// Wider groups of channels are not looked at: the moments of so many are a gigabyte.
const MAX_CHANNELS: usize = 1 << 13;

/// Moments of the channels of every group, for each layer that reads them.
#[derive(Clone, Debug)]
pub struct Statistics {
    observed: Vec<TensorId>,
    moments: Vec<Moments>,
    samples: usize,
}

/// A layer that reads a group of channels, and the moments of these.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) group: usize,
    pub(crate) reader: Reader,
    /// The units, in the order of the moments.
    pub(crate) units: Vec<UnitId>,
    /// Which of the observed tensors the layer reads.
    observed: usize,
    /// The number of elements below and along the axis of channels.
    extents: (usize, usize),
    /// By unit, its indices along the axis: after a flattening, one for each pixel.
    pub(crate) indices: Vec<Vec<usize>>,
    count: f64,
    sum: Vec<f64>,
    /// The sums of all products, row by row.
    products: Vec<f64>,
}

impl Statistics {
    /// Statistics of nothing yet.
    pub fn new(graph: &Graph, dependencies: &Dependencies) -> Statistics {
        let mut statistics = Statistics { observed: vec![], moments: vec![], samples: 0 };
        for (id, node) in graph.iter() {
            let Some(reader) = reader(graph, id, node) else { continue };
            let Some(shape) = graph.shape(reader.x) else { continue };
            let below = shape.dims()[reader.axis + 1..].iter().map(|dim| dim.fixed().unwrap_or(1)).product();
            let mut groups: HashMap<usize, HashMap<UnitId, Vec<usize>>> = HashMap::new();
            let along = dependencies.axis(reader.x, reader.axis);
            for (index, unit) in along.iter().enumerate().filter_map(|(index, unit)| Some((index, (*unit)?))) {
                groups.entry(dependencies.units()[unit].group).or_default().entry(unit).or_default().push(index);
            }
            let mut groups: Vec<_> = groups.into_iter().filter(|(_, units)| units.len() <= MAX_CHANNELS).collect();
            groups.sort_by_key(|(group, _)| *group);
            if groups.is_empty() {
                continue;
            }
            let known = statistics.observed.iter().position(|&other| other == reader.x);
            let observed = known.unwrap_or_else(|| {
                statistics.observed.push(reader.x);
                statistics.observed.len() - 1
            });
            for (group, indices) in groups {
                let mut units: Vec<UnitId> = indices.keys().copied().collect();
                units.sort_unstable();
                let indices: Vec<Vec<usize>> = units.iter().map(|unit| indices[unit].clone()).collect();
                let size = units.len();
                statistics.moments.push(Moments {
                    group,
                    reader: reader.clone(),
                    units,
                    observed,
                    extents: (below, along.len()),
                    indices,
                    count: 0.0,
                    sum: vec![0.0; size],
                    products: vec![0.0; size * size],
                });
            }
        }
        statistics
    }

    /// The tensors whose values [`Statistics::observe`] takes.
    pub fn observed(&self) -> &[TensorId] {
        &self.observed
    }

    /// The number of samples seen.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Adds one sample: the values of each observed tensor, outermost dimension first.
    ///
    /// # Errors
    /// [`PruneError::Observed`] where these are not as many as are observed.
    pub fn observe(&mut self, values: &[Vec<f32>]) -> Result<(), PruneError> {
        if values.len() != self.observed.len() {
            return Err(PruneError::Observed { expected: self.observed.len(), found: values.len() });
        }
        self.samples += 1;
        for moments in &mut self.moments {
            moments.observe(&values[moments.observed]);
        }
        Ok(())
    }

    /// Adds what others have seen of the same graph.
    pub fn merge(&mut self, other: &Statistics) {
        self.samples += other.samples;
        for (own, other) in self.moments.iter_mut().zip(&other.moments) {
            own.count += other.count;
            own.sum.iter_mut().zip(&other.sum).for_each(|(own, other)| *own += other);
            own.products.iter_mut().zip(&other.products).for_each(|(own, other)| *own += other);
        }
    }

    pub(crate) fn moments(&self) -> impl Iterator<Item = &Moments> {
        self.moments.iter().filter(|moments| moments.count > 0.0)
    }
}

impl Moments {
    fn observe(&mut self, values: &[f32]) {
        let (below, size) = self.extents;
        let per_unit = self.indices.iter().map(Vec::len).min().unwrap_or(0);
        let pixels = values.len() / size.max(1) * per_unit;
        let step = pixels.div_ceil(PIXELS_PER_SAMPLE).max(1);
        let mut vector = vec![0.0f64; self.units.len()];
        // Odd steps meet all columns of an image of even width.
        for pixel in (0..pixels).step_by(step | 1) {
            let (position, which) = (pixel / per_unit, pixel % per_unit);
            let (outer, inner) = (position / below, position % below);
            for (value, indices) in vector.iter_mut().zip(&self.indices) {
                let at = (outer * size + indices[which]) * below + inner;
                *value = values.get(at).copied().unwrap_or_default().into();
            }
            if !vector.iter().all(|value| value.is_finite()) {
                continue;
            }
            self.count += 1.0;
            for (row, &a) in vector.iter().enumerate() {
                self.sum[row] += a;
                // Channels after a ReLU are often zero.
                if a != 0.0 {
                    let line = &mut self.products[row * vector.len()..(row + 1) * vector.len()];
                    line.iter_mut().zip(&vector).for_each(|(sum, b)| *sum += a * b);
                }
            }
        }
    }

    /// The number of pixels seen.
    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    pub(crate) fn mean(&self) -> Vec<f64> {
        self.sum.iter().map(|sum| sum / self.count).collect()
    }

    /// The matrix of covariances or, where the layer pads its input and so cannot make up for a constant with its bias, of second moments.
    pub(crate) fn matrix(&self) -> Vec<f64> {
        let (size, mean) = (self.units.len(), self.mean());
        let center = if self.reader.padded { 0.0 } else { 1.0 };
        let element = |(at, product): (usize, &f64)| product / self.count - center * mean[at / size] * mean[at % size];
        self.products.iter().enumerate().map(element).collect()
    }
}
