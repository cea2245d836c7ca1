//! The terms of the cost model: which sizes of operators are told apart, and to which coefficients of a profile they belong.

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
    Inference,
}

/// What coefficients depend on together.
pub(super) const KINDS: usize = 3;

use OpClass::{Conv, Conv3x3, ConvLarge, Dense, Depthwise, DepthwiseLarge, Elementwise, MatMul, Movement, Pointwise, Pool, Softmax};

/// What a fit determines: few enough for the measurements that exist. Classes share what cannot be told apart from whole models' times.
#[rustfmt::skip]
const TERMS: [Term; TERM_COUNT] = [
    Term { classes: &[Conv3x3], field: Field::Mac },
    Term { classes: &[Conv], field: Field::Mac },
    Term { classes: &[Conv, Conv3x3, ConvLarge], field: Field::Gathered },
    Term { classes: &[Conv, Conv3x3, ConvLarge], field: Field::Tap },
    Term { classes: &[Conv, Conv3x3, ConvLarge], field: Field::Output },
    Term { classes: &[Pointwise], field: Field::Mac },
    Term { classes: &[Pointwise], field: Field::Input },
    Term { classes: &[Pointwise], field: Field::Output },
    Term { classes: &[Depthwise], field: Field::Mac },
    Term { classes: &[Depthwise, DepthwiseLarge], field: Field::Input },
    Term { classes: &[Depthwise, DepthwiseLarge], field: Field::Output },
    Term { classes: &[Dense], field: Field::Mac },
    Term { classes: &[MatMul], field: Field::Mac },
    Term { classes: &[Elementwise, Movement], field: Field::Output },
    Term { classes: &[Pool], field: Field::Input },
    Term { classes: &[Softmax], field: Field::Output },
    Term { classes: &OpClass::ALL, field: Field::WeightByte },
    Term { classes: &OpClass::ALL, field: Field::Layer },
    // Weights of convolutions are packed and read in panels, which few pixels do not repay.
    Term { classes: &[Conv, Conv3x3, ConvLarge, Pointwise], field: Field::WeightByte },
    Term { classes: &[], field: Field::Inference },
    Term { classes: &[ConvLarge], field: Field::Mac },
    Term { classes: &[DepthwiseLarge], field: Field::Mac },
];

/// Terms of the cost model.
pub const TERM_COUNT: usize = 22;

/// The term that counts operators.
pub const LAYER_TERM: usize = 17;

/// The term of what an inference takes besides its operators.
pub const INFERENCE_TERM: usize = 19;

/// The terms that count multiplications.
pub const MAC_TERMS: [usize; 8] = [0, 1, 5, 8, 11, 12, 20, 21];

/// Multiplications of 3×3 convolutions, of large kernels and of large depthwise kernels, each with the term of the other kernels.
pub const KERNEL_TERMS: [[usize; 2]; 3] = [[0, 1], [20, 1], [21, 8]];

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
            Field::Inference => 0.0,
        }
    }

    /// Arithmetic, data or constants, as an index below [`KINDS`].
    fn kind(self) -> usize {
        match self {
            Field::Mac => 0,
            Field::Tap | Field::Gathered | Field::Input | Field::Output | Field::WeightByte => 1,
            Field::Layer | Field::Inference => 2,
        }
    }

    /// Its coefficient.
    fn of(self, costs: &mut Coefficients) -> Option<&mut f64> {
        Some(match self {
            Field::Mac => &mut costs.cycles_per_mac,
            Field::Tap => &mut costs.cycles_per_tap,
            Field::Gathered => &mut costs.cycles_per_gathered,
            Field::Input => &mut costs.cycles_per_input,
            Field::Output => &mut costs.cycles_per_output,
            Field::WeightByte => &mut costs.cycles_per_weight_byte,
            Field::Layer => &mut costs.cycles_per_layer,
            Field::Inference => return None,
        })
    }
}

/// Whether coefficient `term` is about arithmetic, data or constants: an index below [`KINDS`].
pub(super) fn kind(term: usize) -> usize {
    TERMS[term].field.kind()
}

/// Counts multiplications as those of the other kernels, for libraries that have no code of their own for the first of each pair (of
/// [`KERNEL_TERMS`]).
pub fn unite(sizes: &mut Terms, pairs: &[[usize; 2]]) {
    for &[own, other] in pairs {
        sizes[other] += std::mem::take(&mut sizes[own]);
    }
}

/// Gives the first of each pair the coefficient of the other: what [`unite`] demands of a fit's result.
pub fn share(coefficients: &mut Terms, pairs: &[[usize; 2]]) {
    for &[own, other] in pairs {
        coefficients[own] = coefficients[other];
    }
}

/// The sizes of a model's operators, summed for each term.
pub fn sizes(workload: &Workload, element_bytes: f64) -> Terms {
    let mut sums = [0.0; TERM_COUNT];
    sums[INFERENCE_TERM] = 1.0;
    for op in &workload.ops {
        for (sum, term) in sums.iter_mut().zip(&TERMS).filter(|(_, term)| term.classes.contains(&op.cost_class())) {
            *sum += term.field.size(op, element_bytes);
        }
    }
    sums
}

/// Coefficients by class, as a profile states them; [`INFERENCE_TERM`] is a number of its own there.
pub fn costs(terms: &Terms) -> Vec<(OpClass, Coefficients)> {
    let class_costs = |class: OpClass| {
        let mut costs = Coefficients::default();
        for (value, term) in terms.iter().zip(&TERMS).filter(|(_, term)| term.classes.contains(&class)) {
            if let Some(cost) = term.field.of(&mut costs) {
                *cost += value;
            }
        }
        (class, costs)
    };
    OpClass::ALL.into_iter().map(class_costs).collect()
}
