//! The operators: each is a function from tensors to a tensor, with its arithmetic forward and backward from [`kernel`](crate::kernel).

mod elementwise;
mod layer;
mod layout;
mod loss;
mod normalization;
mod pool;
mod recurrent;
mod rows;

pub(crate) use elementwise::{binary, clamp, fake_quant, fake_quant_weights, prelu, unary};
pub(crate) use layer::{conv, conv_transpose, dense, matmul};
pub(crate) use layout::{concat, depth_to_space, gather, pad, resize, slice, space_to_depth, transpose};
pub(crate) use loss::{cross_entropy, logistic, mean_squared_error};
pub(crate) use normalization::{batch_norm, group_norm, layer_norm, normalize};
pub(crate) use pool::{average_pool, global, max_pool};
pub(crate) use recurrent::recurrent;
pub(crate) use rows::{reduce, softmax};
