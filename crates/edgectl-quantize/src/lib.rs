//! Static post-training quantization: a float [`Graph`](edgectl_graph::Graph) and calibration data become a
//! [`QuantGraph`](edgectl_graph::QuantGraph).
//!
//! 1. [`prepare`] brings a canonical graph into the form that int8 operators need.
//! 2. A [`Calibration`] watches the activations that need a range while someone else runs the float graph. Its memory does not grow with
//!    the number of samples, and its result does not depend on their order, nor on how they were divided among threads.
//! 3. [`quantize`] turns ranges into scales and zero points, and float constants into int8 and int32.
//!
//! A [`Recipe`] does 2 and 3 in one call, with any of [`METHODS`] before, between and after them.
//!
//! A model that another tool has quantized needs none of this: [`from_qdq`] takes the scales that it states.
//!
//! The arithmetic is that of the TensorFlow Lite int8 specification: `real = scale * (q - zero_point)`, activations asymmetric per tensor,
//! weights symmetric per tensor or per output channel, biases int32 at `input scale * weight scale`.
//!
//! To add a calibrator, implement [`Observer`] in a file of its own and add a line to the table of [`Calibrator`]. To add a method,
//! write a file in `method/` and a line in [`METHODS`].

mod calibration;
mod calibrator;
mod channels;
mod error;
mod exact_sum;
mod group;
mod growth;
mod histogram;
mod int16;
mod integers;
mod layer;
mod learned;
mod method;
mod observer;
mod params;
mod prepare;
mod qdq;
mod quantize;
mod recipe;
mod recurrent;
mod reservoir;
mod sensitivity;
mod weights;

pub use calibration::{Calibration, Ranges};
pub use calibrator::{Calibrator, Entropy, MinMax, MovingAverage, Mse, Percentile};
pub use error::QuantizeError;
pub use growth::{Growth, GrowthPoint};
pub use histogram::Histogram;
pub use int16::Int16;
pub use learned::RangeGroup;
pub use method::{METHODS, Method, MethodInfo, Note};
pub use observer::{Observer, Range};
pub use params::{activation_params, quantize_bias, quantize_operand, quantize_value, quantize_weights, weight_scale};
pub use prepare::{prepare, prepare_around_opaque};
pub use qdq::{FromQdq, QdqError, QdqNote, from_qdq, is_qdq};
pub use quantize::{QuantizeOptions, quantize};
pub use recipe::{Calibrated, Quantized, Recipe};
pub use sensitivity::{Sensitivity, fewest_int16};
pub use weights::int8_weights;
