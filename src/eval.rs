//! Streams samples through engines, in parallel, and measures what comes out.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use edgectl_data::{Agreement, AgreementValue, ClassTable, Metric, MetricError, MetricKind, MetricValue, Reference};
use rayon::prelude::*;
use thiserror::Error;

use crate::engine::{Engine, Inference, Memory, Port, Sequence};
use crate::samples::{Sample, Samples};
use crate::ui::{Progress, Ui};

/// The most values of outputs that are remembered of a model to compare with.
const MAX_REMEMBERED: usize = 1 << 24;
/// The most samples that change class of which the places are kept.
const MAX_CHANGED: usize = 64;

/// Why a model cannot be measured on data.
#[derive(Debug, Error)]
pub(crate) enum EvalError {
    #[error("the models take different inputs: {expected:?} and {found:?}")]
    Inputs { expected: Vec<Vec<usize>>, found: Vec<Vec<usize>> },
    #[error("metric {metric} compares the output with the only input; the model has {found} inputs")]
    InputCount { metric: MetricKind, found: usize },
    #[error("{path} has no labels; metric {metric} needs them", path = path.display())]
    NoLabels { path: PathBuf, metric: MetricKind },
    #[error("metric {metric} compares with a float model, and there is none")]
    NoReference { metric: MetricKind },
    #[error("metric {metric} is defined for one output; the model has {found}")]
    OutputCount { metric: MetricKind, found: usize },
    #[error("the outputs differ from those of the reference: expected {expected:?} values, found {found:?}")]
    Outputs { expected: Vec<usize>, found: Vec<usize> },
}

/// The largest pieces that keep all threads busy to the end.
pub(crate) fn piece(samples: usize) -> usize {
    samples.div_ceil(4 * rayon::current_num_threads()).max(1)
}

/// The place of the first largest value.
pub(crate) fn argmax(values: &[f32]) -> Option<usize> {
    (0..values.len()).reduce(|best, at| if values[at] > values[best] { at } else { best })
}

/// The metric to use where none was asked for: top1 for labelled samples and a model whose only output is a list of classes.
pub(crate) fn default_metric(samples: &Samples, engine: &dyn Engine) -> Option<MetricKind> {
    let outputs = engine.outputs();
    (samples.has_labels() && outputs.len() == 1 && is_list_of_classes(&outputs[0], engine)).then_some(MetricKind::Top1)
}

/// Whether the place of the largest value can mean something: one dimension besides the batch, and not that of the input, as an
/// autoencoder has it.
pub(crate) fn is_list_of_classes(output: &Port, engine: &dyn Engine) -> bool {
    output.shape.iter().filter(|&&dim| dim > 1).count() == 1 && engine.inputs().iter().all(|input| input.shape != output.shape)
}

/// Refuses early what a metric cannot measure.
pub(crate) fn check_metric(metric: MetricKind, samples: &Samples, engine: &dyn Engine, has_reference: bool) -> Result<(), EvalError> {
    let found = engine.outputs().len();
    if metric.needs_labels() && !samples.has_labels() {
        return Err(EvalError::NoLabels { path: samples.path.clone(), metric });
    }
    if metric.reference() == Reference::FloatOutput && !has_reference {
        return Err(EvalError::NoReference { metric });
    }
    if found != 1 {
        return Err(EvalError::OutputCount { metric, found });
    }
    let found = engine.inputs().len();
    if metric.reference() == Reference::Input && found != 1 {
        return Err(EvalError::InputCount { metric, found });
    }
    Ok(())
}

/// What an evaluation found.
#[derive(Debug, Default)]
pub(crate) struct Evaluation {
    pub(crate) samples: usize,
    /// Of the model.
    pub(crate) metric: Option<MetricValue>,
    /// Of the float model that it is compared with.
    pub(crate) reference_metric: Option<MetricValue>,
    /// With the float model, output by output.
    pub(crate) agreement: Vec<OutputAgreement>,
    /// What becomes of each class of the first output, where that is a list of classes and there is a float model.
    pub(crate) classes: Option<ClassTable>,
    /// Names of the classes, where the data has them.
    pub(crate) class_names: Vec<String>,
    /// The first samples, by their place in the data, to which the float model gives another class.
    pub(crate) changed: Vec<usize>,
    /// The time of a sample, of the model.
    pub(crate) p50: Duration,
}

/// By how much a metric is better in one evaluation than in another of the same data.
pub(crate) fn gain(old: &Evaluation, new: &Evaluation) -> Option<f64> {
    let (old, new) = (old.metric.as_ref()?, new.metric.as_ref()?);
    let difference = new.value - old.value;
    Some(if new.kind.higher_is_better() { difference } else { -difference })
}

/// How far the model agrees with the float model on an output.
#[derive(Debug)]
pub(crate) struct OutputAgreement {
    pub(crate) output: String,
    /// Whether the largest value of the output means a class.
    pub(crate) is_list_of_classes: bool,
    pub(crate) value: AgreementValue,
}

/// Takes the outputs of each sample of the model, in order.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[Vec<f32>]) -> Result<()>;

/// A model to compare with, and what it gave for the first samples of some data: evaluating many programs on the same data runs it once.
pub(crate) struct Remembering<'e> {
    pub(crate) engine: &'e dyn Engine,
    outputs: Mutex<Vec<Vec<Vec<f32>>>>,
}

impl<'e> Remembering<'e> {
    pub(crate) fn new(engine: &'e dyn Engine) -> Remembering<'e> {
        Remembering { engine, outputs: Mutex::default() }
    }

    /// The outputs for a chunk of samples.
    fn run(&self, chunk: &[Sample], order: Order<'_>, progress: &Progress) -> Result<Vec<Vec<Vec<f32>>>> {
        let first = chunk.first().map_or(0, |sample| sample.index);
        let mut known = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outputs) = known.get(first..first + chunk.len()) {
            progress.advance(chunk.len());
            return Ok(outputs.to_vec());
        }
        let outputs: Vec<_> = run(self.engine, chunk, order, progress)?.into_iter().map(|inference| inference.outputs).collect();
        let values: usize = outputs.first().map_or(0, |outputs| outputs.iter().map(Vec::len).sum());
        if known.len() == first && (first + chunk.len()).saturating_mul(values) <= MAX_REMEMBERED {
            known.extend_from_slice(&outputs);
        }
        Ok(outputs)
    }
}

/// Runs every sample through a model and, where there is one, a float model to compare it with.
pub(crate) fn evaluate(
    engine: &dyn Engine,
    reference: Option<&Remembering<'_>>,
    samples: &Samples,
    metric: Option<MetricKind>,
    sink: Sink<'_>,
    ui: &Ui,
) -> Result<Evaluation> {
    if let Some(kind) = metric {
        check_metric(kind, samples, engine, reference.is_some())?;
    }
    let mut scores = Scores::new(engine, reference.map(|reference| reference.engine), metric)?;
    let mut times = vec![];
    let engines = 1 + usize::from(reference.is_some());
    let progress = ui.progress("evaluating", engines * samples.len());
    let mut memories = [Memory::default(), Memory::default()];
    samples.chunks(|chunk| {
        let [own, others] = memories.each_mut().map(|memory| samples.sequence.map(|sequence| (sequence, memory)));
        let found = run(engine, chunk, own, &progress)?;
        let expected = reference.map(|reference| reference.run(chunk, others, &progress)).transpose()?;
        for (i, (sample, Inference { outputs, time })) in chunk.iter().zip(&found).enumerate() {
            let expected = expected.as_ref().map(|all| &all[i][..]);
            scores.add(sample, outputs, expected).with_context(|| format!("cannot measure sample {}", sample.index))?;
            times.push(*time);
            sink(outputs)?;
        }
        Ok(())
    })?;
    Ok(Evaluation { class_names: samples.class_names().to_vec(), ..scores.finish(engine, times)? })
}

/// The sequence that samples are steps of, and what an engine remembers of it; none where each sample stands for itself.
type Order<'m> = Option<(Sequence, &'m mut Memory)>;

fn run(engine: &dyn Engine, samples: &[Sample], order: Order<'_>, progress: &Progress) -> Result<Vec<Inference>> {
    if let Some((sequence, memory)) = order {
        let inferences = engine.run_steps(samples, sequence, memory)?;
        progress.advance(samples.len());
        return Ok(inferences);
    }
    let pieces = samples.par_chunks(piece(samples.len())).map(|piece| {
        let inferences = engine.run(piece)?;
        progress.advance(piece.len());
        Ok(inferences)
    });
    Ok(pieces.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What is accumulated over the samples.
struct Scores {
    own: Option<Metric>,
    /// Of the float model. None where the metric itself compares with that model.
    reference: Option<Metric>,
    agreements: Vec<(Port, Agreement)>,
    classes: Option<ClassTable>,
    changed: Vec<usize>,
}

impl Scores {
    fn new(engine: &dyn Engine, reference: Option<&dyn Engine>, metric: Option<MetricKind>) -> Result<Scores, EvalError> {
        let mut agreements = vec![];
        if let Some(reference) = reference {
            let sizes = |engine: &dyn Engine| engine.outputs().iter().map(|port| port.shape.iter().product()).collect::<Vec<usize>>();
            let (expected, found) = (sizes(reference), sizes(engine));
            if expected != found {
                return Err(EvalError::Outputs { expected, found });
            }
            agreements = reference.outputs().into_iter().map(|port| (port, Agreement::new())).collect();
        }
        let comparable = metric.filter(|kind| reference.is_some() && kind.reference() != Reference::FloatOutput);
        let has_classes = agreements.first().is_some_and(|(port, _)| is_list_of_classes(port, engine));
        Ok(Scores {
            own: metric.map(Metric::new),
            reference: comparable.map(Metric::new),
            agreements,
            classes: has_classes.then(ClassTable::default),
            changed: vec![],
        })
    }

    /// Adds a sample, with the outputs of the model and of the float model.
    fn add(&mut self, sample: &Sample, found: &[Vec<f32>], expected: Option<&[Vec<f32>]>) -> Result<(), MetricError> {
        let measure = |metric: &mut Metric, outputs: &[Vec<f32>]| {
            let reference = match metric.kind().reference() {
                Reference::FloatOutput => expected.and_then(<[_]>::first).map_or(&[][..], Vec::as_slice),
                Reference::Input => sample.inputs.first().map_or(&[][..], Vec::as_slice),
                Reference::None => &[],
            };
            metric.update(outputs.first().map_or(&[][..], Vec::as_slice), reference, sample.label)
        };
        if let Some(metric) = &mut self.own {
            measure(metric, found)?;
        }
        let Some(expected) = expected else { return Ok(()) };
        if let Some(metric) = &mut self.reference {
            measure(metric, expected)?;
        }
        if let (Some(classes), Some(expected), Some(found)) = (&mut self.classes, expected.first(), found.first())
            && classes.update(expected, found, sample.label)
            && self.changed.len() < MAX_CHANGED
        {
            self.changed.push(sample.index);
        }
        let mut outputs = self.agreements.iter_mut().zip(expected).zip(found);
        outputs.try_for_each(|(((_, agreement), float), int8)| agreement.update(float, int8))
    }

    fn finish(self, engine: &dyn Engine, mut times: Vec<Duration>) -> Result<Evaluation> {
        let middle = times.len() / 2;
        let p50 = if times.is_empty() { Duration::ZERO } else { *times.select_nth_unstable(middle).1 };
        let agreement = self.agreements.into_iter().filter_map(|(port, agreement)| {
            let is_list_of_classes = is_list_of_classes(&port, engine);
            Some(OutputAgreement { output: port.name, is_list_of_classes, value: agreement.finish()? })
        });
        Ok(Evaluation {
            samples: times.len(),
            metric: self.own.map(Metric::finish).transpose()?,
            reference_metric: self.reference.map(Metric::finish).transpose()?,
            agreement: agreement.collect(),
            classes: self.classes,
            changed: self.changed,
            class_names: vec![],
            p50,
        })
    }
}
