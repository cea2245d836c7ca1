//! Looks at calibration data before anybody trusts them: findings become warnings, or the error of `--strict`.

use anyhow::Result;
use edgectl_data::{Finding, Layout, Portrait, lint};
use edgectl_quantize::Growth;
use thiserror::Error;

use crate::calibrate::Shown;
use crate::eval::{self, Evaluation, Samples};
use crate::ui::Ui;
use crate::workbench::Workbench;

/// Fewer calibration samples than this are too few without looking at them.
const LEAST_SAMPLES: u64 = 8;

/// Findings that `--strict` does not let pass.
#[derive(Debug, Error)]
#[error("the calibration data are not as they should be: {}", findings.join("; "))]
pub(crate) struct LintError {
    findings: Vec<String>,
}

/// What the calibration data of a recipe should not be.
pub(crate) fn findings(
    bench: &Workbench<'_>,
    (samples, shown): (u64, &Shown),
    found: Option<&Evaluation>,
    layout: Layout,
    ui: &Ui,
) -> Result<Vec<Finding>> {
    let has_classes = bench.float.engine.outputs().first().is_some_and(|port| eval::is_list_of_classes(port, bench.float.engine));
    let shape = bench.float.engine.inputs().first().and_then(|port| port.shape.get(1..).map(<[usize]>::to_vec)).unwrap_or_default();
    let mut calibration = portrait(&bench.calibration, &shape, layout, ui)?;
    if has_classes {
        calibration.set_classes(shown.classes.clone());
    }
    let mut evaluation = bench.evaluation.samples.as_ref().map(|samples| portrait(samples, &shape, layout, ui)).transpose()?;
    let classes = found.and_then(|found| found.classes.as_ref());
    if let (Some(evaluation), Some(classes)) = (&mut evaluation, classes) {
        evaluation.set_classes(classes.rows().iter().map(|row| row.float_given).collect());
    }
    let mut findings = lint(&calibration, evaluation.as_ref());
    findings.extend(too_few(samples, &shown.growth));
    findings.extend(found.filter(|_| labelled(bench)).and_then(chance));
    Ok(findings)
}

/// Warns, or with `strict` fails.
pub(crate) fn report(findings: &[Finding], strict: bool, ui: &Ui) -> Result<(), LintError> {
    if strict && !findings.is_empty() {
        return Err(LintError { findings: findings.iter().map(ToString::to_string).collect() });
    }
    findings.iter().for_each(|finding| ui.warning(finding));
    Ok(())
}

fn portrait(samples: &Samples, shape: &[usize], layout: Layout, ui: &Ui) -> Result<Portrait> {
    let progress = ui.progress("looking", samples.data.len());
    let mut portrait = Portrait::new(shape, layout);
    samples.chunks(|_, inputs| {
        inputs.iter().for_each(|input| portrait.add(input));
        progress.advance(inputs.len());
        Ok(())
    })?;
    Ok(portrait)
}

fn labelled(bench: &Workbench<'_>) -> bool {
    bench.evaluation.samples.as_ref().is_some_and(|samples| samples.data.has_labels())
}

fn too_few(samples: u64, growth: &Growth) -> Option<Finding> {
    if samples < LEAST_SAMPLES {
        return Some(Finding::VeryFew { samples, expected: LEAST_SAMPLES });
    }
    growth.too_few().map(|half| Finding::TooFew { samples, moved: half.moved, tensors: half.tensors, worst: half.worst })
}

/// Whether the float model itself knows no more than how frequent the labels are.
fn chance(found: &Evaluation) -> Option<Finding> {
    let classes = found.classes.as_ref()?;
    let of_class = classes.rows().iter().map(|row| row.samples);
    let (samples, most): (u64, u64) = (of_class.clone().sum(), of_class.max()?);
    let correct: u64 = classes.rows().iter().map(|row| row.float_correct).sum();
    let several = classes.rows().iter().filter(|row| row.samples > 0).count() > 1;
    let share = |count: u64| count as f64 / samples as f64;
    (several && correct <= most).then(|| Finding::Chance { float: share(correct), majority: share(most), samples })
}
