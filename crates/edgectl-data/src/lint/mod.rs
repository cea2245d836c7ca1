//! Data lint: calibration data that are valid, and yet not what they should be.
//!
//! A [`Portrait`] is taken of what the model gets, after preprocessing; [`lint`] judges that of the calibration data, by itself and against
//! that of the evaluation data; [`Copies`] counts samples that are there more than once. Every finding carries the numbers that it rests on, and every threshold leaves room for chance: a finding
//! needs a difference that is both large and many standard errors away from none.

mod compare;
mod copies;
mod portrait;
mod random;

use std::fmt;

pub use copies::Copies;
pub use portrait::Portrait;

use crate::Layout;

/// Something that calibration data should not be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// The float model knows no more than the labels' frequencies.
    Chance {
        /// Share of the evaluation samples that float classifies correctly.
        float: f64,
        /// Share of the most frequent label.
        majority: f64,
        /// The evaluation samples.
        samples: u64,
    },
    /// A class of the evaluation data that no calibration sample belongs to.
    ClassMissing {
        /// The class.
        class: usize,
        /// Its share of the evaluation samples.
        evaluation: f64,
        /// The calibration samples.
        samples: u64,
    },
    /// A class that is far more or less frequent than in the evaluation data.
    ClassSkewed {
        /// The class.
        class: usize,
        /// Its share of the calibration samples.
        calibration: f64,
        /// Its share of the evaluation samples.
        evaluation: f64,
    },
    /// A channel with a single value in all samples.
    ConstantChannel {
        /// The channel.
        channel: usize,
        /// The value.
        value: f32,
    },
    /// Samples of which every value is the same.
    ConstantSamples {
        /// How many.
        found: u64,
        /// Of how many.
        samples: u64,
    },
    /// Samples that are there more than once.
    Duplicates {
        /// Samples beyond the first of their kind.
        found: u64,
        /// Of how many.
        samples: u64,
    },
    /// Images that are smooth only if their axes are read in another order.
    Layout {
        /// How they are read.
        expected: Layout,
        /// How neighbours resemble each other more.
        found: Layout,
        /// Differences of neighbours as they are read, as a multiple of those in the other order.
        ratio: f64,
    },
    /// All samples belong to one class.
    OneClass {
        /// The class.
        class: usize,
        /// The samples.
        samples: u64,
    },
    /// Values without any structure.
    Random {
        /// The correlation of neighbours.
        correlation: f64,
        /// The variance of the means of elements as a multiple of what independent values have.
        elements: f64,
        /// The variance of the means of samples as a multiple of what independent values have.
        samples: f64,
    },
    /// Another range or normalization than that of the evaluation data.
    Range {
        /// Mean and standard deviation of the calibration data.
        calibration: (f64, f64),
        /// Mean and standard deviation of the evaluation data.
        evaluation: (f64, f64),
    },
    /// Ranges that still move when samples are added.
    TooFew {
        /// The samples.
        samples: u64,
        /// The tensors whose range half of the samples misses by more than a tenth.
        moved: usize,
        /// All tensors with a range.
        tensors: usize,
        /// The greatest of these differences, as a share of the range.
        worst: f64,
    },
    /// So few samples that nothing can be said about them.
    VeryFew {
        /// The samples.
        samples: u64,
        /// The least that are of use.
        expected: u64,
    },
}

/// What the calibration data, taken by themselves and against the evaluation data, should not be. In the order in which it matters.
pub fn lint(calibration: &Portrait, evaluation: Option<&Portrait>) -> Vec<Finding> {
    let random = random::looks_random(calibration).filter(|_| evaluation.is_none_or(|other| random::looks_random(other).is_none()));
    let mut findings: Vec<Finding> = random.into_iter().collect();
    findings.extend(evaluation.and_then(|evaluation| compare::range(calibration, evaluation)));
    findings.extend(calibration.layout());
    findings.extend(calibration.constant_samples());
    findings.extend(compare::constant_channels(calibration, evaluation));
    findings.extend(compare::classes(calibration, evaluation));
    findings
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        match self {
            Finding::Chance { float, majority, samples } => write!(
                f,
                "the float model is right on {} of {samples} evaluation samples; always saying the most frequent label is right on {}",
                percent(*float),
                percent(*majority)
            ),
            Finding::ClassMissing { class, evaluation, samples } => {
                write!(
                    f,
                    "none of the {samples} calibration samples is of class {class}, {} of the evaluation data are",
                    percent(*evaluation)
                )
            }
            Finding::ClassSkewed { class, calibration, evaluation } => {
                write!(
                    f,
                    "class {class} is {} of the calibration data and {} of the evaluation data",
                    percent(*calibration),
                    percent(*evaluation)
                )
            }
            Finding::ConstantChannel { channel, value } => write!(f, "channel {channel} of the calibration data is always {value}"),
            Finding::ConstantSamples { found, samples } => write!(f, "in {found} of {samples} calibration samples all values are the same"),
            Finding::Duplicates { found, samples } => write!(f, "{found} of {samples} calibration samples are copies of others"),
            Finding::Layout { expected, found, ratio } => {
                write!(f, "the calibration data are read as {expected} and look like {found}: neighbours differ {ratio:.1} times as much")
            }
            Finding::OneClass { class, samples } => write!(f, "all {samples} calibration samples are of class {class}"),
            Finding::Random { correlation, elements, samples } => write!(
                f,
                "the calibration data look random: neighbours correlate by {correlation:.3}, and the means of elements and of samples vary {elements:.2} \
                 and {samples:.2} times as much as those of independent values"
            ),
            Finding::Range { calibration: (mean, std), evaluation: (other_mean, other_std) } => write!(
                f,
                "the calibration data have mean {mean:.4} and deviation {std:.4}, the evaluation data {other_mean:.4} and {other_std:.4}"
            ),
            Finding::TooFew { samples, moved, tensors, worst } => write!(
                f,
                "more than {samples} calibration samples could move the scales: half of them miss {moved} of {tensors} ranges by over 10 %, the worst by {}",
                percent(*worst)
            ),
            Finding::VeryFew { samples, expected } => write!(f, "expected at least {expected} calibration samples, found {samples}"),
        }
    }
}
