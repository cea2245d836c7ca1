//! Operations on slices that would panic, as ones that fail: no panic is within reach of a kernel (`cargo xtask no-panic`).

use core::iter::StepBy;
use core::mem::take;
use core::slice::Iter;

/// Rows of `length` elements, whatever is left beyond the last whole one; `None` where the length is 0.
#[inline(always)]
pub(crate) fn rows<T>(elements: &[T], length: usize) -> Option<Rows<'_, T>> {
    (length != 0).then_some(Rows { rest: elements, length })
}

/// Rows of `length` elements to be written; `None` where the length is 0.
#[inline(always)]
pub(crate) fn rows_mut<T>(elements: &mut [T], length: usize) -> Option<RowsMut<'_, T>> {
    (length != 0).then_some(RowsMut { rest: elements, length })
}

/// The first element and every `step`-th after it; `None` where the step is 0.
#[inline(always)]
pub(super) fn every<T>(elements: &[T], step: usize) -> Option<StepBy<Iter<'_, T>>> {
    if step == 0 { None } else { Some(elements.iter().step_by(step)) }
}

/// Copies; `None` where the lengths differ.
#[inline(always)]
pub(super) fn copy<T: Copy>(to: &mut [T], from: &[T]) -> Option<()> {
    if to.len() != from.len() {
        return None;
    }
    // What compilers make `memcpy` of. `copy_from_slice` compares the lengths once more, and optimization for size may keep that.
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    Some(())
}

/// Numbers of which each is given `length` times before the next one: the channel's group, without a division per channel.
pub(super) struct Group {
    current: usize,
    left: usize,
    length: usize,
}

impl Group {
    /// From 0 on.
    pub(super) fn new(length: usize) -> Self {
        Self { current: 0, left: length, length }
    }

    /// From the number of the element `first` on; `None` where the length is 0.
    pub(super) fn starting_at(first: usize, length: usize) -> Option<Self> {
        let current = first.checked_div(length)?;
        Some(Self { current, left: length - (first - current * length), length })
    }

    /// The number of the next element.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        if self.left == 0 {
            self.current += 1;
            self.left = self.length;
        }
        self.left = self.left.wrapping_sub(1);
        self.current
    }
}

/// As `ChunksExact`, which divides to know its length in advance: a panic for who cannot prove that it is not by zero, and a
/// call on machines that do not divide.
pub(crate) struct Rows<'a, T> {
    rest: &'a [T],
    length: usize,
}

impl<'a, T> Iterator for Rows<'a, T> {
    type Item = &'a [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [T]> {
        let (row, rest) = self.rest.split_at_checked(self.length)?;
        self.rest = rest;
        Some(row)
    }
}

/// As `ChunksExactMut`: see [`Rows`].
pub(crate) struct RowsMut<'a, T> {
    rest: &'a mut [T],
    length: usize,
}

impl<'a, T> Iterator for RowsMut<'a, T> {
    type Item = &'a mut [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [T]> {
        let (row, rest) = take(&mut self.rest).split_at_mut_checked(self.length)?;
        self.rest = rest;
        Some(row)
    }
}
