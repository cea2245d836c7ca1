//! The proof that no sum of an integer layer leaves its accumulator, whatever the input.

use crate::quant::{QuantConst, QuantError, QuantGraph, QuantParams, QuantType};
use crate::{Node, Op, Reduction};

/// What the magnitude of a sum in int32 must stay below.
pub const INT32_LIMIT: u64 = 1 << 31;

/// What sums of products with int16 must stay below: TensorFlow Lite's arithmetic is defined up to there.
pub const INT16_LIMIT: u64 = 1 << 47;

/// The output channel that could sum up to the greatest magnitude, and that magnitude: `max |x - zero_point| * sum |w| + |bias|`.
///
/// `weights` holds the channels one after the other, as many as there are biases.
pub fn accumulator_bound(weights: &[i8], bias: impl ExactSizeIterator<Item = i64>, input: QuantParams) -> (usize, u64) {
    let columns = (weights.len() / bias.len().max(1)).max(1);
    let sum = |row: &[i8]| row.iter().map(|q| u64::from(q.unsigned_abs())).sum::<u64>();
    let bounds = weights.chunks(columns).zip(bias).map(|(row, bias)| (sum(row) * reach(input)).saturating_add(bias.unsigned_abs()));
    bounds.enumerate().max_by_key(|&(channel, bound)| (bound, std::cmp::Reverse(channel))).unwrap_or((0, 0))
}

/// The greatest magnitude of `x - zero_point`.
fn reach(params: QuantParams) -> u64 {
    let ((least, greatest), zero) = (params.ty.range(), i32::from(params.zero_point));
    u64::from((greatest - zero).max(zero - least).unsigned_abs())
}

/// The most exponentials that a row of softmax may add up, each at most one: of 32 bits, int8 has twelve before the point, int16 sixteen.
fn softmax_limit(ty: QuantType) -> usize {
    match ty {
        QuantType::I8 => (1 << 12) - 1,
        QuantType::I16 => (1 << 16) - 1,
    }
}

/// The most elements of which the sum of the distances to the zero point stays in int32.
fn sum_limit(params: QuantParams) -> usize {
    usize::try_from((INT32_LIMIT - 1) / reach(params).max(1)).unwrap_or(usize::MAX)
}

/// The most elements of a window that is averaged: half of int32, as rounding adds half of the window.
fn window_limit(ty: QuantType) -> usize {
    (1 << 30) / (ty.range().1 as usize + 1)
}

impl QuantGraph {
    /// # Errors
    /// [`QuantError::Accumulator`] for a layer or matrix product that could leave its accumulator, [`QuantError::Terms`] for a sum, a mean
    /// or a softmax of so many elements that it could, [`QuantError::Underflow`] for a layer whose sums have no scale.
    pub(crate) fn check_accumulator(&self, node: &Node) -> Result<(), QuantError> {
        let Some((input, params)) = node.input(0).and_then(|id| Some((id, self.params(id)?))) else { return Ok(()) };
        let shape = self.graph().fixed_shape(input)?;
        let along = |axes: &[usize]| axes.iter().filter_map(|&axis| shape.get(axis)).product::<usize>();
        match &node.op {
            op if op.is_layer() => {
                self.check_products(node, (params, 1, 2))?;
                self.check_sum_scale(node)
            }
            Op::Recurrent(_) => {
                self.check_products(node, (params, 1, 3))?;
                let hidden = node.output().and_then(|id| self.params(id)).unwrap_or(params);
                self.check_products(node, (hidden, 2, 4))
            }
            Op::MatMul => {
                let other = node.input(1).and_then(|id| self.params(id)).map_or(0, reach);
                let terms = shape.last().copied().unwrap_or(1) as u64;
                self.within(node, (0, terms.saturating_mul(reach(params) * other)), INT32_LIMIT)
            }
            Op::AveragePool { pool, .. } => self.few(node, pool.kernel.iter().product(), window_limit(params.ty)),
            Op::GlobalAveragePool => self.few(node, along(&(2..shape.len()).collect::<Vec<_>>()), sum_limit(params)),
            Op::LogSoftmax { axis } | Op::Softmax { axis } => self.few(node, along(&[*axis]), softmax_limit(params.ty)),
            Op::ReduceMean { axes, .. } | Op::Reduce { op: Reduction::Sum, axes, .. } => self.few(node, along(axes), sum_limit(params)),
            _ => Ok(()),
        }
    }

    /// Sums have the scale of the input times that of the weights. Of a dead channel it may vanish, but not of all.
    fn check_sum_scale(&self, node: &Node) -> Result<(), QuantError> {
        let Some(input) = node.input(0).and_then(|id| self.params(id)) else { return Ok(()) };
        let Some(QuantConst::Weights { scales, .. }) = node.input(1).and_then(|id| self.constant(id)) else { return Ok(()) };
        let weights = scales.iter().copied().fold(0.0, f32::max);
        if (input.scale * weights).is_normal() {
            return Ok(());
        }
        Err(QuantError::Underflow { node: self.graph().label(node), op: node.op.name().into(), input: input.scale, weights })
    }

    /// The products of what has these parameters with the node's weights, and its bias, both by their places among its inputs.
    fn check_products(&self, node: &Node, (x, weights, bias): (QuantParams, usize, usize)) -> Result<(), QuantError> {
        let Some(weights) = node.input(weights) else { return Ok(()) };
        let Some(QuantConst::Weights { values, .. }) = self.constant(weights) else { return Ok(()) };
        let (bound, limit) = match node.input(bias).and_then(|id| self.constant(id)) {
            Some(QuantConst::Bias { values: bias }) => (accumulator_bound(values, bias.iter().map(|&b| b.into()), x), INT32_LIMIT),
            Some(QuantConst::WideBias { values: bias }) => (accumulator_bound(values, bias.iter().copied(), x), INT16_LIMIT),
            _ => {
                let channels = self.graph().fixed_shape(weights)?.first().copied().unwrap_or(1);
                let limit = if x.ty == QuantType::I16 { INT16_LIMIT } else { INT32_LIMIT };
                (accumulator_bound(values, vec![0; channels].into_iter(), x), limit)
            }
        };
        self.within(node, bound, limit)
    }

    fn within(&self, node: &Node, (channel, bound): (usize, u64), limit: u64) -> Result<(), QuantError> {
        if bound < limit { Ok(()) } else { Err(QuantError::Accumulator { node: self.graph().label(node), channel, bound, limit }) }
    }

    fn few(&self, node: &Node, terms: usize, most: usize) -> Result<(), QuantError> {
        let (label, op) = (|| self.graph().label(node), node.op.name());
        if terms <= most { Ok(()) } else { Err(QuantError::Terms { node: label(), op: op.into(), terms, most }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_reached_by_the_input_farthest_from_the_zero_point() {
        let input = QuantParams::int8(1.0, -128);
        assert_eq!(accumulator_bound(&[1, -2, 127, 0], [5, -7].into_iter(), input), (1, 127 * 255 + 7));
        assert_eq!(accumulator_bound(&[1, -2], [0].into_iter(), QuantParams::int8(1.0, 0)), (0, 3 * 128));
        assert_eq!(accumulator_bound(&[1, -2], [0].into_iter(), QuantParams::int16(1.0)), (0, 3 * 32768));
        assert_eq!(accumulator_bound(&[], [].into_iter(), input), (0, 0));
    }
}
