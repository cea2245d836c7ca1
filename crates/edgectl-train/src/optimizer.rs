//! Optimizers and schedules of the learning rate.

use crate::TrainError;

/// How gradients become steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Adam with decoupled weight decay (I. Loshchilov, F. Hutter: Decoupled Weight Decay Regularization, 2019).
    AdamW {
        /// Decay of the mean of gradients and of their squares.
        betas: [f32; 2],
        /// Added to the root of the mean square.
        epsilon: f32,
    },
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// What remains of the step before, from 0 to below 1.
        momentum: f32,
        /// Whether the gradient is taken ahead (Nesterov).
        nesterov: bool,
    },
}

impl Optimizer {
    /// AdamW as it is mostly used.
    pub const ADAMW: Optimizer = Optimizer::AdamW { betas: [0.9, 0.999], epsilon: 1e-8 };
    /// SGD with Nesterov's momentum of 0.9.
    pub const SGD: Optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: true };

    /// Lists of the size of the parameters that it keeps.
    pub(crate) fn slots(self) -> usize {
        match self {
            Optimizer::AdamW { .. } => 2,
            Optimizer::Sgd { .. } => 1,
        }
    }

    /// One step of a parameter; `step` counts from 1, `slots` is what is kept of it, `decay` what decays of it at a learning rate of 1.
    pub(crate) fn step(self, values: &mut [f32], gradient: &[f32], slots: &mut [Vec<f32>], step: u64, rate: f32, decay: f32) {
        let keep = 1.0 - rate * decay;
        match (self, slots) {
            (Optimizer::AdamW { betas: [b1, b2], epsilon }, [mean, square]) => {
                let correction = |beta: f32| 1.0 - f64::from(beta).powf(step as f64) as f32;
                let (c1, c2) = (correction(b1), correction(b2));
                for (((value, g), mean), square) in values.iter_mut().zip(gradient).zip(mean).zip(square) {
                    *mean = b1 * *mean + (1.0 - b1) * g;
                    *square = b2 * *square + (1.0 - b2) * g * g;
                    *value = *value * keep - rate * (*mean / c1) / ((*square / c2).sqrt() + epsilon);
                }
            }
            (Optimizer::Sgd { momentum, nesterov }, [velocity]) => {
                for ((value, g), velocity) in values.iter_mut().zip(gradient).zip(velocity) {
                    *velocity = momentum * *velocity + g;
                    let direction = if nesterov { g + momentum * *velocity } else { *velocity };
                    *value = *value * keep - rate * direction;
                }
            }
            _ => {}
        }
    }

    pub(crate) fn check(self) -> Result<(), TrainError> {
        let factors = match self {
            Optimizer::AdamW { betas, .. } => betas.to_vec(),
            Optimizer::Sgd { momentum, .. } => vec![momentum],
        };
        match factors.into_iter().find(|factor| !(0.0..1.0).contains(factor)) {
            Some(found) => Err(TrainError::Option { option: "momentum", expected: "0 to below 1", found: found.to_string() }),
            None => Ok(()),
        }
    }
}

/// How the learning rate goes from the first step to the last.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Down to zero along half a cosine (I. Loshchilov, F. Hutter: SGDR, 2017).
    Cosine,
    /// Up from a 25th for three tenths of the steps, then down to a 250,000th, along half cosines (L. Smith, N. Topin: Super-Convergence,
    /// 2018).
    OneCycle,
}

impl Schedule {
    /// The factor of the learning rate in a step, counted from 0, of so many, of which the first `warm_up` rise linearly.
    pub fn factor(self, step: usize, steps: usize, warm_up: usize) -> f64 {
        if step < warm_up {
            return (step + 1) as f64 / (warm_up + 1) as f64;
        }
        let done = (step - warm_up) as f64 / ((steps - warm_up.min(steps)).max(1)) as f64;
        // From 1 to 0 while x goes from 0 to 1.
        let fall = |x: f64| 0.5 * (1.0 + (std::f64::consts::PI * x).cos());
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => fall(done),
            Schedule::OneCycle => {
                const RISE: f64 = 0.3;
                const FIRST: f64 = 1.0 / 25.0;
                const LAST: f64 = FIRST / 1e4;
                if done < RISE { 1.0 + (FIRST - 1.0) * fall(done / RISE) } else { LAST + (1.0 - LAST) * fall((done - RISE) / (1.0 - RISE)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_begin_and_end_where_they_should() {
        assert!((Schedule::Cosine.factor(0, 100, 0) - 1.0).abs() < 1e-12);
        assert!(Schedule::Cosine.factor(99, 100, 0) < 1e-3);
        assert!((Schedule::OneCycle.factor(0, 100, 0) - 0.04).abs() < 1e-12);
        assert!((Schedule::OneCycle.factor(30, 100, 0) - 1.0).abs() < 1e-12);
        assert!(Schedule::OneCycle.factor(99, 100, 0) < 2e-3);
        let warm: Vec<f64> = (0..5).map(|step| Schedule::Constant.factor(step, 10, 4)).collect();
        assert_eq!(warm, [0.2, 0.4, 0.6, 0.8, 1.0]);
    }

    #[test]
    fn adamw_is_that_of_candle() -> candle_core::Result<()> {
        use candle_core::{Device, Tensor, Var};
        use candle_nn::{AdamW, Optimizer as _, ParamsAdamW};

        let mut random = fastrand::Rng::with_seed(5);
        let mut values: Vec<f32> = (0..64).map(|_| random.f32() - 0.5).collect();
        let var = Var::from_slice(&values, 64, &Device::Cpu)?;
        let (rate, decay) = (0.05, 0.1);
        let mut oracle = AdamW::new(vec![var.clone()], ParamsAdamW { lr: rate, weight_decay: decay, ..ParamsAdamW::default() })?;
        let mut slots = vec![vec![0.0; 64]; Optimizer::ADAMW.slots()];
        for step in 1..=20 {
            // Of a sum of w * g, the gradient is g.
            let gradient: Vec<f32> = (0..64).map(|_| random.f32() - 0.5).collect();
            oracle.backward_step(&(var.as_tensor() * Tensor::from_slice(&gradient, 64, &Device::Cpu)?)?.sum_all()?)?;
            Optimizer::ADAMW.step(&mut values, &gradient, &mut slots, step, rate as f32, decay as f32);
        }
        for (found, expected) in values.iter().zip(var.to_vec1::<f32>()?) {
            assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
        }
        Ok(())
    }

    /// `w` of `(w - 3)^2 / 2`, whose gradient is `w - 3`.
    #[test]
    fn both_go_to_the_minimum() {
        for (optimizer, rate) in [(Optimizer::ADAMW, 0.1), (Optimizer::SGD, 0.05)] {
            let mut w = [10.0f32];
            let mut slots = vec![vec![0.0]; optimizer.slots()];
            for step in 1..=500 {
                let gradient = [w[0] - 3.0];
                optimizer.step(&mut w, &gradient, &mut slots, step, rate, 0.0);
            }
            assert!((w[0] - 3.0).abs() < 1e-2, "{optimizer:?}: {w:?}");
        }
    }
}
