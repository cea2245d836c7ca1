//! The arithmetic: functions over slices, forward and backward, each on one thread. A batch is divided among threads above them.
//!
//! Tensors are dense and channels first. Loops are written so that the compiler vectorizes them, and run under [`simd`], which compiles them
//! for the instruction sets that this machine may have; sums are kept in a fixed number of partial sums, so that their value does not depend
//! on which one it is.

use pulp::Arch;

pub(crate) mod axis;
pub(crate) mod batch_norm;
pub(crate) mod broadcast;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod fake_quant;
pub(crate) mod geometry;
pub(crate) mod matmul;
pub(crate) mod pool;
pub(crate) mod recurrent;
pub(crate) mod rows;
pub(crate) mod unary;

/// Partial sums of a sum.
const LANES: usize = 16;

/// Runs a loop with the widest vectors that this machine has.
#[inline(always)]
pub(crate) fn simd<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// The sum of `f(i)` over the elements of two slices of one length.
#[inline(always)]
pub(crate) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += f(a[i], b[i]);
        }
    }
    for (i, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[i] += f(a, b);
    }
    lanes.iter().sum()
}

/// The sum of a slice.
#[inline(always)]
pub(crate) fn sum(a: &[f32]) -> f32 {
    sum2(a, a, |a, _| a)
}

/// The sum of the products of two slices.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum2(a, b, |a, b| a * b)
}

/// `to += factor * from`
#[inline(always)]
pub(crate) fn add_scaled(to: &mut [f32], from: &[f32], factor: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
