//! Observers: what is remembered of an activation, and the calibrators that turn it into a range.

use std::fmt;
use std::str::FromStr;

use crate::Histogram;

/// The real values that a tensor's int8 values shall span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Smallest value; finite.
    pub min: f32,
    /// Greatest value; finite, not below `min`.
    pub max: f32,
}

impl Range {
    /// The smallest range that holds both.
    pub fn union(self, other: Range) -> Range {
        Range { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// Watches the values of one tensor in constant memory.
pub trait Observer: Send + Sync {
    /// Takes notice of values, all finite.
    fn observe(&mut self, values: &[f32]);

    /// Takes notice of all that another observer of the same kind has seen; one of another kind is ignored.
    fn merge(&mut self, other: &dyn Observer);

    /// The range, or `None` where nothing was seen.
    fn range(&self) -> Option<Range>;

    /// Bytes that it takes, whatever it has seen.
    fn bytes(&self) -> usize;

    /// For [`Observer::merge`].
    fn as_any(&self) -> &dyn std::any::Any;
}

/// How ranges are found. Parsed from and printed as its name.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Calibrator {
    /// From the smallest to the greatest value seen.
    MinMax,
    /// Clips the same share of the values at each end.
    Percentile {
        /// The share that stays, in percent: above 50, at most 100.
        percent: f64,
    },
}

impl Calibrator {
    /// The names, in the order in which they are offered.
    pub const NAMES: &[&str] = &["minmax", "percentile"];

    /// What `percentile` keeps unless told otherwise, in percent.
    pub const DEFAULT_PERCENT: f64 = 99.99;

    /// An observer that has seen nothing.
    pub fn observer(self) -> Box<dyn Observer> {
        match self {
            Calibrator::MinMax => Box::new(MinMax::default()),
            Calibrator::Percentile { percent } => Box::new(Percentile::new(percent)),
        }
    }
}

impl fmt::Display for Calibrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Calibrator::MinMax => f.write_str("minmax"),
            Calibrator::Percentile { percent } => write!(f, "percentile {percent}"),
        }
    }
}

impl FromStr for Calibrator {
    type Err = String;

    fn from_str(name: &str) -> Result<Calibrator, String> {
        match name {
            "minmax" => Ok(Calibrator::MinMax),
            "percentile" => Ok(Calibrator::Percentile { percent: Self::DEFAULT_PERCENT }),
            _ => Err(format!("expected one of {}, found {name}", Self::NAMES.join(", "))),
        }
    }
}

/// Remembers the smallest and the greatest value.
#[derive(Clone, Debug, Default)]
pub struct MinMax(Option<Range>);

impl Observer for MinMax {
    fn observe(&mut self, values: &[f32]) {
        for &x in values {
            let seen = Range { min: x, max: x };
            self.0 = Some(self.0.map_or(seen, |range| range.union(seen)));
        }
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(MinMax(Some(seen))) = other.as_any().downcast_ref() {
            self.0 = Some(self.0.map_or(*seen, |range| range.union(*seen)));
        }
    }

    fn range(&self) -> Option<Range> {
        self.0
    }

    fn bytes(&self) -> usize {
        size_of::<MinMax>()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Remembers a histogram, beside the extremes: a percentile never reaches beyond them.
#[derive(Clone, Debug)]
pub struct Percentile {
    histogram: Histogram,
    extremes: MinMax,
    percent: f64,
}

impl Percentile {
    /// Keeps this share of the values, in percent.
    pub fn new(percent: f64) -> Percentile {
        Percentile { histogram: Histogram::new(), extremes: MinMax::default(), percent }
    }
}

impl Observer for Percentile {
    fn observe(&mut self, values: &[f32]) {
        self.histogram.add(values);
        self.extremes.observe(values);
    }

    fn merge(&mut self, other: &dyn Observer) {
        if let Some(other) = other.as_any().downcast_ref::<Percentile>() {
            self.histogram.merge(&other.histogram);
            self.extremes.merge(&other.extremes);
        }
    }

    fn range(&self) -> Option<Range> {
        let Range { min, max } = self.extremes.range()?;
        let share = self.percent / 100.0;
        let low = self.histogram.quantile(1.0 - share)? as f32;
        let high = self.histogram.quantile(share)? as f32;
        Some(Range { min: low.clamp(min, max), max: high.clamp(min, max) })
    }

    fn bytes(&self) -> usize {
        size_of::<Percentile>() + Histogram::BYTES
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
    fn percentile_drops_outliers_that_minmax_keeps() {
        let mut values: Vec<f32> = (0..100_000).map(|i| (i as f32 / 50_000.0) - 1.0).collect();
        values.push(1000.0);
        let range = |calibrator: &str| {
            let mut observer = calibrator.parse::<Calibrator>().unwrap().observer();
            observer.observe(&values);
            observer.range().unwrap()
        };
        assert_eq!(range("minmax"), Range { min: -1.0, max: 1000.0 });
        let Range { min, max } = range("percentile");
        assert!((-1.0..=-0.98).contains(&min) && (0.98..=3.0).contains(&max), "{min} {max}");
    }

    #[test]
    fn merging_equals_observing_everything() {
        for calibrator in [Calibrator::MinMax, Calibrator::Percentile { percent: 99.0 }] {
            let (mut whole, mut a, mut b) = (calibrator.observer(), calibrator.observer(), calibrator.observer());
            whole.observe(&[3.0, -2.0, 0.5, 8.0]);
            a.observe(&[8.0, 0.5]);
            b.observe(&[-2.0, 3.0]);
            a.merge(&*b);
            assert_eq!(a.range(), whole.range());
            assert_eq!(calibrator.observer().range(), None);
        }
    }

    #[test]
    fn names_are_checked() {
        assert_eq!("kl".parse::<Calibrator>().unwrap_err(), "expected one of minmax, percentile, found kl");
    }
}
