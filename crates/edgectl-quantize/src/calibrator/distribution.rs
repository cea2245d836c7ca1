//! What the calibrators that search remember: a histogram, the extremes, and how many values were exactly zero.

use crate::{Histogram, Range};

/// How a tensor's values are distributed.
#[derive(Clone, Debug, Default)]
pub(super) struct Distribution {
    pub(super) histogram: Histogram,
    pub(super) extremes: Option<Range>,
    /// Zero is exact in int8 whatever the range. After a ReLU it is most of the values, and would be mistaken for small ones.
    zeros: u64,
}

impl Distribution {
    /// Bytes on the heap, whatever it has seen.
    pub(super) const HEAP_BYTES: usize = Histogram::BYTES;

    /// Counts finite values.
    pub(super) fn add(&mut self, values: &[f32]) {
        self.histogram.add(values);
        self.extremes = self.extremes.into_iter().chain(Range::of(values)).reduce(Range::union);
        self.zeros += values.iter().filter(|&&x| x == 0.0).count() as u64;
    }

    /// Adds what another has counted.
    pub(super) fn merge(&mut self, other: &Distribution) {
        self.histogram.merge(&other.histogram);
        self.extremes = self.extremes.into_iter().chain(other.extremes).reduce(Range::union);
        self.zeros += other.zeros;
    }

    /// The values that are not zero, as `(low edge, high edge, count)` of the bins that hold any, ascending, cut to the extremes.
    pub(super) fn bins(&self) -> Vec<(f64, f64, f64)> {
        let Some(Range { min, max }) = self.extremes else { return vec![] };
        let cut = |edge: f64| edge.clamp(min.into(), max.into());
        let bins = self.histogram.bins().map(|(low, high, count)| {
            let count = if low == 0.0 { count - self.zeros } else { count };
            (cut(low), cut(high), count as f64)
        });
        bins.filter(|bin| bin.2 > 0.0).collect()
    }
}
