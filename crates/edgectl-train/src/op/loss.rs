//! Losses: sums over the samples of a part of a batch, as scalars.

use crate::tape::{Error, Result, Tensor, apply};

use crate::kernel::rows::softmax_forward;

/// Cross-entropy of the softmax of `z / temperature` with wanted distributions, times the square of the temperature.
pub(crate) fn cross_entropy(z: &Tensor, wanted: Vec<f32>, temperature: f32) -> Result<Tensor> {
    let samples = z.dim(0)?.max(1);
    let classes = z.elem_count() / samples;
    if wanted.len() != z.elem_count() || classes == 0 {
        return Err(Error::Msg(format!("{} wanted probabilities for {} logits", wanted.len(), z.elem_count())));
    }
    let back = wanted.clone();
    let scaled = move |z: &[f32], logarithm: bool| {
        let z: Vec<f32> = z.iter().map(|z| z / temperature).collect();
        let mut y = vec![0.0; z.len()];
        softmax_forward(classes, logarithm, &z, &mut y);
        y
    };
    apply(
        vec![],
        &[z],
        move |args| {
            let logarithms = scaled(args[0], true);
            // What is not wanted at all has no part, however unlikely it is.
            let terms = logarithms.iter().zip(&wanted).filter(|(log, wanted)| **wanted > 0.0 || log.is_nan());
            let sum: f64 = terms.map(|(log, wanted)| -f64::from(*log) * f64::from(*wanted)).sum();
            vec![(sum * f64::from(temperature * temperature)) as f32]
        },
        move |seen| {
            let mut dz = scaled(seen.args[0], false);
            let factor = seen.dy[0] * temperature;
            for (dz, wanted) in dz.chunks_exact_mut(classes).zip(back.chunks_exact(classes)) {
                let mass: f32 = wanted.iter().sum();
                dz.iter_mut().zip(wanted).for_each(|(p, wanted)| *p = (*p * mass - wanted) * factor);
            }
            [Some(dz), None, None]
        },
    )
}

/// Logistic loss of logits with wanted probabilities.
pub(crate) fn logistic(z: &Tensor, wanted: Vec<f32>) -> Result<Tensor> {
    if wanted.len() != z.elem_count() {
        return Err(Error::Msg(format!("{} wanted probabilities for {} logits", wanted.len(), z.elem_count())));
    }
    let back = wanted.clone();
    apply(
        vec![],
        &[z],
        move |args| {
            // ln(1 + exp(z)) - wanted * z
            let term = |(&z, &wanted): (&f32, &f32)| f64::from(z.max(0.0) + (-z.abs()).exp().ln_1p() - wanted * z);
            vec![args[0].iter().zip(&wanted).map(term).sum::<f64>() as f32]
        },
        move |seen| {
            let gradient = |(&z, wanted): (&f32, &f32)| seen.dy[0] * (1.0 / (1.0 + (-z).exp()) - wanted);
            [Some(seen.args[0].iter().zip(&back).map(gradient).collect()), None, None]
        },
    )
}

/// The mean squared error of each sample, over the mean square of what is wanted where `relative`.
pub(crate) fn mean_squared_error(x: &Tensor, wanted: Vec<f32>, samples: usize, relative: bool) -> Result<Tensor> {
    if wanted.len() != x.elem_count() || samples == 0 {
        return Err(Error::Msg(format!("{} wanted values for {}", wanted.len(), x.elem_count())));
    }
    let len = x.elem_count() / samples;
    let scales: Vec<f32> = wanted
        .chunks_exact(len.max(1))
        .map(|wanted| {
            let square = wanted.iter().map(|w| w * w).sum::<f32>() / len as f32;
            1.0 / (len as f32 * if relative { square + 1e-6 } else { 1.0 })
        })
        .collect();
    let back = (wanted.clone(), scales.clone());
    apply(
        vec![],
        &[x],
        move |args| {
            let rows = args[0].chunks_exact(len).zip(wanted.chunks_exact(len)).zip(&scales);
            let error = |((x, wanted), scale): ((&[f32], &[f32]), &f32)| {
                x.iter().zip(wanted).map(|(x, w)| f64::from(x - w).powi(2)).sum::<f64>() * f64::from(*scale)
            };
            vec![rows.map(error).sum::<f64>() as f32]
        },
        move |seen| {
            let (wanted, scales) = &back;
            let rows = seen.args[0].chunks_exact(len).zip(wanted.chunks_exact(len)).zip(scales);
            let dx = rows.flat_map(|((x, wanted), scale)| x.iter().zip(wanted).map(move |(x, w)| 2.0 * seen.dy[0] * scale * (x - w)));
            [Some(dx.collect()), None, None]
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape;

    #[test]
    fn losses_are_those_of_candle() -> Result<()> {
        let mut random = fastrand::Rng::with_seed(3);
        let z = tape::constant((0..12).map(|_| 4.0 * random.f32() - 2.0).collect(), (3, 4))?;
        let near = |found: &Tensor, expected: Tensor| {
            let (found, expected) = (found.to_scalar::<f32>()?, expected.to_scalar::<f32>()?);
            assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
            Ok::<_, Error>(())
        };
        let labels = Tensor::from_slice(&[2u32, 0, 3], 3, z.device())?;
        let mut wanted = vec![0.0; 12];
        [2, 4, 11].into_iter().for_each(|at| wanted[at] = 1.0);
        near(&cross_entropy(&z, wanted, 1.0)?, (candle_nn::loss::cross_entropy(&z, &labels)? * 3.0)?)?;

        let target = tape::constant((0..12).map(|_| random.f32()).collect(), (3, 4))?;
        near(&mean_squared_error(&z, tape::values(&target)?, 3, false)?, (candle_nn::loss::mse(&z, &target)? * 3.0)?)?;
        near(&logistic(&z, tape::values(&target)?)?, (candle_nn::loss::binary_cross_entropy_with_logit(&z, &target)? * 12.0)?)
    }
}
