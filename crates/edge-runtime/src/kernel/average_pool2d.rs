//! Average over windows.

use edge_format::{AveragePool2dParams, DType, OpCode, Shape};

use super::reduce::{BLOCK, add};
use super::window::{self, Geometry, plane};
use super::{Frame, Node, expect_activation_of, expect_range, misfit, total};
use crate::{CheckError, Element, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::AveragePool2d, check, run };

/// Greatest number of elements in a window: their sum, of numbers with this many bits, fits 32 bits.
const fn max_window<T: Element>() -> i64 {
    (1 << 30) / (T::GREATEST as i64 + 1)
}

/// Checks shapes and window geometry; input and output have the same scale and zero point.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    check_as::<i8>(node, node.params()?)
}

pub(super) fn check_as<T: Element>(node: &Node<'_>, params: AveragePool2dParams) -> Result<(), CheckError> {
    check_shapes(node, &params, T::DTYPE)?;
    expect_range("window", i64::from(params.kernel_h) * i64::from(params.kernel_w), 1..=max_window::<T>())?;
    expect_range("include_pad", params.include_pad, 0..=1)?;
    expect_activation_of::<T>(params.activation_min, params.activation_max)
}

fn check_shapes(node: &Node<'_>, params: &AveragePool2dParams, dtype: DType) -> Result<(), CheckError> {
    node.expect_inputs(1)?;
    let (x, output) = (node.input_as(0, dtype)?, node.output_as(dtype)?);
    node.expect_same_affine(0)?;
    let Some([batch, _, _, channels]) = x.shape.array::<4>() else { return misfit(Operand::Input(0), &x) };
    window::check(geometry(params, &x.shape, &output.shape), &output, [batch, channels], Geometry::check_overlap)
}

/// The windows over rows and columns.
fn geometry(params: &AveragePool2dParams, x: &Shape, output: &Shape) -> Option<[Geometry; 2]> {
    let AveragePool2dParams { kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, .. } = *params;
    plane(x, output, [kernel_h, kernel_w], [stride_h, stride_w], [1, 1], [pad_top, pad_left])
}

/// Sums each window in blocks of channels and divides, ties away from zero.
#[inline(always)]
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params = frame.params()?;
    run_as::<i8>(frame, params)
}

#[inline(always)]
pub(super) fn run_as<T: Element>(frame: Frame<'_, '_>, params: AveragePool2dParams) -> Option<()> {
    let ((x_shape, affine), (out_shape, _)) = (frame.input_like(0)?, frame.output_like()?);
    let [vertical, horizontal] = window::windows(geometry(&params, &x_shape, &out_shape))?;
    let [batch, in_h, in_w, channels] = x_shape.array()?;
    let [_, out_h, out_w, _] = out_shape.array()?;
    let x = frame.input_of::<T>(0)?;
    let window = (params.kernel_h * params.kernel_w) as i32;
    let mut pixels = total::rows_mut(frame.into_output_of::<T>()?, channels)?;

    for image in 0..batch {
        for out_y in 0..out_h {
            let (taps_y, first_y) = vertical.taps(out_y);
            for out_x in 0..out_w {
                let (taps_x, first_x) = horizontal.taps(out_x);
                let inside = (taps_y.len() * taps_x.len()) as i32;
                let (count, padding) = if params.include_pad == 1 { (window, window - inside) } else { (inside, 0) };
                for (block, output) in pixels.next()?.chunks_mut(BLOCK).enumerate() {
                    let mut sums = [padding * affine.zero_point; BLOCK];
                    for y in first_y..first_y + taps_y.len() {
                        for column in first_x..first_x + taps_x.len() {
                            let start = ((image * in_h + y) * in_w + column) * channels + block * BLOCK;
                            add(&mut sums, x.get(start..)?, output.len())?;
                        }
                    }
                    for (output, sum) in output.iter_mut().zip(sums) {
                        let half = if sum > 0 { count / 2 } else { -(count / 2) };
                        *output = T::wrapping_from((sum + half).checked_div(count)?.max(params.activation_min).min(params.activation_max));
                    }
                }
            }
        }
    }
    Some(())
}
