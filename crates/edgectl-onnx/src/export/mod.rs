//! [`Graph`] → ONNX.

mod builder;
mod float;
mod ops;

pub use float::{ExportOptions, export};
