//! Clips the same share of the values at each end.

use super::distribution::Distribution;
use crate::{Observer, Range};

/// Remembers how the values are distributed; a percentile never reaches beyond their extremes.
#[derive(Clone, Debug)]
pub struct Percentile {
    seen: Distribution,
    percent: f64,
}

impl Percentile {
    /// Keeps this share of the values, in percent.
    pub fn new(percent: f64) -> Percentile {
        Percentile { seen: Distribution::default(), percent }
    }
}

impl Observer for Percentile {
    fn observe(&mut self, values: &[f32], extent: Range) {
        self.seen.add(values, extent);
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(other) = other.as_any().downcast_ref::<Percentile>() {
            self.seen.merge(&other.seen);
        }
    }

    fn range(&self) -> Option<Range> {
        let Range { min, max } = self.seen.extremes?;
        let share = self.percent / 100.0;
        let low = self.seen.histogram.quantile(1.0 - share)? as f32;
        let high = self.seen.histogram.quantile(share)? as f32;
        Some(Range { min: low.clamp(min, max), max: high.clamp(min, max) })
    }

    fn bytes(&self) -> usize {
        size_of::<Percentile>() + Distribution::HEAP_BYTES
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
