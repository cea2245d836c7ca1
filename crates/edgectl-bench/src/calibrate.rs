//! Fits a kernel library of a profile to measurements that a user has.
//!
//! What is fitted is a factor for the cost of each class of operators, and for the constant of an inference, so that the proportions
//! within a class stay those of the profile. A factor departs from the common one only as far as the measurements demand
//! ([`edgectl_profile::fit`]): one measurement scales everything, twenty tell convolutions from dense layers. How good the result is, is
//! found by leaving one model out at a time.

use edgectl_profile::fit::{Group, Observation, Problem, TERM_COUNT, Terms};
use edgectl_profile::{Accuracy, Basis, Dispersion, KernelLibrary, OpClass, Profile, Workload, op_cycles};
use thiserror::Error;

use crate::stats::median;

/// The place of the constant of an inference among the terms; those of the classes come first.
const CONSTANT: usize = TERM_COUNT - 1;
const _: () = assert!(OpClass::ALL.len() <= CONSTANT);

/// Measurements of one model that differ by more contradict each other.
const CONTRADICTION: f64 = 1.5;

/// How far below the least possible time a measurement may be, for clocks that are higher than the profile says.
const CLOCK_SLACK: f64 = 0.8;

/// A measurement.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'a> {
    /// The line of the file that it is from.
    pub line: u64,
    /// The model.
    pub workload: &'a Workload,
    /// What an inference took.
    pub latency_ms: f64,
}

/// A kernel library that has been fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// With new coefficients, interval and error.
    pub library: KernelLibrary,
    /// What the measurements say about it, in their order.
    pub rows: Vec<Row>,
}

/// A measurement and its estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The model.
    pub model: String,
    /// As given.
    pub measured_ms: f64,
    /// By the profile as it was.
    pub before_ms: f64,
    /// By the new coefficients.
    pub after_ms: f64,
    /// By coefficients that were fitted without this model; absent where it is the only one.
    pub left_out_ms: Option<f64>,
}

/// Why measurements cannot be fitted.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum CalibrateError {
    /// There are none.
    #[error("no measurements")]
    Empty,
    /// The profile has no such kernel library.
    #[error("the profile {profile} has no kernel library {kernels}; it has {}", known.join(", "))]
    Kernels {
        /// The profile.
        profile: String,
        /// What was asked for.
        kernels: String,
        /// What it has.
        known: Vec<String>,
    },
    /// A time that is none.
    #[error("line {line}: expected a time above zero, found {found} ms")]
    Time {
        /// The line.
        line: u64,
        /// What stands there.
        found: f64,
    },
    /// A time that the hardware cannot reach.
    #[error("line {line}: {model} in {found_ms} ms: {macs} MACs take at least {least_ms:.6} ms on {profile}")]
    Impossible {
        /// The line.
        line: u64,
        /// The model.
        model: String,
        /// What was measured.
        found_ms: f64,
        /// The model's operations.
        macs: u64,
        /// With all arithmetic units busy.
        least_ms: f64,
        /// The profile.
        profile: String,
    },
    /// Two times of one model that cannot both be right.
    #[error("lines {first} and {second} contradict each other: {model} took {first_ms} ms and {second_ms} ms")]
    Contradiction {
        /// A line.
        first: u64,
        /// Another one.
        second: u64,
        /// The model of both.
        model: String,
        /// The time of the first.
        first_ms: f64,
        /// The time of the second.
        second_ms: f64,
    },
    /// A model whose operators cost nothing by the profile, so that there is nothing to scale.
    #[error("line {line}: {kernels} states no cost for any operator of {model}")]
    NoCost {
        /// The line.
        line: u64,
        /// The kernel library.
        kernels: String,
        /// The model.
        model: String,
    },
}

/// Fits a kernel library of a profile. `source` is what the profile will say about the origin of its coefficients.
///
/// # Errors
/// [`CalibrateError`].
pub fn calibrate(profile: &Profile, kernels: &str, measurements: &[Measurement<'_>], source: &str) -> Result<Calibrated, CalibrateError> {
    let library = profile.kernels.get(kernels).ok_or_else(|| CalibrateError::Kernels {
        profile: profile.name.clone(),
        kernels: kernels.into(),
        known: profile.kernels.keys().cloned().collect(),
    })?;
    if measurements.is_empty() {
        return Err(CalibrateError::Empty);
    }
    check(profile, library, measurements)?;
    let cycles_per_ms = profile.clock_hz(library) / 1e3;
    let observe = |measurement: &Measurement<'_>| {
        let sizes = cycles(library, measurement.workload);
        if sizes.iter().sum::<f64>() <= 0.0 {
            let (line, model) = (measurement.line, measurement.workload.name.clone());
            return Err(CalibrateError::NoCost { line, kernels: kernels.into(), model });
        }
        Ok(Observation { sizes, cycles: measurement.latency_ms * cycles_per_ms, groups: vec![0] })
    };
    let observations = measurements.iter().map(observe).collect::<Result<Vec<_>, _>>()?;
    let factors = fit(observations.clone());

    let rows = measurements.iter().zip(&observations).map(|(measurement, observation)| {
        let name = &measurement.workload.name;
        let others = measurements.iter().zip(&observations).filter(|(other, _)| other.workload.name != *name);
        let others: Vec<Observation> = others.map(|(_, observation)| observation.clone()).collect();
        let ms = |factors: &Terms| dot(factors, &observation.sizes) / cycles_per_ms;
        Row {
            model: name.clone(),
            measured_ms: measurement.latency_ms,
            before_ms: ms(&[1.0; TERM_COUNT]),
            after_ms: ms(&factors),
            left_out_ms: (!others.is_empty()).then(|| ms(&fit(others))),
        }
    });
    let rows: Vec<Row> = rows.collect();
    let mut library = KernelLibrary { basis: Basis::Calibrated, source: source.into(), ..library.clone() };
    library.cycles_per_inference *= factors[CONSTANT];
    for (class, costs) in &mut library.costs {
        let factor = OpClass::ALL.iter().position(|known| known == class).map_or(1.0, |place| factors[place]);
        *costs = costs.scaled(factor);
    }
    library.accuracy = accuracy(&rows, library.accuracy.interval);
    Ok(Calibrated { library, rows })
}

fn check(profile: &Profile, library: &KernelLibrary, measurements: &[Measurement<'_>]) -> Result<(), CalibrateError> {
    let roof = crate::finding::Roof::of_profile(profile, library).first().map(|roof| roof.macs_per_us);
    for (at, measurement) in measurements.iter().enumerate() {
        let Measurement { line, workload, latency_ms: found } = *measurement;
        if !(found.is_finite() && found > 0.0) {
            return Err(CalibrateError::Time { line, found });
        }
        let least_ms = roof.map_or(0.0, |macs_per_us| workload.macs() as f64 / macs_per_us / 1e3);
        if found < least_ms * CLOCK_SLACK {
            let (model, macs, profile) = (workload.name.clone(), workload.macs(), profile.name.clone());
            return Err(CalibrateError::Impossible { line, model, found_ms: found, macs, least_ms, profile });
        }
        for other in measurements[..at].iter().filter(|other| other.workload.name == workload.name) {
            let ratio = found / other.latency_ms;
            if !(1.0 / CONTRADICTION..=CONTRADICTION).contains(&ratio) {
                let (model, first, second) = (workload.name.clone(), other.line, line);
                return Err(CalibrateError::Contradiction { first, second, model, first_ms: other.latency_ms, second_ms: found });
            }
        }
    }
    Ok(())
}

/// What a model takes by the coefficients as they are: by class of operators, and the constant.
fn cycles(library: &KernelLibrary, workload: &Workload) -> Terms {
    let mut terms = [0.0; TERM_COUNT];
    for op in &workload.ops {
        if let Some(place) = OpClass::ALL.iter().position(|class| *class == library.cost_class(op)) {
            terms[place] += op_cycles(library, op);
        }
    }
    terms[CONSTANT] = library.cycles_per_inference;
    terms
}

/// Factors that bring the cycles of the observations to what was measured.
fn fit(observations: Vec<Observation>) -> Terms {
    // A board may be several times off as a whole; its classes then agree within some tens of percent.
    let groups = vec![Group { spread: 0.3, kind_spread: 0.0, scale_spread: 2.0 }];
    let problem = Problem { prior: [1.0; TERM_COUNT], groups, observations, noise: 0.03, outlier: 0.3 };
    problem.solve().coefficients(&[0])
}

fn dot(a: &Terms, b: &Terms) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The error of estimates for models that were left out, and the range that holds 80 % of such errors if their logarithms are normally
/// distributed. One model says nothing about another: the range then stays as it was.
fn accuracy(rows: &[Row], before: Dispersion) -> Accuracy {
    /// The 90 % quantiles of Student's t distribution by degrees of freedom from 1; at 80 % coverage, 10 % lie beyond each end.
    const T_90: [f64; 10] = [3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372];
    const T_90_MANY: f64 = 1.32;
    let measurements = rows.len() as u32;
    let logs: Vec<f64> = rows.iter().filter_map(|row| Some((row.measured_ms / row.left_out_ms?).ln())).collect();
    if logs.is_empty() {
        return Accuracy { measurements, median_error_percent: None, mean_error_percent: None, interval: before };
    }
    let n = logs.len() as f64;
    let errors = || rows.iter().filter_map(|row| Some((row.left_out_ms? / row.measured_ms - 1.0).abs() * 100.0));
    // No interval is narrower than what two boards of one kind differ by.
    let spread = (logs.iter().map(|log| log * log).sum::<f64>() / n).sqrt().max(0.02);
    let reach = spread * T_90.get(logs.len() - 1).copied().unwrap_or(T_90_MANY);
    let round = |value: f64| (value * 1e4).round() / 1e4;
    Accuracy {
        measurements,
        median_error_percent: Some(round(median(errors()))),
        mean_error_percent: Some(round(errors().sum::<f64>() / n)),
        interval: Dispersion { low: round((-reach).exp()), high: round(reach.exp()), coverage: 0.8 },
    }
}
