//! A teacher that is asked while a student is trained.
//!
//! What a teacher says of a sample is computed once and kept with the samples. Once augmentation has changed a sample, that is an answer to
//! another question; a teacher that sees what its student sees makes some hundred samples teach like many (L. Beyer et al.: Knowledge
//! distillation: A good teacher is patient and consistent, 2022).

use std::fmt;

use edgectl_graph::{Graph, TensorId};
use rayon::prelude::*;

use crate::network::{Leaves, Mode, Network, State};
use crate::objective::{attention_map, input};
use crate::step::MAX_PART;
use crate::tape::{self, Error, Tensor};
use crate::{Samples, TrainError};

/// What is asked of a teacher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name of a tensor.
    pub tensor: String,
    /// What of it.
    pub wanted: Wanted,
}

/// What is wanted of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// Its values.
    Values,
    /// Those of some channels, `[N, C, ...]`, in this order.
    Channels(Vec<usize>),
    /// Its [attention map](attention_map).
    AttentionMap,
}

/// A float model that is asked during training.
pub struct Teacher {
    network: Network,
    state: State,
    leaves: Leaves,
    /// In the order of the samples' targets.
    asked: Vec<Asked>,
}

struct Asked {
    tensor: TensorId,
    wanted: Wanted,
    /// Values of the answer, for each sample.
    len: usize,
}

impl fmt::Debug for Teacher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.asked.iter().map(|asked| (&self.network.graph.tensor(asked.tensor).name, &asked.wanted))).finish()
    }
}

impl Teacher {
    /// A teacher from a graph in [trainable form](edgectl_graph::pass::TRAINABLE) with a batch of 1. The answers to its questions are the
    /// targets of an objective: first those that are [kept](Samples::add_target) with the samples, in their order, then others, for which it
    /// is asked in each step.
    ///
    /// # Errors
    /// A graph that the executor of this crate does not run, or no such tensor or channel.
    pub fn new(graph: Graph, questions: &[Question]) -> Result<Teacher, TrainError> {
        let find = |question: &Question| {
            let missing = |expected: &str, found: String| {
                let (tensor, expected) = (question.tensor.clone(), expected.to_owned());
                TrainError::Target { what: "teacher", tensor, expected, found }
            };
            let tensor = graph.find(&question.tensor).filter(|&id| graph.literal(id).is_none());
            let tensor = tensor.ok_or_else(|| missing("a tensor of the teacher", "none of this name".into()))?;
            let shape = graph.fixed_shape(tensor)?;
            let len = match &question.wanted {
                Wanted::Values => shape.iter().product(),
                Wanted::AttentionMap => shape.iter().skip(2).product(),
                Wanted::Channels(channels) => {
                    let count = shape.get(1).copied().unwrap_or(0);
                    if let Some(channel) = channels.iter().find(|&&channel| channel >= count) {
                        return Err(missing("a channel of it", format!("channel {channel} of {count}")));
                    }
                    channels.len() * shape.iter().skip(2).product::<usize>()
                }
            };
            Ok(Asked { tensor, wanted: question.wanted.clone(), len })
        };
        let asked = questions.iter().map(find).collect::<Result<_, TrainError>>()?;
        let (network, state) = Network::new(graph)?;
        let leaves = network.leaves(&state, false)?;
        Ok(Teacher { network, state, leaves, asked })
    }

    /// Asks about all samples, and keeps the answers to the first so many questions with them. `done` is called with numbers of samples.
    ///
    /// # Errors
    /// Samples that the teacher does not take, or values that are not finite.
    pub fn teach(&self, samples: &mut Samples, questions: usize, done: &(dyn Fn(usize) + Sync)) -> Result<(), TrainError> {
        self.network.check_samples(samples)?;
        let places: Vec<usize> = (0..samples.len()).collect();
        let ask = |places: &[usize]| {
            let mut answers = self.answer(input(samples, places, None)?)?;
            answers.truncate(questions);
            done(places.len());
            Ok(answers)
        };
        let parts = places.par_chunks(MAX_PART).map(ask).collect::<Result<Vec<_>, TrainError>>()?;
        let mut kept = vec![vec![]; questions];
        parts.into_iter().for_each(|part| kept.iter_mut().zip(part).for_each(|(kept, answers)| kept.extend(answers)));
        kept.into_iter().try_for_each(|values| samples.add_target(values).map(drop))
    }

    /// The number of questions.
    pub(crate) fn questions(&self) -> usize {
        self.asked.len()
    }

    /// Values of the answer to a question, for each sample.
    pub(crate) fn answer_len(&self, question: usize) -> Option<usize> {
        self.asked.get(question).map(|asked| asked.len)
    }

    /// Whether it takes samples as a student does, and says as much of each as is kept with them.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn check(&self, samples: &Samples) -> Result<(), TrainError> {
        self.network.check_samples(samples)?;
        for target in 0..samples.targets() {
            let [kept, said] = [samples.target_len(target), self.answer_len(target)].map(Option::unwrap_or_default);
            if kept != said {
                return Err(TrainError::Length { what: format!("target {target} of the samples"), expected: said, found: kept });
            }
        }
        Ok(())
    }

    /// What it says of a batch `[N, sample...]`: the answers to each question, sample after sample.
    pub(crate) fn answer(&self, batch: Tensor) -> Result<Vec<Vec<f32>>, TrainError> {
        let forward = self.network.forward(&self.leaves, &self.state, batch, Mode::Evaluate)?;
        let answer = |asked: &Asked| {
            let tensor = forward.tensors[asked.tensor.index()].as_ref();
            let tensor = tensor.ok_or_else(|| Error::Msg("a tensor was not computed".into()))?;
            let values = tape::values(tensor)?;
            let (sample, channels) = (values.len() / tensor.dim(0)?.max(1), tensor.dim(1)?);
            Ok(match &asked.wanted {
                Wanted::Values => values,
                Wanted::AttentionMap => values.chunks_exact(sample.max(1)).flat_map(|sample| attention_map(sample, channels)).collect(),
                Wanted::Channels(wanted) => {
                    let plane = sample / channels.max(1);
                    let pick = |sample: &[f32]| wanted.iter().flat_map(|at| &sample[at * plane..][..plane]).copied().collect::<Vec<_>>();
                    values.chunks_exact(sample.max(1)).flat_map(pick).collect()
                }
            })
        };
        self.asked.iter().map(answer).collect()
    }
}
