//! Trains graphs further: fine-tuning, distillation, quantization-aware training.
//!
//! ```text
//! Graph ──Network──▶ forward on candle's tape ──Objective──▶ loss ──backward──▶ gradients ──Optimizer──▶ State ──▶ Graph
//!              ▲                                    ▲
//!           Samples, augmented              labels, what a teacher says
//! ```
//!
//! - [`train`] takes a [`Graph`](edgectl_graph::Graph), [`Samples`] in memory, an [`Objective`] and [`TrainOptions`], tells what happens
//!   through [`Event`]s and gives a graph. The same arguments give the same bytes, whatever the number of threads.
//! - candle keeps the tape. The arithmetic of operators, forward and backward, is this crate's own (`kernel`), since candle's is slow and some
//!   of its gradients are wrong; every gradient is tested against finite differences.
//! - A teacher is no part of this crate: what it says of each sample is a target of [`Samples`], computed once.
//! - Batch normalization that the model still has trains with the statistics of its batches; where it was folded into convolutions, as most
//!   exporters do, it stays so.
//!
//! This crate is the only one that knows candle.

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
mod train;

pub use augment::{Augmentation, ParseAugmentationError};
pub use error::TrainError;
pub use objective::{Objective, Term, attention_map, logits};
pub use optimizer::{Optimizer, Schedule};
pub use quantization::LearnedRange;
pub use samples::Samples;
pub use sensitivity::gradients;
pub use train::{Ending, EpochRow, Event, Flow, QuantizationAware, Score, TrainOptions, Trained, score, train};
