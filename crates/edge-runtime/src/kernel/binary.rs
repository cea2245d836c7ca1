//! Two inputs, element by element, with numpy broadcasting.

use edge_format::{DType, Shape};

use super::strided::{Axes, Offsets, dense_strides};
use super::{Frame, Node, misfit, total};
use crate::{CheckError, Element, Operand};

/// Checks that the output's shape is what the inputs' broadcast to.
pub(super) fn check(node: &Node<'_>, dtype: DType) -> Result<(), CheckError> {
    node.expect_inputs(2)?;
    let (a, b, output) = (node.input_as(0, dtype)?, node.input_as(1, dtype)?, node.output_as(dtype)?);
    let rank = output.shape.rank();
    for (tensor, index) in [(&a, 0), (&b, 1)] {
        let fits = |axis| [1, dim_at(&output.shape, rank, axis)].contains(&dim_at(&tensor.shape, rank, axis));
        if tensor.shape.rank() > rank || !(0..rank).all(fits) {
            return misfit(Operand::Input(index), tensor);
        }
    }
    let joined = |axis| dim_at(&a.shape, rank, axis).max(dim_at(&b.shape, rank, axis));
    if !(0..rank).all(|axis| joined(axis) == dim_at(&output.shape, rank, axis)) {
        return misfit(Operand::Output, &output);
    }
    Ok(())
}

/// Dimension of an axis of a shape that is aligned at its end with one of `rank`; 1 before its own begin.
fn dim_at(shape: &Shape, rank: usize, axis: usize) -> usize {
    let own = (axis + shape.rank()).checked_sub(rank);
    own.and_then(|own| shape.dims().get(own)).map_or(1, |&dim| dim as usize)
}

/// The output's axes with the strides of both inputs, neighbours merged where one step serves both.
#[derive(Default)]
struct Walk {
    rank: usize,
    dims: Axes,
    strides: [Axes; 2],
}

impl Walk {
    fn new(a: &Shape, b: &Shape, output: &Shape) -> Option<Self> {
        let mut walk = Self::default();
        let rank = output.rank();
        let dense = [dense_strides(a), dense_strides(b)];
        for (axis, &dim) in output.dims().iter().enumerate().filter(|&(_, &dim)| dim != 1) {
            let mut strides = [0; 2];
            for ((stride, shape), dense) in strides.iter_mut().zip([a, b]).zip(&dense) {
                let own = (axis + shape.rank()).checked_sub(rank);
                *stride = if dim_at(shape, rank, axis) == 1 { 0 } else { *dense.get(own?)? };
            }
            walk.push(dim as usize, strides)?;
        }
        Some(walk)
    }

    /// Adds an axis inside of the others.
    fn push(&mut self, dim: usize, strides: [usize; 2]) -> Option<()> {
        if let Some(last) = self.rank.checked_sub(1) {
            let joins = |(outer, stride): (&Axes, usize)| outer.get(last).copied() == stride.checked_mul(dim);
            if self.strides.iter().zip(strides).all(joins) {
                *self.dims.get_mut(last)? *= dim;
                for (outer, stride) in self.strides.iter_mut().zip(strides) {
                    *outer.get_mut(last)? = stride;
                }
                return Some(());
            }
        }
        *self.dims.get_mut(self.rank)? = dim;
        for (outer, stride) in self.strides.iter_mut().zip(strides) {
            *outer.get_mut(self.rank)? = stride;
        }
        self.rank += 1;
        Some(())
    }
}

/// One input along a row of the output.
#[derive(Clone, Copy)]
enum Row<'a, T> {
    /// What the output holds before it is written.
    InPlace,
    /// The same value everywhere.
    Scalar(T),
    /// As many values as the row has.
    Values(&'a [T]),
}

impl<'a, T: Element> Row<'a, T> {
    fn new(x: Option<&'a [T]>, offset: usize, stride: usize, length: usize) -> Option<Self> {
        Some(match (x, stride) {
            (None, _) => Row::InPlace,
            (Some(x), 0) => Row::Scalar(*x.get(offset)?),
            (Some(x), _) => Row::Values(x.get(offset..)?.get(..length)?),
        })
    }

    #[inline(always)]
    fn at(self, index: usize, own: T) -> i32 {
        match self {
            Row::InPlace => own,
            Row::Scalar(value) => value,
            Row::Values(values) => values.get(index).copied().unwrap_or(own),
        }
        .into()
    }
}

/// Applies `f` to the quantized values of both inputs; its result is confined to the activation's range.
#[inline(always)]
pub(super) fn run<T: Element>(frame: Frame<'_, '_>, activation: (i32, i32), f: impl Fn(i32, i32) -> i32) -> Option<()> {
    // On bare metal a call per element is little beside what it computes, and a copy of the loop per operator much beside the flash.
    if cfg!(target_os = "none") {
        return for_each::<T, dyn Fn(i32, i32) -> i32>(frame, activation, &f);
    }
    for_each::<T, _>(frame, activation, &f)
}

fn for_each<T: Element, F: Fn(i32, i32) -> i32 + ?Sized>(frame: Frame<'_, '_>, activation: (i32, i32), f: &F) -> Option<()> {
    let ((a_shape, _), (b_shape, _), (out_shape, _)) = (frame.input_like(0)?, frame.input_like(1)?, frame.output_like()?);
    let Walk { rank, dims, strides: [a_strides, b_strides] } = Walk::new(&a_shape, &b_shape, &out_shape)?;
    let (a, b) = (frame.input_or_in_place_of::<T>(0)?, frame.input_or_in_place_of::<T>(1)?);
    let (outer, length, steps) = match rank.checked_sub(1) {
        Some(last) => (last, *dims.get(last)?, [*a_strides.get(last)?, *b_strides.get(last)?]),
        None => (0, 1, [0; 2]),
    };
    let a_offsets = Offsets::new(outer, dims, a_strides, 0);
    let b_offsets = Offsets::new(outer, dims, b_strides, 0);
    for ((output, a_offset), b_offset) in total::rows_mut(frame.into_output_of::<T>()?, length)?.zip(a_offsets).zip(b_offsets) {
        let (a, b) = (Row::new(a, a_offset, steps[0], length)?, Row::new(b, b_offset, steps[1], length)?);
        for (index, output) in output.iter_mut().enumerate() {
            *output = T::wrapping_from(f(a.at(index, *output), b.at(index, *output)).max(activation.0).min(activation.1));
        }
    }
    Some(())
}
