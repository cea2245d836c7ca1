//! Functions of the last axis: softmax, normalization, reduction.

use edgectl_graph::Reduction;

/// `exp(x) / sum(exp(x))` of each row, or its logarithm.
pub(crate) fn softmax_forward(row: usize, logarithm: bool, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(row).zip(y.chunks_exact_mut(row)) {
        let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - max).exp());
        let sum: f32 = y.iter().sum();
        if logarithm {
            let log = sum.ln();
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x - max - log);
        } else {
            y.iter_mut().for_each(|y| *y /= sum);
        }
    }
}

/// The gradient of x.
pub(crate) fn softmax_backward(row: usize, logarithm: bool, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for ((y, dy), dx) in y.chunks_exact(row).zip(dy.chunks_exact(row)).zip(dx.chunks_exact_mut(row)) {
        if logarithm {
            let sum: f32 = dy.iter().sum();
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx = dy - y.exp() * sum);
        } else {
            let sum: f32 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx = y * (dy - sum));
        }
    }
}

/// Rows less their mean, where `center`, over the root of the mean of their squares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalize {
    pub(crate) row: usize,
    pub(crate) epsilon: f32,
    pub(crate) center: bool,
}

impl Normalize {
    /// Mean and inverse deviation of a row.
    fn moments(&self, x: &[f32]) -> (f32, f32) {
        let count = x.len() as f64;
        let mean = if self.center { x.iter().map(|&x| f64::from(x)).sum::<f64>() / count } else { 0.0 };
        let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, (1.0 / (variance + f64::from(self.epsilon)).sqrt()) as f32)
    }

    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(self.row).zip(y.chunks_exact_mut(self.row)) {
            let (mean, inverse) = self.moments(x);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - mean) * inverse);
        }
    }

    /// The gradient of x.
    pub(crate) fn backward(&self, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
        let rows = x.chunks_exact(self.row).zip(y.chunks_exact(self.row)).zip(dy.chunks_exact(self.row));
        for (((x, y), dy), dx) in rows.zip(dx.chunks_exact_mut(self.row)) {
            let (_, inverse) = self.moments(x);
            let count = self.row as f32;
            let alone = if self.center { dy.iter().sum::<f32>() / count } else { 0.0 };
            let along = y.iter().zip(dy).map(|(y, dy)| y * dy).sum::<f32>() / count;
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| *dx = inverse * (dy - alone - y * along));
        }
    }
}

/// What is left of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fold {
    Mean,
    Of(Reduction),
}

/// One value of each row.
pub(crate) fn fold_forward(fold: Fold, row: usize, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(row).zip(y) {
        let extreme = |wins: fn(f32, f32) -> bool| x.iter().copied().reduce(|best, x| if wins(x, best) || x.is_nan() { x } else { best });
        *y = match fold {
            Fold::Mean => super::simd(|| super::sum(x)) / row as f32,
            Fold::Of(Reduction::Max) => extreme(|x, best| x > best).unwrap_or_default(),
            Fold::Of(Reduction::Min) => extreme(|x, best| x < best).unwrap_or_default(),
            Fold::Of(_) => super::simd(|| super::sum(x)),
        };
    }
}

/// The gradient of x; that of an extreme goes to the first element that has its value.
pub(crate) fn fold_backward(fold: Fold, row: usize, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    for (((x, dx), y), dy) in x.chunks_exact(row).zip(dx.chunks_exact_mut(row)).zip(y).zip(dy) {
        match fold {
            Fold::Mean => dx.fill(dy / row as f32),
            Fold::Of(Reduction::Max | Reduction::Min) => {
                if let Some(at) = x.iter().position(|x| x == y) {
                    dx[at] = *dy;
                }
            }
            Fold::Of(_) => dx.fill(*dy),
        }
    }
}
