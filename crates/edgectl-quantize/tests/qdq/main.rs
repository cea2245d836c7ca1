//! Models that were quantized elsewhere: round trips, onnxruntime as the oracle, and what is refused.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod errors;
mod oracle;
mod round_trip;
mod unite;
