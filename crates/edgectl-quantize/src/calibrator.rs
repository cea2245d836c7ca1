//! The calibrators: how a range is found from the values that a tensor took.

mod distribution;
mod entropy;
mod minmax;
mod moving_average;
mod mse;
mod percentile;

use std::fmt;
use std::str::FromStr;

use crate::Observer;

pub use entropy::Entropy;
pub use minmax::MinMax;
pub use moving_average::MovingAverage;
pub use mse::Mse;
pub use percentile::Percentile;

/// How ranges are found. Parsed from and printed as its name.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Calibrator {
    /// Loses the least information: Kullback-Leibler divergence between the values and their int8 form.
    Entropy,
    /// From the smallest to the greatest value seen.
    MinMax,
    /// From the mean of the samples' smallest values to the mean of their greatest.
    MovingAverage,
    /// The least mean squared error of int8.
    Mse,
    /// Clips the same share of the values at each end.
    Percentile {
        /// The share that stays, in percent: above 50, at most 100.
        percent: f64,
    },
}

/// All of them, in the order in which they are offered.
const ALL: [Calibrator; 5] = [
    Calibrator::MinMax,
    Calibrator::MovingAverage,
    Calibrator::Percentile { percent: Calibrator::DEFAULT_PERCENT },
    Calibrator::Mse,
    Calibrator::Entropy,
];

impl Calibrator {
    /// The names, in the order in which they are offered.
    pub const NAMES: &[&str] = &{
        let mut names = [""; ALL.len()];
        let mut i = 0;
        while i < ALL.len() {
            names[i] = ALL[i].name();
            i += 1;
        }
        names
    };

    /// What `percentile` keeps unless told otherwise, in percent: one value in 5,000 at either end does not set the scale.
    pub const DEFAULT_PERCENT: f64 = 99.98;

    /// The name, without parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Calibrator::Entropy => "entropy",
            Calibrator::MinMax => "minmax",
            Calibrator::MovingAverage => "moving-average",
            Calibrator::Mse => "mse",
            Calibrator::Percentile { .. } => "percentile",
        }
    }

    /// An observer that has seen nothing.
    pub fn observer(self) -> Box<dyn Observer> {
        match self {
            Calibrator::Entropy => Box::new(Entropy::default()),
            Calibrator::MinMax => Box::new(MinMax::default()),
            Calibrator::MovingAverage => Box::new(MovingAverage::default()),
            Calibrator::Mse => Box::new(Mse::default()),
            Calibrator::Percentile { percent } => Box::new(Percentile::new(percent)),
        }
    }
}

impl fmt::Display for Calibrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Calibrator::Percentile { percent } => write!(f, "{} {percent}", self.name()),
            _ => f.write_str(self.name()),
        }
    }
}

impl FromStr for Calibrator {
    type Err = String;

    fn from_str(name: &str) -> Result<Calibrator, String> {
        let found = ALL.into_iter().find(|calibrator| calibrator.name() == name);
        found.ok_or_else(|| format!("expected one of {}, found {name}", Self::NAMES.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::Range;

    fn show<'a>(observer: &mut dyn Observer, samples: impl IntoIterator<Item = &'a Vec<f32>>) {
        samples.into_iter().for_each(|sample| observer.observe(sample, Range::of(sample).unwrap()));
    }

    fn range(calibrator: Calibrator, samples: &[Vec<f32>]) -> Range {
        let mut observer = calibrator.observer();
        show(&mut *observer, samples);
        observer.range().unwrap()
    }

    /// Values of a normal distribution by Box and Muller, from a Weyl sequence: the same in every run.
    fn gaussian(count: usize) -> Vec<f32> {
        let uniform = |i: usize, step: f64| (i as f64 * step + 0.5).fract();
        let value = |i| {
            (-2.0 * (1.0 - uniform(i, 0.618_033_988_749_895)).ln()).sqrt()
                * (std::f64::consts::TAU * uniform(i, 0.754_877_666_246_693)).cos()
        };
        (0..count).map(|i| value(i) as f32).collect()
    }

    #[test]
    fn names_are_checked() {
        let message = "expected one of minmax, moving-average, percentile, mse, entropy, found kl";
        assert_eq!("kl".parse::<Calibrator>().unwrap_err(), message);
        for name in Calibrator::NAMES {
            assert_eq!(name.parse::<Calibrator>().unwrap().name(), *name);
        }
    }

    #[test]
    fn nothing_seen_has_no_range() {
        assert!(ALL.into_iter().all(|calibrator| calibrator.observer().range().is_none()));
    }

    #[test]
    fn a_uniform_distribution_is_not_clipped() {
        for (low, high) in [(-1.0, 1.0), (0.0, 5.0), (-3.0, 1.0), (2.0, 7.0), (-1e-6, 3e-6)] {
            let values: Vec<f32> = (0..=100_000).map(|i| low + (high - low) * (i as f32 / 100_000.0)).collect();
            for calibrator in ALL {
                let Range { min, max } = range(calibrator, std::slice::from_ref(&values));
                let tolerance = 2e-3 * (high - low);
                assert!((min - low).abs() <= tolerance && (max - high).abs() <= tolerance, "{calibrator} {low} {high}: {min} {max}");
            }
        }
    }

    #[test]
    fn outliers_are_clipped_as_far_as_they_cost_more_than_they_are_worth() {
        let clipped = |calibrator: Calibrator, outlier: f32| {
            let values: Vec<f32> = gaussian(100_000).into_iter().chain([outlier]).collect();
            let Range { min, max } = range(calibrator, std::slice::from_ref(&values));
            assert!((-5.0..-2.0).contains(&min), "{calibrator}: {min}");
            max
        };
        assert_eq!(clipped(Calibrator::MinMax, 100.0), 100.0);
        for calibrator in [Calibrator::Percentile { percent: Calibrator::DEFAULT_PERCENT }, Calibrator::Entropy] {
            assert!((2.0..50.0).contains(&clipped(calibrator, 100.0)), "{calibrator}");
        }
        // Of 100 000 values, cutting one from 8 to 6 adds 4 to the squared errors, and the finer steps save the others 6. From 100,
        // it would add more than the steps can save.
        assert!((5.0..7.5).contains(&clipped(Calibrator::Mse, 8.0)));
        assert!(clipped(Calibrator::Mse, 100.0) > 80.0);
    }

    #[test]
    fn rectified_values_keep_their_bulk() {
        let values: Vec<f32> = gaussian(100_000).into_iter().map(|x| x.max(0.0)).collect();
        for calibrator in ALL {
            let Range { min, max } = range(calibrator, std::slice::from_ref(&values));
            assert!(min.abs() < 1e-5 && (2.0..5.0).contains(&max), "{calibrator}: {min} {max}");
        }
    }

    proptest! {
        #[test]
        fn order_and_parts_do_not_matter(samples in prop::collection::vec(prop::collection::vec(-1e3f32..1e3, 1..20), 2..20), cut in 1usize..20) {
            for calibrator in ALL {
                let (first, second) = samples.split_at(cut.min(samples.len() - 1));
                let (mut a, mut b) = (calibrator.observer(), calibrator.observer());
                let bytes = a.bytes();
                show(&mut *a, first);
                show(&mut *b, second.iter().rev());
                b.merge(&*a);
                prop_assert_eq!(b.range().unwrap(), range(calibrator, &samples), "{}", calibrator);
                prop_assert_eq!(b.bytes(), bytes);
            }
        }

        #[test]
        fn the_range_lies_within_the_values(values in prop::collection::vec(-1e3f32..1e3, 1..50)) {
            let seen = Range::of(&values).unwrap();
            for calibrator in ALL {
                let found = range(calibrator, std::slice::from_ref(&values));
                prop_assert!(seen.min <= found.min && found.min <= found.max && found.max <= seen.max, "{}: {:?}", calibrator, found);
            }
        }
    }
}
