//! Training between the steps of `prune`: from labels where there are any, and from what the unpruned model says.

use std::sync::Arc;

use anyhow::{Context, Result};
use edgectl_graph::Graph;
use edgectl_prune::{Dependencies, Masks, Scores, Taylor};
use edgectl_train::{Augmentation, Gradients, Objective, Question, Samples, Teacher, Term, TrainOptions, Wanted};

use super::origins::Origins;
use super::{Pruning, PruningError, Structure};
use crate::training::load;
use crate::training::session::{self, Job};
use crate::ui::counted;

/// Samples of which gradients are looked at for the Taylor expansion.
const TAYLOR_SAMPLES: usize = 1024;
/// Samples of one gradient.
const TAYLOR_BATCH: usize = 16;

/// How much inner tensors count where there are no labels (`tests/interop/prune_figures.py kws-choice`).
const UNLABELLED_FEATURE_WEIGHT: f32 = 100.0;

/// How to train.
#[derive(Clone, Debug)]
pub(crate) struct Training {
    /// After each step but the last.
    pub(crate) epochs: usize,
    /// After the last step.
    pub(crate) final_epochs: usize,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f32,
    /// How much the unpruned model counts beside the labels, from 0 to 1; without labels, it is all there is.
    pub(crate) distill_weight: f32,
    pub(crate) temperature: f32,
    /// How much inner tensors count: the channels that stay should be what they were in the unpruned model. Some hundred samples without
    /// labels say too little by their outputs alone, which many labelled ones do not need.
    pub(crate) feature_weight: Option<f32>,
    pub(crate) augmentations: Vec<Augmentation>,
    pub(crate) seed: u64,
}

impl Training {
    fn feature_weight(&self, has_labels: bool) -> f32 {
        self.feature_weight.unwrap_or(if has_labels { 0.0 } else { UNLABELLED_FEATURE_WEIGHT })
    }

    /// What is trained, in words.
    pub(super) fn words(&self, data: Option<&crate::samples::Samples>, structure: &Structure) -> Option<String> {
        let trains = self.epochs + self.final_epochs > 0 && !matches!(structure, Structure::Lossless { .. });
        let data = data.filter(|_| trains)?;
        let samples = counted(data.len() as u64, "sample");
        let target = match (data.has_labels(), self.distill_weight) {
            (true, weight) if weight <= 0.0 => "the labels".to_owned(),
            (true, weight) if weight < 1.0 => format!("the labels and, counting {weight}, the unpruned model's outputs"),
            _ => "the unpruned model's outputs".to_owned(),
        };
        let inside = if self.feature_weight(data.has_labels()) > 0.0 { " and inner tensors" } else { "" };
        let [epochs, last] = [self.epochs, self.final_epochs].map(|epochs| counted(epochs as u64, "epoch"));
        Some(format!("{epochs} a step and {last} at the end, {samples}, towards {target}{inside}, seed {}", self.seed))
    }
}

/// What a graph is trained with.
pub(super) struct Trainer<'a> {
    pruning: &'a Pruning<'a>,
    /// Absent where nothing is trained.
    lessons: Option<Lessons>,
}

/// Samples, and what the unpruned model teaches of them.
struct Lessons {
    samples: Samples,
    terms: Vec<(f32, Term)>,
    teacher: Graph,
    /// What is kept of its answers.
    kept: Question,
}

impl Lessons {
    /// What a graph with channels of these origins should come near to.
    fn objective(&self, origins: &Origins, options: &Training) -> Result<Objective> {
        let feature_weight = options.feature_weight(self.samples.labels().is_some());
        let mut objective = Objective::new(self.terms.clone());
        let mut questions = vec![self.kept.clone()];
        if feature_weight > 0.0 {
            let weight = feature_weight / origins.iter().count().max(1) as f32;
            for (tensor, channels) in origins.iter() {
                objective.terms.push((weight, Term::Features { tensor: tensor.clone(), target: questions.len() }));
                questions.push(Question { tensor: tensor.clone(), wanted: Wanted::Channels(channels.clone()) });
            }
        }
        if objective.terms.iter().any(|(_, term)| !matches!(term, Term::Labels { .. })) {
            objective.teacher = Some(Arc::new(Teacher::new(self.teacher.clone(), &questions)?));
        }
        Ok(objective)
    }
}

impl<'a> Trainer<'a> {
    /// Reads all samples, and lets the unpruned model, in [trainable](edgectl_train::trainable) form, say what it makes of them.
    pub(super) fn new(pruning: &'a Pruning<'a>, teacher: &Graph) -> Result<Trainer<'a>> {
        let options = &pruning.options.training;
        let wanted = options.epochs + options.final_epochs > 0 || pruning.options.importance == super::Importance::Taylor;
        let Some(data) = pruning.data.filter(|_| wanted) else { return Ok(Trainer { pruning, lessons: None }) };
        let [input, output] = [teacher.inputs(), teacher.outputs()].map(|ids| ids.first().copied());
        let (input, output) = (input.context("the model has no input")?, output.context("the model has no output")?);
        let mut samples = load(data, teacher.fixed_shape(input)?.get(1..).unwrap_or_default(), pruning.ui)?;
        let is_classifier = crate::eval::is_list_of_classes(&pruning.reference.engine.outputs()[0], pruning.reference.engine);
        let asked = if is_classifier { edgectl_train::logits(teacher).unwrap_or(output) } else { output };
        let kept = Question { tensor: teacher.tensor(asked).name.clone(), wanted: Wanted::Values };
        let progress = pruning.ui.progress("asking the model", data.len());
        Teacher::new(teacher.clone(), std::slice::from_ref(&kept))?.teach(&mut samples, 1, &|done| progress.advance(done))?;
        drop(progress);
        let (labelled, target) = (samples.labels().is_some(), 0);
        let taught = if is_classifier { Term::Soft { target, temperature: options.temperature } } else { Term::Outputs { target } };
        let weight = if labelled && is_classifier { options.distill_weight } else { 1.0 };
        let terms = [(weight, taught), (1.0 - weight, Term::Labels { smoothing: 0.0 })];
        let terms = terms.into_iter().filter(|(weight, _)| *weight > 0.0).collect();
        let lessons = Lessons { samples, terms, teacher: teacher.clone(), kept };
        Ok(Trainer { pruning, lessons: Some(lessons) })
    }

    /// Trains a graph for the epochs that belong to a step of so many, from 1; masked weights stay zero.
    pub(super) fn train(&self, graph: &Graph, origins: &Origins, masks: Option<&Masks>, (step, steps): (usize, usize)) -> Result<Graph> {
        let options = &self.pruning.options.training;
        let epochs = if step == steps { options.final_epochs } else { options.epochs };
        let Some(lessons) = self.lessons.as_ref().filter(|_| epochs > 0) else { return Ok(graph.clone()) };
        let cannot = || format!("cannot train the pruned model in step {step} of {steps}");
        let (samples, objective) = (&lessons.samples, lessons.objective(origins, options).with_context(cannot)?);
        let train = TrainOptions {
            epochs,
            batch: options.batch.min(samples.len()),
            learning_rate: options.learning_rate,
            augmentations: options.augmentations.clone(),
            masks: masks.map(|masks| masks.iter().map(|(name, mask)| (name.to_owned(), mask.to_vec())).collect()).unwrap_or_default(),
            seed: options.seed,
            checkpoint: Some(self.pruning.options.checkpoint(step)),
            ..TrainOptions::default()
        };
        let job = Job { graph, samples, validation: None, objective: &objective, options: &train };
        Ok(session::train(&job, self.pruning.ui).with_context(cannot)?.graph)
    }

    /// Scores from the gradients of the loss.
    pub(super) fn taylor(&self, graph: &Graph, dependencies: &Dependencies) -> Result<Scores> {
        let missing = PruningError::Importance { importance: "taylor", needs: "samples", found: "no --data are given" };
        let Lessons { samples, terms, .. } = self.lessons.as_ref().ok_or(missing)?;
        let every = samples.len().div_ceil(TAYLOR_SAMPLES).max(1);
        let chosen: Vec<usize> = (0..samples.len()).step_by(every).collect();
        let progress = self.pruning.ui.progress("gradients", chosen.len());
        let mut taylor = Taylor::new(dependencies);
        edgectl_train::gradients(
            graph,
            &samples.select(&chosen),
            &Objective::new(terms.clone()),
            TAYLOR_BATCH,
            &mut |gradients: &Gradients| {
                taylor.add(graph, dependencies, gradients);
                progress.advance(TAYLOR_BATCH);
            },
        )
        .context("cannot find gradients")?;
        Ok(taylor.scores(dependencies))
    }
}
