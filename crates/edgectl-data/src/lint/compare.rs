//! Calibration data against evaluation data.

use super::Finding;
use super::portrait::{Moments, Portrait};

/// How many standard errors chance may do.
const ERRORS: f64 = 5.0;
/// How many times wider or narrower one set may be.
const WIDTH_RATIO: f64 = 2.0;
/// How far apart the means may be, in standard deviations.
const MEAN_SHIFT: f64 = 1.0;
/// The difference of a class's shares that counts.
const CLASS_SHIFT: f64 = 0.2;
/// The chance that a class is missing by accident below which it is missing.
const MISSING_CHANCE: f64 = 1e-3;
/// Fewer samples of one class only say nothing.
const ONE_CLASS_SAMPLES: u64 = 20;

pub(super) fn range(calibration: &Portrait, evaluation: &Portrait) -> Option<Finding> {
    let (ours, theirs) = (calibration.mean_and_deviation(), evaluation.mean_and_deviation());
    let beyond = |a: Moments, b: Moments| (a.mean - b.mean).abs() > ERRORS * (a.squared_error() + b.squared_error()).sqrt();
    let shifted =
        (ours.0 - theirs.0).abs() > MEAN_SHIFT * theirs.1.max(ours.1) && beyond(calibration.sample_means, evaluation.sample_means);
    let ratio = ours.1 / theirs.1.max(f64::MIN_POSITIVE);
    let wider = !(1.0 / WIDTH_RATIO..=WIDTH_RATIO).contains(&ratio) && beyond(calibration.sample_variances, evaluation.sample_variances);
    (shifted || wider).then_some(Finding::Range { calibration: ours, evaluation: theirs })
}

/// Channels that are constant in the calibration data, and not in the evaluation data where there are any.
pub(super) fn constant_channels(calibration: &Portrait, evaluation: Option<&Portrait>) -> Vec<Finding> {
    if !calibration.has_channels() || calibration.samples < 2 {
        return vec![];
    }
    let varies = |channel: usize| evaluation.is_none_or(|other| other.channels.get(channel).is_some_and(|(low, high)| low < high));
    let channels = calibration.channels.iter().enumerate();
    let constant = channels.filter(|(channel, (low, high))| low == high && varies(*channel));
    constant.map(|(channel, &(value, _))| Finding::ConstantChannel { channel, value }).collect()
}

/// Classes that are missing, or far more or less frequent.
pub(super) fn classes(calibration: &Portrait, evaluation: Option<&Portrait>) -> Vec<Finding> {
    let samples: u64 = calibration.classes.iter().sum();
    if samples == 0 {
        return vec![];
    }
    let all: u64 = evaluation.map_or(0, |evaluation| evaluation.classes.iter().sum());
    let Some(evaluation) = evaluation.filter(|_| all > 0) else {
        let only = calibration.classes.iter().position(|&count| count == samples);
        let only = only.filter(|_| samples >= ONE_CLASS_SAMPLES && calibration.classes.len() > 1);
        return only.map(|class| Finding::OneClass { class, samples }).into_iter().collect();
    };
    let finding = |(class, &count): (usize, &u64)| {
        let expected = count as f64 / all as f64;
        let found = calibration.classes.get(class).copied().unwrap_or(0);
        let share = found as f64 / samples as f64;
        if found == 0 && (1.0 - expected).powf(samples as f64) < MISSING_CHANCE {
            return Some(Finding::ClassMissing { class, evaluation: expected, samples });
        }
        let error = (expected * (1.0 - expected) * (1.0 / samples as f64 + 1.0 / all as f64)).sqrt();
        let skewed = (share - expected).abs() > CLASS_SHIFT.max(ERRORS * error);
        skewed.then_some(Finding::ClassSkewed { class, calibration: share, evaluation: expected })
    };
    evaluation.classes.iter().enumerate().filter_map(finding).collect()
}
