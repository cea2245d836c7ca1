//! Order statistics, and how sure they are.

use serde::{Deserialize, Serialize};

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The value below which this share of sorted values lies, linear between neighbours: numpy's default and type 7 of Hyndman and Fan
/// (1996). Of no values it is not a number.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// The values in ascending order.
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle of values in any order.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// Resamples of [`ratio_interval`].
const RESAMPLES: usize = 2000;

/// Confidence of [`ratio_interval`]. One comparison in two hundred between equal programs then reads as slower: rare enough for a
/// pipeline that runs every day.
pub const CONFIDENCE: f64 = 0.99;

/// How many times the lower quartile of `current` that of `baseline` is: the percentile bootstrap interval (Efron and Tibshirani 1993,
/// chapter 13) at [`CONFIDENCE`]. What disturbs a machine only ever makes it slower, so the lower quartile stays where it is until three
/// blocks in four are disturbed. Values must be independent of each other, such as the medians of blocks of a measurement; the same values
/// give the same interval. `None` where either side has none.
pub fn ratio_interval(baseline: &[f64], current: &[f64]) -> Option<Interval> {
    if baseline.is_empty() || current.is_empty() {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(0x6564_6765);
    let mut resample = |values: &[f64]| quantile(&sorted((0..values.len()).map(|_| values[random.usize(..values.len())])), 0.25);
    let ratios = sorted((0..RESAMPLES).map(|_| resample(current) / resample(baseline)));
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval { low: quantile(&ratios, tail), high: quantile(&ratios, 1.0 - tail) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Block medians of a noisy machine: a spread of 2 %, and one block in ten that something disturbed.
    fn noisy(random: &mut fastrand::Rng, centre: f64) -> Vec<f64> {
        let mut uniform = || random.f64();
        let mut block = || {
            let bell = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            let burst = if uniform() < 0.1 { 1.0 + uniform() } else { 1.0 };
            centre * (1.0 + 0.02 * bell) * burst
        };
        (0..20).map(|_| block()).collect()
    }

    #[test]
    fn quantiles_equal_those_of_numpy() {
        // numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, .1, .5, .9, .99, 1]), numpy 2.4
        let values = sorted([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]);
        let expected = [1.0, 1.0, 3.5, 6.9, 8.79, 9.0];
        for (share, expected) in [0.0, 0.1, 0.5, 0.9, 0.99, 1.0].into_iter().zip(expected) {
            assert!((quantile(&values, share) - expected).abs() < 1e-12, "{share}: {}", quantile(&values, share));
        }
        assert_eq!(median([7.0]), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn equal_programs_rarely_read_as_different_and_slower_ones_nearly_always() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut share = |factor: f64, holds: fn(Interval) -> bool| {
            let trials = 300;
            let found = (0..trials).filter(|_| {
                let (baseline, current) = (noisy(&mut random, 50.0), noisy(&mut random, 50.0 * factor));
                holds(ratio_interval(&baseline, &current).unwrap())
            });
            found.count() as f64 / f64::from(trials)
        };
        let false_alarms = share(1.0, |ratio| ratio.low > 1.0);
        assert!(false_alarms <= 0.02, "{false_alarms}");
        assert!(share(1.05, |ratio| ratio.low > 1.0) >= 0.95);
        assert!(share(0.95, |ratio| ratio.high < 1.0) >= 0.95);
        assert!(share(1.05, |ratio| ratio.low <= 1.05 && 1.05 <= ratio.high) >= 0.97);
    }

    #[test]
    fn nothing_measured_has_no_ratio() {
        assert_eq!(ratio_interval(&[], &[1.0]), None);
        assert_eq!(ratio_interval(&[1.0], &[]), None);
        assert_eq!(ratio_interval(&[2.0; 5], &[3.0; 5]), Some(Interval { low: 1.5, high: 1.5 }));
    }
}
