//! Windows that slide over an axis: the geometry of convolution and pooling.

use core::num::NonZero;
use core::ops::Range;

use edge_format::{Shape, Tensor};

use super::{expect_range, misfit};
use crate::{CheckError, Operand};

/// Greatest kernel, stride, dilation or padding.
const MAX_PARAM: u32 = u16::MAX as u32;

/// Greatest distance, in elements, that windows reach. Sums of a few such numbers fit 32 bits.
const MAX_REACH: u64 = 1 << 28;

/// Windows along one axis, which checks have confined to numbers that cannot overflow.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) input: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: NonZero<usize>,
    pub(crate) pad: usize,
}

/// Parameters of windows along one axis, before they are checked.
pub(crate) struct Geometry {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) kernel: u32,
    pub(crate) stride: u32,
    pub(crate) dilation: u32,
    pub(crate) pad: u32,
}

/// Windows over rows and over columns of `[N, H, W, C]` tensors; each pair of parameters is vertical, horizontal.
pub(crate) fn plane(
    x: &Shape,
    output: &Shape,
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    pad: [u32; 2],
) -> Option<[Geometry; 2]> {
    let ([_, in_h, in_w, _], [_, out_h, out_w, _]) = (x.array()?, output.array()?);
    let axis = |input, output, axis: usize| Geometry {
        input,
        output,
        kernel: kernel[axis],
        stride: stride[axis],
        dilation: dilation[axis],
        pad: pad[axis],
    };
    Some([axis(in_h, out_h, 0), axis(in_w, out_w, 1)])
}

/// Demands that the output has this many images and channels, and what `check` demands of both axes.
pub(crate) fn check(
    axes: Option<[Geometry; 2]>,
    output: &Tensor<'_>,
    [images, channels]: [usize; 2],
    check: fn(&Geometry) -> Result<(), CheckError>,
) -> Result<(), CheckError> {
    match (axes, output.shape.array()) {
        (Some(axes), Some([n, _, _, c])) if [n, c] == [images, channels] => axes.iter().try_for_each(check),
        _ => misfit(Operand::Output, output),
    }
}

/// The windows over rows and columns, to be used after a check.
pub(crate) fn windows(axes: Option<[Geometry; 2]>) -> Option<[Windows; 2]> {
    let [vertical, horizontal] = axes?.map(|axis| axis.windows());
    Some([vertical?, horizontal?])
}

impl Geometry {
    /// Checks that no position overflows.
    pub(crate) fn check(&self) -> Result<(), CheckError> {
        expect_range("kernel", self.kernel, 1..=MAX_PARAM)?;
        expect_range("stride", self.stride, 1..=MAX_PARAM)?;
        expect_range("dilation", self.dilation, 1..=MAX_PARAM)?;
        expect_range("padding", self.pad, 0..=MAX_PARAM)?;
        let last_window = (self.output as u64 - 1) * u64::from(self.stride);
        let last_tap = u64::from(self.kernel - 1) * u64::from(self.dilation);
        let reach = last_window.max(last_tap).max(self.input as u64);
        expect_range("window reach", i64::try_from(reach).unwrap_or(i64::MAX), 0..=MAX_REACH as i64)
    }

    /// Checks also that every window covers some of the input.
    pub(crate) fn check_overlap(&self) -> Result<(), CheckError> {
        self.check()?;
        expect_range("padding", self.pad, 0..=self.kernel - 1)?;
        let last_window = (self.output as u64 - 1) * u64::from(self.stride);
        expect_range("last window", last_window as i64, 0..=(self.input as i64 - 1 + i64::from(self.pad)))
    }

    fn windows(&self) -> Option<Windows> {
        Some(Windows {
            input: self.input,
            kernel: self.kernel as usize,
            stride: self.stride as usize,
            dilation: NonZero::new(self.dilation as usize)?,
            pad: self.pad as usize,
        })
    }
}

impl Windows {
    /// Those of `outputs` windows that lie in the input as a whole.
    #[cfg(feature = "simd")]
    pub(crate) fn inside(&self, outputs: usize) -> Range<usize> {
        let first = self.pad.div_ceil(self.stride);
        let end = (self.input + self.pad).checked_sub(self.reach(1)).map_or(0, |last| last / self.stride + 1);
        first..end.min(outputs)
    }

    /// Elements from the first to the last one under this many windows, of which there is at least one.
    #[cfg(feature = "simd")]
    pub(crate) fn reach(&self, windows: usize) -> usize {
        (windows - 1) * self.stride + (self.kernel - 1) * self.dilation.get() + 1
    }

    /// The taps of the window at `output` that fall inside the input, and the input's index under the first one.
    pub(crate) fn taps(&self, output: usize) -> (Range<usize>, usize) {
        let start = output * self.stride;
        // Positions are counted from the first element of padding, to stay clear of negative numbers.
        let taps_before = |position: usize| match (position.saturating_sub(start), self.dilation.get()) {
            // Some machines have no division.
            (distance, 1) => distance,
            (distance, dilation) => distance.saturating_add(dilation - 1) / self.dilation,
        };
        let (first, last) = (taps_before(self.pad), taps_before(self.input + self.pad).min(self.kernel));
        if first < last { (first..last, start + first * self.dilation.get() - self.pad) } else { (0..0, 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn taps_are_those_inside_the_input(
            input in 1usize..9, kernel in 1usize..6, stride in 1usize..4, dilation in 1usize..4, pad in 0usize..6,
            output in 0usize..9,
        ) {
            let Some(dilation) = NonZero::new(dilation) else { return Ok(()) };
            let (taps, first) = Windows { input, kernel, stride, dilation, pad }.taps(output);
            let position = |tap: usize| (output * stride + tap * dilation.get()) as isize - pad as isize;
            let inside = |&tap: &usize| (0..input as isize).contains(&position(tap));
            prop_assert!((0..kernel).filter(inside).eq(taps.clone()));
            prop_assert_eq!(first as isize, if taps.is_empty() { 0 } else { position(taps.start) });
            #[cfg(feature = "simd")]
            prop_assert_eq!(Windows { input, kernel, stride, dilation, pad }.inside(8).contains(&output), taps.len() == kernel && output < 8);
        }
    }
}
