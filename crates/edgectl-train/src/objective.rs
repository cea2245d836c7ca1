//! What is minimized: terms over labels, a teacher's outputs and a teacher's inner tensors.

use std::borrow::Cow;
use std::sync::Arc;

use edgectl_graph::{Binary, Graph, Op, TensorId};

use crate::kernel::rows::{Fold, Normalize, softmax_forward};
use crate::network::Forward;
use crate::op::{self, mean_squared_error};
use crate::tape::{self, Error, Tensor};
use crate::teacher::Teacher;
use crate::{Samples, TrainError};

/// A sum of weighted terms.
#[derive(Clone, Debug, Default)]
pub struct Objective {
    /// The terms and their weights.
    pub terms: Vec<(f32, Term)>,
    /// Who says what samples are once augmentation has changed them. Without one, what is kept of a sample holds for it changed as well.
    pub teacher: Option<Arc<Teacher>>,
}

impl Objective {
    /// Terms and their weights, and nobody to ask.
    pub fn new(terms: Vec<(f32, Term)>) -> Objective {
        Objective { terms, teacher: None }
    }
}

/// What a student should come near to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Term {
    /// A teacher's tensor: where in an image it has large values, whatever its channels (S. Zagoruyko, N. Komodakis: Paying More Attention
    /// to Attention, 2017). Both are `[N, C, spatial...]` with the same spatial axes; the target is `[spatial...]` as [`attention_map`] makes
    /// it.
    Attention {
        /// The student's tensor.
        tensor: String,
        /// The target.
        target: usize,
    },
    /// The labels of a classifier with one output, 0 or 1: its logistic loss.
    BinaryLabels,
    /// A teacher's tensor of the same size: mean squared error, over the mean square of the teacher's (A. Romero et al.: FitNets, 2015).
    Features {
        /// The student's tensor.
        tensor: String,
        /// The target.
        target: usize,
    },
    /// The labels: cross-entropy.
    Labels {
        /// The share that goes to all classes alike, from 0 to below 1 (C. Szegedy et al., 2016).
        smoothing: f32,
    },
    /// A teacher's outputs as numbers: mean squared error.
    Outputs {
        /// The target.
        target: usize,
    },
    /// The model's own input, for autoencoders: mean squared error.
    Reconstruction,
    /// A teacher's outputs as a distribution over classes: cross-entropy of both at this temperature, times its square (G. Hinton et al.:
    /// Distilling the Knowledge in a Neural Network, 2015).
    Soft {
        /// The target: logits, or logarithms of probabilities.
        target: usize,
        /// Above 0; the greater, the more the small probabilities matter.
        temperature: f32,
    },
}

impl Term {
    /// The name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Term::Attention { .. } => "attention transfer",
            Term::BinaryLabels => "binary labels",
            Term::Features { .. } => "feature matching",
            Term::Labels { .. } => "labels",
            Term::Outputs { .. } => "outputs of the teacher",
            Term::Reconstruction => "reconstruction",
            Term::Soft { .. } => "soft targets",
        }
    }

    fn needs_labels(&self) -> bool {
        matches!(self, Term::BinaryLabels | Term::Labels { .. })
    }

    fn target(&self) -> Option<usize> {
        match self {
            Term::Attention { target, .. } | Term::Features { target, .. } | Term::Outputs { target } | Term::Soft { target, .. } => {
                Some(*target)
            }
            Term::BinaryLabels | Term::Labels { .. } | Term::Reconstruction => None,
        }
    }
}

/// The tensor whose values are a classifier's logits: what its first output's softmax or sigmoid takes, else the output itself.
pub fn logits(graph: &Graph) -> Option<TensorId> {
    let output = *graph.outputs().first()?;
    let mut at = output;
    loop {
        let Some(node) = graph.producer(at).map(|id| graph.node(id)) else { return Some(output) };
        match &node.op {
            Op::Identity | Op::Reshape { .. } => at = node.input(0)?,
            Op::LogSoftmax { .. } | Op::Softmax { .. } | Op::Unary(edgectl_graph::Unary::Sigmoid) => return node.input(0),
            _ => return Some(output),
        }
    }
}

/// Where a teacher's tensor `[C, spatial...]` of a sample has large values: the sum of squares over the channels, scaled to a mean square of
/// one over the places. The target of [`Term::Attention`].
pub fn attention_map(values: &[f32], channels: usize) -> Vec<f32> {
    let places = values.len() / channels.max(1);
    let mut map = vec![0.0f32; places];
    for plane in values.chunks_exact(places.max(1)) {
        map.iter_mut().zip(plane).for_each(|(map, value)| *map += value * value);
    }
    let mut normalized = vec![0.0; places];
    ATTENTION(places.max(1)).forward(&map, &mut normalized);
    normalized
}

/// How attention maps are normalized.
const ATTENTION: fn(usize) -> Normalize = |row| Normalize { row, epsilon: 1e-12, center: false };

/// An objective whose terms fit a graph and its data.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    terms: Vec<(f32, Term, TensorId)>,
    teacher: Option<Arc<Teacher>>,
    logits: TensorId,
    classes: usize,
}

/// A part of a batch: which samples, and their inputs.
pub(crate) struct Batch<'a> {
    samples: &'a Samples,
    places: &'a [usize],
    /// `[N, sample...]`.
    pub(crate) input: Tensor,
    /// What a teacher says of these inputs, by target; otherwise what is kept with the samples holds.
    answers: Option<Vec<Vec<f32>>>,
    /// Samples of the whole batch: the loss of a part is its share of the whole's mean.
    whole: usize,
}

impl Batch<'_> {
    /// The values of a target, for all samples of the part.
    fn target(&self, target: usize) -> Cow<'_, [f32]> {
        match &self.answers {
            Some(answers) => Cow::Borrowed(&answers[target]),
            None => Cow::Owned(self.samples.target(target, self.places)),
        }
    }
}

impl Bound {
    /// Checks that every term has what it needs.
    pub(crate) fn new(objective: &Objective, graph: &Graph, samples: &Samples) -> Result<Bound, TrainError> {
        let none = || TrainError::Option { option: "objective", expected: "at least one term, and an output", found: "none".into() };
        let logits = logits(graph).filter(|_| !objective.terms.is_empty()).ok_or_else(none)?;
        let size = |id: TensorId| graph.fixed_shape(id).map(|shape| shape.iter().product::<usize>());
        let classes = size(logits)?;
        let output = graph.outputs()[0];
        let (mut terms, teacher) = (vec![], objective.teacher.as_ref());
        for (weight, term) in &objective.terms {
            if !(weight.is_finite() && *weight >= 0.0) {
                return Err(TrainError::Option { option: "weight of a loss", expected: "at least 0", found: weight.to_string() });
            }
            let named = |name: &str| {
                let error = || TrainError::Target {
                    what: term.name(),
                    tensor: name.into(),
                    expected: "a tensor of the student".into(),
                    found: "none of this name".into(),
                };
                graph.find(name).filter(|&id| graph.literal(id).is_none()).ok_or_else(error)
            };
            let (tensor, expected) = match term {
                Term::Attention { tensor, .. } => {
                    let id = named(tensor)?;
                    let spatial: usize = graph.fixed_shape(id)?.get(2..).unwrap_or_default().iter().product();
                    (id, spatial)
                }
                Term::Features { tensor, .. } => (named(tensor)?, size(named(tensor)?)?),
                Term::Outputs { .. } | Term::Reconstruction => (output, size(output)?),
                Term::BinaryLabels | Term::Labels { .. } | Term::Soft { .. } => (logits, classes),
            };
            if term.needs_labels() && samples.labels().is_none() {
                return Err(TrainError::NoLabels);
            }
            let found = match term {
                Term::Reconstruction => Some(samples.shape().iter().product()),
                Term::BinaryLabels => Some(1),
                Term::Labels { .. } => Some(classes),
                _ => term.target().and_then(|target| samples.target_len(target).or_else(|| teacher?.answer_len(target))),
            };
            if found != Some(expected) {
                let found = found.map_or("none".into(), |found| format!("{found} values"));
                let tensor = graph.tensor(tensor).name.clone();
                return Err(TrainError::Target {
                    what: term.name(),
                    tensor,
                    expected: format!("{expected} values for each sample"),
                    found,
                });
            }
            if let Term::Labels { smoothing } = term
                && !(0.0..1.0).contains(smoothing)
            {
                return Err(TrainError::Option { option: "label smoothing", expected: "0 to below 1", found: smoothing.to_string() });
            }
            if let Term::Soft { temperature, .. } = term
                && !(temperature.is_finite() && *temperature > 0.0)
            {
                return Err(TrainError::Option { option: "temperature", expected: "above 0", found: temperature.to_string() });
            }
            terms.push((*weight, term.clone(), tensor));
        }
        teacher.map(|teacher| teacher.check(samples)).transpose()?;
        let bound = Bound { terms, teacher: teacher.cloned(), logits, classes };
        bound.check_labels(samples)?;
        Ok(bound)
    }

    /// A part of a batch, with samples that augmentation may have `changed`. Where it has, or something is wanted that is not kept with
    /// them, the teacher is asked.
    ///
    /// # Errors
    /// Those of the teacher.
    pub(crate) fn batch<'a>(
        &self,
        samples: &'a Samples,
        places: &'a [usize],
        changed: Option<Vec<f32>>,
        whole: usize,
    ) -> Result<Batch<'a>, TrainError> {
        let asked = self.teacher.as_ref().filter(|teacher| changed.is_some() || teacher.questions() > samples.targets());
        let input = input(samples, places, changed)?;
        let answers = asked.map(|teacher| teacher.answer(input.clone())).transpose()?;
        Ok(Batch { samples, places, input, answers, whole })
    }

    /// Whether every label names an output.
    pub(crate) fn check_labels(&self, samples: &Samples) -> Result<(), TrainError> {
        let binary = self.terms.iter().any(|(_, term, _)| matches!(term, Term::BinaryLabels));
        let classes = if binary { 2 } else { self.classes };
        if !self.terms.iter().any(|(_, term, _)| term.needs_labels()) {
            return Ok(());
        }
        let wrong = |(_, label): &(usize, &i64)| !usize::try_from(**label).is_ok_and(|label| label < classes);
        match samples.labels().unwrap_or_default().iter().enumerate().find(wrong) {
            Some((sample, &label)) => Err(TrainError::Label { sample, label, classes }),
            None => Ok(()),
        }
    }

    /// Whether the share of right classes says something: there are labels, or a teacher whose classes stand for them.
    pub(crate) fn classifies(&self, samples: &Samples) -> bool {
        let by_label = samples.labels().is_some_and(|labels| labels.iter().all(|&label| (0..self.classes as i64).contains(&label)));
        let has_classes = |term: &Term| matches!(term, Term::Labels { .. } | Term::Soft { .. });
        self.classes > 1 && self.terms.iter().any(|(_, term, _)| has_classes(term)) && (by_label || self.soft_target().is_some())
    }

    fn soft_target(&self) -> Option<usize> {
        self.terms.iter().find_map(|(_, term, _)| match term {
            Term::Soft { target, .. } => Some(*target),
            _ => None,
        })
    }

    /// The share of the whole batch's loss that a part has, as a scalar with gradients.
    pub(crate) fn loss(&self, forward: &Forward, batch: &Batch<'_>) -> Result<Tensor, TrainError> {
        let mut sum: Option<Tensor> = None;
        for (weight, term, id) in &self.terms {
            let x = forward.tensors[id.index()].as_ref().ok_or_else(|| Error::Msg("a tensor was not computed".into()))?;
            let share = f64::from(*weight / batch.whole as f32);
            let loss = (self.term(term, x, batch)? * share)?;
            sum = Some(match sum {
                Some(sum) => op::binary(Binary::Add, &sum, &loss)?,
                None => loss,
            });
        }
        sum.ok_or_else(|| Error::Msg("an objective without terms".into()).into())
    }

    /// The sum of a term over the samples.
    fn term(&self, term: &Term, x: &Tensor, batch: &Batch<'_>) -> tape::Result<Tensor> {
        let (samples, places) = (batch.samples, batch.places);
        let gathered = |target: usize| batch.target(target).into_owned();
        let label = |place: usize| samples.labels().map_or(0, |labels| labels[place]);
        match term {
            Term::Labels { smoothing } => {
                let floor = smoothing / self.classes as f32;
                let mut wanted = vec![floor; places.len() * self.classes];
                for (row, &place) in wanted.chunks_exact_mut(self.classes).zip(places) {
                    row[label(place) as usize] += 1.0 - smoothing;
                }
                op::cross_entropy(x, wanted, 1.0)
            }
            Term::Soft { target, temperature } => {
                let logits: Vec<f32> = batch.target(*target).iter().map(|z| z / temperature).collect();
                let mut wanted = vec![0.0; logits.len()];
                softmax_forward(self.classes, false, &logits, &mut wanted);
                op::cross_entropy(x, wanted, *temperature)
            }
            Term::BinaryLabels => op::logistic(x, places.iter().map(|&place| label(place) as f32).collect()),
            Term::Outputs { target } => mean_squared_error(x, gathered(*target), places.len(), false),
            Term::Features { target, .. } => mean_squared_error(x, gathered(*target), places.len(), true),
            Term::Reconstruction => mean_squared_error(x, tape::values(&batch.input)?, places.len(), false),
            Term::Attention { target, .. } => {
                let squares = op::binary(Binary::Mul, x, x)?;
                let map = op::reduce(Fold::Of(edgectl_graph::Reduction::Sum), &[1], false, &squares)?;
                let map = map.reshape((map.dim(0)?, map.elem_count() / map.dim(0)?.max(1)))?;
                let row = map.dim(1)?.max(1);
                mean_squared_error(&op::normalize(ATTENTION(row), &map)?, gathered(*target), places.len(), false)
            }
        }
    }

    /// How many samples of a part get the class of their label, or of the teacher.
    pub(crate) fn hits(&self, forward: &Forward, batch: &Batch<'_>) -> Result<usize, TrainError> {
        let Some(z) = forward.tensors[self.logits.index()].as_ref() else { return Ok(0) };
        let z = tape::values(z)?;
        let wanted: Vec<Option<usize>> = match (batch.samples.labels(), self.soft_target()) {
            (Some(labels), _) => batch.places.iter().map(|&place| usize::try_from(labels[place]).ok()).collect(),
            (None, Some(target)) => batch.target(target).chunks_exact(self.classes).map(argmax).collect(),
            (None, None) => return Ok(0),
        };
        Ok(z.chunks_exact(self.classes).zip(wanted).filter(|(row, wanted)| wanted.is_some() && argmax(row) == *wanted).count())
    }
}

/// The place of the first largest value.
fn argmax(values: &[f32]) -> Option<usize> {
    (0..values.len()).reduce(|best, at| if values[at] > values[best] { at } else { best })
}

/// Some samples as a batch `[N, sample...]`, with the values that augmentation may have `changed`.
pub(crate) fn input(samples: &Samples, places: &[usize], changed: Option<Vec<f32>>) -> tape::Result<Tensor> {
    let shape = [&[places.len()], samples.shape()].concat();
    tape::constant(changed.unwrap_or_else(|| samples.inputs(places)), shape)
}
