//! The training loop.
//!
//! A batch is divided into parts of a size that does not depend on the machine; threads take them, and their gradients are added in order
//! (`step`). So the result has the same bytes for any number of threads. Batch normalization takes the statistics of a part, as many
//! implementations do with the batch of one of several devices (E. Hoffer et al.: Train longer, generalize better, 2017).

use std::collections::BTreeSet;

use edgectl_graph::Graph;

use crate::checkpoint::{Checkpoint, Progress};
use crate::evaluation::evaluate;
use crate::event::{Ending, EpochRow, Event, Flow, Score, Trained};
use crate::network::{self, Network, State};
use crate::objective::{Bound, Objective};
use crate::options::{QuantizationAware, TrainOptions};
use crate::quantization::FakeQuant;
use crate::step::random;
use crate::threads::keep_memory;
use crate::{Samples, TrainError};

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
    keep_memory();
    let mut trainer = Trainer::new(graph, samples, validation, objective, options)?;
    let ending = trainer.run(events)?;
    trainer.finish(ending)
}

/// A training on its way.
pub(crate) struct Trainer<'a> {
    pub(crate) network: Network,
    pub(crate) state: State,
    pub(crate) bound: Bound,
    pub(crate) samples: &'a Samples,
    pub(crate) validation: Option<&'a Samples>,
    pub(crate) options: &'a TrainOptions,
    pub(crate) frozen: BTreeSet<usize>,
    /// What the optimizer keeps of each parameter.
    pub(crate) slots: Vec<Vec<Vec<f32>>>,
    pub(crate) progress: Progress,
    pub(crate) best: Option<(EpochRow, State)>,
    pub(crate) checkpoint: Option<Checkpoint>,
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

    pub(crate) fn steps(&self) -> usize {
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

    pub(crate) fn rate(&self, step: usize) -> f64 {
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

/// Every class of the validation samples must be trained on.
fn check_classes(samples: &Samples, validation: &Samples) -> Result<(), TrainError> {
    let (Some(trained), Some(validated)) = (samples.labels(), validation.labels()) else { return Ok(()) };
    let trained: BTreeSet<i64> = trained.iter().copied().collect();
    match validated.iter().find(|label| !trained.contains(label)) {
        Some(&class) => Err(TrainError::ClassMissing { class, found: 0 }),
        None => Ok(()),
    }
}
