//! The matrix product, on one thread.
//!
//! Layers of small networks have few rows or few columns, so that libraries which first copy both operands into panels spend half of their
//! time on that. These loops read the operands where they are: rows of `b` are added up, or rows of both are multiplied.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use pulp::{Arch, Simd, WithSimd};

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
            arch.dispatch(AddRows { c, n, a: a.values, strides, b: b.values });
        }
        (false, true) => arch.dispatch(MultiplyRows { c, k, n, a: a.values, b: b.values }),
    }
}

fn library(c: &mut [f32], [m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>) {
    if let (Some(a), Some(b), Ok(mut c)) = (a.view(m, k), b.view(k, n), ArrayViewMut2::from_shape((m, n), c)) {
        general_mat_mul(1.0, &a, &b, 1.0, &mut c);
    }
}

/// Rows of a tile of [`AddRows`]: with two vectors of columns, as many sums as the registers of AVX2 hold.
const TILE: usize = 6;

/// `c += a * b`, tile by tile; `strides` are those of `a` from row to row and from column to column.
struct AddRows<'a> {
    c: &'a mut [f32],
    n: usize,
    a: &'a [f32],
    strides: (usize, usize),
    b: &'a [f32],
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let AddRows { c, n, a, strides, b } = self;
        let (m, k, wide) = (c.len() / n, b.len() / n, 2 * S::F32_LANES);
        // The rows of each tile side by side, the last one filled up with zeros.
        let mut tiles = vec![[0.0f32; TILE]; m.div_ceil(TILE) * k];
        for row in 0..m {
            let tile = &mut tiles[row / TILE * k..][..k];
            tile.iter_mut().zip(a[row * strides.0..].iter().step_by(strides.1)).for_each(|(to, from)| to[row % TILE] = *from);
        }
        for column in (0..n).step_by(wide) {
            let (b, width) = (&b[column..], wide.min(n - column));
            for (i, tile) in tiles.chunks_exact(k).enumerate() {
                let (first, rows) = (i * TILE, TILE.min(m - i * TILE));
                let c = &mut c[first * n + column..];
                match rows {
                    1 => tile_of_rows::<S, 1>(simd, c, (n, width), tile, b),
                    2 => tile_of_rows::<S, 2>(simd, c, (n, width), tile, b),
                    3 => tile_of_rows::<S, 3>(simd, c, (n, width), tile, b),
                    4 => tile_of_rows::<S, 4>(simd, c, (n, width), tile, b),
                    5 => tile_of_rows::<S, 5>(simd, c, (n, width), tile, b),
                    _ => tile_of_rows::<S, TILE>(simd, c, (n, width), tile, b),
                }
            }
        }
    }
}

/// A tile of so many rows and at most two vectors of columns.
#[inline(always)]
fn tile_of_rows<S: Simd, const ROWS: usize>(simd: S, c: &mut [f32], (n, width): (usize, usize), a: &[[f32; TILE]], b: &[f32]) {
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
    if width == 2 * lanes {
        for (a, b) in a.iter().zip(b.chunks(n)) {
            let (vectors, _) = S::as_simd_f32s(&b[..2 * lanes]);
            sums = add_products(simd, sums, a, [vectors[0], vectors[1]]);
        }
    } else {
        for (a, b) in a.iter().zip(b.chunks(n)) {
            let (first, second) = b[..width].split_at(width.min(lanes));
            sums = add_products(simd, sums, a, [simd.partial_load_f32s(first), simd.partial_load_f32s(second)]);
        }
    }
    for row in 0..ROWS {
        let (first, second) = c[row * n..][..width].split_at_mut(width.min(lanes));
        add_to(simd, first, sums[row][0]);
        add_to(simd, second, sums[row][1]);
    }
}

#[inline(always)]
fn add_products<S: Simd, const ROWS: usize>(
    simd: S,
    mut sums: [[S::f32s; 2]; ROWS],
    a: &[f32; TILE],
    b: [S::f32s; 2],
) -> [[S::f32s; 2]; ROWS] {
    for row in 0..ROWS {
        let factor = simd.splat_f32s(a[row]);
        sums[row][0] = simd.mul_add_f32s(factor, b[0], sums[row][0]);
        sums[row][1] = simd.mul_add_f32s(factor, b[1], sums[row][1]);
    }
    sums
}

/// Adds the first lanes of a vector to as many numbers.
#[inline(always)]
fn add_to<S: Simd>(simd: S, to: &mut [f32], vector: S::f32s) {
    let sum = simd.add_f32s(simd.partial_load_f32s(to), vector);
    simd.partial_store_f32s(to, sum);
}

/// `c += a * b^T`: `a` has rows of `k` values, as has `b`.
struct MultiplyRows<'a> {
    c: &'a mut [f32],
    k: usize,
    n: usize,
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for MultiplyRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let MultiplyRows { c, k, n, a, b } = self;
        let m = c.len() / n;
        let mut row = 0;
        while row < m {
            let tall = m - row >= 4;
            let a = &a[row * k..];
            for column in (0..n).step_by(3) {
                let (c, b) = (&mut c[row * n + column..], &b[column * k..]);
                match (tall, n - column) {
                    (true, 1) => tile_of_products::<S, 4, 1>(simd, c, n, k, a, b),
                    (true, 2) => tile_of_products::<S, 4, 2>(simd, c, n, k, a, b),
                    (true, _) => tile_of_products::<S, 4, 3>(simd, c, n, k, a, b),
                    (false, 1) => tile_of_products::<S, 1, 1>(simd, c, n, k, a, b),
                    (false, 2) => tile_of_products::<S, 1, 2>(simd, c, n, k, a, b),
                    (false, _) => tile_of_products::<S, 1, 3>(simd, c, n, k, a, b),
                }
            }
            row += if tall { 4 } else { 1 };
        }
    }
}

#[inline(always)]
fn tile_of_products<S: Simd, const ROWS: usize, const COLUMNS: usize>(simd: S, c: &mut [f32], n: usize, k: usize, a: &[f32], b: &[f32]) {
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); COLUMNS]; ROWS];
    let (a, b) = (&a[..ROWS * k], &b[..COLUMNS * k]);
    let whole = k - k % lanes;
    let mut rows = [&[][..]; ROWS];
    for row in 0..ROWS {
        rows[row] = &S::as_simd_f32s(&a[row * k..][..whole]).0[..whole / lanes];
    }
    let mut columns = [&[][..]; COLUMNS];
    for column in 0..COLUMNS {
        columns[column] = &S::as_simd_f32s(&b[column * k..][..whole]).0[..whole / lanes];
    }
    for at in 0..whole / lanes {
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                sums[row][column] = simd.mul_add_f32s(rows[row][at], columns[column][at], sums[row][column]);
            }
        }
    }
    for row in 0..ROWS {
        let factor = simd.partial_load_f32s(&a[row * k + whole..row * k + k]);
        for column in 0..COLUMNS {
            let rest = simd.partial_load_f32s(&b[column * k + whole..column * k + k]);
            let sum = simd.mul_add_f32s(factor, rest, sums[row][column]);
            c[row * n + column] += simd.reduce_sum_f32s(sum);
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
