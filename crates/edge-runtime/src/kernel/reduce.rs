//! Walks over the elements that become one.

use edge_format::{DType, MAX_RANK, Shape};

use super::strided::{Axes, Offsets, dense_strides};
use super::{Frame, Node, expect_range, misfit, total};
use crate::{CheckError, Element, Operand};

/// Adjacent outputs that are computed at once.
pub(super) const BLOCK: usize = 16;

const _: () = assert!(MAX_RANK <= 32, "axes are bits of a word");

/// Checks that the axes exist and that the output has the dimensions that are left.
pub(super) fn check(node: &Node<'_>, dtype: DType, axes: u32) -> Result<(), CheckError> {
    node.expect_inputs(1)?;
    let (x, output) = (node.input_as(0, dtype)?, node.output_as(dtype)?);
    expect_range("axes", axes, 0..=(1 << x.shape.rank()) - 1)?;
    // Whether the reduced axes are kept as ones or dropped, the other dimensions follow each other.
    let kept = (0..).zip(x.shape.dims()).filter(|&(axis, _)| axes >> axis & 1 == 0).map(|(_, dim)| dim);
    let without_ones = output.shape.dims().iter().filter(|&&dim| dim != 1);
    if kept.filter(|&&dim| dim != 1).eq(without_ones) { Ok(()) } else { misfit(Operand::Output, &output) }
}

/// Some of a tensor's axes.
#[derive(Clone, Copy, Default)]
pub(super) struct AxisList {
    rank: usize,
    dims: Axes,
    strides: Axes,
}

impl AxisList {
    /// Adds an axis inside of the others; one over which the last one only steps on becomes a part of that.
    fn push(&mut self, dim: usize, stride: usize) -> Option<()> {
        if let Some(last) = self.rank.checked_sub(1)
            && self.strides.get(last).copied() == stride.checked_mul(dim)
        {
            *self.dims.get_mut(last)? *= dim;
            *self.strides.get_mut(last)? = stride;
            return Some(());
        }
        *self.dims.get_mut(self.rank)? = dim;
        *self.strides.get_mut(self.rank)? = stride;
        self.rank += 1;
        Some(())
    }

    /// The number of elements along these axes.
    pub(super) fn elements(&self) -> usize {
        self.dims.iter().take(self.rank).product()
    }

    pub(super) fn offsets(&self, start: usize) -> Offsets {
        Offsets::new(self.rank, self.dims, self.strides, start)
    }

    /// Hands each offset to `visit`, with a loop of its own for the innermost axis.
    #[inline(always)]
    pub(super) fn visit(&self, start: usize, mut visit: impl FnMut(usize) -> Option<()>) -> Option<()> {
        let Some(last) = self.rank.checked_sub(1) else { return visit(start) };
        let (dim, stride) = (*self.dims.get(last)?, *self.strides.get(last)?);
        for first in Offsets::new(last, self.dims, self.strides, start) {
            let mut offset = first;
            for _ in 0..dim {
                visit(offset)?;
                offset += stride;
            }
        }
        Some(())
    }
}

/// The kept axes but for the adjacent elements at the end, the number of these, and the reduced axes.
pub(super) fn split(shape: &Shape, axes: u32) -> Option<(AxisList, usize, AxisList)> {
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

/// Adds as many elements to the sums as there are outputs.
#[inline(always)]
pub(super) fn add<T: Element>(sums: &mut [i32; BLOCK], x: &[T], outputs: usize) -> Option<()> {
    // Of a length that the compiler knows, they become vectors.
    match x.first_chunk::<BLOCK>() {
        Some(x) if outputs == BLOCK && cfg!(not(target_os = "none")) => add_all(sums, x),
        _ => add_all(sums, x.get(..outputs)?),
    }
    Some(())
}

#[inline(always)]
fn add_all<T: Element>(sums: &mut [i32; BLOCK], x: &[T]) {
    sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum = sum.wrapping_add(x.into()));
}

/// Fills the output with what `choose` keeps of the elements along some axes, any two at a time.
#[inline(always)]
pub(super) fn run<T: Element>(frame: Frame<'_, '_>, axes: u32, choose: impl Fn(T, T) -> T) -> Option<()> {
    let (kept, inner, reduced) = split(&frame.input_like(0)?.0, axes)?;
    let x = frame.input_of::<T>(0)?;
    let rows = total::rows_mut(frame.into_output_of::<T>()?, inner)?;
    for (start, output) in kept.offsets(0).zip(rows) {
        total::copy(output, x.get(start..)?.get(..inner)?)?;
        for offset in reduced.offsets(start) {
            let x = x.get(offset..)?.get(..inner)?;
            output.iter_mut().zip(x).for_each(|(output, &x)| *output = choose(*output, x));
        }
    }
    Some(())
}
