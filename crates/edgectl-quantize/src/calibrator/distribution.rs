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

    /// Counts finite values of this extent.
    pub(super) fn add(&mut self, values: &[f32], extent: Range) {
        self.histogram.add_within(values, extent);
        self.extremes = Range::either(self.extremes, Some(extent));
        let zeros = |values: &[f32]| u64::from(values.iter().map(|&x| u32::from(x == 0.0)).sum::<u32>());
        self.zeros += values.chunks(1024).map(zeros).sum::<u64>();
    }

    /// Adds what another has counted.
    pub(super) fn merge(&mut self, other: &Distribution) {
        self.histogram.merge(&other.histogram);
        self.extremes = Range::either(self.extremes, other.extremes);
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
