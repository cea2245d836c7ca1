//! Bilinear resizing: half-pixel centres, edges clamped, no antialiasing (ONNX `Resize-19`, mode `linear`, `half_pixel`).

/// The extents of an image as strides see it: `outer` planes of `height * width` pixels of `inner` interleaved values.
/// NCHW has `outer` = channels and `inner` = 1; NHWC has `outer` = 1 and `inner` = channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) outer: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) inner: usize,
}

/// One output position of an axis: `low + (high - low) * fraction`.
struct Tap {
    low: usize,
    high: usize,
    fraction: f64,
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let step = from as f64 / to as f64;
    let last = from - 1;
    (0..to)
        .map(|position| {
            let at = ((position as f64 + 0.5) * step - 0.5).clamp(0.0, last as f64);
            let low = at as usize;
            Tap { low, high: (low + 1).min(last), fraction: at - low as f64 }
        })
        .collect()
}

/// Resizes `values`, which has exactly the elements of `from`, to `height` x `width`; all extents are at least 1.
pub(crate) fn bilinear(values: &[f32], from: Planes, height: usize, width: usize) -> Vec<f32> {
    let (rows, columns) = (taps(from.height, height), taps(from.width, width));
    let mut out = Vec::with_capacity(from.outer * height * width * from.inner);
    for plane in values.chunks_exact(from.height * from.width * from.inner) {
        for row in &rows {
            for column in &columns {
                for inner in 0..from.inner {
                    let at = |y: usize, x: usize| f64::from(plane[(y * from.width + x) * from.inner + inner]);
                    let across = |y: usize| lerp(at(y, column.low), at(y, column.high), column.fraction);
                    out.push(lerp(across(row.low), across(row.high), row.fraction) as f32);
                }
            }
        }
    }
    out
}

fn lerp(low: f64, high: f64, fraction: f64) -> f64 {
    low + (high - low) * fraction
}
