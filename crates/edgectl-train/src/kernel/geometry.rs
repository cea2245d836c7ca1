//! Where the elements of a window lie: windows over images, of which signals are those of height one.

use std::ops::Range;

use edgectl_graph::Window;

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

    /// Calls `row(tap, windows, pixels, stride)` for each stretch of windows of one line: the places of the windows, and where under the
    /// first of them the pixel lies; the pixels of the others are `stride` apart.
    #[inline(always)]
    pub(crate) fn lines(&self, mut row: impl FnMut(usize, Range<usize>, usize, usize)) {
        for ky in 0..self.kernel[0] {
            for kx in 0..self.kernel[1] {
                let columns = self.inside(1, kx);
                if columns.is_empty() {
                    continue;
                }
                for oy in self.inside(0, ky) {
                    let first = self.pixel(0, oy, ky) * self.image[1] + self.pixel(1, columns.start, kx);
                    let line = oy * self.windows[1];
                    row(ky * self.kernel[1] + kx, line + columns.start..line + columns.end, first, self.strides[1]);
                }
            }
        }
    }

    /// Lays the windows of planes out as columns: `columns [planes * taps, places]`.
    #[inline(always)]
    pub(crate) fn gather(&self, planes: &[f32], columns: &mut [f32]) {
        let (places, taps) = (self.places(), self.taps());
        if self.begin != [0, 0] || self.windows_reach_beyond() {
            columns.fill(0.0);
        }
        for (plane, columns) in planes.chunks_exact(self.pixels()).zip(columns.chunks_exact_mut(taps * places)) {
            self.lines(|tap, windows, first, stride| {
                let row = &mut columns[tap * places..][windows];
                if stride == 1 {
                    row.copy_from_slice(&plane[first..first + row.len()]);
                } else {
                    row.iter_mut().zip(plane[first..].iter().step_by(stride)).for_each(|(to, from)| *to = *from);
                }
            });
        }
    }

    /// The reverse of [`Geometry::gather`]: adds what lies in the columns to the pixels from which they came.
    #[inline(always)]
    pub(crate) fn scatter(&self, columns: &[f32], planes: &mut [f32]) {
        let (places, taps) = (self.places(), self.taps());
        for (plane, columns) in planes.chunks_exact_mut(self.pixels()).zip(columns.chunks_exact(taps * places)) {
            self.lines(|tap, windows, first, stride| {
                let row = &columns[tap * places..][windows];
                if stride == 1 {
                    plane[first..first + row.len()].iter_mut().zip(row).for_each(|(to, from)| *to += from);
                } else {
                    plane[first..].iter_mut().step_by(stride).zip(row).for_each(|(to, from)| *to += from);
                }
            });
        }
    }

    fn windows_reach_beyond(&self) -> bool {
        (0..2).any(|axis| self.inside(axis, self.kernel[axis] - 1).end < self.windows[axis])
    }
}
