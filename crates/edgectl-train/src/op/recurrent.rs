//! Recurrent layers: what x brings to the gates is a dense layer, the rest goes step by step.

use crate::tape::{Error, Result, Tensor, apply};
use edgectl_graph::{Activation, Recurrent};

use super::layer::dense;
use crate::kernel::recurrent::{Gradients, Layer};

/// See [`Recurrent`]. `recurrent_bias` is that of a GRU.
pub(crate) fn recurrent(
    op: Recurrent,
    x: &Tensor,
    weights: &Tensor,
    recurrent: &Tensor,
    bias: &Tensor,
    recurrent_bias: &Tensor,
) -> Result<Tensor> {
    let (outer, inner) = (x.dim(0)?, x.dim(1)?);
    let shape = vec![outer, inner, recurrent.dim(1)?];
    let misfit = || Error::Msg(format!("recurrent layer does not fit the input {:?}", x.dims()));
    let layer = Layer { recurrent: op, extents: op.extents(x.dims(), &shape).ok_or_else(misfit)? };
    let gates = dense(Activation::NONE, x, weights, Some(bias))?;
    apply(
        shape,
        &[&gates, recurrent, recurrent_bias],
        move |args| layer.forward(args[0], args[1], args[2]),
        move |seen| {
            let Gradients { gates, weights, bias } = layer.backward(seen.args[0], seen.args[1], seen.args[2], seen.dy);
            [Some(gates), Some(weights), seen.wanted[2].then_some(bias)]
        },
    )
}
