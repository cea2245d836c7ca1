//! The matrix product, on one thread.
//!
//! Layers of small networks have few rows or few columns, so that libraries which first copy both operands into panels spend half of their
//! time on that. These loops read the operands where they are: rows of `b` are added up, or rows of both are multiplied.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use pulp::Arch;

/// Columns of a tile of [`add_rows`].
const WIDE: usize = 16;
/// Lanes of the sums of [`multiply_rows`].
const LANES: usize = 8;

/// A factor, row by row as it is or as its transpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// A matrix whose rows these are.
    pub(crate) fn plain(values: &'a [f32]) -> Matrix<'a> {
        Matrix { values, transposed: false }
    }

    /// The transpose of a matrix whose rows these are.
    pub(crate) fn transposed(values: &'a [f32]) -> Matrix<'a> {
        Matrix { values, transposed: true }
    }

    fn view(self, rows: usize, columns: usize) -> Option<ArrayView2<'a, f32>> {
        if self.transposed {
            return ArrayView2::from_shape((columns, rows), self.values).ok().map(ArrayView2::reversed_axes);
        }
        ArrayView2::from_shape((rows, columns), self.values).ok()
    }
}

/// `c = a * b`, added to what `c` holds where `accumulate`; a is `[m, k]`, b `[k, n]`, c `[m, n]`.
///
/// # Panics
/// Where the slices do not have these sizes.
pub(crate) fn matmul(c: &mut [f32], [m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>, accumulate: bool) {
    assert!(
        c.len() == m * n && a.values.len() == m * k && b.values.len() == k * n,
        "operands of a matrix product {m} x {k} x {n} of other sizes"
    );
    if m * n == 0 {
        return;
    }
    if !accumulate {
        c.fill(0.0);
    }
    if k == 0 {
        return;
    }
    // Without fused multiplication and addition in hardware, `mul_add` is a function call.
    let arch = Arch::new();
    let fuses = !matches!(arch, Arch::Scalar);
    match (a.transposed, b.transposed) {
        (true, true) => library(c, [m, k, n], a, b),
        _ if !fuses => library(c, [m, k, n], a, b),
        (transposed, false) => {
            let strides = if transposed { (1, m) } else { (k, 1) };
            arch.dispatch(|| add_rows(c, n, a.values, strides, b.values));
        }
        (false, true) => arch.dispatch(|| multiply_rows(c, k, n, a.values, b.values)),
    }
}

fn library(c: &mut [f32], [m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>) {
    if let (Some(a), Some(b), Ok(mut c)) = (a.view(m, k), b.view(k, n), ArrayViewMut2::from_shape((m, n), c)) {
        general_mat_mul(1.0, &a, &b, 1.0, &mut c);
    }
}

/// `c += a * b`, tile by tile; `strides` are those of `a` from row to row and from column to column.
#[inline(always)]
fn add_rows(c: &mut [f32], n: usize, a: &[f32], strides: (usize, usize), b: &[f32]) {
    let m = c.len() / n;
    for column in (0..n).step_by(WIDE) {
        let width = WIDE.min(n - column);
        let mut row = 0;
        while row < m {
            let a = &a[row * strides.0..];
            let tile = &mut c[row * n + column..];
            row += match m - row {
                1 => tile_of_rows::<1>(tile, n, width, a, strides, &b[column..]),
                2 => tile_of_rows::<2>(tile, n, width, a, strides, &b[column..]),
                3 => tile_of_rows::<3>(tile, n, width, a, strides, &b[column..]),
                4 => tile_of_rows::<4>(tile, n, width, a, strides, &b[column..]),
                5 => tile_of_rows::<5>(tile, n, width, a, strides, &b[column..]),
                _ => tile_of_rows::<6>(tile, n, width, a, strides, &b[column..]),
            };
        }
    }
}

/// A tile of so many rows, at most [`WIDE`] columns; returns the number of rows.
#[inline(always)]
fn tile_of_rows<const ROWS: usize>(
    c: &mut [f32],
    n: usize,
    width: usize,
    a: &[f32],
    (row_stride, column_stride): (usize, usize),
    b: &[f32],
) -> usize {
    let mut sums = [[0.0f32; WIDE]; ROWS];
    let a_rows: [&[f32]; ROWS] = std::array::from_fn(|row| &a[row * row_stride..]);
    let mut step = |at: usize, b: &[f32; WIDE]| {
        for row in 0..ROWS {
            let factor = a_rows[row][at * column_stride];
            for lane in 0..WIDE {
                sums[row][lane] = factor.mul_add(b[lane], sums[row][lane]);
            }
        }
    };
    for (at, b) in b.chunks(n).enumerate() {
        match b.first_chunk::<WIDE>() {
            Some(b) if width == WIDE => step(at, b),
            _ => {
                let mut padded = [0.0; WIDE];
                padded[..width].copy_from_slice(&b[..width]);
                step(at, &padded);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        c[row * n..][..width].iter_mut().zip(sums).for_each(|(c, sum)| *c += sum);
    }
    ROWS
}

/// `c += a * b^T`: `a` has rows of `k` values, as has `b`.
#[inline(always)]
fn multiply_rows(c: &mut [f32], k: usize, n: usize, a: &[f32], b: &[f32]) {
    let m = c.len() / n;
    let mut row = 0;
    while row < m {
        let tall = m - row >= 4;
        let a = &a[row * k..];
        for column in (0..n).step_by(2) {
            let (c, b) = (&mut c[row * n + column..], &b[column * k..]);
            match (tall, n - column >= 2) {
                (true, true) => tile_of_products::<4, 2>(c, n, k, a, b),
                (true, false) => tile_of_products::<4, 1>(c, n, k, a, b),
                (false, true) => tile_of_products::<1, 2>(c, n, k, a, b),
                (false, false) => tile_of_products::<1, 1>(c, n, k, a, b),
            }
        }
        row += if tall { 4 } else { 1 };
    }
}

#[inline(always)]
fn tile_of_products<const ROWS: usize, const COLUMNS: usize>(c: &mut [f32], n: usize, k: usize, a: &[f32], b: &[f32]) {
    let mut sums = [[[0.0f32; LANES]; COLUMNS]; ROWS];
    let a: [&[f32]; ROWS] = std::array::from_fn(|row| &a[row * k..][..k]);
    let b: [&[f32]; COLUMNS] = std::array::from_fn(|column| &b[column * k..][..k]);
    let a_chunks: [(&[[f32; LANES]], &[f32]); ROWS] = std::array::from_fn(|row| a[row].as_chunks());
    let b_chunks: [(&[[f32; LANES]], &[f32]); COLUMNS] = std::array::from_fn(|column| b[column].as_chunks());
    for at in 0..k / LANES {
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let (a, b) = (&a_chunks[row].0[at], &b_chunks[column].0[at]);
                for lane in 0..LANES {
                    sums[row][column][lane] = a[lane].mul_add(b[lane], sums[row][column][lane]);
                }
            }
        }
    }
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let rest: f32 = a_chunks[row].1.iter().zip(b_chunks[column].1).map(|(a, b)| a * b).sum();
            c[row * n + column] += sums[row][column].iter().sum::<f32>() + rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut numbers = |count: usize| (0..count).map(|_| random.f32() - 0.5).collect::<Vec<f32>>();
        for [m, k, n] in [[1, 1, 1], [6, 9, 16], [7, 20, 33], [5, 8, 15], [13, 1, 70], [2, 31, 3], [4, 0, 3], [0, 3, 3], [9, 17, 2]] {
            let (a, b, before) = (numbers(m * k), numbers(k * n), numbers(m * n));
            for (a_transposed, b_transposed, accumulate) in
                [(false, false, true), (true, false, true), (false, true, true), (true, true, true), (false, false, false)]
            {
                let mut c = before.clone();
                matmul(
                    &mut c,
                    [m, k, n],
                    Matrix { values: &a, transposed: a_transposed },
                    Matrix { values: &b, transposed: b_transposed },
                    accumulate,
                );
                for (i, found) in c.iter().enumerate() {
                    let (row, column) = (i / n, i % n);
                    let a_at = |p: usize| if a_transposed { a[p * m + row] } else { a[row * k + p] };
                    let b_at = |p: usize| if b_transposed { b[column * k + p] } else { b[p * n + column] };
                    let sum: f64 = (0..k).map(|p| f64::from(a_at(p)) * f64::from(b_at(p))).sum();
                    let expected = sum + if accumulate { f64::from(before[i]) } else { 0.0 };
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "{m} x {k} x {n}: {found} instead of {expected}");
                }
            }
        }
    }
}
