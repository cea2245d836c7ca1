//! Fits coefficients to measurements: a regularized least squares fit of logarithms, robust against outliers, with partial pooling.
//!
//! An observation is a model's sizes (a [`Terms`]) and the cycles that it took. Its coefficients are `exp(prior + Σ offsets)`, where the offsets
//! belong to the *groups* that the observation is in: everything, its data type, its library, its board, this library on this board. Each
//! offset is drawn towards zero with the strength of its group, so a library with two measurements on a board behaves like the same
//! library on other boards, and one with forty like itself. The logarithm makes errors relative and coefficients positive.
//!
//! The minimum is found with Levenberg-Marquardt steps. There are more offsets than observations, so each step is solved in the space of
//! observations (the matrix inversion lemma): an n×n system for n observations, whatever the number of groups.

use crate::schema::Coefficients;
use crate::workload::{OpClass, OpWork, Workload};

/// A term of the cost model: the classes and the field of their coefficients that one number stands for.
struct Term {
    classes: &'static [OpClass],
    field: Field,
}

#[derive(Clone, Copy)]
enum Field {
    Mac,
    Tap,
    Gathered,
    Input,
    Output,
    WeightByte,
    Layer,
}

use OpClass::{Conv, Conv3x3, Dense, Depthwise, Elementwise, MatMul, Movement, Pointwise, Pool, Softmax};

/// What a fit determines: few enough for the measurements that exist. Classes share what cannot be told apart from whole models' times.
#[rustfmt::skip]
const TERMS: [Term; TERM_COUNT] = [
    Term { classes: &[Conv3x3], field: Field::Mac },
    Term { classes: &[Conv], field: Field::Mac },
    Term { classes: &[Conv, Conv3x3], field: Field::Gathered },
    Term { classes: &[Conv, Conv3x3], field: Field::Tap },
    Term { classes: &[Conv, Conv3x3], field: Field::Output },
    Term { classes: &[Pointwise], field: Field::Mac },
    Term { classes: &[Pointwise], field: Field::Input },
    Term { classes: &[Pointwise], field: Field::Output },
    Term { classes: &[Depthwise], field: Field::Mac },
    Term { classes: &[Depthwise], field: Field::Input },
    Term { classes: &[Depthwise], field: Field::Output },
    Term { classes: &[Dense], field: Field::Mac },
    Term { classes: &[MatMul], field: Field::Mac },
    Term { classes: &[Elementwise, Movement], field: Field::Output },
    Term { classes: &[Pool], field: Field::Input },
    Term { classes: &[Softmax], field: Field::Output },
    Term { classes: &OpClass::ALL, field: Field::WeightByte },
    Term { classes: &OpClass::ALL, field: Field::Layer },
];

/// Terms of the cost model.
pub const TERM_COUNT: usize = 18;

/// The terms that count multiplications.
pub const MAC_TERMS: [usize; 6] = [0, 1, 5, 8, 11, 12];

/// A number for each term: sizes of a model, or coefficients.
pub type Terms = [f64; TERM_COUNT];

impl Field {
    /// How much of it an operator has.
    fn size(self, op: &OpWork, element_bytes: f64) -> f64 {
        match self {
            Field::Mac => op.effective_macs(),
            Field::Tap => op.taps(),
            Field::Gathered => op.gathered(),
            Field::Input => op.inputs as f64,
            Field::Output => op.outputs as f64,
            Field::WeightByte => op.weights as f64 * element_bytes,
            Field::Layer => 1.0,
        }
    }

    /// Its coefficient.
    fn of(self, costs: &mut Coefficients) -> &mut f64 {
        match self {
            Field::Mac => &mut costs.cycles_per_mac,
            Field::Tap => &mut costs.cycles_per_tap,
            Field::Gathered => &mut costs.cycles_per_gathered,
            Field::Input => &mut costs.cycles_per_input,
            Field::Output => &mut costs.cycles_per_output,
            Field::WeightByte => &mut costs.cycles_per_weight_byte,
            Field::Layer => &mut costs.cycles_per_layer,
        }
    }
}

/// The sizes of a model's operators, summed for each term.
pub fn sizes(workload: &Workload, element_bytes: f64) -> Terms {
    let mut sums = [0.0; TERM_COUNT];
    for op in &workload.ops {
        for (sum, term) in sums.iter_mut().zip(&TERMS).filter(|(_, term)| term.classes.contains(&op.cost_class())) {
            *sum += term.field.size(op, element_bytes);
        }
    }
    sums
}

/// Coefficients by class, as a profile states them.
pub fn costs(terms: &Terms) -> Vec<(OpClass, Coefficients)> {
    let class_costs = |class: OpClass| {
        let mut costs = Coefficients::default();
        for (value, term) in terms.iter().zip(&TERMS).filter(|(_, term)| term.classes.contains(&class)) {
            *term.field.of(&mut costs) = *value;
        }
        (class, costs)
    };
    OpClass::ALL.into_iter().map(class_costs).collect()
}

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
    /// Of all coefficients together.
    pub scale_spread: f64,
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
    offsets: Vec<Offset>,
}

/// Of the coefficients, and of all of them together.
#[derive(Clone, Copy, Debug)]
struct Offset {
    terms: Terms,
    scale: f64,
}

impl Offset {
    const ZERO: Offset = Offset { terms: [0.0; TERM_COUNT], scale: 0.0 };
}

impl Solution {
    /// The coefficients of a member of these groups.
    pub fn coefficients(&self, groups: &[usize]) -> Terms {
        let mut terms = self.ln_prior;
        for offset in groups.iter().filter_map(|&group| self.offsets.get(group)) {
            for (term, by) in terms.iter_mut().zip(&offset.terms) {
                *term += by + offset.scale;
            }
        }
        terms.map(f64::exp)
    }

    /// The cycles of a model with these sizes, in these groups.
    pub fn predict(&self, sizes: &Terms, groups: &[usize]) -> f64 {
        dot(&self.coefficients(groups), sizes)
    }
}

const MAX_STEPS: usize = 60;
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
                    let converged = loss - less < 1e-5 * loss;
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
        let mut start = Solution { ln_prior: self.prior.map(f64::ln), offsets: vec![Offset::ZERO; self.groups.len()] };
        let mut errors: Vec<Vec<f64>> = vec![Vec::new(); self.groups.len()];
        for observation in &self.observations {
            if let Some(&outermost) = observation.groups.first() {
                errors[outermost].push((observation.cycles / start.predict(&observation.sizes, &[])).ln());
            }
        }
        for (offset, mut errors) in start.offsets.iter_mut().zip(errors).filter(|(_, errors)| !errors.is_empty()) {
            errors.sort_by(f64::total_cmp);
            offset.scale = errors[errors.len() / 2];
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
            let terms: f64 = offset.terms.iter().map(|term| (term / group.spread).powi(2)).sum();
            0.5 * (terms + (offset.scale / group.scale_spread).powi(2))
        });
        errors.sum::<f64>() + offsets.sum::<f64>()
    }

    /// One damped Gauss-Newton step; nothing where the system cannot be solved.
    fn step(&self, at: &Solution, damping: f64) -> Option<Solution> {
        let n = self.observations.len();
        let turn = self.outlier / self.noise;
        let mut slopes: Vec<Terms> = Vec::with_capacity(n);
        let mut weights = Vec::with_capacity(n);
        let mut residuals = Vec::with_capacity(n);
        for observation in &self.observations {
            let coefficients = at.coefficients(&observation.groups);
            let cycles = dot(&coefficients, &observation.sizes);
            let mut slope = coefficients;
            slope.iter_mut().zip(&observation.sizes).for_each(|(slope, size)| *slope *= size / cycles / self.noise);
            slopes.push(slope);
            let residual = self.residual(at, observation);
            residuals.push(residual);
            weights.push(1.0 / (1.0 + (residual / turn).powi(2)).sqrt());
        }
        let damped = 1.0 + damping;
        // The gradient over the curvature of the offsets' own weight: A⁻¹g.
        let mut descent: Vec<Offset> = at.offsets.clone();
        for (i, observation) in self.observations.iter().enumerate() {
            let pull = weights[i] * residuals[i];
            for &index in &observation.groups {
                let (group, offset) = (self.groups[index], &mut descent[index]);
                for (offset, slope) in offset.terms.iter_mut().zip(&slopes[i]) {
                    *offset += group.spread.powi(2) * slope * pull;
                }
                offset.scale += group.scale_spread.powi(2) * pull / self.noise;
            }
        }
        for offset in &mut descent {
            offset.terms.iter_mut().for_each(|term| *term /= damped);
            offset.scale /= damped;
        }
        let along = |slope: &Terms, offset: &Offset| dot(slope, &offset.terms) + offset.scale / self.noise;
        let mut system = vec![0.0; n * n];
        let mut right = vec![0.0; n];
        for (i, a) in self.observations.iter().enumerate() {
            right[i] = a.groups.iter().map(|&group| along(&slopes[i], &descent[group])).sum();
            for (j, b) in self.observations.iter().enumerate().take(i + 1) {
                let (mut terms, mut scales) = (0.0, 0.0);
                for &index in a.groups.iter().filter(|index| b.groups.contains(index)) {
                    terms += self.groups[index].spread.powi(2);
                    scales += self.groups[index].scale_spread.powi(2);
                }
                system[i * n + j] = (terms * dot(&slopes[i], &slopes[j]) + scales / self.noise.powi(2)) / damped;
            }
            system[i * n + i] += 1.0 / weights[i];
        }
        cholesky(&mut system, n)?;
        substitute(&system, n, &mut right);
        let mut next = at.clone();
        for (offset, descent) in next.offsets.iter_mut().zip(&descent) {
            offset.terms.iter_mut().zip(&descent.terms).for_each(|(term, by)| *term -= by);
            offset.scale -= descent.scale;
        }
        for (i, observation) in self.observations.iter().enumerate() {
            for &index in &observation.groups {
                let (group, offset) = (self.groups[index], &mut next.offsets[index]);
                for (term, slope) in offset.terms.iter_mut().zip(&slopes[i]) {
                    *term += group.spread.powi(2) / damped * slope * right[i];
                }
                offset.scale += group.scale_spread.powi(2) / damped * right[i] / self.noise;
            }
        }
        Some(next)
    }
}

fn dot(a: &Terms, b: &Terms) -> f64 {
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
