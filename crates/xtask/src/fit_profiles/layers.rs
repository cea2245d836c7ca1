//! The RP2040, of which every layer of a model was measured: each class of layers has a fit of its own there.

use anyhow::{Context, Result, ensure};
use edgectl_profile::fit::{Group, LAYER_TERM, Observation, Problem, TERM_COUNT, Terms};

use super::measurements::Measurement;

/// Terms of a class: what its layers are told by.
const POINTWISE: &[usize] = &[5, 6, 7, 16, LAYER_TERM];
const DEPTHWISE: &[usize] = &[8, 9, 10, 16, LAYER_TERM];

/// What weights of convolutions cost besides.
const CONV_WEIGHT: usize = 18;

/// What was fitted, and how well each layer is estimated from the others.
pub(super) struct Layers {
    /// By class: the terms that belong to it and their coefficients.
    pub(super) fits: Vec<(&'static [usize], Terms)>,
    /// `estimated / measured - 1` of each layer that was left out.
    pub(super) errors: Vec<f64>,
    /// Layers that were measured.
    pub(super) measured: usize,
}

impl Layers {
    /// Puts what layers tell in the place of what whole models told. What classes share becomes the pointwise layers' own.
    pub(super) fn replace(&self, terms: &mut Terms) {
        // All that weights cost is in the term that classes share.
        terms[CONV_WEIGHT] = 0.0;
        for (owned, fitted) in self.fits.iter().rev() {
            owned.iter().for_each(|&term| terms[term] = fitted[term]);
        }
    }
}

/// Fits the layers that `threads` cores computed, starting from the coefficients `prior`.
pub(super) fn fit(measurements: &[Measurement], threads: &str, prior: &Terms) -> Result<Layers> {
    let layers: Vec<&Measurement> =
        measurements.iter().filter(|m| m.is_kernel() && m.profile == Some("pico") && m.threads == threads).collect();
    ensure!(!layers.is_empty(), "kernels.csv has no layers of the RP2040 on {threads} cores");
    let mut result = Layers { fits: Vec::new(), errors: Vec::new(), measured: layers.len() };
    for terms in [POINTWISE, DEPTHWISE] {
        // The first layer has one input channel, the last one a single pixel: the only ones of their kind, so nothing predicts them.
        let alike: Vec<&&Measurement> =
            layers.iter().filter(|m| m.sizes[terms[0]] > 1000.0 && m.sizes[terms[1]] > 0.0 && !m.is_first()).collect();
        let observe = |m: &Measurement| {
            let mut sizes = [0.0; TERM_COUNT];
            terms.iter().for_each(|&term| sizes[term] = m.sizes[term]);
            Observation { sizes, cycles: m.cycles, groups: vec![0] }
        };
        let problem = Problem {
            prior: *prior,
            groups: vec![Group { spread: 3.0, kind_spread: 0.0, scale_spread: 3.0 }],
            observations: alike.iter().map(|m| observe(m)).collect(),
            noise: 0.002,
            outlier: 0.01,
        };
        let all = problem.solve();
        for index in 0..alike.len() {
            let mut rest = problem.clone();
            let left_out = rest.observations.remove(index);
            result.errors.push(rest.solve().predict(&left_out.sizes, &[0]) / left_out.cycles - 1.0);
        }
        result.fits.push((terms, all.coefficients(&[0])));
    }
    result.errors.first().context("no layer of the RP2040 has another one like it")?;
    Ok(result)
}
