//! Elements of an axis as sums of elements of another: slices, gathers, frames, resizing.

/// What each element of the result's axis is made of: elements of x and their weights. None of them means the fill value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AxisMap {
    /// The axis of x.
    pub(crate) from: usize,
    /// One list for each element of the result.
    pub(crate) terms: Vec<Vec<(usize, f32)>>,
    /// The value of elements that are made of nothing.
    pub(crate) fill: f32,
}

impl AxisMap {
    /// Elements as they are.
    pub(crate) fn pick(from: usize, indices: impl IntoIterator<Item = Option<usize>>) -> AxisMap {
        let terms = indices.into_iter().map(|index| index.map(|index| (index, 1.0)).into_iter().collect()).collect();
        AxisMap { from, terms, fill: 0.0 }
    }

    /// x `[outer, from, inner]`, y `[outer, terms, inner]`.
    pub(crate) fn forward(&self, inner: usize, x: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(self.from * inner).zip(y.chunks_exact_mut(self.terms.len() * inner)) {
            for (terms, y) in self.terms.iter().zip(y.chunks_exact_mut(inner)) {
                match terms[..] {
                    [] => y.fill(self.fill),
                    [(index, 1.0)] => y.copy_from_slice(&x[index * inner..][..inner]),
                    _ => {
                        y.fill(0.0);
                        terms.iter().for_each(|&(index, weight)| super::add_scaled(y, &x[index * inner..][..inner], weight));
                    }
                }
            }
        }
    }

    /// The gradient, added to `dx`.
    pub(crate) fn backward(&self, inner: usize, dy: &[f32], dx: &mut [f32]) {
        for (dx, dy) in dx.chunks_exact_mut(self.from * inner).zip(dy.chunks_exact(self.terms.len() * inner)) {
            for (terms, dy) in self.terms.iter().zip(dy.chunks_exact(inner)) {
                terms.iter().for_each(|&(index, weight)| super::add_scaled(&mut dx[index * inner..][..inner], dy, weight));
            }
        }
    }
}
