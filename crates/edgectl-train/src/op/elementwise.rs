//! Functions of single elements.

use crate::tape::{Error, Result, Tensor, apply};
use edgectl_graph::{Activation, Binary, Unary};

use crate::kernel::broadcast::Broadcast;
use crate::kernel::conv::{finish, unclamp};
use crate::kernel::fake_quant::Grid;
use crate::kernel::unary as kernel;

/// A clamp; nothing where there are no bounds.
pub(crate) fn clamp(activation: Activation, x: &Tensor) -> Result<Tensor> {
    if activation == Activation::NONE {
        return Ok(x.clone());
    }
    let bounds = (activation.min, activation.max);
    apply(
        x.dims().to_vec(),
        &[x],
        move |args| {
            let mut y = args[0].to_vec();
            let len = y.len().max(1);
            finish(&mut y, None, len, bounds);
            y
        },
        move |seen| [Some(unclamp(seen.y, seen.dy, bounds)), None, None],
    )
}

/// An elementwise function.
pub(crate) fn unary(unary: Unary, x: &Tensor) -> Result<Tensor> {
    if let Some(activation) = unary.as_activation() {
        return clamp(activation, x);
    }
    apply(
        x.dims().to_vec(),
        &[x],
        move |args| {
            let mut y = vec![0.0; args[0].len()];
            kernel::forward(unary, args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.dy.len()];
            kernel::backward(unary, seen.args[0], seen.y, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

/// Elementwise arithmetic.
pub(crate) fn binary(op: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let misfit = || Error::Msg(format!("shapes {:?} and {:?} do not fit each other", a.dims(), b.dims()));
    let broadcast = Broadcast::new(a.dims(), b.dims()).ok_or_else(misfit)?;
    let (shape, back) = (broadcast.shape.clone(), broadcast.clone());
    apply(
        shape,
        &[a, b],
        move |args| {
            let mut y = vec![0.0; broadcast.elements()];
            broadcast.forward(op, args[0], args[1], &mut y);
            y
        },
        move |seen| {
            let gradient = |operand: usize| {
                seen.wanted[operand].then(|| {
                    let mut to = vec![0.0; seen.args[operand].len()];
                    back.backward(op, operand, seen.args[0], seen.args[1], seen.dy, &mut to);
                    to
                })
            };
            [gradient(0), gradient(1), None]
        },
    )
}

/// `x` where it is positive, `slope * x` otherwise.
pub(crate) fn prelu(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let negative = Activation { min: f32::NEG_INFINITY, max: 0.0 };
    binary(Binary::Add, &clamp(Activation::RELU, x)?, &binary(Binary::Mul, &clamp(negative, x)?, slope)?)
}

/// Values as a grid shows them that spans `bounds` (lower, upper), of which it was made. The bounds get gradients.
pub(crate) fn fake_quant(grid: Grid, x: &Tensor, bounds: &Tensor) -> Result<Tensor> {
    apply(
        x.dims().to_vec(),
        &[x, bounds],
        move |args| {
            let mut y = vec![0.0; args[0].len()];
            grid.forward(args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.dy.len()];
            grid.backward(seen.args[0], seen.dy, &mut dx);
            [Some(dx), seen.wanted[1].then(|| grid.bounds_backward(seen.args[0], seen.dy).to_vec()), None]
        },
    )
}

/// Weights as int8 shows them, with one scale for all or one for each output channel.
pub(crate) fn fake_quant_weights(scales: Vec<f32>, weights: &Tensor) -> Result<Tensor> {
    let channel = weights.elem_count() / scales.len().max(1);
    apply(
        weights.dims().to_vec(),
        &[weights],
        move |args| {
            let mut y = vec![0.0; args[0].len()];
            for ((x, y), &scale) in args[0].chunks_exact(channel).zip(y.chunks_exact_mut(channel)).zip(&scales) {
                Grid { scale, zero_point: 0.0, min: -127.0, max: 127.0 }.forward(x, y);
            }
            y
        },
        // No weight is outside of the range of its own scale.
        |seen| [Some(seen.dy.to_vec()), None, None],
    )
}
