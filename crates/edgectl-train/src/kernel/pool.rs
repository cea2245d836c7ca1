//! Pooling over windows of planes.

use std::ops::Range;

use super::geometry::{Geometry, Line};

/// The greatest element of each window; padding never wins.
pub(crate) fn max_forward(geometry: &Geometry, x: &[f32], y: &mut [f32]) {
    y.fill(f32::NEG_INFINITY);
    for (x, y) in x.chunks_exact(geometry.pixels()).zip(y.chunks_exact_mut(geometry.places())) {
        geometry.lines(&mut Greatest { x, y });
    }
}

struct Greatest<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Line for Greatest<'_> {
    #[inline(always)]
    fn line(&mut self, _tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        // A NaN wins, to be found in the loss.
        let win = |(y, x): (&mut f32, &f32)| *y = if *x <= *y { *y } else { *x };
        let y = &mut self.y[windows];
        match stride {
            1 => y.iter_mut().zip(&self.x[first..]).for_each(win),
            _ => y.iter_mut().zip(self.x[first..].iter().step_by(stride)).for_each(win),
        }
    }
}

/// The gradient goes to the first of the greatest elements of each window.
pub(crate) fn max_backward(geometry: &Geometry, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (pixels, width) = (geometry.pixels(), geometry.image[1]);
    let [rows, columns] = [0, 1].map(|axis| geometry.pixels_under_windows(axis));
    let planes = x.chunks_exact(pixels).zip(dx.chunks_exact_mut(pixels));
    for ((x, dx), (y, dy)) in planes.zip(y.chunks_exact(geometry.places()).zip(dy.chunks_exact(geometry.places()))) {
        let windows = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
        for ((row, column), (&greatest, &dy)) in windows.zip(y.iter().zip(dy)) {
            // From the last to the first, without a branch that nobody can foresee.
            let mut winner = pixels;
            for line in row.clone().rev() {
                for at in column.clone().rev() {
                    let at = line * width + at;
                    winner = if x[at] == greatest { at } else { winner };
                }
            }
            if let Some(dx) = dx.get_mut(winner) {
                *dx += dy;
            }
        }
    }
}

/// The number of elements of each window that count in its mean.
fn counts(geometry: &Geometry, include_pad: bool) -> Vec<f32> {
    if include_pad {
        return vec![geometry.taps() as f32; geometry.places()];
    }
    let mut counts = vec![0.0; geometry.places()];
    let ones = vec![1.0; geometry.pixels()];
    geometry.lines(&mut Sum { x: &ones, y: &mut counts });
    counts
}

/// The mean of each window.
pub(crate) fn average_forward(geometry: &Geometry, include_pad: bool, x: &[f32], y: &mut [f32]) {
    let counts = counts(geometry, include_pad);
    y.fill(0.0);
    for (x, y) in x.chunks_exact(geometry.pixels()).zip(y.chunks_exact_mut(geometry.places())) {
        geometry.lines(&mut Sum { x, y });
        y.iter_mut().zip(&counts).for_each(|(y, count)| *y /= count);
    }
}

struct Sum<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Line for Sum<'_> {
    #[inline(always)]
    fn line(&mut self, _tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        self.y[windows].iter_mut().zip(self.x[first..].iter().step_by(stride)).for_each(|(y, x)| *y += x);
    }
}

/// The gradient, added to `dx`.
pub(crate) fn average_backward(geometry: &Geometry, include_pad: bool, dy: &[f32], dx: &mut [f32]) {
    let counts = counts(geometry, include_pad);
    for (dx, dy) in dx.chunks_exact_mut(geometry.pixels()).zip(dy.chunks_exact(geometry.places())) {
        geometry.lines(&mut Shares { dy, counts: &counts, dx });
    }
}

struct Shares<'a> {
    dy: &'a [f32],
    counts: &'a [f32],
    dx: &'a mut [f32],
}

impl Line for Shares<'_> {
    #[inline(always)]
    fn line(&mut self, _tap: usize, windows: Range<usize>, first: usize, stride: usize) {
        let shares = self.dy[windows.clone()].iter().zip(&self.counts[windows]);
        self.dx[first..].iter_mut().step_by(stride).zip(shares).for_each(|(dx, (dy, count))| *dx += dy / count);
    }
}
