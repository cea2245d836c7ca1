//! ONNX ⇄ [`Graph`](edgectl_graph::Graph).
//!
//! - [`import`] turns the operators that can be deployed into typed ones; any other node is carried along as it is, so that
//!   [`export`] writes back what was read. Opsets 9 to 28 of the default domain.
//! - [`export`] writes a float graph at the opset that it came with.
//! - [`export_int8_weights`] writes a float graph whose layers have int8 weights, for engines that compute in float or quantize
//!   activations as they come.
//! - [`export_qdq`] writes a quantized graph as `QuantizeLinear`/`DequantizeLinear` pairs around float operators, the form that
//!   onnxruntime and TensorRT turn into integer kernels.
//!
//! This crate runs no model, and reads no file but the model and the external data in its folder.

mod dtype;
mod error;
mod export;
mod gates;
mod import;
/// The messages of `onnx.proto`, which documents them.
#[allow(clippy::all, clippy::unwrap_used, missing_docs, unreachable_pub)]
#[rustfmt::skip]
pub mod proto;
mod sniff;

pub use error::{OnnxError, Warning};
pub use export::{ExportOptions, Int8Arithmetic, QdqOptions, export, export_int8_weights, export_qdq};
pub use import::{ImportOptions, Imported, import, read};

/// The oldest opset of the default domain that is read and written.
pub const MIN_OPSET: i64 = 9;
/// The newest opset of the default domain that is read and written.
pub const MAX_OPSET: i64 = 28;

/// The most nodes that are read.
pub const MAX_NODES: usize = 1 << 14;
