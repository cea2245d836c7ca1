//! Models that were quantized elsewhere: round trips, onnxruntime as the oracle, and what is refused.
#![allow(clippy::unwrap_used)]

mod oracle;
mod round_trip;
