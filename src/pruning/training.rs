//! Training between the steps of `prune`: from labels where there are any, and from what the unpruned model says.

use anyhow::{Context, Result};
use edgectl_float::FloatModel;
use edgectl_graph::Graph;
use edgectl_prune::{Dependencies, Masks, Scores, Taylor};
use edgectl_train::{Augmentation, Gradients, Objective, Samples, Term, TrainOptions};
use rayon::prelude::*;

use super::{Pruning, PruningError, Structure};
use crate::training::session::{self, Job};
use crate::ui::counted;

/// Samples of which gradients are looked at for the Taylor expansion.
const TAYLOR_SAMPLES: usize = 1024;
/// Samples of one gradient.
const TAYLOR_BATCH: usize = 16;

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
    pub(crate) augmentations: Vec<Augmentation>,
    pub(crate) seed: u64,
}

impl Training {
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
        let [epochs, last] = [self.epochs, self.final_epochs].map(|epochs| counted(epochs as u64, "epoch"));
        Some(format!("{epochs} a step and {last} at the end, {samples}, towards {target}, seed {}", self.seed))
    }
}

/// The form of a graph in which it is pruned and trained.
pub(super) fn trainable(graph: &Graph) -> Result<Graph> {
    let mut graph = graph.clone();
    edgectl_graph::run_all(&mut graph, edgectl_graph::pass::TRAINABLE)?;
    Ok(graph)
}

/// What a graph is trained with.
pub(super) struct Trainer<'a> {
    pruning: &'a Pruning<'a>,
    /// Absent where nothing is trained.
    samples: Option<(Samples, Objective)>,
}

impl<'a> Trainer<'a> {
    /// Reads all samples, and lets the unpruned model say what it makes of them.
    pub(super) fn new(pruning: &'a Pruning<'a>) -> Result<Trainer<'a>> {
        let options = &pruning.options.training;
        let wanted = options.epochs + options.final_epochs > 0 || pruning.options.importance == super::Importance::Taylor;
        let Some(data) = pruning.data.filter(|_| wanted) else { return Ok(Trainer { pruning, samples: None }) };
        let teacher = trainable(pruning.original)?;
        let logits = edgectl_train::logits(&teacher).context("the model has no output")?;
        let model = FloatModel::from_graph(&teacher, &[logits])?;
        let place = teacher.outputs().len();
        let (mut inputs, mut labels, mut said) = (vec![], vec![], vec![]);
        let progress = pruning.ui.progress("asking the model", data.len());
        data.chunks(|chunk| {
            let outputs = chunk.par_iter().map(|sample| {
                let mut outputs = model.run(&sample.inputs())?;
                progress.advance(1);
                Ok(outputs.swap_remove(place))
            });
            said.extend(outputs.collect::<Result<Vec<_>>>()?.concat());
            inputs.extend(chunk.iter().flat_map(|sample| sample.inputs.concat()));
            labels.extend(chunk.iter().filter_map(|sample| sample.label));
            Ok(())
        })?;
        drop(progress);
        let shape = model.inputs().next().map(|port| port.shape.get(1..).unwrap_or_default().to_vec()).unwrap_or_default();
        let labelled = data.has_labels();
        let mut samples = Samples::new(shape, inputs, labelled.then_some(labels))?;
        let target = samples.add_target(said)?;
        let is_classifier = crate::eval::is_list_of_classes(&model.outputs()[0], pruning.reference.engine);
        let teacher = if is_classifier { Term::Soft { target, temperature: options.temperature } } else { Term::Outputs { target } };
        let weight = if labelled && is_classifier { options.distill_weight } else { 1.0 };
        let terms = [(weight, teacher), (1.0 - weight, Term::Labels { smoothing: 0.0 })];
        let terms = terms.into_iter().filter(|(weight, _)| *weight > 0.0).collect();
        Ok(Trainer { pruning, samples: Some((samples, Objective { terms })) })
    }

    /// Trains a graph for the epochs that belong to a step of so many, from 1; masked weights stay zero.
    pub(super) fn train(&mut self, graph: &Graph, masks: Option<&Masks>, step: usize, steps: usize) -> Result<Graph> {
        let options = &self.pruning.options.training;
        let epochs = if step == steps { options.final_epochs } else { options.epochs };
        let Some((samples, objective)) = self.samples.as_ref().filter(|_| epochs > 0) else { return Ok(graph.clone()) };
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
        let job = Job { graph, samples, validation: None, objective, options: &train };
        let trained =
            session::train(&job, self.pruning.ui).with_context(|| format!("cannot train the pruned model in step {step} of {steps}"));
        Ok(trained?.graph)
    }

    /// Scores from the gradients of the loss.
    pub(super) fn taylor(&mut self, graph: &Graph, dependencies: &Dependencies) -> Result<Scores> {
        let missing = PruningError::Importance { importance: "taylor", needs: "samples", found: "no --data are given" };
        let (samples, objective) = self.samples.as_ref().ok_or(missing)?;
        let every = samples.len().div_ceil(TAYLOR_SAMPLES).max(1);
        let chosen: Vec<usize> = (0..samples.len()).step_by(every).collect();
        let progress = self.pruning.ui.progress("gradients", chosen.len());
        let mut taylor = Taylor::new(dependencies);
        edgectl_train::gradients(graph, &samples.select(&chosen), objective, TAYLOR_BATCH, &mut |gradients: &Gradients| {
            taylor.add(graph, dependencies, gradients);
            progress.advance(TAYLOR_BATCH);
        })
        .context("cannot find gradients")?;
        Ok(taylor.scores(dependencies))
    }
}
