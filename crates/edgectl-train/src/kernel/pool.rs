//! Pooling over windows of planes.

use super::geometry::Geometry;
use super::simd;

/// The greatest element of each window; padding never wins.
pub(crate) fn max_forward(geometry: &Geometry, x: &[f32], y: &mut [f32]) {
    y.fill(f32::NEG_INFINITY);
    for (x, y) in x.chunks_exact(geometry.pixels()).zip(y.chunks_exact_mut(geometry.places())) {
        simd(|| {
            geometry.lines(|_, windows, first, stride| {
                let y = &mut y[windows];
                // A NaN wins, to be found in the loss.
                let win = |(y, x): (&mut f32, &f32)| *y = if *x <= *y { *y } else { *x };
                if stride == 1 {
                    y.iter_mut().zip(&x[first..]).for_each(win)
                } else {
                    y.iter_mut().zip(x[first..].iter().step_by(stride)).for_each(win)
                }
            });
        });
    }
}

/// The gradient goes to the first of the greatest elements of each window.
pub(crate) fn max_backward(geometry: &Geometry, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (pixels, places) = (geometry.pixels(), geometry.places());
    // What is left of each window's gradient: a factor, so that there is no branch that nobody can foresee.
    let mut left = vec![1.0f32; places];
    let give = |x: f32, dx: &mut f32, y: f32, dy: f32, left: &mut f32| {
        let share = if x == y { *left } else { 0.0 };
        *dx += share * dy;
        *left -= share;
    };
    for (((x, dx), y), dy) in
        x.chunks_exact(pixels).zip(dx.chunks_exact_mut(pixels)).zip(y.chunks_exact(places)).zip(dy.chunks_exact(places))
    {
        left.fill(1.0);
        simd(|| {
            geometry.lines(|_, windows, first, stride| {
                let windows = y[windows.clone()].iter().zip(&dy[windows.clone()]).zip(&mut left[windows]);
                let pixels = x[first..].iter().step_by(stride).zip(dx[first..].iter_mut().step_by(stride));
                windows.zip(pixels).for_each(|(((y, dy), left), (x, dx))| give(*x, dx, *y, *dy, left));
            });
        });
    }
}

/// The number of elements of each window that count in its mean.
fn counts(geometry: &Geometry, include_pad: bool) -> Vec<f32> {
    let mut counts = vec![if include_pad { geometry.taps() as f32 } else { 0.0 }; geometry.places()];
    if !include_pad {
        geometry.lines(|_, windows, _, _| counts[windows].iter_mut().for_each(|count| *count += 1.0));
    }
    counts
}

/// The mean of each window.
pub(crate) fn average_forward(geometry: &Geometry, include_pad: bool, x: &[f32], y: &mut [f32]) {
    let counts = counts(geometry, include_pad);
    y.fill(0.0);
    for (x, y) in x.chunks_exact(geometry.pixels()).zip(y.chunks_exact_mut(geometry.places())) {
        geometry.lines(|_, windows, first, stride| {
            y[windows].iter_mut().zip(x[first..].iter().step_by(stride)).for_each(|(y, x)| *y += x);
        });
        y.iter_mut().zip(&counts).for_each(|(y, count)| *y /= count);
    }
}

/// The gradient, added to `dx`.
pub(crate) fn average_backward(geometry: &Geometry, include_pad: bool, dy: &[f32], dx: &mut [f32]) {
    let counts = counts(geometry, include_pad);
    for (dx, dy) in dx.chunks_exact_mut(geometry.pixels()).zip(dy.chunks_exact(geometry.places())) {
        geometry.lines(|_, windows, first, stride| {
            let shares = dy[windows.clone()].iter().zip(&counts[windows]);
            dx[first..].iter_mut().step_by(stride).zip(shares).for_each(|(dx, (dy, count))| *dx += dy / count);
        });
    }
}
