//! Convolution whose filters see one channel each: no matrix product, but sums of shifted lines.

use std::ops::Range;

use super::conv::Conv;
use super::geometry::Line;
use super::{LANES, add_scaled, dot};

impl Conv {
    /// Whether every filter sees one channel.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups == self.channels && self.channels > 1
    }

    /// Calls `work(sample's plane of the image, sample's plane of windows, filter)`, by their numbers.
    fn planes(&self, batch: usize, mut work: impl FnMut(usize, usize, usize)) {
        let multiplier = self.filters / self.channels;
        for plane in 0..batch * self.filters {
            let filter = plane % self.filters;
            work(plane / self.filters * self.channels + filter / multiplier, plane, filter);
        }
    }

    /// As [`Conv::forward`].
    pub(crate) fn depthwise_forward(&self, x: &[f32], filter: &[f32], y: &mut [f32]) {
        let geometry = self.geometry;
        let (pixels, places, taps) = (geometry.pixels(), geometry.places(), geometry.taps());
        self.planes(y.len() / places / self.filters, |from, to, channel| {
            let (x, y, filter) = (&x[from * pixels..][..pixels], &mut y[to * places..][..places], &filter[channel * taps..][..taps]);
            y.fill(0.0);
            geometry.lines(&mut Forward { x, filter, y });
        });
    }

    /// As [`Conv::image_gradient`].
    pub(crate) fn depthwise_image_gradient(&self, dy: &[f32], filter: &[f32], dx: &mut [f32]) {
        let geometry = self.geometry;
        let (pixels, places, taps) = (geometry.pixels(), geometry.places(), geometry.taps());
        self.planes(dy.len() / places / self.filters, |to, from, channel| {
            let (dx, dy, filter) = (&mut dx[to * pixels..][..pixels], &dy[from * places..][..places], &filter[channel * taps..][..taps]);
            geometry.lines(&mut ImageGradient { dy, filter, dx });
        });
    }

    /// As [`Conv::filter_gradient`].
    pub(crate) fn depthwise_filter_gradient(&self, x: &[f32], dy: &[f32], df: &mut [f32]) {
        let geometry = self.geometry;
        let (pixels, places, taps) = (geometry.pixels(), geometry.places(), geometry.taps());
        self.planes(dy.len() / places / self.filters, |from, to, channel| {
            let (x, dy, df) = (&x[from * pixels..][..pixels], &dy[to * places..][..places], &mut df[channel * taps..][..taps]);
            geometry.lines(&mut FilterGradient { x, dy, df });
        });
    }
}

struct Forward<'a> {
    x: &'a [f32],
    filter: &'a [f32],
    y: &'a mut [f32],
}

impl Line for Forward<'_> {
    #[inline(always)]
    fn line(&mut self, tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        let (y, factor) = (&mut self.y[windows], self.filter[tap]);
        if stride == 1 {
            add_scaled(y, &self.x[first..first + y.len()], factor);
        } else {
            y.iter_mut().zip(self.x[first..].iter().step_by(stride)).for_each(|(y, x)| *y += factor * x);
        }
    }
}

struct ImageGradient<'a> {
    dy: &'a [f32],
    filter: &'a [f32],
    dx: &'a mut [f32],
}

impl Line for ImageGradient<'_> {
    #[inline(always)]
    fn line(&mut self, tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        let (dy, factor) = (&self.dy[windows], self.filter[tap]);
        if stride == 1 {
            add_scaled(&mut self.dx[first..first + dy.len()], dy, factor);
        } else {
            self.dx[first..].iter_mut().step_by(stride).zip(dy).for_each(|(dx, dy)| *dx += factor * dy);
        }
    }
}

struct FilterGradient<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    df: &'a mut [f32],
}

impl Line for FilterGradient<'_> {
    #[inline(always)]
    fn line(&mut self, tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        let dy = &self.dy[windows];
        self.df[tap] += if stride == 1 {
            let x = &self.x[first..first + dy.len()];
            // Short lines are not worth the lanes.
            if dy.len() < LANES { x.iter().zip(dy).map(|(x, dy)| x * dy).sum() } else { dot(x, dy) }
        } else {
            dy.iter().zip(self.x[first..].iter().step_by(stride)).map(|(dy, x)| dy * x).sum()
        };
    }
}
