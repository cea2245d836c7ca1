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
//! - The tape and the arithmetic of all operators, forward and backward, are this crate's own (`tape`, `kernel`); every gradient is tested
//!   against finite differences. Not candle, which was measured: its convolutions, pools and softmax are slow, refuse shapes or have wrong
//!   gradients, so that all of them would be replaced; what then remained of it, a tape, spent a quarter of the time spinning in threads of its
//!   own while ours had work, for 120 more crates.
//! - A teacher is no part of this crate: what it says of each sample is a target of [`Samples`], computed once.
//! - Batch normalization that the model still has trains with the statistics of its batches; where it was folded into convolutions, as most
//!   exporters do, it stays so.

mod augment;
mod checkpoint;
mod error;
#[cfg(test)]
mod gradients;
mod kernel;
mod network;
mod objective;
mod op;
mod optimizer;
mod quantization;
mod samples;
mod sensitivity;
mod tape;
mod template;
mod train;

pub use augment::{Augmentation, ParseAugmentationError};
pub use error::TrainError;
pub use network::reinitialize;
pub use objective::{Objective, Term, attention_map, logits};
pub use optimizer::{Optimizer, Schedule};
pub use quantization::LearnedRange;
pub use samples::Samples;
pub use sensitivity::{Gradients, gradients};
pub use template::{ParseTemplateError, Template, TemplateSpec};
pub use train::{Ending, EpochRow, Event, Flow, QuantizationAware, Score, TrainOptions, Trained, outputs, score, train};
