//! What training should come near to: the terms of its objective, from options and data.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use edgectl_graph::Graph;
use edgectl_train::{Objective, Samples, Term, attention_map, logits};

use super::teacher::{Teacher, TeacherError};
use crate::ui::Ui;

/// The options of the objective.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Objective")]
pub(crate) struct Aim {
    /// What the model's own outputs are compared with [default: labels where there are any and the outputs are classes; the input, where
    /// the output has its shape]
    #[arg(long, value_name = "NAME", value_enum)]
    loss: Option<Loss>,
    /// The share of a label that goes to all classes alike
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    label_smoothing: f32,
    /// Teacher: the greater, the more its small probabilities matter
    #[arg(long, value_name = "T", default_value_t = 4.0)]
    temperature: f32,
    /// Teacher: the weight of its outputs; the labels have the rest to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    teacher_weight: f32,
    /// Teacher: tensors of both models to be made alike, of one size
    #[arg(long, value_name = "STUDENT=TEACHER,..", value_delimiter = ',')]
    match_features: Vec<Match>,
    /// Teacher: tensors of both models that should be large in the same places, of one height and width
    #[arg(long, value_name = "STUDENT=TEACHER,..", value_delimiter = ',')]
    match_attention: Vec<Match>,
    /// Teacher: the weight of each pair of tensors
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0)]
    match_weight: f32,
}

/// What outputs are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Loss {
    /// Classes: cross-entropy, or the logistic loss of one output
    Labels,
    /// The input: squared error, for autoencoders
    Reconstruction,
    /// Nothing but the teacher
    Teacher,
}

/// A tensor of the student and one of the teacher.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    student: String,
    teacher: String,
}

impl FromStr for Match {
    type Err = String;

    fn from_str(text: &str) -> Result<Match, String> {
        match text.split_once('=') {
            Some((student, teacher)) if !student.is_empty() && !teacher.is_empty() => {
                Ok(Match { student: student.into(), teacher: teacher.into() })
            }
            _ => Err("expected STUDENT=TEACHER, the names of two tensors".into()),
        }
    }
}

/// What the objective is made of.
pub(crate) struct Given<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) teacher: Option<&'a Teacher>,
    /// The data as the teacher takes them.
    pub(crate) taught: Option<&'a crate::samples::Samples>,
    /// Whether training changes samples.
    pub(crate) augmented: bool,
}

impl Aim {
    /// The objective; what a teacher says is added to the samples.
    pub(crate) fn objective(&self, given: &Given<'_>, samples: &mut Samples, ui: &Ui) -> Result<Objective> {
        let graph = given.graph;
        let size = |id| anyhow::Ok(graph.fixed_shape(id)?.iter().product::<usize>());
        let output = *graph.outputs().first().context("the model has no output")?;
        let classes = size(logits(graph).unwrap_or(output))?;
        let reconstructs = graph.fixed_shape(output)?.get(1..) == Some(samples.shape());
        let loss = match self.loss {
            Some(loss) => Some(loss),
            None if reconstructs => Some(Loss::Reconstruction),
            None if samples.labels().is_some() => Some(Loss::Labels),
            None if given.teacher.is_some() => Some(Loss::Teacher),
            None => {
                bail!("the data have no labels, the output does not have the shape of the input, and there is no teacher: nothing to learn")
            }
        };
        let own = match loss {
            Some(Loss::Labels) if classes == 1 => Some(Term::BinaryLabels),
            Some(Loss::Labels) => Some(Term::Labels { smoothing: self.label_smoothing }),
            Some(Loss::Reconstruction) => Some(Term::Reconstruction),
            Some(Loss::Teacher) | None => None,
        };
        let share = if given.teacher.is_none() {
            0.0
        } else if own.is_none() {
            1.0
        } else {
            self.teacher_weight
        };
        ensure!((0.0..=1.0).contains(&share), "the weight of the teacher is {share}; expected 0 to 1");
        let mut objective = Objective::default();
        objective.terms.extend(own.filter(|_| share < 1.0).map(|term| (1.0 - share, term)));
        if let (Some(teacher), Some(taught)) = (given.teacher, given.taught) {
            let pairs: Vec<(&Match, bool)> =
                self.match_features.iter().map(|pair| (pair, false)).chain(self.match_attention.iter().map(|pair| (pair, true))).collect();
            let inside: Vec<String> = pairs.iter().map(|(pair, _)| pair.teacher.clone()).collect();
            let as_classes = classes > 1 && !reconstructs;
            let lessons = teacher.teach(taught, &inside, as_classes, ui)?;
            let found = lessons.outputs.len() / samples.len().max(1);
            let expected = if as_classes { classes } else { size(output)? };
            ensure!(found == expected, TeacherError::Outputs { expected, found });
            let target = samples.add_target(lessons.outputs)?;
            let term = if as_classes { Term::Soft { target, temperature: self.temperature } } else { Term::Outputs { target } };
            objective.terms.push((share, term));
            for (&(pair, attention), (shape, values)) in pairs.iter().zip(lessons.inside) {
                let tensor = pair.student.clone();
                let each = shape.iter().product::<usize>().max(1);
                let term = if attention {
                    let maps = values.chunks(each).flat_map(|values| attention_map(values, shape.first().copied().unwrap_or(1)));
                    Term::Attention { tensor, target: samples.add_target(maps.collect())? }
                } else {
                    Term::Features { tensor, target: samples.add_target(values)? }
                };
                objective.terms.push((self.match_weight, term));
            }
            if given.augmented {
                let inside: Vec<(&str, bool)> = pairs.iter().map(|(pair, attention)| (&*pair.teacher, *attention)).collect();
                objective.teacher = teacher.asked(as_classes, &inside, samples.shape(), ui).map(Arc::new);
            }
        } else {
            ensure!(
                self.match_features.is_empty() && self.match_attention.is_empty(),
                "tensors can only be matched with those of a teacher"
            );
        }
        Ok(objective)
    }
}
