//! [`Graph`] → ONNX.

mod builder;
mod float;
mod int8;
mod normalization;
mod ops;
mod qdq;
mod recurrent;
mod resize;
mod slice;
mod unary;

pub use float::{ExportOptions, export};
pub use int8::{Int8Arithmetic, export_int8_weights};
pub use qdq::{QdqOptions, export_qdq};
