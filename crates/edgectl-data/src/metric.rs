//! Metrics of a model's outputs, accumulated sample by sample and mergeable: any order and any grouping gives the same bits.

use std::str::FromStr;

use crate::ParseOptionError;
use crate::stats::{ExactSum, Interval, wilson_95};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// Area under the ROC curve of a binary classifier; the score is its single output, or the second of two.
    Auc,
    /// Area under the ROC curve of an autoencoder; the score is the mean squared error between its input and output, label 1 an anomaly.
    AucReconstruction,
    /// Mean squared error between this model's output and that of the float model; needs no labels.
    Mse,
    /// Share of samples whose label has the largest output; of equal outputs the first one counts.
    Top1,
    /// Share of samples whose label is among the five largest outputs.
    Top5,
}

/// What a metric compares a model's output with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The output of the float model.
    FloatOutput,
    /// The input of the model.
    Input,
    /// Nothing but the label.
    None,
}

impl MetricKind {
    /// All metrics.
    pub const ALL: [Self; 5] = [Self::Auc, Self::AucReconstruction, Self::Mse, Self::Top1, Self::Top5];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::AucReconstruction => "auc-reconstruction",
            Self::Mse => "mse",
            Self::Top1 => "top1",
            Self::Top5 => "top5",
        }
    }

    /// Whether samples must have labels.
    pub fn needs_labels(self) -> bool {
        self != Self::Mse
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        self != Self::Mse
    }

    /// What `Metric::update` takes as its reference.
    pub fn reference(self) -> Reference {
        match self {
            Self::Mse => Reference::FloatOutput,
            Self::AucReconstruction => Reference::Input,
            Self::Auc | Self::Top1 | Self::Top5 => Reference::None,
        }
    }
}

impl std::fmt::Display for MetricKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MetricKind {
    type Err = ParseOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| ParseOptionError {
            what: "metric",
            expected: "auc, auc-reconstruction, mse, top1 or top5",
            found: text.to_owned(),
        })
    }
}

/// Why a metric has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// The metric needs labels and there is none.
    #[error("metric {metric} needs labels, found none")]
    NoLabel {
        /// The metric.
        metric: MetricKind,
    },
    /// There was no sample.
    #[error("metric {metric} has no samples")]
    NoSamples {
        /// The metric.
        metric: MetricKind,
    },
    /// The label names no output (for `auc` metrics: is neither 0 nor 1).
    #[error("label {label} is out of range for {classes} classes")]
    LabelOutOfRange {
        /// The label.
        label: i64,
        /// Classes that the outputs stand for.
        classes: usize,
    },
    /// The metric is not defined for so many outputs.
    #[error("metric {metric} needs {expected}, found {found}")]
    OutputCount {
        /// The metric.
        metric: MetricKind,
        /// What it is defined for.
        expected: &'static str,
        /// Outputs of the model.
        found: usize,
    },
    /// Two vectors that are compared differ in length.
    #[error("outputs of {found} values are compared with {expected}")]
    Length {
        /// Values of the reference.
        expected: usize,
        /// Values of the output.
        found: usize,
    },
    /// An output is NaN or infinite.
    #[error("output {element} is {found}, expected a finite number")]
    NotFinite {
        /// Index of the output.
        element: usize,
        /// Its value.
        found: f32,
    },
    /// All samples have the same label, so there is no curve.
    #[error("metric {metric} needs samples of both classes, found {samples} of class {label} only")]
    OneClass {
        /// The metric.
        metric: MetricKind,
        /// The only class.
        label: u8,
        /// Samples seen.
        samples: u64,
    },
    /// Accumulators of different metrics were merged.
    #[error("metric {expected} cannot be merged with {found}")]
    Merge {
        /// The metric merged into.
        expected: MetricKind,
        /// The metric merged.
        found: MetricKind,
    },
}

/// A metric's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricValue {
    /// The metric.
    pub kind: MetricKind,
    /// 0 to 1, for `mse` at least 0.
    pub value: f64,
    /// Samples measured, at least 1.
    pub samples: u64,
    /// 95 % confidence interval, for the metrics that are proportions.
    pub interval: Option<Interval>,
}

/// Accumulates one metric. Memory is constant, but for the `auc` metrics, which keep 16 bytes per sample.
#[derive(Clone, Debug)]
pub struct Metric {
    kind: MetricKind,
    samples: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Hits { k: usize, hits: u64 },
    Scores(Vec<(f64, bool)>),
    Errors(ExactSum),
}

impl Metric {
    /// An accumulator without samples.
    pub fn new(kind: MetricKind) -> Self {
        let state = match kind {
            MetricKind::Top1 => State::Hits { k: 1, hits: 0 },
            MetricKind::Top5 => State::Hits { k: 5, hits: 0 },
            MetricKind::Auc | MetricKind::AucReconstruction => State::Scores(Vec::new()),
            MetricKind::Mse => State::Errors(ExactSum::default()),
        };
        Self { kind, samples: 0, state }
    }

    /// The metric that is accumulated.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Adds a sample: the model's output and what `MetricKind::reference` names (ignored where that is `None`).
    ///
    /// # Errors
    /// The accumulator is unchanged where the sample cannot be measured.
    pub fn update(&mut self, output: &[f32], reference: &[f32], label: Option<i64>) -> Result<(), MetricError> {
        let kind = self.kind;
        check_finite(output)?;
        let label = |classes: usize| {
            let label = label.ok_or(MetricError::NoLabel { metric: kind })?;
            usize::try_from(label).ok().filter(|&index| index < classes).ok_or(MetricError::LabelOutOfRange { label, classes })
        };
        match &mut self.state {
            State::Hits { k, hits } => {
                if *k > 1 && output.len() <= *k {
                    return Err(MetricError::OutputCount { metric: kind, expected: "more than 5 outputs", found: output.len() });
                }
                *hits += u64::from(rank(output, label(output.len())?) < *k);
            }
            State::Scores(scores) => {
                let score = match (kind, output) {
                    (MetricKind::AucReconstruction, _) => mean_squared_error(output, reference)?,
                    (_, &[score] | &[_, score]) => f64::from(score),
                    _ => return Err(MetricError::OutputCount { metric: kind, expected: "1 or 2 outputs", found: output.len() }),
                };
                scores.push((score, label(2)? == 1));
            }
            State::Errors(sum) => sum.add(mean_squared_error(output, reference)?),
        }
        self.samples += 1;
        Ok(())
    }

    /// Adds the samples of another accumulator of the same metric.
    ///
    /// # Errors
    /// `Merge` where the metrics differ.
    pub fn merge(&mut self, other: Self) -> Result<(), MetricError> {
        let mismatch = MetricError::Merge { expected: self.kind, found: other.kind };
        match (&mut self.state, other.state) {
            _ if self.kind != other.kind => return Err(mismatch),
            (State::Hits { hits, .. }, State::Hits { hits: more, .. }) => *hits += more,
            (State::Scores(scores), State::Scores(more)) => scores.extend(more),
            (State::Errors(sum), State::Errors(more)) => sum.merge(&more),
            _ => return Err(mismatch),
        }
        self.samples += other.samples;
        Ok(())
    }

    /// The value over all samples added.
    ///
    /// # Errors
    /// `NoSamples`, or `OneClass` for the `auc` metrics.
    pub fn finish(self) -> Result<MetricValue, MetricError> {
        let (kind, samples) = (self.kind, self.samples);
        if samples == 0 {
            return Err(MetricError::NoSamples { metric: kind });
        }
        let (value, interval) = match self.state {
            State::Hits { hits, .. } => (hits as f64 / samples as f64, Some(wilson_95(hits, samples))),
            State::Scores(scores) => (roc_auc(kind, scores)?, None),
            State::Errors(sum) => (sum.value() / samples as f64, None),
        };
        Ok(MetricValue { kind, value, samples, interval })
    }
}

pub(crate) fn check_finite(output: &[f32]) -> Result<(), MetricError> {
    match output.iter().position(|value| !value.is_finite()) {
        Some(element) => Err(MetricError::NotFinite { element, found: output[element] }),
        None => Ok(()),
    }
}

/// Outputs that come before output `at` when sorted by value, largest first, then by index.
fn rank(output: &[f32], at: usize) -> usize {
    let ahead = |(index, &value): (usize, &f32)| value > output[at] || (value == output[at] && index < at);
    output.iter().enumerate().filter(|&entry| ahead(entry)).count()
}

fn mean_squared_error(output: &[f32], reference: &[f32]) -> Result<f64, MetricError> {
    if output.len() != reference.len() || output.is_empty() {
        return Err(MetricError::Length { expected: reference.len(), found: output.len() });
    }
    check_finite(reference)?;
    let squares = output.iter().zip(reference).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    Ok(squares.sum::<f64>() / output.len() as f64)
}

/// The Mann-Whitney statistic with average ranks for ties, in integers up to the last division (T. Fawcett 2006, section 7).
fn roc_auc(metric: MetricKind, mut scores: Vec<(f64, bool)>) -> Result<f64, MetricError> {
    let positives = scores.iter().filter(|&&(_, positive)| positive).count() as u128;
    let negatives = scores.len() as u128 - positives;
    if positives == 0 || negatives == 0 {
        return Err(MetricError::OneClass { metric, label: u8::from(negatives == 0), samples: scores.len() as u64 });
    }
    scores.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut ranks_before = 0_u128;
    let mut twice_rank_sum = 0_u128;
    for tied in scores.chunk_by(|(a, _), (b, _)| a == b) {
        let ranks_through = ranks_before + tied.len() as u128;
        let tied_positives = tied.iter().filter(|&&(_, positive)| positive).count() as u128;
        twice_rank_sum += tied_positives * (ranks_before + 1 + ranks_through);
        ranks_before = ranks_through;
    }
    Ok((twice_rank_sum - positives * (positives + 1)) as f64 / (2 * positives * negatives) as f64)
}
