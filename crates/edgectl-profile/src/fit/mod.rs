//! Fits coefficients to measurements: a regularized least squares fit of logarithms, robust against outliers, with partial pooling.
//!
//! An observation is a model's sizes (a [`Terms`]) and the cycles that it took. Its coefficients are `exp(prior + Σ offsets)`, where the offsets
//! belong to the *groups* that the observation is in: everything, its data type, its library, its board, this library on this board. Each
//! offset is drawn towards zero with the strength of its group, so a library with two measurements on a board behaves like the same
//! library on other boards, and one with forty like itself. The logarithm makes errors relative and coefficients positive.
//!
//! A group has offsets of three widths: one for all coefficients (a higher clock, a library that is better all over), one for each kind of
//! them (arithmetic, data, constants: a memory that does not keep up with the cores), and one for each coefficient.
//!
//! The minimum is found with Levenberg-Marquardt steps. There are more offsets than observations, so each step is solved in the space of
//! observations (the matrix inversion lemma): an n×n system for n observations, whatever the number of groups. [`Problem::evidence`] says
//! how well the strengths of the groups suit the observations, so that these need not be chosen by hand.

mod terms;

pub use terms::{INFERENCE_TERM, KERNEL_TERMS, LAYER_TERM, MAC_TERMS, TERM_COUNT, Terms, costs, share, sizes, unite};
use terms::{KINDS, kind};

/// A measurement.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Of the model, by [`sizes`].
    pub sizes: Terms,
    /// What it took.
    pub cycles: f64,
    /// The groups that it is in, as indices into [`Problem::groups`], the outermost first.
    pub groups: Vec<usize>,
}

/// How far the members of a group may depart from what is around them, as standard deviations of natural logarithms.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Of each coefficient.
    pub spread: f64,
    /// Of all coefficients of a kind together.
    pub kind_spread: f64,
    /// Of all coefficients together.
    pub scale_spread: f64,
}

/// Offsets of all coefficients, of the kinds, of each.
const OFFSETS: usize = 1 + KINDS + TERM_COUNT;
type Offsets = [f64; OFFSETS];

impl Group {
    fn variances(&self) -> Offsets {
        let mut variances = [self.spread.powi(2); OFFSETS];
        variances[0] = self.scale_spread.powi(2);
        variances[1..=KINDS].fill(self.kind_spread.powi(2));
        variances
    }
}

/// What offsets add to the logarithms of the coefficients.
fn added(offsets: &Offsets) -> Terms {
    std::array::from_fn(|term| offsets[0] + offsets[1 + kind(term)] + offsets[1 + KINDS + term])
}

/// How something depends on offsets that depends so on the logarithms of the coefficients.
fn slopes_of(terms: &Terms) -> Offsets {
    let mut slopes = [0.0; OFFSETS];
    for (term, slope) in terms.iter().enumerate() {
        slopes[0] += slope;
        slopes[1 + kind(term)] += slope;
        slopes[1 + KINDS + term] = *slope;
    }
    slopes
}

/// Everything that a fit needs.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The coefficients that are assumed where nothing was measured, all positive.
    pub prior: Terms,
    /// Each distinct group.
    pub groups: Vec<Group>,
    /// The measurements.
    pub observations: Vec<Observation>,
    /// The error of a measurement that is nobody's fault, relative.
    pub noise: f64,
    /// The error from which on a measurement counts less, relative.
    pub outlier: f64,
}

/// The offsets of every group.
#[derive(Clone, Debug)]
pub struct Solution {
    ln_prior: Terms,
    offsets: Vec<Offsets>,
}

impl Solution {
    /// The coefficients of a member of these groups.
    pub fn coefficients(&self, groups: &[usize]) -> Terms {
        let mut terms = self.ln_prior;
        for offset in groups.iter().filter_map(|&group| self.offsets.get(group)) {
            terms.iter_mut().zip(added(offset)).for_each(|(term, by)| *term += by);
        }
        terms.map(f64::exp)
    }

    /// The cycles of a model with these sizes, in these groups.
    pub fn predict(&self, sizes: &Terms, groups: &[usize]) -> f64 {
        dot(&self.coefficients(groups), sizes)
    }
}

const MAX_STEPS: usize = 300;
const MAX_DAMPING: f64 = 1e9;

impl Problem {
    /// Finds the offsets.
    pub fn solve(&self) -> Solution {
        let mut best = self.start();
        let mut loss = self.loss(&best);
        let mut damping = 1e-3;
        for _ in 0..MAX_STEPS {
            if damping > MAX_DAMPING {
                break;
            }
            let next = self.step(&best, damping).map(|next| (self.loss(&next), next));
            match next {
                Some((less, next)) if less < loss => {
                    let converged = loss - less < 1e-7 * loss;
                    (best, loss) = (next, less);
                    damping = (damping / 5.0).max(1e-9);
                    if converged {
                        break;
                    }
                }
                _ => damping *= 8.0,
            }
        }
        best
    }

    /// No offsets but the scale of the outermost groups, so that the first steps are short: far ones end in poor minima.
    fn start(&self) -> Solution {
        let mut start = Solution { ln_prior: self.prior.map(f64::ln), offsets: vec![[0.0; OFFSETS]; self.groups.len()] };
        let mut errors: Vec<Vec<f64>> = vec![Vec::new(); self.groups.len()];
        for observation in &self.observations {
            if let Some(&outermost) = observation.groups.first() {
                errors[outermost].push((observation.cycles / start.predict(&observation.sizes, &[])).ln());
            }
        }
        for (offset, mut errors) in start.offsets.iter_mut().zip(errors).filter(|(_, errors)| !errors.is_empty()) {
            errors.sort_by(f64::total_cmp);
            offset[0] = errors[errors.len() / 2];
        }
        start
    }

    /// The error of an observation in units of the noise.
    fn residual(&self, solution: &Solution, observation: &Observation) -> f64 {
        (solution.predict(&observation.sizes, &observation.groups) / observation.cycles).ln() / self.noise
    }

    /// The pseudo-Huber loss of the residuals and the weight of the offsets.
    fn loss(&self, solution: &Solution) -> f64 {
        let turn = self.outlier / self.noise;
        let errors = self.observations.iter().map(|observation| {
            let residual = self.residual(solution, observation) / turn;
            turn * turn * ((1.0 + residual * residual).sqrt() - 1.0)
        });
        let offsets = self.groups.iter().zip(&solution.offsets).map(|(group, offset)| {
            // What may not depart has no offset.
            let terms = offset.iter().zip(group.variances()).filter(|(_, variance)| *variance > 0.0);
            0.5 * terms.map(|(offset, variance)| offset * offset / variance).sum::<f64>()
        });
        errors.sum::<f64>() + offsets.sum::<f64>()
    }

    /// The observations near a solution.
    fn linear(&self, at: &Solution) -> Linear {
        let turn = self.outlier / self.noise;
        let mut linear = Linear { slopes: vec![], weights: vec![], residuals: vec![], variances: vec![] };
        for observation in &self.observations {
            let coefficients = at.coefficients(&observation.groups);
            let cycles = dot(&coefficients, &observation.sizes);
            let mut slope = coefficients;
            slope.iter_mut().zip(&observation.sizes).for_each(|(slope, size)| *slope *= size / cycles / self.noise);
            linear.slopes.push(slopes_of(&slope));
            let residual = self.residual(at, observation);
            linear.residuals.push(residual);
            linear.weights.push(1.0 / (1.0 + (residual / turn).powi(2)).sqrt());
        }
        linear.variances = self.groups.iter().map(Group::variances).collect();
        linear
    }

    /// What the observations' errors have in common by their groups, over `damped`, and the own error of each: the lower half of a matrix.
    fn covariance(&self, linear: &Linear, damped: f64) -> Vec<f64> {
        let n = self.observations.len();
        let mut system = vec![0.0; n * n];
        for (i, a) in self.observations.iter().enumerate() {
            let own: Vec<(usize, Offsets)> =
                a.groups.iter().map(|&group| (group, std::array::from_fn(|k| linear.variances[group][k] * linear.slopes[i][k]))).collect();
            for (j, b) in self.observations.iter().enumerate().take(i + 1) {
                let common = own.iter().filter(|(group, _)| b.groups.contains(group));
                system[i * n + j] = common.map(|(_, scaled)| dot(scaled, &linear.slopes[j])).sum::<f64>() / damped;
            }
            system[i * n + i] += 1.0 / linear.weights[i];
        }
        system
    }

    /// How probable the observations are for the strengths of the groups, whatever the offsets: the logarithm of the marginal likelihood in
    /// Laplace's approximation, but for a constant. It grows while strengths explain more than they allow.
    pub fn evidence(&self) -> Option<f64> {
        let solution = self.solve();
        let linear = self.linear(&solution);
        let n = self.observations.len();
        let mut system = self.covariance(&linear, 1.0);
        cholesky(&mut system, n)?;
        let determinant: f64 = (0..n).map(|i| 2.0 * system[i * n + i].ln() + linear.weights[i].ln()).sum();
        Some(-self.loss(&solution) - 0.5 * determinant - n as f64 * self.noise.ln())
    }

    /// One damped Gauss-Newton step; nothing where the system cannot be solved.
    fn step(&self, at: &Solution, damping: f64) -> Option<Solution> {
        let n = self.observations.len();
        let damped = 1.0 + damping;
        let linear = self.linear(at);
        // The gradient over the curvature of the offsets' own weight: A⁻¹g.
        let mut descent: Vec<Offsets> = at.offsets.clone();
        for (i, observation) in self.observations.iter().enumerate() {
            let pull = linear.weights[i] * linear.residuals[i];
            linear.add(&mut descent, i, observation, pull);
        }
        descent.iter_mut().flatten().for_each(|offset| *offset /= damped);
        let mut right: Vec<f64> = (self.observations.iter().zip(&linear.slopes))
            .map(|(observation, slope)| observation.groups.iter().map(|&group| dot(slope, &descent[group])).sum())
            .collect();
        let mut system = self.covariance(&linear, damped);
        cholesky(&mut system, n)?;
        substitute(&system, n, &mut right);
        let mut next = at.clone();
        for (offset, descent) in next.offsets.iter_mut().flatten().zip(descent.iter().flatten()) {
            *offset -= descent;
        }
        for (i, observation) in self.observations.iter().enumerate() {
            linear.add(&mut next.offsets, i, observation, right[i] / damped);
        }
        Some(next)
    }
}

/// How observations depend on offsets near a solution.
struct Linear {
    /// Of the residuals, by observation.
    slopes: Vec<Offsets>,
    /// Below 1 for outliers.
    weights: Vec<f64>,
    residuals: Vec<f64>,
    /// By group.
    variances: Vec<Offsets>,
}

impl Linear {
    /// Moves the offsets of an observation's groups along its slope.
    fn add(&self, offsets: &mut [Offsets], index: usize, observation: &Observation, by: f64) {
        for &group in &observation.groups {
            for ((offset, variance), slope) in offsets[group].iter_mut().zip(&self.variances[group]).zip(&self.slopes[index]) {
                *offset += variance * slope * by;
            }
        }
    }
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The lower factor of a symmetric matrix, in place of its lower half; nothing where it is not positive definite.
fn cholesky(matrix: &mut [f64], n: usize) -> Option<()> {
    for i in 0..n {
        let (above, row) = matrix.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..j * n + j + 1];
            let sum: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - sum) / other[j];
        }
        let rest = row[i] - row[..i].iter().map(|a| a * a).sum::<f64>();
        if rest.is_nan() || rest <= 0.0 {
            return None;
        }
        row[i] = rest.sqrt();
    }
    Some(())
}

/// Solves for `right` with the factor that [`cholesky`] leaves.
fn substitute(factor: &[f64], n: usize, right: &mut [f64]) {
    for i in 0..n {
        let sum: f64 = (0..i).map(|j| factor[i * n + j] * right[j]).sum();
        right[i] = (right[i] - sum) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|j| factor[j * n + i] * right[j]).sum();
        right[i] = (right[i] - sum) / factor[i * n + i];
    }
}
