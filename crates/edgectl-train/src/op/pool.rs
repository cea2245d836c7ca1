//! Pools.

use crate::tape::{Error, Result, Tensor, apply};
use edgectl_graph::Pool;

use super::rows::fold_trailing;
use crate::kernel::geometry::Geometry;
use crate::kernel::pool as kernel;
use crate::kernel::rows::Fold;

fn geometry(pool: &Pool, x: &Tensor) -> Result<(Geometry, Vec<usize>)> {
    let misfit = || Error::Msg(format!("pool {pool} does not fit the input {:?}", x.dims()));
    let dims = x.dims();
    let spatial = dims.get(2..).filter(|spatial| !spatial.is_empty()).ok_or_else(misfit)?;
    let geometry = Geometry::new(pool, spatial).ok_or_else(misfit)?;
    let shape = [&dims[..2], &geometry.windows[2 - spatial.len()..]].concat();
    Ok((geometry, shape))
}

/// Maximum over a window.
pub(crate) fn max_pool(pool: &Pool, x: &Tensor) -> Result<Tensor> {
    let (geometry, shape) = geometry(pool, x)?;
    let values = shape.iter().product();
    apply(
        shape,
        &[x],
        move |args| {
            let mut y = vec![0.0; values];
            kernel::max_forward(&geometry, args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.args[0].len()];
            kernel::max_backward(&geometry, seen.args[0], seen.y, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

/// Mean over a window.
pub(crate) fn average_pool(pool: &Pool, include_pad: bool, x: &Tensor) -> Result<Tensor> {
    let (geometry, shape) = geometry(pool, x)?;
    let values = shape.iter().product();
    apply(
        shape,
        &[x],
        move |args| {
            let mut y = vec![0.0; values];
            kernel::average_forward(&geometry, include_pad, args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.args[0].len()];
            kernel::average_backward(&geometry, include_pad, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

/// What is left of all spatial axes, which stay with size one.
pub(crate) fn global(fold: Fold, x: &Tensor) -> Result<Tensor> {
    let dims = x.dims();
    let kept = dims.len().min(2);
    fold_trailing(fold, kept, x)?.reshape([&dims[..kept], &vec![1; dims.len() - kept][..]].concat())
}
