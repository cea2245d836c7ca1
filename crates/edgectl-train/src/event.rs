//! What training tells while it goes on, and what it gives.

use edgectl_graph::Graph;
use serde::{Deserialize, Serialize};

use crate::quantization::LearnedRange;

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

impl Flow {
    /// Stops where either does.
    pub(crate) fn and(self, other: Flow) -> Flow {
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
