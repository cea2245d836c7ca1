//! The mean of the samples' extremes: one strange sample among many moves the range little.
//!
//! Every sample weighs the same, so that the result does not depend on their order, as an exponential average would.

use crate::exact_sum::ExactSum;
use crate::{Observer, Range};

/// Remembers the sums of the samples' smallest and greatest values.
#[derive(Clone, Debug, Default)]
pub struct MovingAverage {
    min: ExactSum,
    max: ExactSum,
}

impl Observer for MovingAverage {
    fn observe(&mut self, _values: &[f32], extent: Range) {
        self.min.add(extent.min);
        self.max.add(extent.max);
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(other) = other.as_any().downcast_ref::<MovingAverage>() {
            self.min.merge(&other.min);
            self.max.merge(&other.max);
        }
    }

    fn range(&self) -> Option<Range> {
        Some(Range { min: self.min.mean()? as f32, max: self.max.mean()? as f32 })
    }

    fn bytes(&self) -> usize {
        size_of::<MovingAverage>()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn extremes_are_averaged_over_samples() {
        let mut observer = MovingAverage::default();
        for sample in [[-1.0, 4.0], [-3.0, 0.0], [0.5, 8.0]] {
            observer.observe(&sample, Range::of(&sample).unwrap());
        }
        assert_eq!(observer.range(), Some(Range { min: -3.5 / 3.0, max: 4.0 }));
    }
}
