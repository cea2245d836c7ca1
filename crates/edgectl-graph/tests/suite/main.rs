//! The graph, its passes and the quantized graph, tested from outside.
#![allow(clippy::unwrap_used)]

mod broken_pass;
mod chains;
mod folds;
mod fusions;
mod graph;
mod hidden_shapes;
mod layouts;
mod models;
mod parts;
mod patches;
mod quant;
mod support;
