//! What is remembered of data, sample by sample, in memory that grows with the size of a sample only.

use super::Finding;
use crate::Layout;

/// The share of samples without content from which on they are found.
const LEAST_SHARE: f64 = 0.05;
/// Images have at most so many channels; with more, what looks like one may be a spectrogram.
const MAX_COLOURS: usize = 4;
/// How much more neighbours must differ as they are read than in the other order.
const LAYOUT_RATIO: f64 = 1.5;

/// A data set as the model gets it.
#[derive(Clone, Debug)]
pub struct Portrait {
    shape: Vec<usize>,
    layout: Layout,
    /// Samples added.
    pub(super) samples: u64,
    /// Of every element, over the samples.
    pub(super) elements: Vec<Moments>,
    /// Of the means of samples.
    pub(super) sample_means: Moments,
    /// Of the variances within samples.
    pub(super) sample_variances: Moments,
    /// Smallest and greatest value of every channel.
    pub(super) channels: Vec<(f32, f32)>,
    /// Sum of products of neighbours' deviations from the sample's mean, and the sum of squares.
    pub(super) neighbours: (f64, f64),
    constant: u64,
    /// Squared differences of neighbours, as the data are read and in the other order.
    roughness: (f64, f64),
    /// Samples by class.
    pub(super) classes: Vec<u64>,
}

/// Mean and variance, by B. P. Welford's method (1962).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: f64,
    pub(super) mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
    }

    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Moments {
        let mut moments = Moments::default();
        values.into_iter().for_each(|value| moments.add(value));
        moments
    }

    /// The unbiased variance; 0 for fewer than two values.
    pub(super) fn variance(self) -> f64 {
        if self.count > 1.0 { self.squares / (self.count - 1.0) } else { 0.0 }
    }

    /// The squared standard error of the mean.
    pub(super) fn squared_error(self) -> f64 {
        self.variance() / self.count.max(1.0)
    }
}

impl Portrait {
    /// Of samples of this shape, as the model takes them; `layout` is that of the model's input.
    pub fn new(shape: &[usize], layout: Layout) -> Portrait {
        let axis = if layout == Layout::Nhwc { shape.last() } else { shape.first() };
        Portrait {
            shape: shape.to_vec(),
            layout,
            samples: 0,
            elements: vec![Moments::default(); shape.iter().product()],
            sample_means: Moments::default(),
            sample_variances: Moments::default(),
            channels: vec![(f32::INFINITY, f32::NEG_INFINITY); axis.copied().unwrap_or(1)],
            neighbours: (0.0, 0.0),
            constant: 0,
            roughness: (0.0, 0.0),
            classes: vec![],
        }
    }

    /// Adds a sample, all of whose values are finite. One of another size is ignored.
    pub fn add(&mut self, values: &[f32]) {
        if values.len() != self.elements.len() || values.is_empty() {
            return;
        }
        self.samples += 1;
        self.elements.iter_mut().zip(values).for_each(|(moments, &x)| moments.add(x.into()));
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        let deviation = |x: f32| f64::from(x) - mean;
        let variance = values.iter().map(|&x| deviation(x).powi(2)).sum::<f64>() / (values.len() - 1).max(1) as f64;
        self.sample_means.add(mean);
        self.sample_variances.add(variance);
        self.neighbours.0 += values.windows(2).map(|pair| deviation(pair[0]) * deviation(pair[1])).sum::<f64>();
        self.neighbours.1 += variance * values.len() as f64;
        self.constant += u64::from(values.iter().all(|x| x == &values[0]));
        self.add_channels(values);
        self.add_roughness(values);
    }

    /// States how many samples there are of each class.
    pub fn set_classes(&mut self, classes: Vec<u64>) {
        self.classes = classes;
    }

    /// Mean and standard deviation of all values.
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        (self.sample_means.mean, (self.sample_variances.mean + self.sample_means.variance()).sqrt())
    }

    /// Whether channels and features can be told apart: a sample of rank 1 has features only.
    pub(super) fn has_channels(&self) -> bool {
        self.shape.len() > 1 && self.channels.len() > 1
    }

    fn add_channels(&mut self, values: &[f32]) {
        let channels = &mut self.channels;
        let count = channels.len().max(1);
        let widen = |(low, high): &mut (f32, f32), x: f32| (*low, *high) = (low.min(x), high.max(x));
        if self.layout == Layout::Nhwc {
            let pixels = values.chunks(count);
            pixels.for_each(|pixel| channels.iter_mut().zip(pixel).for_each(|(channel, &x)| widen(channel, x)));
        } else {
            let planes = values.chunks((values.len() / count).max(1));
            channels.iter_mut().zip(planes).for_each(|(channel, plane)| plane.iter().for_each(|&x| widen(channel, x)));
        }
    }

    /// Compares pixels with those to the right and below, in both orders of the axes.
    fn add_roughness(&mut self, values: &[f32]) {
        let Some((colours, height, width)) = self.image() else { return };
        let difference = |from: usize, to: usize| (f64::from(values[from]) - f64::from(values[to])).powi(2);
        // By how much the places of a colour, a row and a column lie apart.
        let rough = |colour: usize, row: usize, column: usize| {
            let mut sum = 0.0;
            for line in (0..colours).flat_map(|c| (0..height - 1).map(move |h| c * colour + h * row)) {
                let pixels = (0..width - 1).map(|w| line + w * column);
                sum += pixels.map(|at| difference(at, at + column) + difference(at, at + row)).sum::<f64>();
            }
            sum
        };
        let (planar, interleaved) = (rough(height * width, width, 1), rough(1, width * colours, colours));
        let (own, other) = if self.layout == Layout::Nhwc { (interleaved, planar) } else { (planar, interleaved) };
        self.roughness.0 += own;
        self.roughness.1 += other;
    }

    /// Colours, height and width, where the samples are images with more than one colour.
    fn image(&self) -> Option<(usize, usize, usize)> {
        let (colours, height, width) = match (self.shape.as_slice(), self.layout) {
            (&[height, width, colours], Layout::Nhwc) | (&[colours, height, width], Layout::Nchw) => (colours, height, width),
            _ => return None,
        };
        ((2..=MAX_COLOURS).contains(&colours) && height > MAX_COLOURS && width > MAX_COLOURS).then_some((colours, height, width))
    }

    pub(super) fn layout(&self) -> Option<Finding> {
        let ratio = self.roughness.0 / self.roughness.1.max(f64::MIN_POSITIVE);
        let found = if self.layout == Layout::Nhwc { Layout::Nchw } else { Layout::Nhwc };
        (ratio > LAYOUT_RATIO && self.roughness.1 > 0.0).then_some(Finding::Layout { expected: self.layout, found, ratio })
    }

    pub(super) fn constant_samples(&self) -> Option<Finding> {
        let (found, samples) = (self.constant, self.samples);
        (self.elements.len() > 1 && found as f64 > LEAST_SHARE * samples as f64).then_some(Finding::ConstantSamples { found, samples })
    }
}
