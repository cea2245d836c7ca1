//! Convolutions, dense layers and matrix products.

use crate::tape::{Error, Result, Tensor, apply};
use edgectl_graph::{Activation, ConvTranspose, permute};

use crate::kernel::broadcast::Broadcast;
use crate::kernel::conv::{Conv, bias_gradient, finish, unclamp};
use crate::kernel::geometry::Geometry;
use crate::kernel::matmul::{self as kernel, Matrix};

fn bounds(activation: Activation) -> (f32, f32) {
    (activation.min, activation.max)
}

fn misfit(what: &str, x: &[usize], filter: &[usize]) -> Error {
    Error::Msg(format!("{what} with filter {filter:?} does not fit the input {x:?}"))
}

/// The gradient before the activation; without one, that after it.
fn before<'a>(activation: Activation, y: &[f32], dy: &'a [f32]) -> std::borrow::Cow<'a, [f32]> {
    if activation == Activation::NONE { dy.into() } else { unclamp(y, dy, bounds(activation)).into() }
}

/// Convolution; see [`edgectl_graph::Op::Conv`].
pub(crate) fn conv(op: &edgectl_graph::Conv, x: &Tensor, filter: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (dims, filters) = (x.dims(), filter.dims());
    let fits = dims.len() >= 3 && filters.len() == dims.len() && op.groups > 0 && filters[1] * op.groups == dims[1];
    let geometry = fits.then(|| Geometry::new(&op.window, &dims[2..])).flatten().ok_or_else(|| misfit("convolution", dims, filters))?;
    let conv = Conv { geometry, channels: dims[1], filters: filters[0], groups: op.groups };
    let windows = &geometry.windows[4 - dims.len()..];
    let shape = [&[dims[0], filters[0]], windows].concat();
    let (values, activation) = (shape.iter().product::<usize>(), op.activation);
    let places = geometry.places();
    let args = [Some(x), Some(filter), bias].into_iter().flatten().collect::<Vec<_>>();
    apply(
        shape,
        &args,
        move |args| {
            let mut y = vec![0.0; values];
            if conv.is_depthwise() {
                conv.depthwise_forward(args[0], args[1], &mut y);
            } else {
                conv.forward(args[0], args[1], &mut y);
            }
            finish(&mut y, args.get(2).copied(), places, bounds(activation));
            y
        },
        move |seen| {
            let (x, filter, dy) = (seen.args[0], seen.args[1], before(activation, seen.y, seen.dy));
            let [mut dx, mut df] = [(0, x.len()), (1, filter.len())].map(|(i, len)| seen.wanted[i].then(|| vec![0.0; len]));
            if let Some(dx) = &mut dx {
                if conv.is_depthwise() { conv.depthwise_image_gradient(&dy, filter, dx) } else { conv.image_gradient(&dy, filter, dx) }
            }
            if let Some(df) = &mut df {
                if conv.is_depthwise() { conv.depthwise_filter_gradient(x, &dy, df) } else { conv.filter_gradient(x, &dy, df) }
            }
            [dx, df, seen.wanted.get(2).is_some_and(|wanted| *wanted).then(|| bias_gradient(&dy, places, conv.filters))]
        },
    )
}

/// Transposed convolution; see [`edgectl_graph::Op::ConvTranspose`]. It is the image gradient of a convolution whose windows are its input.
pub(crate) fn conv_transpose(op: &ConvTranspose, x: &Tensor, filter: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (dims, filters) = (x.dims(), filter.dims());
    let fits = dims.len() >= 3 && filters.len() == dims.len() && op.groups > 0 && filters[1] * op.groups == dims[1];
    let error = || misfit("transposed convolution", dims, filters);
    let sizes = dims.get(2..).unwrap_or_default().iter().enumerate().map(|(axis, &size)| op.output_size(axis, size));
    let sizes = sizes.collect::<Option<Vec<usize>>>().filter(|_| fits).ok_or_else(error)?;
    let geometry = Geometry::with_windows(&op.window, &sizes, &dims[2..]).ok_or_else(error)?;
    let conv = Conv { geometry, channels: filters[0], filters: dims[1], groups: op.groups };
    let shape = [&[dims[0], filters[0]], &sizes[..]].concat();
    let (values, pixels, activation) = (shape.iter().product::<usize>(), geometry.pixels(), op.activation);
    // `[G, O / G, C / G, taps]` to `[G, C / G, O / G, taps]`, and back.
    let (outputs, inputs) = (filters[0] / op.groups, filters[1]);
    let (groups, taps) = (op.groups, geometry.taps());
    let swap = move |filter: &[f32], a: usize, b: usize| permute(filter, &[groups, a, b, taps], &[0, 2, 1, 3]).unwrap_or_default();
    let args = [Some(x), Some(filter), bias].into_iter().flatten().collect::<Vec<_>>();
    apply(
        shape,
        &args,
        move |args| {
            let mut y = vec![0.0; values];
            conv.image_gradient(args[0], &swap(args[1], outputs, inputs), &mut y);
            finish(&mut y, args.get(2).copied(), pixels, bounds(activation));
            y
        },
        move |seen| {
            let dy = before(activation, seen.y, seen.dy);
            let dx = seen.wanted[0].then(|| {
                let mut dx = vec![0.0; seen.args[0].len()];
                conv.forward(&dy, &swap(seen.args[1], outputs, inputs), &mut dx);
                dx
            });
            let df = seen.wanted[1].then(|| {
                let mut df = vec![0.0; seen.args[1].len()];
                conv.filter_gradient(&dy, seen.args[0], &mut df);
                swap(&df, inputs, outputs)
            });
            [dx, df, seen.wanted.get(2).is_some_and(|wanted| *wanted).then(|| bias_gradient(&dy, pixels, conv.channels))]
        },
    )
}

/// Fully connected layer; see [`edgectl_graph::Op::Dense`].
pub(crate) fn dense(activation: Activation, x: &Tensor, weights: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let dims = x.dims();
    let (&[outputs, inputs], Some((&last, outer))) = (weights.dims(), dims.split_last()) else {
        return Err(misfit("dense layer", dims, weights.dims()));
    };
    if inputs != last {
        return Err(misfit("dense layer", dims, weights.dims()));
    }
    let rows: usize = outer.iter().product();
    let args = [Some(x), Some(weights), bias].into_iter().flatten().collect::<Vec<_>>();
    apply(
        [outer, &[outputs]].concat(),
        &args,
        move |args| {
            let mut y = match args.get(2) {
                Some(bias) => bias.iter().copied().cycle().take(rows * outputs).collect(),
                None => vec![0.0; rows * outputs],
            };
            kernel::matmul(&mut y, [rows, inputs, outputs], Matrix::plain(args[0]), Matrix::transposed(args[1]), true);
            finish(&mut y, None, rows * outputs, bounds(activation));
            y
        },
        move |seen| {
            let (x, weights, dy) = (seen.args[0], seen.args[1], before(activation, seen.y, seen.dy));
            let dx = seen.wanted[0].then(|| {
                let mut dx = vec![0.0; x.len()];
                kernel::matmul(&mut dx, [rows, outputs, inputs], Matrix::plain(&dy), Matrix::plain(weights), false);
                dx
            });
            let dw = seen.wanted[1].then(|| {
                let mut dw = vec![0.0; weights.len()];
                kernel::matmul(&mut dw, [outputs, rows, inputs], Matrix::transposed(&dy), Matrix::plain(x), false);
                dw
            });
            let db = seen.wanted.get(2).is_some_and(|wanted| *wanted).then(|| {
                let mut db = vec![0.0; outputs];
                dy.chunks_exact(outputs).for_each(|dy| db.iter_mut().zip(dy).for_each(|(db, dy)| *db += dy));
                db
            });
            [dx, dw, db]
        },
    )
}

/// Matrix product with numpy's rules, at least one of the operands with more than one axis.
pub(crate) fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let misfit = || Error::Msg(format!("matrices {:?} and {:?} do not fit each other", a.dims(), b.dims()));
    // A vector is a matrix of one row, or one column, which the result has not.
    if a.rank() == 1 {
        let y = matmul(&a.reshape((1, a.elem_count()))?, b)?;
        let (dims, rank) = (y.dims().to_vec(), y.rank());
        return y.reshape([&dims[..rank - 2], &dims[rank - 1..]].concat());
    }
    if b.rank() == 1 {
        let y = matmul(a, &b.reshape((b.elem_count(), 1))?)?;
        return y.reshape(&y.dims()[..y.rank() - 1]);
    }
    let (&[ref a_outer @ .., m, k], &[ref b_outer @ .., inner, n]) = (a.dims(), b.dims()) else { return Err(misfit()) };
    let outer = Broadcast::new(a_outer, b_outer).filter(|_| k == inner).ok_or_else(misfit)?;
    // The matrices of each product, by their places.
    let pairs = outer.pairs();
    let back = pairs.clone();
    apply(
        [&outer.shape[..], &[m, n]].concat(),
        &[a, b],
        move |args| {
            let mut y = vec![0.0; pairs.len() * m * n];
            for (y, &[a, b]) in y.chunks_exact_mut(m * n).zip(&pairs) {
                let (a, b) = (&args[0][a * m * k..][..m * k], &args[1][b * k * n..][..k * n]);
                kernel::matmul(y, [m, k, n], Matrix::plain(a), Matrix::plain(b), false);
            }
            y
        },
        move |seen| {
            let [mut da, mut db] = [0, 1].map(|i| seen.wanted[i].then(|| vec![0.0; seen.args[i].len()]));
            for (dy, &[a, b]) in seen.dy.chunks_exact(m * n).zip(&back) {
                let (a_values, b_values) = (&seen.args[0][a * m * k..][..m * k], &seen.args[1][b * k * n..][..k * n]);
                if let Some(da) = &mut da {
                    let da = &mut da[a * m * k..][..m * k];
                    kernel::matmul(da, [m, n, k], Matrix::plain(dy), Matrix::transposed(b_values), true);
                }
                if let Some(db) = &mut db {
                    let db = &mut db[b * k * n..][..k * n];
                    kernel::matmul(db, [k, m, n], Matrix::transposed(a_values), Matrix::plain(dy), true);
                }
            }
            [da, db]
        },
    )
}
