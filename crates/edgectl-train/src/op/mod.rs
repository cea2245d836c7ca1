//! The operators as custom operators of candle, which keeps the tape: each is a function from tensors to a tensor, with its own forward and
//! backward arithmetic from [`kernel`](crate::kernel). candle's own convolutions, pools and softmax are not used: they are slow, and some of
//! their gradients are wrong.

mod elementwise;
mod layer;
mod layout;
mod loss;
mod normalization;
mod own;
mod pool;
mod recurrent;
mod rows;

pub(crate) use elementwise::{binary, clamp, fake_quant, fake_quant_weights, prelu, unary};
pub(crate) use layer::{conv, conv_transpose, dense, matmul};
pub(crate) use layout::{depth_to_space, gather, pad, resize, slice, space_to_depth, transpose};
pub(crate) use loss::{cross_entropy, logistic, mean_squared_error};
pub(crate) use normalization::{batch_norm, group_norm, layer_norm, normalize};
pub(crate) use own::with_values;
pub(crate) use pool::{average_pool, global, max_pool};
pub(crate) use recurrent::recurrent;
pub(crate) use rows::{reduce, softmax};
