//! Walks over tensors whose elements are not adjacent.

use edge_format::{MAX_RANK, Shape};

use super::{Frame, total};

/// Dimensions or strides, outermost first; only the first `rank` count.
pub(super) type Axes = [usize; MAX_RANK];

/// Distance between neighbours along each axis of a dense tensor.
pub(super) fn dense_strides(shape: &Shape) -> Axes {
    let mut strides = [0; MAX_RANK];
    let mut stride = 1;
    for (slot, &dim) in strides.iter_mut().zip(shape.dims()).rev() {
        *slot = stride;
        stride *= dim as usize;
    }
    strides
}

/// The dimensions as an array; 1 beyond the rank.
pub(super) fn dims(shape: &Shape) -> Axes {
    let mut dims = [1; MAX_RANK];
    for (slot, &dim) in dims.iter_mut().zip(shape.dims()) {
        *slot = dim as usize;
    }
    dims
}

/// Offsets of all elements of a strided box, the last axis fastest.
#[derive(Clone)]
pub(super) struct Offsets {
    dims: Axes,
    strides: Axes,
    index: Axes,
    rank: usize,
    next: Option<usize>,
}

impl Offsets {
    /// Of the first `rank` axes; one offset, `start`, where there is none.
    pub(super) fn new(rank: usize, dims: Axes, strides: Axes, start: usize) -> Self {
        Self { dims, strides, index: [0; MAX_RANK], rank, next: Some(start) }
    }
}

impl Iterator for Offsets {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let current = self.next?;
        let mut offset = current;
        for axis in (0..self.rank.min(MAX_RANK)).rev() {
            self.index[axis] += 1;
            offset += self.strides[axis];
            if self.index[axis] < self.dims[axis] {
                self.next = Some(offset);
                return Some(current);
            }
            offset -= self.strides[axis] * self.dims[axis];
            self.index[axis] = 0;
        }
        self.next = None;
        Some(current)
    }
}

/// Fills the output, row by row, with the elements of the first input that lie `strides` apart from element `start` on.
pub(super) fn copy(frame: Frame<'_, '_>, strides: Axes, start: usize) -> Option<()> {
    let shape = frame.output_like()?.0;
    let inner = shape.rank().saturating_sub(1);
    let (row, step) = (*dims(&shape).get(inner)?, *strides.get(inner)?);
    let rows = Offsets::new(inner, dims(&shape), strides, start);
    let (x, size) = (frame.input(0)?, frame.element_bytes()?);
    for (output, offset) in total::rows_mut(frame.into_output(), row * size)?.zip(rows) {
        let x = x.get(offset * size..)?;
        match (step, size) {
            (1, _) => total::copy(output, x.get(..row * size)?)?,
            (_, 1) => copy_every::<1>(output, x, step)?,
            _ => copy_every::<2>(output, x, step)?,
        }
    }
    Some(())
}

/// Copies every `step`-th element of `SIZE` bytes.
fn copy_every<const SIZE: usize>(to: &mut [i8], from: &[i8], step: usize) -> Option<()> {
    let from = total::every(from.as_chunks::<SIZE>().0, step)?;
    to.as_chunks_mut().0.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn the_last_axis_is_the_fastest() {
        let Some(shape) = Shape::new(&[2, 3, 2]) else { panic!("a shape") };
        let dense = Offsets::new(3, dims(&shape), dense_strides(&shape), 5);
        assert!(dense.eq(5..17));
        let transposed = Offsets::new(2, [2, 3, 1, 1, 1, 1], [1, 2, 0, 0, 0, 0], 0);
        assert_eq!(transposed.collect::<Vec<_>>(), [0, 2, 4, 1, 3, 5]);
        assert_eq!(Offsets::new(0, [0; 6], [0; 6], 9).collect::<Vec<_>>(), [9]);
    }
}
