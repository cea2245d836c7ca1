//! Small dense matrices, row by row.

/// The inverse of a symmetric positive definite matrix, by Cholesky's decomposition; `None` where it is not positive definite.
pub(crate) fn inverse(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
            let rest = matrix[i * size + j] - dot;
            if i == j {
                lower[i * size + i] = Some(rest).filter(|&rest| rest > 0.0 && rest.is_finite())?.sqrt();
            } else {
                lower[i * size + j] = rest / lower[j * size + j];
            }
        }
    }
    // The inverse of the triangle, then its product with its own transpose.
    let mut triangle = vec![0.0; size * size];
    for column in 0..size {
        triangle[column * size + column] = 1.0 / lower[column * size + column];
        for row in column + 1..size {
            let dot: f64 = (column..row).map(|k| lower[row * size + k] * triangle[k * size + column]).sum();
            triangle[row * size + column] = -dot / lower[row * size + row];
        }
    }
    let mut inverse = vec![0.0; size * size];
    for k in 0..size {
        for i in 0..=k {
            let factor = triangle[k * size + i];
            for j in 0..=i {
                inverse[i * size + j] += factor * triangle[k * size + j];
            }
        }
    }
    for i in 0..size {
        for j in 0..i {
            inverse[j * size + i] = inverse[i * size + j];
        }
    }
    Some(inverse)
}

/// The inverse of a matrix of moments of so many observations, after a little is added to the diagonal: enough that it exists, even where
/// channels depend on each other, and the more the fewer observations there are for each channel (ridge regression).
pub(crate) fn damped_inverse(mut matrix: Vec<f64>, size: usize, observations: f64) -> Vec<f64> {
    let share = 1e-3 + 0.1 * size as f64 / observations.max(1.0);
    let mean = (0..size).map(|i| matrix[i * size + i].abs()).sum::<f64>() / size.max(1) as f64;
    let mut damping = (mean * share).max(1e-12);
    loop {
        (0..size).for_each(|i| matrix[i * size + i] += damping);
        match inverse(&matrix, size) {
            Some(inverse) => return inverse,
            // Values so large that their squares overflow have no inverse; nothing is then made up for.
            None if damping > 1e30 || !damping.is_finite() => {
                return (0..size * size).map(|at| f64::from(u8::from(at % (size + 1) == 0))).collect();
            }
            None => damping *= 10.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let mut random = fastrand::Rng::with_seed(1);
        for size in [1, 2, 5, 17] {
            let root: Vec<f64> = (0..size * size).map(|_| random.f64() - 0.5).collect();
            let mut matrix = vec![0.0; size * size];
            for i in 0..size {
                for j in 0..size {
                    matrix[i * size + j] =
                        (0..size).map(|k| root[i * size + k] * root[j * size + k]).sum::<f64>() + f64::from(u8::from(i == j));
                }
            }
            let inverse = inverse(&matrix, size).unwrap();
            for i in 0..size {
                for j in 0..size {
                    let found: f64 = (0..size).map(|k| matrix[i * size + k] * inverse[k * size + j]).sum();
                    assert!((found - f64::from(u8::from(i == j))).abs() < 1e-9, "{size}: [{i}, {j}] is {found}");
                }
            }
        }
        assert_eq!(inverse(&[0.0], 1), None);
        assert_eq!(damped_inverse(vec![f64::NAN], 1, 9.0), [1.0]);
    }
}
