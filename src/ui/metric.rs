//! Metrics in reports.

use edgectl_data::{AgreementValue, MetricValue};
use serde::Serialize;

use crate::eval::OutputAgreement;

use super::percent;

/// A metric's value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Value {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// Lower and upper bound at 95 % confidence, for proportions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval_95: Option<[f64; 2]>,
}

impl From<&MetricValue> for Value {
    fn from(found: &MetricValue) -> Value {
        let interval_95 = found.interval.map(|interval| [interval.low, interval.high]);
        Value { name: found.kind.name(), value: found.value, interval_95 }
    }
}

impl Value {
    /// A proportion as `96.94 %`, anything else as a number.
    pub(crate) fn shown(&self) -> String {
        match self.value {
            share if self.interval_95.is_some() => percent(share),
            small if small != 0.0 && small.abs() < 1e-3 => format!("{small:.3e}"),
            value => format!("{value:.4}"),
        }
    }

    /// `94.6 to 98.3 %`
    pub(crate) fn interval(&self) -> Option<String> {
        self.interval_95.map(|[low, high]| format!("{:.1} to {:.1} %", low * 100.0, high * 100.0))
    }

    /// `96.94 % (95 % interval 94.6 to 98.3 %)`
    pub(crate) fn with_interval(&self) -> String {
        self.shown() + &self.interval().map_or_else(String::new, |interval| format!(" (95 % interval {interval})"))
    }
}

/// How far two models agree on an output.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Agreement {
    pub(crate) output: String,
    /// Share of samples with the same largest value, where that means a class.
    pub(crate) top1: Option<f64>,
    /// Mean squared error per element.
    pub(crate) mse: f64,
    pub(crate) max_abs_error: f64,
    /// Signal-to-noise ratio; absent where signal or noise is zero.
    pub(crate) snr_db: Option<f64>,
}

impl From<&OutputAgreement> for Agreement {
    fn from(found: &OutputAgreement) -> Agreement {
        let AgreementValue { top1, mse, max_abs_error, snr_db, .. } = found.value;
        Agreement { output: found.output.clone(), top1: found.is_list_of_classes.then_some(top1), mse, max_abs_error, snr_db }
    }
}

impl Agreement {
    /// `98.67 %`, or the signal-to-noise ratio where no value means a class.
    pub(crate) fn shown(&self) -> String {
        match (self.top1, self.snr_db) {
            (Some(top1), _) => percent(top1),
            (None, Some(snr)) => format!("{snr:.1} dB"),
            (None, None) => "-".into(),
        }
    }

    /// What [`Agreement::shown`] shows, and what else there is.
    pub(crate) fn explanation(&self) -> String {
        let snr = self.snr_db.filter(|_| self.top1.is_some()).map_or_else(String::new, |snr| format!(", SNR {snr:.1} dB"));
        format!("{}{snr} (output {})", if self.top1.is_some() { "same class" } else { "SNR" }, self.output)
    }
}
