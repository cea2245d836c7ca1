//! Weight scales by the mean squared error: a scale below `max |w| / 127` cuts the greatest weights and rounds all others more finely.

/// Candidate scales, from the full range down to half of it.
const STEPS: u32 = 50;

/// The scale with the least squared error for weights that share one, not above `full`.
pub(crate) fn clipped_scale(weights: &[f32], full: f32) -> f32 {
    let error = |scale: f32| -> f64 {
        let scale = f64::from(scale);
        weights.iter().map(|&w| f64::from(w)).map(|w| ((w / scale).round_ties_even().clamp(-127.0, 127.0) * scale - w).powi(2)).sum()
    };
    let candidates = (0..STEPS).map(|step| full * (1.0 - 0.5 * step as f32 / STEPS as f32));
    let measured = candidates.filter(|scale| scale.is_normal()).map(|scale| (error(scale), scale));
    // The first of equals: the widest.
    measured.reduce(|best, found| if found.0 < best.0 { found } else { best }).map_or(full, |(_, scale)| scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_that_is_exact_stays() {
        let weights: Vec<f32> = (-127..=127).map(|q| q as f32 * 0.25).collect();
        assert_eq!(clipped_scale(&weights, 0.25), 0.25);
        assert_eq!(clipped_scale(&[0.0; 4], 1.0), 1.0);
    }

    #[test]
    fn a_lone_peak_is_cut() {
        let mut weights: Vec<f32> = (0..5000).map(|i| (i as f32 * 0.618_034).fract() - 0.5).collect();
        weights.push(0.6);
        let (full, clipped) = (0.6 / 127.0, clipped_scale(&weights, 0.6 / 127.0));
        assert!((0.5 / 127.0..full).contains(&clipped), "{clipped} of {full}");
    }
}
