//! Softmax and reductions, along any axes.

use crate::tape::{Result, Tensor, apply};

use super::layout::transpose;
use crate::kernel::rows::{self as kernel, Fold};

/// Softmax along an axis, or its logarithm.
pub(crate) fn softmax(axis: usize, logarithm: bool, x: &Tensor) -> Result<Tensor> {
    if axis + 1 < x.rank() {
        let mut perm: Vec<usize> = (0..x.rank()).collect();
        perm.swap(axis, x.rank() - 1);
        return transpose(&perm, &softmax(x.rank() - 1, logarithm, &transpose(&perm, x)?)?);
    }
    let row = x.dim(axis)?.max(1);
    apply(
        x.dims().to_vec(),
        &[x],
        move |args| {
            let mut y = vec![0.0; args[0].len()];
            kernel::softmax_forward(row, logarithm, args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.dy.len()];
            kernel::softmax_backward(row, logarithm, seen.y, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

/// What is left of all axes from one on, which go.
pub(crate) fn fold_trailing(fold: Fold, from: usize, x: &Tensor) -> Result<Tensor> {
    let (outer, inner) = x.dims().split_at(from);
    let (row, rows) = (inner.iter().product::<usize>().max(1), outer.iter().product());
    apply(
        outer.to_vec(),
        &[x],
        move |args| {
            let mut y = vec![0.0; rows];
            kernel::fold_forward(fold, row, args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.args[0].len()];
            kernel::fold_backward(fold, row, seen.args[0], seen.y, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

/// What is left of some axes.
pub(crate) fn reduce(fold: Fold, axes: &[usize], keep_dims: bool, x: &Tensor) -> Result<Tensor> {
    let kept: Vec<usize> = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
    let perm = [&kept[..], axes].concat();
    let y = fold_trailing(fold, kept.len(), &transpose(&perm, x)?)?;
    if !keep_dims {
        return Ok(y);
    }
    let dims: Vec<usize> = x.dims().iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size }).collect();
    y.reshape(dims)
}
