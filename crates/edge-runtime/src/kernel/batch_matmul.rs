//! Matrix products of two activations.

use edge_format::{BatchMatmulParams, OpCode, Shape};

use super::strided::{Axes, Offsets, dense_strides, dims};
use super::{Frame, Node, expect_activation, expect_range, expect_shift, misfit, total};
use crate::arith::multiply_by_quantized_multiplier;
use crate::{CheckError, Operand, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::BatchMatmul, check, run };

/// Adjacent outputs whose sums are kept at once.
const BLOCK: usize = 16;

/// The axes before the matrices, and the matrices' rows and columns.
fn split(shape: &Shape) -> Option<(&[u32], [usize; 2])> {
    let (batch, matrix) = shape.dims().split_last_chunk::<2>()?;
    Some((batch, matrix.map(|dim| dim as usize)))
}

/// Checks that the matrices fit and that what is before them broadcasts.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let params: BatchMatmulParams = node.params()?;
    node.expect_inputs(2)?;
    expect_range("transpose_b", params.transpose_b, 0..=1)?;
    let (a, b, output) = (node.input_i8(0)?, node.input_i8(1)?, node.output_i8()?);
    let Some((a_batch, [rows, depth])) = split(&a.shape) else { return misfit(Operand::Input(0), &a) };
    let Some((b_batch, mut b_matrix)) = split(&b.shape) else { return misfit(Operand::Input(1), &b) };
    let Some((out_batch, out_matrix)) = split(&output.shape) else { return misfit(Operand::Output, &output) };
    if params.transpose_b == 1 {
        b_matrix.reverse();
    }
    let [b_depth, columns] = b_matrix;
    if b_depth != depth || b_batch.len() != a_batch.len() {
        return misfit(Operand::Input(1), &b);
    }
    let broadcast = |(&all, (&a, &b)): (&u32, (&u32, &u32))| (a == 1 || a == all) && (b == 1 || b == all) && a.max(b) == all;
    let batches = out_batch.len() == a_batch.len() && out_batch.iter().zip(a_batch.iter().zip(b_batch)).all(broadcast);
    if !batches || out_matrix != [rows, columns] {
        return misfit(Operand::Output, &output);
    }
    expect_shift(params.shift)?;
    expect_activation(params.activation_min, params.activation_max)
}

/// Strides of a tensor along the axes of what it broadcasts to.
fn strides(shape: &Shape) -> Axes {
    let mut strides = dense_strides(shape);
    strides.iter_mut().zip(shape.dims()).filter(|&(_, &dim)| dim == 1).for_each(|(stride, _)| *stride = 0);
    strides
}

/// Computes each row of the output in blocks of columns.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let params: BatchMatmulParams = frame.params()?;
    let ((a_shape, a_affine), (b_shape, b_affine), (out_shape, out_affine)) =
        (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let (batch, [rows, columns]) = split(&out_shape)?;
    let (_, [_, depth]) = split(&a_shape)?;
    // Distances in b between neighbours along the depth and along the columns.
    let (step, next) = if params.transpose_b == 1 { (1, depth) } else { (columns, 1) };
    let offsets = |shape: &Shape| Offsets::new(batch.len(), dims(&out_shape), strides(shape), 0);
    let (a_offsets, b_offsets) = (offsets(&a_shape), offsets(&b_shape));
    let (a, b) = (frame.input(0)?, frame.input(1)?);
    let (a_zero, b_zero) = (a_affine.zero_point, b_affine.zero_point);

    for ((output, a_offset), b_offset) in total::rows_mut(frame.into_output(), rows * columns)?.zip(a_offsets).zip(b_offsets) {
        let (a, b) = (a.get(a_offset..)?, b.get(b_offset..)?);
        for (a, output) in total::rows(a, depth)?.zip(total::rows_mut(output, columns)?) {
            for (block, output) in output.chunks_mut(BLOCK).enumerate() {
                let mut sums = [0i32; BLOCK];
                for (index, &a) in a.iter().enumerate() {
                    let a = i32::from(a).wrapping_sub(a_zero);
                    let b = total::every(b.get(index * step + block * BLOCK * next..)?, next)?;
                    for (sum, &b) in sums.iter_mut().take(output.len()).zip(b) {
                        *sum = sum.wrapping_add(a.wrapping_mul(i32::from(b).wrapping_sub(b_zero)));
                    }
                }
                for (output, sum) in output.iter_mut().zip(sums) {
                    let q = multiply_by_quantized_multiplier(sum, params.multiplier_q31, params.shift);
                    let q = q.saturating_add(out_affine.zero_point);
                    *output = q.max(params.activation_min).min(params.activation_max) as i8;
                }
            }
        }
    }
    Some(())
}
