//! The intermediate representation that every stage of `edgectl` works on.
//!
//! A [`Graph`] is a list of nodes in topological order over a table of tensors. Layout is that of ONNX: channels first
//! (`[N, C, H, W]`, `[N, C, W]`), convolution filters `[O, C / groups, kernel...]`, dense weights `[O, I]`; device layouts appear only
//! when a graph is lowered.
//!
//! - An operator that can be deployed is a typed [`Op`]; any other stays an [`Op::Opaque`] node that carries its own bytes, so that a
//!   front end can write back what it read.
//! - Every tensor has a name and, unless an opaque node hides it, a [`Fact`]: data type and shape. Dimensions are numbers or symbols;
//!   [`Graph::bind_batch`] turns the symbolic batch into a number.
//! - A [`Graph`] changes in one way only: a [`Pass`] returns a [`Patch`], the driver applies it, checks the whole graph and names the
//!   pass that broke it.
//! - A [`QuantGraph`] is a graph whose activations and constants all have quantization parameters that the int8 operators accept. It
//!   is the only thing that can be lowered to a program or exported as QDQ.

mod accumulator;
mod check;
mod conv_transpose;
mod cost;
mod dump;
mod error;
mod graph;
mod infer;
mod literal;
mod op;
mod order;
mod part;
pub mod pass;
mod patch;
mod quant;
mod recurrent;
mod resize;
mod shape;
mod unary;

pub use accumulator::{INT16_LIMIT, INT32_LIMIT, accumulator_bound};
pub use conv_transpose::{ConvTranspose, swap_channels};
pub use cost::{Cost, NodeCost};
pub use error::GraphError;
pub use graph::{Graph, Node, NodeId, Origin, Tensor, TensorId};
pub use literal::{DType, Data, Literal, permute};
pub use op::{Activation, Binary, Conv, Op, Opaque, Pool, Reduction, Span, Window};
pub use order::topological_order;
pub use part::Part;
pub use patch::{Pass, PassError, Patch, run, run_all};
pub use quant::{QuantConst, QuantError, QuantGraph, QuantParams, QuantType, Sharing, has_int16, sharing};
pub use recurrent::{Cell, Extents, Recurrent};
pub use resize::{Coordinates, Interpolation, Resize, Rounding};
pub use shape::{Dim, Fact, Shape};
pub use unary::Unary;
