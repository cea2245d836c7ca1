//! Rectifier with a slope per element, channel or tensor.

use edge_format::{DType, OpCode, PreluParams};

use super::{Frame, Node, binary, expect_shift};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Prelu, check, run };

/// Checks that shapes broadcast and that shifts are in range.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: PreluParams = node.params()?;
    binary::check(node, DType::I8)?;
    [params.positive_shift, params.negative_shift].into_iter().try_for_each(expect_shift)
}

/// Requantizes what is not negative, and the product with the slope of what is.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: PreluParams = frame.params()?;
    let [x_zero, slope_zero] = [frame.input_like(0)?, frame.input_like(1)?].map(|(_, affine)| affine.zero_point);
    let out_zero = frame.output_like()?.1.zero_point;
    binary::run::<i8>(frame, (i8::MIN.into(), i8::MAX.into()), |x, slope| {
        let (x, slope) = (x.wrapping_sub(x_zero), slope.wrapping_sub(slope_zero));
        let y = if x >= 0 {
            multiply_by_quantized_multiplier(x, params.positive_multiplier_q31, params.positive_shift)
        } else {
            multiply_by_quantized_multiplier(x.wrapping_mul(slope), params.negative_multiplier_q31, params.negative_shift)
        };
        y.saturating_add(out_zero)
    })
}
