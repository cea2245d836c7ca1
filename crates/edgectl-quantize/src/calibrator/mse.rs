//! The range with the least mean squared error of int8: values inside are rounded more finely the narrower it is, values outside are cut.

use edgectl_graph::QuantType;

use super::distribution::Distribution;
use crate::{Observer, Range, activation_params};

/// Steps in which each end is moved towards zero.
const STEPS: u32 = 64;
/// Points of a bin at which the error is taken.
const POINTS: u32 = 4;
/// How often both ends are searched in turn.
const ROUNDS: u32 = 2;

/// Remembers how the values are distributed.
#[derive(Clone, Debug, Default)]
pub struct Mse(Distribution);

impl Mse {
    /// The sum of the squared errors of int8 that spans a range.
    fn error(bins: &[(f64, f64, f64)], range: Range) -> f64 {
        let params = activation_params(range, QuantType::I8);
        let (scale, zero_point) = (f64::from(params.scale), f64::from(params.zero_point));
        let at = |x: f64| ((x / scale).round_ties_even().clamp(-128.0 - zero_point, 127.0 - zero_point) * scale - x).powi(2);
        let place = |i: u32| (f64::from(i) + 0.5) / f64::from(POINTS);
        let bin = |&(low, high, count): &(f64, f64, f64)| {
            count * (0..POINTS).map(|i| at(low + (high - low) * place(i))).sum::<f64>() / f64::from(POINTS)
        };
        bins.iter().map(bin).sum()
    }
}

impl Observer for Mse {
    fn observe(&mut self, values: &[f32], extent: Range) {
        self.0.add(values, extent);
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(other) = other.as_any().downcast_ref::<Mse>() {
            self.0.merge(&other.0);
        }
    }

    fn range(&self) -> Option<Range> {
        let extremes = self.0.extremes?;
        let bins = self.0.bins();
        let mut best = (Mse::error(&bins, extremes), extremes);
        // From the extremes inwards; where two are equally good, the wider one stays.
        let fractions = || (1..STEPS).rev().map(|step| step as f32 / STEPS as f32);
        for _ in 0..ROUNDS {
            let highs = fractions().map(|part| (extremes.max > 0.0).then_some(Range { max: extremes.max * part, ..best.1 }));
            let found = least(&bins, best, highs.flatten());
            let lows = fractions().map(|part| (extremes.min < 0.0).then_some(Range { min: extremes.min * part, ..found.1 }));
            best = least(&bins, found, lows.flatten());
        }
        Some(best.1)
    }

    fn bytes(&self) -> usize {
        size_of::<Mse>() + Distribution::HEAP_BYTES
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn least(bins: &[(f64, f64, f64)], best: (f64, Range), candidates: impl Iterator<Item = Range>) -> (f64, Range) {
    let usable = candidates.filter(|range| range.min <= range.max);
    usable.map(|range| (Mse::error(bins, range), range)).fold(best, |best, found| if found.0 < best.0 { found } else { best })
}
