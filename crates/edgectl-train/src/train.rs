//! The training loop.
//!
//! A batch is divided into parts of a size that does not depend on the machine; threads take them, and their gradients are added in order. So
//! the result has the same bytes for any number of threads. Batch normalization takes the statistics of a part, as many implementations do
//! with the batch of one of several devices (E. Hoffer et al.: Train longer, generalize better, 2017).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use edgectl_graph::Graph;
use edgectl_quantize::{QuantizeOptions, RangeGroup};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::checkpoint::{Checkpoint, Progress};
use crate::kernel::batch_norm::Statistics;
use crate::network::{self, Mode, Network, State};
use crate::objective::{self, Batch, Bound, Objective};
use crate::optimizer::{Optimizer, Schedule};
use crate::quantization::{FakeQuant, LearnedRange};
use crate::{Samples, TrainError, tape};

/// The most samples of a part of a batch.
const MAX_PART: usize = 32;

/// How training goes.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Times that all samples are seen, at least 1.
    pub epochs: usize,
    /// Samples of a step, at least 1. Batches of an epoch differ by one sample at most.
    pub batch: usize,
    /// The greatest learning rate.
    pub learning_rate: f32,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// Epochs in which the learning rate rises linearly first; may be a fraction.
    pub warm_up_epochs: f64,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// What decays of the weights in each step at a learning rate of 1; biases and scales do not decay.
    pub weight_decay: f32,
    /// The greatest norm of all gradients together; greater ones are scaled down to it.
    pub clip_norm: Option<f32>,
    /// Epochs without a better one after which training stops. Needs validation data.
    pub patience: Option<usize>,
    /// Random changes of the training samples, in this order.
    pub augmentations: Vec<Augmentation>,
    /// Whence order and augmentation follow.
    pub seed: u64,
    /// Nodes whose parameters stay, by name.
    pub frozen: BTreeSet<String>,
    /// By the names of parameters, which of their elements stay; the others are zero throughout.
    pub masks: BTreeMap<String, Vec<bool>>,
    /// Whether batch normalization keeps its running statistics, instead of those of each batch.
    pub freeze_statistics: bool,
    /// Simulates int8.
    pub quantization: Option<QuantizationAware>,
    /// Where the state is kept after each epoch and when training is stopped, and whence it goes on if there is one.
    pub checkpoint: Option<PathBuf>,
}

impl Default for TrainOptions {
    fn default() -> TrainOptions {
        TrainOptions {
            epochs: 10,
            batch: 64,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            warm_up_epochs: 0.0,
            optimizer: Optimizer::ADAMW,
            weight_decay: 1e-4,
            clip_norm: Some(5.0),
            patience: None,
            augmentations: vec![],
            seed: 0,
            frozen: BTreeSet::new(),
            masks: BTreeMap::new(),
            freeze_statistics: false,
            quantization: None,
            checkpoint: None,
        }
    }
}

/// The int8 program that is simulated: the activations of a graph that [`edgectl_quantize::prepare`] prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizationAware {
    /// Activations that share a range, and where it begins; those that no operator fixes are learned.
    pub groups: Vec<RangeGroup>,
    /// One weight scale per layer, or per output channel.
    pub options: QuantizeOptions,
}

/// How far a part of the data is from what is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The mean of the objective.
    pub loss: f64,
    /// The share of samples that get their label, or the class of the teacher; absent where there are no classes.
    pub top1: Option<f64>,
}

/// What an epoch gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// From 1; 0 is the model before training.
    pub epoch: usize,
    /// Of the last step.
    pub learning_rate: f64,
    /// On the training samples, while they were trained on; absent for epoch 0.
    pub train: Option<Score>,
    /// On the validation samples, after the epoch.
    pub validation: Option<Score>,
}

/// What happens during training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It begins, or goes on.
    Started {
        /// Numbers that are trained.
        parameters: usize,
        /// Steps of an epoch.
        steps_per_epoch: usize,
        /// Steps that were done before, where it goes on.
        done_steps: usize,
    },
    /// A step was done.
    Step {
        /// The epoch, from 1.
        epoch: usize,
        /// Steps done of all epochs.
        done_steps: usize,
        /// The loss of its batch.
        loss: f64,
    },
    /// An epoch was done.
    Epoch {
        /// What it gave.
        row: &'a EpochRow,
        /// Whether it is the best one so far.
        is_best: bool,
    },
    /// The state was kept.
    Checkpointed {
        /// The file.
        path: &'a std::path::Path,
    },
}

/// Whether to go on after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Keep the state and stop.
    Stop,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are done.
    Done,
    /// No epoch was better for as long as was asked for.
    Early,
    /// It was told to stop.
    Stopped,
}

/// A trained graph.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The graph, of batch 1: of the best epoch where there are validation samples, else of the last.
    pub graph: Graph,
    /// The epoch that it is of.
    pub epoch: usize,
    /// Every epoch.
    pub history: Vec<EpochRow>,
    /// Why it ended.
    pub ending: Ending,
    /// The ranges of activations that were learned.
    pub ranges: Vec<LearnedRange>,
}

/// Trains a graph further.
///
/// The graph is brought into [trainable form](edgectl_graph::pass::TRAINABLE), or for quantization-aware training taken as it is. `events` is
/// called from the thread that calls this, and may stop it.
///
/// # Errors
/// A graph or data that cannot be trained, options out of range, a loss that is not finite, or a checkpoint that cannot be written or read.
pub fn train(
    graph: &Graph,
    samples: &Samples,
    validation: Option<&Samples>,
    objective: &Objective,
    options: &TrainOptions,
    events: &mut dyn FnMut(Event<'_>) -> Flow,
) -> Result<Trained, TrainError> {
    let mut trainer = Trainer::new(graph, samples, validation, objective, options)?;
    let ending = trainer.run(events)?;
    trainer.finish(ending)
}

/// What a graph computes of some samples, as training sees it: all values of each output, sample after sample.
///
/// # Errors
/// As [`train`].
pub fn outputs(graph: &Graph, samples: &Samples) -> Result<Vec<Vec<f32>>, TrainError> {
    let (network, state) = Network::new(network::trainable(graph)?)?;
    network.check_samples(samples)?;
    let leaves = network.leaves(&state, false)?;
    let mut found = vec![vec![]; network.graph.outputs().len()];
    let places: Vec<usize> = (0..samples.len()).collect();
    for places in places.chunks(MAX_PART) {
        let inputs: Vec<f32> = places.iter().flat_map(|&place| samples.input(place)).copied().collect();
        let batch = Batch { samples, places, inputs: &inputs, whole: 1 };
        let forward = network.forward(&leaves, &state, objective::input(&batch)?, Mode::Evaluate)?;
        for (found, id) in found.iter_mut().zip(network.graph.outputs()) {
            if let Some(tensor) = &forward.tensors[id.index()] {
                found.extend(tape::values(tensor)?);
            }
        }
    }
    Ok(found)
}

/// The score of a graph on some samples.
///
/// # Errors
/// As [`train`].
pub fn score(graph: &Graph, samples: &Samples, objective: &Objective) -> Result<Score, TrainError> {
    let (network, state) = Network::new(network::trainable(graph)?)?;
    network.check_samples(samples)?;
    let bound = Bound::new(objective, &network.graph, samples)?;
    evaluate(&network, &state, &bound, samples)
}

struct Trainer<'a> {
    network: Network,
    state: State,
    bound: Bound,
    samples: &'a Samples,
    validation: Option<&'a Samples>,
    options: &'a TrainOptions,
    frozen: BTreeSet<usize>,
    /// What the optimizer keeps of each parameter.
    slots: Vec<Vec<Vec<f32>>>,
    progress: Progress,
    best: Option<(EpochRow, State)>,
    checkpoint: Option<Checkpoint>,
}

/// What a part of a batch gave.
struct Part {
    loss: f64,
    hits: usize,
    gradients: Vec<Option<Vec<f32>>>,
    statistics: Vec<Statistics>,
}

impl<'a> Trainer<'a> {
    fn new(
        graph: &Graph,
        samples: &'a Samples,
        validation: Option<&'a Samples>,
        objective: &Objective,
        options: &'a TrainOptions,
    ) -> Result<Trainer<'a>, TrainError> {
        options.check(samples.shape(), validation.is_some())?;
        let graph = if options.quantization.is_some() { graph.clone() } else { network::trainable(graph)? };
        let (mut network, mut state) = Network::new(graph)?;
        if network.parameters.is_empty() {
            return Err(TrainError::NoParameters);
        }
        if let Some(QuantizationAware { groups, options }) = &options.quantization {
            let fake_quant = FakeQuant::new(&network.graph, groups, *options);
            state.parameters.extend(fake_quant.learned().map(|bounds| bounds.to_vec()));
            network.fake_quant = Some(fake_quant);
        }
        for part in [Some(samples), validation].into_iter().flatten() {
            network.check_samples(part)?;
            if part.is_empty() {
                return Err(TrainError::TooFew { expected: 1, found: 0 });
            }
        }
        let bound = Bound::new(objective, &network.graph, samples)?;
        if let Some(validation) = validation {
            Bound::new(objective, &network.graph, validation)?;
            check_classes(samples, validation)?;
        }
        let slots = state.parameters.iter().map(|values| vec![vec![0.0; values.len()]; options.optimizer.slots()]).collect();
        let frozen = network::parameters_of(&network, &options.frozen);
        options.check_masks(&network)?;
        let mut trainer = Trainer {
            network,
            state,
            bound,
            samples,
            validation,
            options,
            frozen,
            slots,
            progress: Progress::default(),
            best: None,
            checkpoint: None,
        };
        if let Some(path) = &options.checkpoint {
            let checkpoint = Checkpoint::new(path, &trainer.network, objective, options, samples);
            if let Some(found) = checkpoint.read(&trainer.state, &trainer.slots)? {
                (trainer.state, trainer.slots, trainer.best, trainer.progress) = (found.state, found.slots, found.best, found.progress);
            }
            trainer.checkpoint = Some(checkpoint);
        }
        Ok(trainer)
    }

    fn steps(&self) -> usize {
        self.samples.len().div_ceil(self.options.batch)
    }

    fn run(&mut self, events: &mut dyn FnMut(Event<'_>) -> Flow) -> Result<Ending, TrainError> {
        let parameters = self.state.parameters.iter().map(Vec::len).sum();
        let (steps, done) = (self.steps(), self.progress.done_steps(self.steps()));
        let mut flow = events(Event::Started { parameters, steps_per_epoch: steps, done_steps: done });
        if self.progress.history.is_empty() {
            let validation = self.score_validation()?;
            let row = EpochRow { epoch: 0, learning_rate: 0.0, train: None, validation };
            self.progress.history.push(row);
            flow = flow.and(events(Event::Epoch { row: &row, is_best: false }));
            self.keep(events)?;
        }
        while self.progress.epochs < self.options.epochs {
            if self.has_stalled() {
                return Ok(Ending::Early);
            }
            let order = self.order();
            while self.progress.step < steps {
                if flow == Flow::Stop {
                    self.keep(events)?;
                    return Ok(Ending::Stopped);
                }
                let step = self.progress.step;
                let bounds = |step: usize| step * order.len() / steps;
                let loss = self.step(&order[bounds(step)..bounds(step + 1)])?;
                self.progress.step += 1;
                let done_steps = self.progress.done_steps(steps);
                flow = events(Event::Step { epoch: self.progress.epochs + 1, done_steps, loss });
            }
            let (row, is_best) = self.close_epoch()?;
            flow = flow.and(events(Event::Epoch { row: &row, is_best }));
            self.keep(events)?;
        }
        Ok(Ending::Done)
    }

    /// Ends an epoch: validates, and remembers the state where it is the best one.
    fn close_epoch(&mut self) -> Result<(EpochRow, bool), TrainError> {
        let steps = self.steps();
        let learning_rate = self.rate(self.progress.epochs * steps + steps - 1);
        let count = self.samples.len() as f64;
        let top1 = self.bound.classifies(self.samples).then_some(self.progress.hits as f64 / count);
        let train = Some(Score { loss: self.progress.loss / count, top1 });
        self.progress.epochs += 1;
        (self.progress.step, self.progress.loss, self.progress.hits) = (0, 0.0, 0);
        let row = EpochRow { epoch: self.progress.epochs, learning_rate, train, validation: self.score_validation()? };
        let is_best = match (&self.best, row.validation) {
            (_, None) => true,
            (None, _) => true,
            (Some((best, _)), Some(score)) => best.validation.is_none_or(|best| score.is_better_than(&best)),
        };
        if is_best {
            self.best = Some((row, self.state.clone()));
        }
        self.progress.history.push(row);
        Ok((row, is_best))
    }

    fn has_stalled(&self) -> bool {
        let best = self.best.as_ref().map_or(0, |(row, _)| row.epoch);
        self.options.patience.is_some_and(|patience| self.progress.epochs >= best + patience && self.progress.step == 0)
            && self.progress.epochs > 0
    }

    fn keep(&mut self, events: &mut dyn FnMut(Event<'_>) -> Flow) -> Result<(), TrainError> {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.write(&self.state, &self.slots, self.best.as_ref(), &self.progress)?;
            events(Event::Checkpointed { path: checkpoint.path() });
        }
        Ok(())
    }

    fn rate(&self, step: usize) -> f64 {
        let steps = self.steps();
        let warm_up = (self.options.warm_up_epochs * steps as f64).round() as usize;
        f64::from(self.options.learning_rate) * self.options.schedule.factor(step, self.options.epochs * steps, warm_up)
    }

    /// The order of samples in this epoch.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        random(self.options.seed, self.progress.epochs as u64, u64::MAX).shuffle(&mut order);
        order
    }

    /// One step on these samples; returns their mean loss.
    fn step(&mut self, places: &[usize]) -> Result<f64, TrainError> {
        let parts = parts(places, self.network.has_batch_norm());
        let leaves = self.network.leaves(&self.state, true)?;
        let run = |part: &[usize]| self.part(part, places.len(), &leaves);
        let found: Vec<Part> = parts.par_iter().map(|part| run(part)).collect::<Result<_, _>>()?;
        let loss: f64 = found.iter().map(|part| part.loss).sum();
        let mut gradients: Vec<Vec<f32>> = self.state.parameters.iter().map(|values| vec![0.0; values.len()]).collect();
        for (to, from) in found.iter().flat_map(|part| gradients_of(part).collect::<Vec<_>>()) {
            gradients[to].iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        let norm = gradients.iter().flatten().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        if !loss.is_finite() || !norm.is_finite() {
            return Err(self.not_finite(&parts, &gradients));
        }
        let scale = self.options.clip_norm.map_or(1.0, |most| (f64::from(most) / norm).min(1.0)) as f32;
        self.progress.total_steps += 1;
        let rate = self.rate(self.progress.epochs * self.steps() + self.progress.step) as f32;
        let own = self.network.parameters.len();
        for (place, (values, gradient)) in self.state.parameters.iter_mut().zip(&mut gradients).enumerate() {
            if self.frozen.contains(&place) {
                continue;
            }
            gradient.iter_mut().for_each(|g| *g *= scale);
            let decays = self.network.parameters.get(place).is_some_and(|parameter| parameter.decays);
            let decay = if decays { self.options.weight_decay } else { 0.0 };
            self.options.optimizer.step(values, gradient, &mut self.slots[place], self.progress.total_steps, rate, decay);
            let mask = self.network.parameters.get(place).and_then(|parameter| self.options.masks.get(&parameter.name));
            if let Some(mask) = mask {
                values.iter_mut().zip(mask).filter(|(_, stays)| !**stays).for_each(|(value, _)| *value = 0.0);
            }
        }
        if let Some(fake_quant) = &self.network.fake_quant {
            fake_quant.project(&mut self.state.parameters[own..]);
        }
        if !self.options.freeze_statistics {
            found.iter().for_each(|part| self.network.absorb(&mut self.state, &part.statistics));
        }
        self.progress.loss += loss * places.len() as f64;
        self.progress.hits += found.iter().map(|part| part.hits).sum::<usize>();
        Ok(loss)
    }

    fn mode(&self) -> Mode {
        if self.options.freeze_statistics { Mode::Evaluate } else { Mode::Train }
    }

    /// The samples as they are trained on in this epoch.
    fn inputs(&self, places: &[usize]) -> Vec<f32> {
        let mut all = Vec::with_capacity(places.len() * self.samples.shape().iter().product::<usize>());
        for &place in places {
            let start = all.len();
            all.extend_from_slice(self.samples.input(place));
            let mut random = random(self.options.seed, self.progress.epochs as u64, place as u64);
            for augmentation in &self.options.augmentations {
                augmentation.apply(self.samples.shape(), &mut all[start..], &mut random);
            }
        }
        all
    }

    fn part(&self, places: &[usize], whole: usize, leaves: &network::Leaves) -> Result<Part, TrainError> {
        let inputs = self.inputs(places);
        let batch = Batch { samples: self.samples, places, inputs: &inputs, whole };
        let forward = self.network.forward(leaves, &self.state, objective::input(&batch)?, self.mode())?;
        let loss = self.bound.loss(&forward, &batch)?;
        let mut gradients = loss.backward()?;
        Ok(Part {
            loss: f64::from(loss.to_scalar::<f32>()?),
            hits: self.bound.hits(&forward, &batch)?,
            gradients: leaves.parameters.iter().map(|leaf| tape::take_gradient(&mut gradients, leaf)).collect::<Result<_, _>>()?,
            statistics: forward.statistics,
        })
    }

    /// Looks for the first value that is not finite.
    fn not_finite(&self, parts: &[&[usize]], gradients: &[Vec<f32>]) -> TrainError {
        let place = parts.iter().find_map(|places| self.first_not_finite(places).ok().flatten());
        let in_gradient = || {
            let bad = gradients.iter().position(|gradient| gradient.iter().any(|g| !g.is_finite()));
            let name = bad.and_then(|bad| self.network.parameters.get(bad)).map(|parameter| parameter.name.clone());
            name.map_or("the loss".into(), |name| format!("the gradient of \"{name}\""))
        };
        TrainError::NotFinite {
            epoch: self.progress.epochs + 1,
            step: self.progress.step + 1,
            place: place.unwrap_or_else(in_gradient),
            checkpoint: self.checkpoint.as_ref().map(|checkpoint| checkpoint.path().to_owned()).filter(|path| path.exists()),
        }
    }

    fn first_not_finite(&self, places: &[usize]) -> Result<Option<String>, TrainError> {
        let inputs = self.inputs(places);
        let batch = Batch { samples: self.samples, places, inputs: &inputs, whole: places.len() };
        let leaves = self.network.leaves(&self.state, false)?;
        let forward = self.network.forward(&leaves, &self.state, objective::input(&batch)?, self.mode())?;
        let graph = &self.network.graph;
        let written = graph.inputs().iter().copied().chain(graph.nodes().iter().flat_map(edgectl_graph::Node::writes));
        for id in written {
            let Some(tensor) = &forward.tensors[id.index()] else { continue };
            if tape::values(tensor)?.iter().any(|value| !value.is_finite()) {
                let label = graph.producer(id).map(|node| graph.label(graph.node(node)));
                return Ok(Some(label.map_or("the input".into(), |label| format!("the output of node \"{label}\""))));
            }
        }
        Ok(None)
    }

    fn score_validation(&self) -> Result<Option<Score>, TrainError> {
        self.validation.map(|samples| evaluate(&self.network, &self.state, &self.bound, samples)).transpose()
    }

    fn finish(self, ending: Ending) -> Result<Trained, TrainError> {
        let (epoch, state) = match self.best {
            Some((row, state)) if self.validation.is_some() => (row.epoch, state),
            _ => (self.progress.epochs, self.state),
        };
        let first = self.network.parameters.len();
        let ranges = self.network.fake_quant.as_ref().map_or(vec![], |fake_quant| fake_quant.ranges(&state, first));
        Ok(Trained { graph: self.network.graph_of(&state)?, epoch, history: self.progress.history, ending, ranges })
    }
}

fn gradients_of(part: &Part) -> impl Iterator<Item = (usize, &Vec<f32>)> {
    part.gradients.iter().enumerate().filter_map(|(place, gradient)| Some((place, gradient.as_ref()?)))
}

/// Divides a batch; the statistics of batch normalization want parts that are not too small.
fn parts(places: &[usize], has_batch_norm: bool) -> Vec<&[usize]> {
    let least = if has_batch_norm { MAX_PART / 2 } else { MAX_PART / 8 };
    let size = places.len().div_ceil(4).clamp(least, MAX_PART);
    let count = places.len().div_ceil(size);
    (0..count).map(|part| &places[part * places.len() / count..(part + 1) * places.len() / count]).collect()
}

fn evaluate(network: &Network, state: &State, bound: &Bound, samples: &Samples) -> Result<Score, TrainError> {
    let leaves = network.leaves(state, false)?;
    let places: Vec<usize> = (0..samples.len()).collect();
    let run = |places: &[usize]| {
        let inputs: Vec<f32> = places.iter().flat_map(|&place| samples.input(place)).copied().collect();
        let batch = Batch { samples, places, inputs: &inputs, whole: 1 };
        let forward = network.forward(&leaves, state, objective::input(&batch)?, Mode::Evaluate)?;
        let loss = bound.loss(&forward, &batch)?.to_scalar::<f32>()?;
        Ok::<_, TrainError>((f64::from(loss), bound.hits(&forward, &batch)?))
    };
    let found: Vec<(f64, usize)> = places.par_chunks(MAX_PART).map(run).collect::<Result<_, _>>()?;
    let count = samples.len() as f64;
    let top1 = bound.classifies(samples).then(|| found.iter().map(|(_, hits)| hits).sum::<usize>() as f64 / count);
    Ok(Score { loss: found.iter().map(|(loss, _)| loss).sum::<f64>() / count, top1 })
}

/// Every class of the validation samples must be trained on.
fn check_classes(samples: &Samples, validation: &Samples) -> Result<(), TrainError> {
    let (Some(trained), Some(validated)) = (samples.labels(), validation.labels()) else { return Ok(()) };
    let trained: BTreeSet<i64> = trained.iter().copied().collect();
    match validated.iter().find(|label| !trained.contains(label)) {
        Some(&class) => Err(TrainError::ClassMissing { class, found: 0 }),
        None => Ok(()),
    }
}

/// Random numbers for a sample in an epoch.
fn random(seed: u64, epoch: u64, place: u64) -> fastrand::Rng {
    // The finalizer of SplitMix64 (G. Steele et al., 2014), so that neighbours have nothing in common.
    let mix = |z: u64| {
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let part = |z: u64, more: u64| mix(z.wrapping_add(GOLDEN).wrapping_add(mix(more.wrapping_add(GOLDEN))));
    fastrand::Rng::with_seed(part(part(mix(seed), epoch), place))
}

impl Flow {
    fn and(self, other: Flow) -> Flow {
        if self == Flow::Stop { self } else { other }
    }
}

impl Score {
    /// Better is more right classes, then less loss.
    pub fn is_better_than(&self, other: &Score) -> bool {
        match (self.top1, other.top1) {
            (Some(own), Some(other)) if own != other => own > other,
            _ => self.loss < other.loss,
        }
    }
}

impl TrainOptions {
    /// Whether every mask is that of a parameter.
    fn check_masks(&self, network: &Network) -> Result<(), TrainError> {
        for (name, mask) in &self.masks {
            let parameter = network.parameters.iter().find(|parameter| parameter.name == *name);
            let size = parameter.map(|parameter| parameter.shape.iter().product::<usize>());
            if size != Some(mask.len()) {
                let size = size.map_or("no such parameter".into(), |size| format!("{size} weights"));
                let found = format!("{} elements for \"{name}\", which has {size}", mask.len());
                return Err(TrainError::Option { option: "mask", expected: "one element for each weight of a parameter", found });
            }
        }
        Ok(())
    }

    fn check(&self, shape: &[usize], has_validation: bool) -> Result<(), TrainError> {
        let wrong = |option, expected, found: String| Err(TrainError::Option { option, expected, found });
        let positive = |x: f32| x.is_finite() && x > 0.0;
        if self.epochs == 0 || self.batch == 0 {
            return wrong("number of epochs and samples of a batch", "at least 1", "0".into());
        }
        if !positive(self.learning_rate) {
            return wrong("learning rate", "a positive number", self.learning_rate.to_string());
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return wrong("weight decay", "at least 0", self.weight_decay.to_string());
        }
        if let Some(norm) = self.clip_norm.filter(|&norm| !positive(norm)) {
            return wrong("greatest norm of gradients", "a positive number", norm.to_string());
        }
        if !(0.0..=self.epochs as f64).contains(&self.warm_up_epochs) {
            return wrong("warm-up", "at most all epochs", self.warm_up_epochs.to_string());
        }
        if self.patience.is_some() && !has_validation {
            return wrong("early stopping", "validation data", "none".into());
        }
        if let Some(augmentation) = self.augmentations.iter().find(|augmentation| !augmentation.fits(shape)) {
            return wrong("augmentation", "one for samples of this shape", format!("{augmentation} for {shape:?}"));
        }
        self.optimizer.check()
    }
}
