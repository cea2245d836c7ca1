//! Mean over axes.

use edge_format::{MAX_RANK, MeanParams, OpCode, Shape};

use super::strided::{Axes, Offsets, dense_strides};
use super::{Frame, Node, expect_range, expect_shift, misfit};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::Mean, check, run };

/// Adjacent outputs whose sums are kept at once.
const BLOCK: usize = 16;

/// Checks that the axes exist and that the output has the dimensions that are left.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: MeanParams = node.params()?;
    node.expect_inputs(1)?;
    let (x, output) = (node.input_i8(0)?, node.output_i8()?);
    expect_range("axes", params.axes, 0..=(1 << x.shape.rank()) - 1)?;
    // Whether the reduced axes are kept as ones or dropped, the other dimensions follow each other.
    let kept = (0..).zip(x.shape.dims()).filter(|&(axis, _)| params.axes >> axis & 1 == 0).map(|(_, dim)| dim);
    let without_ones = output.shape.dims().iter().filter(|&&dim| dim != 1);
    if !kept.filter(|&&dim| dim != 1).eq(without_ones) {
        return misfit(Operand::Output, &output);
    }
    expect_shift(params.shift)
}

/// Some of a tensor's axes.
#[derive(Clone, Copy, Default)]
struct AxisList {
    rank: usize,
    dims: Axes,
    strides: Axes,
}

impl AxisList {
    fn push(&mut self, dim: usize, stride: usize) -> Option<()> {
        *self.dims.get_mut(self.rank)? = dim;
        *self.strides.get_mut(self.rank)? = stride;
        self.rank += 1;
        Some(())
    }

    fn offsets(&self, start: usize) -> Offsets {
        Offsets::new(self.rank, self.dims, self.strides, start)
    }
}

/// The kept axes but for the adjacent elements at the end, the number of these, and the reduced axes.
fn split(shape: &Shape, axes: u32) -> Option<(AxisList, usize, AxisList)> {
    let strides = dense_strides(shape);
    let is_reduced = |axis: usize| axes >> axis & 1 == 1;
    let inner_axes = (0..shape.rank()).rev().take_while(|&axis| !is_reduced(axis)).count();
    let outer_rank = shape.rank() - inner_axes;
    let inner = shape.dims().iter().skip(outer_rank).product::<u32>() as usize;
    let (mut kept, mut reduced) = (AxisList::default(), AxisList::default());
    for (axis, (&dim, stride)) in shape.dims().iter().zip(strides).enumerate().take(outer_rank) {
        if is_reduced(axis) { &mut reduced } else { &mut kept }.push(dim as usize, stride)?;
    }
    Some((kept, inner, reduced))
}

const _: () = assert!(MAX_RANK <= 32, "axes are bits of a word");

/// Sums blocks of adjacent outputs and requantizes, the division being part of the multiplier.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: MeanParams = frame.params()?;
    let ((shape, x_affine), (_, out_affine)) = (frame.input_like(0)?, frame.output_like()?);
    let (kept, inner, reduced) = split(&shape, params.axes)?;
    let count: usize = reduced.dims.iter().take(reduced.rank).product();
    let bias = (count as i32).wrapping_mul(x_affine.zero_point);
    let x = frame.input(0)?;
    let rows = frame.into_output().chunks_exact_mut(inner);

    for (start, output) in kept.offsets(0).zip(rows) {
        for (block, output) in output.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0i32; BLOCK];
            for offset in reduced.offsets(start + block * BLOCK) {
                for (sum, &x) in sums.iter_mut().zip(x.get(offset..)?.get(..output.len())?) {
                    *sum = sum.wrapping_add(i32::from(x));
                }
            }
            for (output, sum) in output.iter_mut().zip(sums) {
                let q = multiply_by_quantized_multiplier(sum.wrapping_sub(bias), params.multiplier_q31, params.shift);
                *output = q.saturating_add(out_affine.zero_point).clamp(i8::MIN.into(), i8::MAX.into()) as i8;
            }
        }
    }
    Some(())
}
