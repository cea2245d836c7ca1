//! Trains graphs further: fine-tuning, distillation, quantization-aware training.
//!
//! ```text
//! Graph ──Network──▶ tensors on a tape ──Objective──▶ loss ──backward──▶ gradients ──Optimizer──▶ State ──▶ Graph
//!              ▲                                    ▲
//!           Samples, augmented              labels, what a teacher says
//! ```
//!
//! - [`train`] takes a [`Graph`](edgectl_graph::Graph), [`Samples`] in memory, an [`Objective`] and [`TrainOptions`], tells what happens
//!   through [`Event`]s and gives a graph. The same arguments give the same bytes, whatever the number of threads.
//! - Tensors, variables and the way back through them are candle's. The arithmetic of all operators, forward and backward, is this crate's own
//!   (`kernel`), as one custom operator (`tape`): candle's convolutions, pools and softmax are slow, refuse shapes or have wrong gradients.
//!   Every gradient is tested against finite differences, optimizers and losses against those of candle-nn.
//! - A program that trains calls [`use_one_candle_thread`] first: a batch is divided among threads here, not in candle.
//! - What a teacher says of each sample is a target of [`Samples`], computed once by whatever runs it. A float model can be a [`Teacher`], which
//!   is asked in each step: for samples that augmentation changed, and for tensors too large to be kept.
//! - Batch normalization that the model still has trains with the statistics of its batches; where it was folded into convolutions, as most
//!   exporters do, it stays so.

mod augment;
mod checkpoint;
mod error;
mod evaluation;
mod event;
mod exact;
#[cfg(test)]
mod gradients;
mod kernel;
mod network;
mod objective;
mod op;
mod optimizer;
mod options;
mod quantization;
mod samples;
mod sensitivity;
mod step;
mod tape;
mod teacher;
mod template;
mod threads;
mod train;

pub use augment::{Augmentation, ParseAugmentationError};
pub use error::TrainError;
pub use evaluation::{check, outputs, score};
pub use event::{Ending, EpochRow, Event, Flow, Score, Trained};
pub use network::{reinitialize, trainable};
pub use objective::{Objective, Term, attention_map, logits};
pub use optimizer::{Optimizer, Schedule};
pub use options::{QuantizationAware, TrainOptions};
pub use quantization::LearnedRange;
pub use samples::Samples;
pub use sensitivity::{Gradients, gradients};
pub use teacher::{Question, Teacher, Wanted};
pub use template::{ParseTemplateError, Template, TemplateSpec};
pub use threads::use_one_candle_thread;
pub use train::train;
