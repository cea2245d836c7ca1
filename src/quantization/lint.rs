//! Looks at calibration data before anybody trusts them: findings become warnings, or the error of `--strict`.

use anyhow::Result;
use edgectl_data::{Copies, Finding, Layout, Portrait, lint};
use edgectl_quantize::Growth;
use thiserror::Error;

use super::calibrate::Shown;
use super::workbench::Workbench;
use crate::engine::Port;
use crate::eval::{self, Evaluation};
use crate::samples::Samples;
use crate::ui::Ui;

/// Fewer calibration samples than this are too few without looking at them.
const LEAST_SAMPLES: u64 = 8;

/// Findings that `--strict` does not let pass.
#[derive(Debug, Error)]
#[error("the calibration data are not as they should be: {}", findings.join("; "))]
pub(crate) struct LintError {
    findings: Vec<String>,
}

/// What calibration and evaluation data look like, whatever a model makes of them.
pub(crate) struct Looks {
    /// By input of the model, as are those of the evaluation data.
    calibration: Vec<Portrait>,
    copies: Copies,
    evaluation: Option<Vec<Portrait>>,
}

impl Looks {
    pub(crate) fn new(bench: &Workbench<'_>, layout: Layout, ui: &Ui) -> Result<Looks> {
        let ports = bench.float.engine.inputs();
        let mut copies = Copies::default();
        let calibration = look(&bench.calibration, &ports, layout, Some(&mut copies), ui)?;
        let evaluation = bench.evaluation.samples.as_ref().map(|samples| look(samples, &ports, layout, None, ui)).transpose()?;
        Ok(Looks { calibration, copies, evaluation })
    }
}

/// What the calibration data of a recipe should not be, in words.
pub(crate) fn findings(
    bench: &Workbench<'_>,
    Looks { mut calibration, copies, mut evaluation }: Looks,
    (samples, shown): (u64, &Shown),
    found: Option<&Evaluation>,
) -> Vec<String> {
    let engine = bench.float.engine;
    let has_classes = engine.outputs().first().is_some_and(|port| eval::is_list_of_classes(port, engine));
    if let Some(first) = calibration.first_mut().filter(|_| has_classes) {
        first.set_classes(shown.classes.clone());
    }
    let classes = found.and_then(|found| found.classes.as_ref());
    if let (Some(first), Some(classes)) = (evaluation.as_mut().and_then(|all| all.first_mut()), classes) {
        first.set_classes(classes.rows().iter().map(|row| row.float_given).collect());
    }
    let (mut findings, ports) = (vec![], engine.inputs());
    for (input, port) in ports.iter().enumerate() {
        let of_input = lint(&calibration[input], evaluation.as_ref().map(|all| &all[input]));
        let of = if ports.len() == 1 { String::new() } else { format!("input \"{}\": ", port.name) };
        findings.extend(of_input.iter().map(|finding| format!("{of}{finding}")));
    }
    let chance = found.filter(|_| labelled(bench)).and_then(chance);
    let of_samples = [copies.finding(), too_few(samples, &shown.growth), chance];
    findings.extend(of_samples.iter().flatten().map(Finding::to_string));
    findings
}

/// Warns, or with `strict` fails.
pub(crate) fn report(findings: &[String], strict: bool, ui: &Ui) -> Result<(), LintError> {
    if strict && !findings.is_empty() {
        return Err(LintError { findings: findings.to_vec() });
    }
    findings.iter().for_each(|finding| ui.warning(finding));
    Ok(())
}

/// A portrait of what each input gets. The samples are compared with each other where there is a place for `copies`.
fn look(samples: &Samples, ports: &[Port], layout: Layout, mut copies: Option<&mut Copies>, ui: &Ui) -> Result<Vec<Portrait>> {
    let progress = ui.progress("looking", samples.len());
    let mut portraits: Vec<Portrait> = ports.iter().map(|port| Portrait::new(port.shape.get(1..).unwrap_or_default(), layout)).collect();
    samples.chunks(|chunk| {
        for sample in chunk {
            copies.iter_mut().for_each(|copies| copies.add(sample.inputs()));
            portraits.iter_mut().zip(&sample.inputs).for_each(|(portrait, values)| portrait.add(values));
        }
        progress.advance(chunk.len());
        Ok(())
    })?;
    Ok(portraits)
}

fn labelled(bench: &Workbench<'_>) -> bool {
    bench.evaluation.samples.as_ref().is_some_and(|samples| samples.has_labels())
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
