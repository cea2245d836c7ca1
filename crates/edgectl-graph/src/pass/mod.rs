//! Canonicalization: the passes that bring every front end's habits into one form.
//!
//! To add a pass, write a file here and a line in [`CANONICAL`]. A pass removes nodes, moves them towards others that remove them, or
//! writes an operator in a form that no pass changes back; so all passes together come to an end, and a canonical graph stays as it is.

mod affine;
mod constant_fold;
mod div_to_mul;
mod fold_batch_norm;
mod fold_input_scale;
mod fold_pad;
mod fold_scale_shift;
mod fuse_activation;
mod fuse_gelu;
mod fuse_hard_swish;
mod fuse_silu;
mod matching;
mod mean_to_global_pool;
mod merge_layout;
mod min_max_to_clip;
mod remove_identity;
mod to_dense;

use crate::Pass;

/// The canonicalization passes in the order in which they run; see [`run_all`](crate::run_all).
///
/// Activations come last: what is folded into a convolution must come before its clamp.
pub const CANONICAL: &[&dyn Pass] = &[
    &constant_fold::ConstantFold,
    &remove_identity::RemoveIdentity,
    &merge_layout::MergeLayout,
    &mean_to_global_pool::MeanToGlobalPool,
    &to_dense::ToDense,
    &fold_pad::FoldPad,
    &fold_batch_norm::FoldBatchNorm,
    &fuse_hard_swish::FuseHardSwish,
    &fuse_silu::FuseSilu,
    &fuse_gelu::FuseGelu,
    &fold_scale_shift::FoldScaleShift,
    &fold_input_scale::FoldInputScale,
    &div_to_mul::DivToMul,
    &min_max_to_clip::MinMaxToClip,
    &fuse_activation::FuseActivation,
];

/// Those of [`CANONICAL`] that leave batch normalization as it is: it trains with the statistics of its batches.
pub const TRAINABLE: &[&dyn Pass] = &[
    &constant_fold::ConstantFold,
    &remove_identity::RemoveIdentity,
    &merge_layout::MergeLayout,
    &mean_to_global_pool::MeanToGlobalPool,
    &to_dense::ToDense,
    &fold_pad::FoldPad,
    &fuse_hard_swish::FuseHardSwish,
    &fuse_silu::FuseSilu,
    &fuse_gelu::FuseGelu,
    &fold_scale_shift::FoldScaleShift,
    &fold_input_scale::FoldInputScale,
    &div_to_mul::DivToMul,
    &min_max_to_clip::MinMaxToClip,
    &fuse_activation::FuseActivation,
];
