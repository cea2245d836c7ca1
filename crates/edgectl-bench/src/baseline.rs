//! Comparison with what was found before: a document that was saved, and the verdict on each figure of now.
//!
//! Times that were measured are compared by the interval of their ratio: it says what is noise. How much of a change matters is for the
//! user to say. What has no noise (estimates, bytes) is compared as it is.
//! Figures that do not mean the same are refused: another model, another machine, another profile.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::finding::Finding;
use crate::stats::{Interval, ratio_interval};

/// The version of the documents that can be compared.
pub const SCHEMA_VERSION: u32 = 1;

/// A document as far as comparisons need it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Baseline {
    /// What was found then.
    pub findings: Vec<Finding>,
}

/// Why a document cannot be compared with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// No document of ours.
    #[error("it is no document that `bench` has written")]
    Malformed(#[from] serde_json::Error),
    /// Of another version of this tool.
    #[error("its schema_version is {found}; expected {expected}")]
    Version {
        /// The version that can be read.
        expected: u32,
        /// The version that it states.
        found: u64,
    },
    /// It has no figure to compare with.
    #[error("it has no figures for {wanted}; it has {}", known.join("; "))]
    Missing {
        /// What was looked for.
        wanted: String,
        /// What it has.
        known: Vec<String>,
    },
    /// The model of this name is not the same any more.
    #[error("it is of another model named {model}: expected {}, found {}", expected.join(" "), found.join(" "))]
    Model {
        /// The name.
        model: String,
        /// Inputs and outputs now.
        expected: Vec<String>,
        /// Inputs and outputs in the document.
        found: Vec<String>,
    },
    /// Measured somewhere else.
    #[error("it was measured on another machine: expected {expected}, found {found}")]
    Machine {
        /// This machine.
        expected: String,
        /// The other one.
        found: String,
    },
    /// The profile has changed, so that a difference says nothing about the model.
    #[error("it was made with other figures in the profile {profile}")]
    Profile {
        /// The profile.
        profile: String,
    },
}

/// What has become of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Less is taken.
    Better,
    /// No difference that is not noise.
    Same,
    /// More is taken.
    Worse,
}

/// A figure now and then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Its name, with the unit.
    pub figure: &'static str,
    /// Then.
    pub baseline: f64,
    /// Now.
    pub current: f64,
    /// How many times as much it is now; the interval of [`ratio_interval`] where it was measured.
    pub ratio: Interval,
    /// The verdict.
    pub change: Change,
}

impl Baseline {
    /// Reads a document that was saved.
    ///
    /// # Errors
    /// Where it is none, or of another version.
    pub fn parse(bytes: &[u8]) -> Result<Baseline, BaselineError> {
        #[derive(Deserialize)]
        struct Envelope {
            schema_version: u64,
        }
        let Envelope { schema_version: found } = serde_json::from_slice(bytes)?;
        if found != u64::from(SCHEMA_VERSION) {
            return Err(BaselineError::Version { expected: SCHEMA_VERSION, found });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Compares a finding with the one of the same model, target, back end and kernels. Measured times that have changed by less than the
    /// share `tolerance` are the same: two runs differ by a little for reasons that one run cannot see, such as where its code was loaded.
    ///
    /// # Errors
    /// Where there is none, or it cannot be compared.
    pub fn compare(&self, now: &Finding, tolerance: f64) -> Result<Vec<Comparison>, BaselineError> {
        let describe = |finding: &Finding| {
            let [model, target, backend, kernels] = finding.key();
            format!("{model} on {target} ({backend}, {kernels})")
        };
        let found = self.findings.iter().find(|then| then.key() == now.key());
        let Some(then) = found else {
            let known = self.findings.iter().map(describe).collect();
            return Err(BaselineError::Missing { wanted: describe(now), known });
        };
        if then.model.contract != now.model.contract {
            let (expected, found) = (now.model.contract.clone(), then.model.contract.clone());
            return Err(BaselineError::Model { model: now.model.name.clone(), expected, found });
        }
        if then.target.machine != now.target.machine {
            let words = |finding: &Finding| {
                let machine = finding.target.machine.as_ref();
                machine.map_or("none".into(), |machine| format!("{} ({}, {} threads)", machine.cpu, machine.arch, machine.threads))
            };
            return Err(BaselineError::Machine { expected: words(now), found: words(then) });
        }
        if then.target.profile_crc32 != now.target.profile_crc32 {
            return Err(BaselineError::Profile { profile: now.target.name.clone() });
        }
        Ok(figures(then, now, tolerance))
    }
}

fn figures(then: &Finding, now: &Finding, tolerance: f64) -> Vec<Comparison> {
    // Numbers that went through a text file may differ in their last bit.
    let exact = |baseline: f64, current: f64| {
        let ratio = if (current - baseline).abs() <= 1e-9 * current.abs() { 1.0 } else { current / baseline };
        Interval { low: ratio, high: ratio }
    };
    let (baseline, current) = (then.latency.value_us, now.latency.value_us);
    let measured = then.latency.times.as_ref().zip(now.latency.times.as_ref());
    let ratio = measured.and_then(|(then, now)| ratio_interval(&then.block_p50_us, &now.block_p50_us));
    let mut figures = vec![match ratio {
        Some(ratio) => comparison("latency_us", baseline, current, ratio, tolerance),
        None => comparison("latency_us", baseline, current, exact(baseline, current), 0.0),
    }];
    if let Some((then, now)) = then.memory.as_ref().zip(now.memory.as_ref()) {
        let bytes =
            [("ram_bytes", then.ram.total_bytes, now.ram.total_bytes), ("flash_bytes", then.flash.total_bytes, now.flash.total_bytes)];
        let bytes = bytes.into_iter().map(|(figure, then, now)| (figure, then as f64, now as f64));
        figures.extend(bytes.map(|(figure, then, now)| comparison(figure, then, now, exact(then, now), 0.0)));
    }
    figures
}

fn comparison(figure: &'static str, baseline: f64, current: f64, ratio: Interval, tolerance: f64) -> Comparison {
    let change = match ratio {
        Interval { low, .. } if low > 1.0 + tolerance => Change::Worse,
        Interval { high, .. } if high < 1.0 - tolerance => Change::Better,
        _ => Change::Same,
    };
    Comparison { figure, baseline, current, ratio, change }
}
