//! How far the outputs of two models agree, without labels: the int8 program against the float model.

use crate::metric::{MetricError, check_finite};
use crate::stats::{ExactSum, Interval, wilson_95};

/// Accumulates the agreement of two models; mergeable in any order.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    samples: u64,
    elements: u64,
    same_top1: u64,
    signal: ExactSum,
    noise: ExactSum,
    max_abs_error: f64,
}

/// The agreement over all samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgreementValue {
    /// Samples compared, at least 1.
    pub samples: u64,
    /// Share of samples with the same largest output (of equal ones the first). Meaningful for classifiers only.
    pub top1: f64,
    /// 95 % confidence interval of `top1`.
    pub top1_interval: Interval,
    /// Mean squared error per element.
    pub mse: f64,
    /// Largest difference of one element.
    pub max_abs_error: f64,
    /// Signal-to-noise ratio, `10 log10(sum float^2 / sum (float - int8)^2)`. None where either sum is 0.
    pub snr_db: Option<f64>,
}

impl Agreement {
    /// An accumulator without samples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample: the outputs of both models, of the same length and at least one value.
    ///
    /// # Errors
    /// `Length` or `NotFinite`; the accumulator is then unchanged.
    pub fn update(&mut self, float: &[f32], int8: &[f32]) -> Result<(), MetricError> {
        if float.len() != int8.len() || float.is_empty() {
            return Err(MetricError::Length { expected: float.len(), found: int8.len() });
        }
        check_finite(float)?;
        check_finite(int8)?;
        let (mut signal, mut noise) = (0.0, 0.0);
        for (&a, &b) in float.iter().zip(int8) {
            let difference = f64::from(a) - f64::from(b);
            signal += f64::from(a).powi(2);
            noise += difference.powi(2);
            self.max_abs_error = self.max_abs_error.max(difference.abs());
        }
        self.signal.add(signal);
        self.noise.add(noise);
        self.same_top1 += u64::from(argmax(float) == argmax(int8));
        self.samples += 1;
        self.elements += float.len() as u64;
        Ok(())
    }

    /// Adds the samples of another accumulator.
    pub fn merge(&mut self, other: Self) {
        self.samples += other.samples;
        self.elements += other.elements;
        self.same_top1 += other.same_top1;
        self.signal.merge(&other.signal);
        self.noise.merge(&other.noise);
        self.max_abs_error = self.max_abs_error.max(other.max_abs_error);
    }

    /// The agreement over all samples added, or None without samples.
    pub fn finish(&self) -> Option<AgreementValue> {
        let (signal, noise) = (self.signal.value(), self.noise.value());
        (self.samples > 0).then(|| AgreementValue {
            samples: self.samples,
            top1: self.same_top1 as f64 / self.samples as f64,
            top1_interval: wilson_95(self.same_top1, self.samples),
            mse: noise / self.elements as f64,
            max_abs_error: self.max_abs_error,
            snr_db: (signal > 0.0 && noise > 0.0).then(|| 10.0 * (signal / noise).log10()),
        })
    }
}

/// Index of the first largest value.
pub(crate) fn argmax(values: &[f32]) -> usize {
    values.iter().enumerate().fold(0, |best, (index, &value)| if value > values[best] { index } else { best })
}
