//! Where the elements of a window lie: windows over images, of which signals are those of height one.

use std::iter::StepBy;
use std::ops::Range;

use edgectl_graph::Window;

use pulp::{Arch, Simd, WithSimd};

/// What is done with a stretch of windows of one line. Implementations are always inlined, so that they are compiled for each instruction set;
/// closures of their length are not.
pub(crate) trait Line {
    /// For an element of the windows: their places, where the pixel under the first of them lies, and how far those of the others are apart.
    fn line(&mut self, tap: usize, windows: Range<usize>, first: usize, stride: usize);
}

/// A window that slides over an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Geometry {
    /// Height and width of the image.
    pub(crate) image: [usize; 2],
    /// Windows along each axis.
    pub(crate) windows: [usize; 2],
    /// Elements of a window.
    pub(crate) kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    begin: [usize; 2],
}

impl Geometry {
    /// Windows over images of these spatial dimensions, of which there are one or two; `None` where none fits, or the numbers do not fit
    /// each other.
    pub(crate) fn new(window: &Window, spatial: &[usize]) -> Option<Geometry> {
        let count = |axis: usize| window.output_size(axis, spatial[axis]);
        let windows = (0..spatial.len()).map(count).collect::<Option<Vec<_>>>()?;
        Geometry::with_windows(window, spatial, &windows)
    }

    /// As [`Geometry::new`], with the number of windows given: a transposed convolution may cut some off.
    pub(crate) fn with_windows(window: &Window, spatial: &[usize], windows: &[usize]) -> Option<Geometry> {
        let pair = |list: &[usize], none: usize| match *list {
            [w] => Some([none, w]),
            [h, w] => Some([h, w]),
            _ => None,
        };
        Some(Geometry {
            image: pair(spatial, 1)?,
            windows: pair(windows, 1)?,
            kernel: pair(&window.kernel, 1)?,
            strides: pair(&window.strides, 1)?,
            dilations: pair(&window.dilations, 1)?,
            begin: pair(&window.pads_begin, 0)?,
        })
    }

    /// Elements of the image.
    pub(crate) fn pixels(&self) -> usize {
        self.image[0] * self.image[1]
    }

    /// Number of windows.
    pub(crate) fn places(&self) -> usize {
        self.windows[0] * self.windows[1]
    }

    /// Elements of a window.
    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether each window is one pixel, and each pixel a window.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.strides == [1, 1] && self.begin == [0, 0] && self.image == self.windows
    }

    /// Along an axis, the windows whose element `tap` lies in the image.
    #[inline(always)]
    fn inside(&self, axis: usize, tap: usize) -> Range<usize> {
        let (offset, stride) = (tap * self.dilations[axis], self.strides[axis]);
        let first = self.begin[axis].saturating_sub(offset).div_ceil(stride);
        let end = (self.image[axis] + self.begin[axis]).saturating_sub(offset).div_ceil(stride).min(self.windows[axis]);
        first.min(end)..end
    }

    /// Along an axis, the pixel under element `tap` of a window for which [`Geometry::inside`] says that there is one.
    #[inline(always)]
    fn pixel(&self, axis: usize, window: usize, tap: usize) -> usize {
        window * self.strides[axis] + tap * self.dilations[axis] - self.begin[axis]
    }

    /// Along an axis, the pixels under each window.
    pub(crate) fn pixels_under_windows(&self, axis: usize) -> Vec<StepBy<Range<usize>>> {
        let (dilation, begin, image) = (self.dilations[axis], self.begin[axis], self.image[axis]);
        let under = |window: usize| {
            let start = window * self.strides[axis];
            let end = (start + (self.kernel[axis] - 1) * dilation + 1).saturating_sub(begin).min(image);
            // The first element that lies in the image.
            let first = if start >= begin { start - begin } else { (dilation - (begin - start) % dilation) % dilation };
            (first..end.max(first)).step_by(dilation)
        };
        (0..self.windows[axis]).map(under).collect()
    }

    /// Goes through a plane line by line, with the widest vectors that this machine has.
    pub(crate) fn lines(&self, work: &mut impl Line) {
        struct Lines<'a, L>(&'a Geometry, &'a mut L);
        impl<L: Line> WithSimd for Lines<'_, L> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) {
                let Lines(geometry, work) = self;
                for ky in 0..geometry.kernel[0] {
                    for kx in 0..geometry.kernel[1] {
                        let columns = geometry.inside(1, kx);
                        if columns.is_empty() {
                            continue;
                        }
                        for oy in geometry.inside(0, ky) {
                            let first = geometry.pixel(0, oy, ky) * geometry.image[1] + geometry.pixel(1, columns.start, kx);
                            let line = oy * geometry.windows[1];
                            let windows = line + columns.start..line + columns.end;
                            work.line(ky * geometry.kernel[1] + kx, windows, first, geometry.strides[1]);
                        }
                    }
                }
            }
        }
        Arch::new().dispatch(Lines(self, work));
    }

    /// Lays the windows of planes out as columns: `columns [planes * taps, places]`.
    pub(crate) fn gather(&self, planes: &[f32], columns: &mut [f32]) {
        let (places, taps) = (self.places(), self.taps());
        if self.begin != [0, 0] || self.windows_reach_beyond() {
            columns.fill(0.0);
        }
        for (plane, columns) in planes.chunks_exact(self.pixels()).zip(columns.chunks_exact_mut(taps * places)) {
            self.lines(&mut Gather { plane, columns, places });
        }
    }

    /// The reverse of [`Geometry::gather`]: adds what lies in the columns to the pixels from which they came.
    pub(crate) fn scatter(&self, columns: &[f32], planes: &mut [f32]) {
        let (places, taps) = (self.places(), self.taps());
        for (plane, columns) in planes.chunks_exact_mut(self.pixels()).zip(columns.chunks_exact(taps * places)) {
            self.lines(&mut Scatter { plane, columns, places });
        }
    }

    fn windows_reach_beyond(&self) -> bool {
        (0..2).any(|axis| self.inside(axis, self.kernel[axis] - 1).end < self.windows[axis])
    }
}

struct Gather<'a> {
    plane: &'a [f32],
    columns: &'a mut [f32],
    places: usize,
}

impl Line for Gather<'_> {
    #[inline(always)]
    fn line(&mut self, tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        let row = &mut self.columns[tap * self.places..][windows];
        if stride == 1 {
            row.copy_from_slice(&self.plane[first..first + row.len()]);
        } else {
            row.iter_mut().zip(self.plane[first..].iter().step_by(stride)).for_each(|(to, from)| *to = *from);
        }
    }
}

struct Scatter<'a> {
    plane: &'a mut [f32],
    columns: &'a [f32],
    places: usize,
}

impl Line for Scatter<'_> {
    #[inline(always)]
    fn line(&mut self, tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        let row = &self.columns[tap * self.places..][windows];
        if stride == 1 {
            self.plane[first..first + row.len()].iter_mut().zip(row).for_each(|(to, from)| *to += from);
        } else {
            self.plane[first..].iter_mut().step_by(stride).zip(row).for_each(|(to, from)| *to += from);
        }
    }
}
