//! [`Graph`] → ONNX.

mod builder;
mod float;
mod normalization;
mod ops;
mod qdq;
mod recurrent;
mod resize;
mod slice;
mod unary;

pub use float::{ExportOptions, export};
pub use qdq::{QdqOptions, export_qdq};
