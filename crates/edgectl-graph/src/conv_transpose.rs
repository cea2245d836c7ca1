//! Transposed convolution: its attributes, its shape, and the two orders in which its filter is written.

use std::fmt;

use crate::{Activation, Dim, Shape, Window, permute};

/// The attributes of a transposed convolution: tap `k` of the window of input `i` falls on output
/// `i * stride + k * dilation - pads_begin`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose {
    /// Kernel, dilations, the distance between windows in the output, and what is cut off from the output.
    pub window: Window,
    /// Elements that the output has beyond the last window, per spatial axis.
    pub output_pads: Vec<usize>,
    /// Number of groups; each sees `C / groups` input channels.
    pub groups: usize,
    /// Applied to the result.
    pub activation: Activation,
}

impl ConvTranspose {
    /// The size of the output along a spatial axis for an input of this size; `None` where nothing is left of it.
    pub fn output_size(&self, axis: usize, size: usize) -> Option<usize> {
        let Window { kernel, strides, dilations, pads_begin, pads_end } = &self.window;
        let last = size.checked_sub(1)?.checked_mul(strides[axis])?;
        let reach = kernel[axis].checked_sub(1)?.checked_mul(dilations[axis])?;
        let whole = last.checked_add(reach)?.checked_add(1)?.checked_add(self.output_pads[axis])?;
        whole.checked_sub(pads_begin[axis])?.checked_sub(pads_end[axis]).filter(|&size| size > 0)
    }

    /// The shape of the output, `filter` being that of the filter `[O, C / groups, kernel...]`.
    pub(crate) fn output(&self, x: &Shape, filter: &[usize]) -> Result<Shape, String> {
        let refused = || format!("filter {} with {self} does not fit the input {x}", Shape::new(filter.iter().copied()));
        let [batch, channels, spatial @ ..] = x.dims() else { return Err(refused()) };
        let rank = spatial.len();
        let well_formed = (1..=2).contains(&rank) && self.window.is_well_formed(rank) && self.output_pads.len() == rank;
        let fits = well_formed
            && filter.len() == rank + 2
            && filter[2..] == self.window.kernel[..]
            && self.groups > 0
            && filter[1].checked_mul(self.groups) == channels.fixed()
            && filter[0].is_multiple_of(self.groups)
            && filter[0] > 0;
        if !fits {
            return Err(refused());
        }
        let size = |(axis, dim): (usize, &Dim)| self.output_size(axis, dim.fixed()?).map(Dim::Fixed);
        let sizes: Option<Vec<Dim>> = spatial.iter().enumerate().map(size).collect();
        Ok(Shape::from([vec![batch.clone(), Dim::Fixed(filter[0])], sizes.ok_or_else(refused)?].concat()))
    }
}

impl fmt::Display for ConvTranspose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.window)?;
        if self.output_pads.iter().any(|&pad| pad != 0) {
            write!(f, " output_pads={:?}", self.output_pads)?;
        }
        if self.groups != 1 { write!(f, " groups={}", self.groups) } else { Ok(()) }
    }
}

/// A filter `[C, O / groups, kernel...]` as `[O, C / groups, kernel...]`, or the other way round: ONNX writes the filters of transposed
/// convolutions with the input channels first. Returns shape and values; `None` where the groups do not divide the first axis.
pub fn swap_channels<T: Copy>(values: &[T], shape: &[usize], groups: usize) -> Option<(Vec<usize>, Vec<T>)> {
    let [first, second, kernel @ ..] = shape else { return None };
    let per_group = first.checked_div(groups).filter(|size| size * groups == *first)?;
    let kernel_size = kernel.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    let swapped = permute(values, &[groups, per_group, *second, kernel_size], &[0, 2, 1, 3])?;
    Some(([&[groups.checked_mul(*second)?, per_group], kernel].concat(), swapped))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn conv(kernel: usize, stride: usize, pads: [usize; 2], output_pad: usize) -> ConvTranspose {
        let [begin, end] = pads;
        let window = Window { strides: vec![stride], pads_begin: vec![begin], pads_end: vec![end], ..Window::new(&[kernel]) };
        ConvTranspose { window, output_pads: vec![output_pad], groups: 1, activation: Activation::NONE }
    }

    #[test]
    fn sizes_are_those_of_onnx() {
        assert_eq!(conv(3, 2, [1, 1], 1).output_size(0, 8), Some(16));
        assert_eq!(conv(2, 2, [0, 0], 0).output_size(0, 8), Some(16));
        assert_eq!(conv(3, 1, [0, 0], 0).output_size(0, 1), Some(3));
        assert_eq!(conv(1, 3, [0, 0], 0).output_size(0, 4), Some(10));
        assert_eq!(conv(2, 1, [1, 1], 0).output_size(0, 1), None);
        assert_eq!(conv(2, usize::MAX, [0, 0], 0).output_size(0, 3), None);
    }

    #[test]
    fn swapping_channels_twice_changes_nothing() {
        let values: Vec<i32> = (0..4 * 3 * 5).collect();
        for groups in [1, 2, 4] {
            let (shape, swapped) = swap_channels(&values, &[4, 3, 5], groups).unwrap();
            assert_eq!(shape, [3 * groups, 4 / groups, 5]);
            assert_eq!(swap_channels(&swapped, &shape, groups).unwrap(), (vec![4, 3, 5], values.clone()));
        }
        assert_eq!(swap_channels(&[0, 1, 2, 3], &[2, 2], 1).unwrap(), (vec![2, 2], vec![0, 2, 1, 3]));
        assert!(swap_channels(&values, &[4, 3, 5], 3).is_none());
        assert!(swap_channels(&values, &[4, 3, 5], 0).is_none());
    }
}
