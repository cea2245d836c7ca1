//! The proof that no sum of an integer layer leaves its accumulator, whatever the input.

use crate::quant::{QuantConst, QuantError, QuantGraph, QuantParams, QuantType};
use crate::{Node, Op};

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

impl QuantGraph {
    /// # Errors
    /// [`QuantError::Accumulator`] for a convolution, dense layer or matrix product that could leave its accumulator.
    pub(crate) fn check_accumulator(&self, node: &Node) -> Result<(), QuantError> {
        let Some(input) = node.input(0).and_then(|id| self.params(id)) else { return Ok(()) };
        let weights = node.input(1);
        let ((channel, bound), limit) = match (&node.op, weights.and_then(|id| self.constant(id))) {
            (op, Some(QuantConst::Weights { values, .. })) if op.is_layer() => match node.input(2).and_then(|id| self.constant(id)) {
                Some(QuantConst::Bias { values: bias }) => (accumulator_bound(values, bias.iter().map(|&b| b.into()), input), INT32_LIMIT),
                Some(QuantConst::WideBias { values: bias }) => (accumulator_bound(values, bias.iter().copied(), input), INT16_LIMIT),
                _ => {
                    let channels = weights.and_then(|id| Some(*self.graph().fixed_shape(id).ok()?.first()?)).unwrap_or(1);
                    let limit = if input.ty == QuantType::I16 { INT16_LIMIT } else { INT32_LIMIT };
                    (accumulator_bound(values, vec![0; channels].into_iter(), input), limit)
                }
            },
            (Op::MatMul, _) => {
                let terms = node.input(0).and_then(|id| Some(*self.graph().fixed_shape(id).ok()?.last()?)).unwrap_or(1);
                let other = weights.and_then(|id| self.params(id)).map_or(0, reach);
                ((0, (terms as u64).saturating_mul(reach(input) * other)), INT32_LIMIT)
            }
            _ => return Ok(()),
        };
        if bound < limit { Ok(()) } else { Err(QuantError::Accumulator { node: self.graph().label(node), channel, bound, limit }) }
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
