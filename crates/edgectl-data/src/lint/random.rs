//! Values without structure: what a random generator gives in place of data.
//!
//! Real data differ from independent values in at least one of three ways: an element's neighbour resembles it, some elements are larger
//! than others, or some samples are. For independent values, the variances of the means of elements and of samples follow from that of
//! the values, so each can be tested.

use super::Finding;
use super::portrait::{Moments, Portrait};

/// Fewer samples or elements cannot tell.
const LEAST: usize = 8;
/// How many standard errors chance may do.
const ERRORS: f64 = 5.0;

pub(super) fn looks_random(portrait: &Portrait) -> Option<Finding> {
    let (samples, elements) = (portrait.samples as f64, portrait.elements.len() as f64);
    let variance = portrait.sample_variances.mean;
    if portrait.samples < LEAST as u64 || portrait.elements.len() < 2 * LEAST || variance <= 0.0 {
        return None;
    }
    let correlation = portrait.neighbours.0 / portrait.neighbours.1;
    let of_elements = Moments::of(portrait.elements.iter().map(|moments| moments.mean)).variance() * samples / variance;
    let of_samples = portrait.sample_means.variance() * elements / variance;
    // A variance of n values is known to within sqrt(2 / (n - 1)) of itself.
    let as_expected = |ratio: f64, count: f64| (ratio - 1.0).abs() < ERRORS * (2.0 / (count - 1.0)).sqrt();
    let uncorrelated = (correlation + 1.0 / elements).abs() < ERRORS / (samples * elements).sqrt();
    (uncorrelated && as_expected(of_elements, elements) && as_expected(of_samples, samples)).then_some(Finding::Random {
        correlation,
        elements: of_elements,
        samples: of_samples,
    })
}
