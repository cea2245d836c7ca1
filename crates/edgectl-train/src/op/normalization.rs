//! Normalizations.

use crate::tape::{Result, Tensor, apply};
use edgectl_graph::Binary;

use super::elementwise::binary;
use crate::kernel::batch_norm::{BatchNorm, Statistics};
use crate::kernel::rows::Normalize;

/// Batch normalization with these statistics; where they are those of x itself, their gradients are part of that of x.
pub(crate) fn batch_norm(
    norm: BatchNorm,
    statistics: Statistics,
    of_x: bool,
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
) -> Result<Tensor> {
    let back = statistics.clone();
    apply(
        x.dims().to_vec(),
        &[x, scale, shift],
        move |args| {
            let mut y = vec![0.0; args[0].len()];
            norm.forward(args[0], &statistics, args[1], args[2], &mut y);
            y
        },
        move |seen| {
            let [x, scale, _] = [0, 1, 2].map(|i| seen.args[i]);
            let backward = if of_x { BatchNorm::backward } else { BatchNorm::backward_frozen };
            backward(&norm, x, &back, scale, seen.dy).map(Some)
        },
    )
}

/// The rows of a tensor, normalized.
pub(crate) fn normalize(kernel: Normalize, x: &Tensor) -> Result<Tensor> {
    apply(
        x.dims().to_vec(),
        &[x],
        move |args| {
            let mut y = vec![0.0; args[0].len()];
            kernel.forward(args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.dy.len()];
            kernel.backward(seen.args[0], seen.y, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

fn affine(x: &Tensor, scale: &Tensor, shift: Option<&Tensor>) -> Result<Tensor> {
    let scaled = binary(Binary::Mul, x, scale)?;
    shift.map_or(Ok(scaled.clone()), |shift| binary(Binary::Add, &scaled, shift))
}

/// See [`edgectl_graph::Op::LayerNorm`].
pub(crate) fn layer_norm(axis: usize, epsilon: f32, center: bool, x: &Tensor, scale: &Tensor, shift: Option<&Tensor>) -> Result<Tensor> {
    let row = x.dims()[axis..].iter().product::<usize>().max(1);
    affine(&normalize(Normalize { row, epsilon, center }, x)?, scale, shift)
}

/// See [`edgectl_graph::Op::GroupNorm`].
pub(crate) fn group_norm(groups: usize, epsilon: f32, x: &Tensor, scale: &Tensor, shift: Option<&Tensor>) -> Result<Tensor> {
    let row = (x.elem_count() / (x.dim(0)? * groups).max(1)).max(1);
    let per_channel = |values: &Tensor| values.reshape([&[values.elem_count()], &vec![1; x.rank() - 2][..]].concat());
    let shift = shift.map(per_channel).transpose()?;
    affine(&normalize(Normalize { row, epsilon, center: true }, x)?, &per_channel(scale)?, shift.as_ref())
}
