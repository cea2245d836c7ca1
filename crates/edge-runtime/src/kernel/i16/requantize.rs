//! Another type or scale for the same number: between int8 and int16, or from one scale of int16 to another; with a factor of their own
//! for numbers below zero, so that rectifiers are the same.

use edge_format::{DType, OpCode, RequantizeParams};

use crate::arith::multiply_by_quantized_multiplier;
use crate::kernel::{Frame, Node, expect_activation_of, expect_shift, misfit};
use crate::{CheckError, Element, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Requantize, check, run };

/// Checks that there are as many outputs as inputs, of types that the kernel knows.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: RequantizeParams = node.params()?;
    node.expect_inputs(1)?;
    match node.input(0)?.dtype {
        DType::I16 => drop(node.input_of::<i16>(0)?),
        _ => drop(node.input_i8(0)?),
    }
    match node.output()?.dtype {
        DType::I16 => expect_activation_of::<i16>(params.activation_min, params.activation_max)?,
        _ => expect_activation_of::<i8>(params.activation_min, params.activation_max)?,
    }
    let output = node.output_moved()?;
    if node.input(0)?.shape.elements() != output.shape.elements() {
        return misfit(Operand::Output, &output);
    }
    expect_shift(params.shift).and_then(|()| expect_shift(params.negative_shift))
}

/// Multiplies the distance from the zero point; may run in place where both types have one size.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    match (frame.node.input(0).ok()?.dtype, frame.node.output().ok()?.dtype) {
        (DType::I8, DType::I8) => run_as::<i8, i8>(frame),
        (DType::I8, _) => run_as::<i8, i16>(frame),
        (_, DType::I8) => run_as::<i16, i8>(frame),
        _ => run_as::<i16, i16>(frame),
    }
}

fn run_as<X: Element, Y: Element>(frame: Frame<'_, '_>) -> Option<()> {
    let params: RequantizeParams = frame.params()?;
    let (x_zero, y_zero) = (frame.input_like(0)?.1.zero_point, frame.output_like()?.1.zero_point);
    let convert = |q: i32| {
        let distance = q.wrapping_sub(x_zero);
        let (multiplier_q31, shift) = match distance {
            0.. => (params.multiplier_q31, params.shift),
            _ => (params.negative_multiplier_q31, params.negative_shift),
        };
        let q = multiply_by_quantized_multiplier(distance, multiplier_q31, shift).saturating_add(y_zero);
        Y::wrapping_from(q.max(params.activation_min).min(params.activation_max))
    };
    let x = frame.input_or_in_place_of::<X>(0)?;
    let output = frame.into_output_of::<Y>()?;
    match x {
        Some(x) => output.iter_mut().zip(x).for_each(|(output, &x)| *output = convert(x.into())),
        None => output.iter_mut().for_each(|output| *output = convert((*output).into())),
    }
    Some(())
}
