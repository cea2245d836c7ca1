//! The matrix product, on one thread.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

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
    let views = a.view(m, k).zip(b.view(k, n)).zip(ArrayViewMut2::from_shape((m, n), c).ok());
    let Some(((a, b), mut c)) = views else { panic!("operands of a matrix product {m} x {k} x {n} of other sizes") };
    general_mat_mul(1.0, &a, &b, if accumulate { 1.0 } else { 0.0 }, &mut c);
}
