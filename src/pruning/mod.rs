//! What `prune` does: cuts, trains, measures, step by step towards a target.
//!
//! | module | role |
//! |---|---|
//! | `course` | cuts or masks, trains, measures, step by step |
//! | `choice` | activation statistics, and the scores of channels |
//! | `measure` | a graph beside the original |
//! | `origins` | which channels the pruned model still has |
//! | `target` | limits on what a model costs |
//! | `training` | what happens between the steps |
//! | `refusal` | why a target is not met, and what is nearest to it |
//! | `describe`, `report` | what is reported |
//! | `export` | the file |

mod choice;
mod course;
mod describe;
mod export;
mod measure;
mod origins;
mod refusal;
mod report;
pub(crate) mod target;
mod training;

use std::path::{Path, PathBuf};

use edgectl_graph::Graph;
use edgectl_profile::Profile;
use edgectl_prune::{Keep, Pattern, Scope};
use thiserror::Error;

use crate::eval::Remembering;
use crate::quantization::Evaluation;
use crate::samples::Samples;
use crate::ui::Ui;

pub(crate) use export::{batch_symbol, export};
pub(crate) use report::PruneReport;
use report::{Refusal, StepRow};
use target::{Limit, Yardstick};
pub(crate) use training::Training;

/// What is asked of `prune` that does not fit together.
#[derive(Debug, Error)]
pub(crate) enum PruningError {
    #[error("importance {importance} needs {needs}, and {found}")]
    Importance { importance: &'static str, needs: &'static str, found: &'static str },
    #[error("--max-drop needs a metric, and there is none to measure on these data")]
    NoMetric,
}

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Structure {
    /// Channels, until limits are met.
    Channels,
    /// What does nothing on inputs of this range.
    Lossless { range: (f32, f32) },
    /// A share of all weights, which become zero.
    Masks { pattern: Pattern, share: f64 },
}

/// How channels are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Importance {
    /// What is lost of the next layers' outputs on the data, once the other channels make up for it
    Reconstruction,
    /// Sums of the magnitudes of weights
    L1,
    /// Root of the sums of squares of weights
    L2,
    /// Scales of batch normalization
    BnScale,
    /// Weights times gradients, squared (first-order Taylor expansion of the loss)
    Taylor,
}

impl Importance {
    fn words(self) -> &'static str {
        match self {
            Importance::Reconstruction => "reconstruction from activations",
            Importance::L1 => "L1 magnitude",
            Importance::L2 => "L2 magnitude",
            Importance::BnScale => "batch normalization scale",
            Importance::Taylor => "first-order Taylor expansion",
        }
    }
}

/// How to prune.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) structure: Structure,
    pub(crate) importance: Importance,
    pub(crate) scope: Scope,
    /// Whether the weights that stay are changed so that they make up for those that go.
    pub(crate) compensate: bool,
    pub(crate) keep: Keep,
    pub(crate) steps: usize,
    pub(crate) limits: Vec<Limit>,
    /// A share of parameters to remove, as a limit; its size is known when the model is.
    pub(crate) sparsity: Option<f64>,
    pub(crate) max_drop_points: Option<f64>,
    pub(crate) training: Training,
    /// Where training keeps its state: a file for each step, with the step's number behind this.
    pub(crate) checkpoint: PathBuf,
}

impl Options {
    /// The state of training after a step, from 1.
    fn checkpoint(&self, step: usize) -> PathBuf {
        let mut path = self.checkpoint.clone().into_os_string();
        path.push(format!(".{step}"));
        path.into()
    }

    /// Removes what training left: once all is done, it would only stand in the way of the next run.
    pub(crate) fn remove_checkpoints(&self) {
        (1..=self.steps).for_each(|step| drop(std::fs::remove_file(self.checkpoint(step))));
    }
}

/// What is pruned, and on what it is measured.
pub(crate) struct Pruning<'a> {
    pub(crate) path: &'a Path,
    /// As it was read, with a batch of 1.
    pub(crate) original: &'a Graph,
    pub(crate) reference: Remembering<'a>,
    pub(crate) data: Option<&'a Samples>,
    pub(crate) evaluation: &'a Evaluation,
    pub(crate) profiles: &'a [Profile],
    pub(crate) options: &'a Options,
    pub(crate) ui: &'a Ui,
}

/// A graph on its way.
struct Progress {
    graph: Graph,
    steps: Vec<StepRow>,
    refused: Option<Refusal>,
}

impl Pruning<'_> {
    fn yardstick(&self) -> Yardstick<'_> {
        Yardstick { path: self.path, profiles: self.profiles, ui: self.ui }
    }
}
