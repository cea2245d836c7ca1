//! What is remembered of a tensor's channels (axis 1): extremes and mean of each.

use crate::Range;
use crate::exact_sum::ExactSum;

/// Extremes and means of the channels of one tensor.
#[derive(Clone, Debug)]
pub(crate) struct Channels(Vec<Channel>);

#[derive(Clone, Debug, Default)]
struct Channel {
    range: Option<Range>,
    /// Of the samples' means.
    sum: ExactSum,
}

impl Channels {
    /// Of a tensor with so many channels.
    pub(crate) fn new(channels: usize) -> Channels {
        Channels(vec![Channel::default(); channels])
    }

    /// Another of the same tensor that has seen nothing.
    pub(crate) fn fork(&self) -> Channels {
        Channels::new(self.0.len())
    }

    /// Bytes that it takes, whatever it has seen.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len() * size_of::<Channel>()
    }

    /// Takes notice of one sample: the values of the first channel, then those of the second, and so on.
    pub(crate) fn observe(&mut self, values: &[f32]) {
        let size = (values.len() / self.0.len().max(1)).max(1);
        for (channel, values) in self.0.iter_mut().zip(values.chunks(size)) {
            channel.range = Range::either(channel.range, Range::of(values));
            channel.sum.add((sum(values) / values.len() as f64) as f32);
        }
    }

    /// Adds what another has seen of the same tensor.
    pub(crate) fn merge(&mut self, other: &Channels) {
        for (channel, other) in self.0.iter_mut().zip(&other.0) {
            channel.range = Range::either(channel.range, other.range);
            channel.sum.merge(&other.sum);
        }
    }

    /// The extremes of each channel; `None` where nothing was seen.
    pub(crate) fn ranges(&self) -> Option<Vec<Range>> {
        self.0.iter().map(|channel| channel.range).collect()
    }

    /// The mean of each channel; `None` where nothing was seen.
    pub(crate) fn means(&self) -> Option<Vec<f64>> {
        self.0.iter().map(|channel| channel.sum.mean()).collect()
    }
}

/// The sum of some values; several partial ones do not wait for each other.
fn sum(values: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0f64; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&x| f64::from(x)).sum::<f64>()
}
