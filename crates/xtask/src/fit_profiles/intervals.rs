//! How far estimates are off, from what cross-validation left out, and the intervals that follow.
//!
//! Conformal, with a scale for each cell: errors are divided by the cell's own spread, pulled towards that of the library and of the world
//! where the cell has few, and the 10 % and 90 % quantiles of all quotients are the interval's ends in units of that spread.

use std::collections::BTreeMap;

use edgectl_profile::{Accuracy, Dispersion};

use super::measurements::Measurement;
use super::worlds::{Fit, LEAST_FAMILIES, Row};

/// The stated coverage.
const COVERAGE: f64 = 0.8;
/// As many measurements as the surroundings of a cell count for.
const PSEUDO: f64 = 6.0;
/// Errors beyond this say no more about the spread.
const CLIP: f64 = 1.0;
/// How much wider an interval is, as a power of its ends, where cross-validation says nothing about the cell: the library was measured on other
/// boards only, or with fewer families than [`LEAST_FAMILIES`] and the one that is estimated.
const UNTRIED: f64 = 2.0;

/// An error that cross-validation found: `ln(measured / estimated)`.
struct Error<'a> {
    row: &'a Row,
    ln: f64,
}

/// The errors of a world's scored measurements.
pub(super) struct Errors<'a>(Vec<Error<'a>>);

impl<'a> Errors<'a> {
    pub(super) fn of(fit: &'a Fit) -> Errors<'a> {
        let scored = fit.rows.iter().filter(|row| row.measurement.scored);
        Errors(scored.filter_map(|row| Some(Error { row, ln: (row.measurement.cycles / row.without_family?).ln() })).collect())
    }

    /// The interval around an estimate for `like`, from the errors of all families but one.
    fn interval(&self, like: &Measurement, without: Option<&str>) -> Dispersion {
        let known = || self.0.iter().filter(|error| Some(error.row.measurement.family.as_str()) != without);
        let spread = |m: &Measurement| {
            let mut variance = mean(known().map(|error| error.ln)).unwrap_or(0.1);
            let narrower: [&dyn Fn(&Measurement) -> bool; 2] =
                [&|o| o.library == m.library && o.dtype == m.dtype, &|o| o.cell() == m.cell()];
            for belongs in narrower {
                let errors: Vec<f64> = known().filter(|error| belongs(&error.row.measurement)).map(|error| error.ln).collect();
                let squares: f64 = errors.iter().map(|ln| ln.abs().min(CLIP).powi(2)).sum();
                variance = (PSEUDO * variance + squares) / (PSEUDO + errors.len() as f64);
            }
            variance.sqrt()
        };
        let mut spreads: BTreeMap<String, f64> = BTreeMap::new();
        let mut quotients: Vec<f64> = known()
            .map(|error| error.ln / *spreads.entry(error.row.measurement.cell()).or_insert_with(|| spread(&error.row.measurement)))
            .collect();
        quotients.sort_by(f64::total_cmp);
        let tail = (1.0 - COVERAGE) / 2.0;
        let spread = spread(like);
        Dispersion {
            low: (quantile(&quotients, tail) * spread).exp().min(1.0),
            high: (quantile(&quotients, 1.0 - tail) * spread).exp().max(1.0),
            coverage: COVERAGE,
        }
    }

    /// What a profile states about a library: `like` is a measurement of it, real or not.
    pub(super) fn accuracy(&self, like: &Measurement, measurements: usize, families: usize) -> Accuracy {
        let own = self.0.iter().filter(|error| error.row.measurement.cell() == like.cell());
        let mut errors: Vec<f64> = own.map(|error| 100.0 * relative(error.row).abs()).collect();
        errors.sort_by(f64::total_cmp);
        let interval = self.interval(like, None);
        let wider = if families <= LEAST_FAMILIES { UNTRIED } else { 1.0 };
        Accuracy {
            measurements: measurements as u32,
            median_error_percent: (!errors.is_empty()).then(|| round(quantile(&errors, 0.5), 1)),
            mean_error_percent: (!errors.is_empty()).then(|| round(errors.iter().sum::<f64>() / errors.len() as f64, 1)),
            interval: Dispersion { low: round(interval.low.powf(wider), 3), high: round(interval.high.powf(wider), 3), ..interval },
        }
    }

    /// The share of measurements inside of an interval that was made without their families.
    pub(super) fn coverage(&self) -> (usize, usize) {
        let mut made: BTreeMap<(String, &str), Dispersion> = BTreeMap::new();
        let inside = self.0.iter().filter(|error| {
            let m = &error.row.measurement;
            let interval = made.entry((m.cell(), m.family.as_str())).or_insert_with(|| self.interval(m, Some(&m.family)));
            (interval.low.ln()..=interval.high.ln()).contains(&error.ln)
        });
        (inside.count(), self.0.len())
    }
}

/// `estimated / measured - 1` where the family was left out; 0 where it could not be.
pub(super) fn relative(row: &Row) -> f64 {
    row.without_family.map_or(0.0, |cycles| cycles / row.measurement.cycles - 1.0)
}

fn mean(errors: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for error in errors {
        sum += error.abs().min(CLIP).powi(2);
        count += 1.0;
    }
    (count > 0.0).then_some(sum / count)
}

/// Of sorted values, by linear interpolation; 0 where there are none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = share * last as f64;
    let below = position.floor() as usize;
    let above = sorted[(below + 1).min(last)];
    sorted[below] + (above - sorted[below]) * position.fract()
}

pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
