//! What recurrent layers have in common: steps of a sequence, and gates in 16-bit fixed point.

use edge_format::{DType, Shape, Tensor};

use super::dot::{ROWS, dot};
use super::i16::{logistic, tanh};
use super::total::copy;
use super::{Node, expect_shift, misfit};
use crate::arith::multiply_by_quantized_multiplier;
use crate::table::{SIGMOID, Sigmoid};
use crate::{CheckError, Operand};

/// Extents of a sequence of inputs and of what is computed from it.
#[derive(Clone, Copy)]
pub(super) struct Sequence {
    batch: usize,
    steps: usize,
    inputs: usize,
    pub(super) units: usize,
    time_major: bool,
}

/// Computes a row of y from one of x, the row of y before it and the finer state's row, which it updates.
pub(super) type Step<'s> = dyn FnMut(&[i8], &[i8], &mut [i8], &mut [[i8; 2]]) -> Option<()> + 's;

impl Sequence {
    /// From the shapes of x and y; `None` where they do not fit each other.
    pub(super) fn new(x: &Shape, y: &Shape, time_major: u32) -> Option<Self> {
        let ([a, b, inputs], [c, d, units]) = (x.array::<3>()?, y.array::<3>()?);
        let (batch, steps) = if time_major == 1 { (b, a) } else { (a, b) };
        ((a, b) == (c, d)).then_some(Self { batch, steps, inputs, units, time_major: time_major == 1 })
    }

    /// Goes through all steps of all sequences. `hidden` has the rows before the first ones, and is left with the last ones. The finer
    /// state consists of little-endian 16-bit numbers.
    pub(super) fn for_each_step(&self, x: &[i8], y: &mut [i8], hidden: &mut [i8], fine: &mut [i8], step: &mut Step<'_>) -> Option<()> {
        let Self { units, inputs, .. } = *self;
        let fine = fine.as_chunks_mut::<2>().0;
        for n in 0..self.batch {
            let state = n.checked_mul(units)?;
            let hidden = hidden.get_mut(state..)?.get_mut(..units)?;
            let fine = fine.get_mut(state..)?.get_mut(..units)?;
            for t in 0..self.steps {
                let row = self.row(n, t);
                let x = x.get(row.checked_mul(inputs)?..)?.get(..inputs)?;
                let (before, rest) = y.split_at_mut_checked(row.checked_mul(units)?)?;
                let last: &[i8] = match t.checked_sub(1) {
                    None => hidden,
                    Some(t) => before.get(self.row(n, t).checked_mul(units)?..)?.get(..units)?,
                };
                step(x, last, rest.get_mut(..units)?, fine)?;
            }
            let row = self.row(n, self.steps.checked_sub(1)?);
            copy(hidden, y.get(row.checked_mul(units)?..)?.get(..units)?)?;
        }
        Some(())
    }

    /// Which row of x and of y belongs to a step of a sequence.
    fn row(&self, sequence: usize, step: usize) -> usize {
        let (outer, inner, count) = if self.time_major { (step, sequence, self.batch) } else { (sequence, step, self.steps) };
        outer.wrapping_mul(count).wrapping_add(inner)
    }
}

/// Checks what all recurrent layers have: x, filter, recurrent filter (of so many gates) and table, then hidden, its finer form,
/// y and what becomes of both. Their places among inputs and outputs are given by the number of inputs between.
pub(super) fn check(node: &Node<'_>, time_major: u32, gates: usize, biases: usize) -> Result<Sequence, CheckError> {
    let (x, y) = (node.input_i8(0)?, node.output_at(0)?);
    let last = node.op().outputs().len();
    let [table_at, hidden_at, fine_at] = [3, 4, 5].map(|at| at + biases);
    node.expect_inputs(fine_at + 1)?;
    super::expect_range("time_major", time_major, 0..=1)?;
    let Some(sequence) = Sequence::new(&x.shape, &y.shape, time_major) else { return misfit(Operand::Output, &y) };
    let Sequence { batch, inputs, units, .. } = sequence;
    for (at, columns) in [(1, inputs), (2, units)] {
        node.constant_i8(at)?;
        let filter = node.input(at)?;
        expect_matrix(&filter, Operand::Input(at as u32), DType::I8, gates.saturating_mul(units), columns)?;
    }
    for at in 0..biases {
        node.constant_i32(3 + at, gates.saturating_mul(units))?;
    }
    let table = node.input(table_at)?;
    let operand = Operand::Input(table_at as u32);
    if table.constant_i16().ok_or(CheckError::NotConstant { operand })?.len() != SIGMOID {
        return misfit(operand, &table);
    }
    let hidden = node.input(hidden_at)?;
    if (hidden.scale, hidden.zero_point) != (y.scale, y.zero_point) {
        return Err(CheckError::Affine { operand: Operand::Input(hidden_at as u32), scale: hidden.scale, zero_point: hidden.zero_point });
    }
    expect_matrix(&hidden, Operand::Input(hidden_at as u32), DType::I8, batch, units)?;
    expect_matrix(&node.input(fine_at)?, Operand::Input(fine_at as u32), DType::I16, batch, units)?;
    expect_dtype(&y, Operand::Output, DType::I8)?;
    expect_matrix(&node.output_at(last.saturating_sub(2))?, Operand::Output, DType::I8, batch, units)?;
    expect_matrix(&node.output_at(last.saturating_sub(1))?, Operand::Output, DType::I16, batch, units)?;
    Ok(sequence)
}

fn expect_dtype(tensor: &Tensor<'_>, operand: Operand, expected: DType) -> Result<(), CheckError> {
    let found = tensor.dtype;
    if found == expected { Ok(()) } else { Err(CheckError::DType { operand, expected, found }) }
}

fn expect_matrix(tensor: &Tensor<'_>, operand: Operand, dtype: DType, rows: usize, columns: usize) -> Result<(), CheckError> {
    expect_dtype(tensor, operand, dtype)?;
    if tensor.shape.array::<2>() == Some([rows, columns]) { Ok(()) } else { misfit(operand, tensor) }
}

/// Multiplier and shift.
#[derive(Clone, Copy)]
pub(super) struct Rescale(pub(super) i32, pub(super) i32);

impl Rescale {
    pub(super) fn check(self) -> Result<(), CheckError> {
        expect_shift(self.1)
    }

    #[inline(always)]
    pub(super) fn apply(self, x: i32) -> i32 {
        multiply_by_quantized_multiplier(x, self.0, self.1)
    }

    /// As 16 bits, saturating.
    #[inline(always)]
    pub(super) fn to_i16(self, x: i32) -> i16 {
        saturate(self.apply(x))
    }
}

/// Multipliers and shifts per gate.
pub(super) fn rescales<const N: usize>(multipliers_q31: [i32; N], shifts: [i32; N]) -> [Rescale; N] {
    let mut shifts = shifts.into_iter();
    multipliers_q31.map(|multiplier_q31| Rescale(multiplier_q31, shifts.next().unwrap_or_default()))
}

/// The nearest 16-bit number.
#[inline(always)]
pub(super) fn saturate(x: i32) -> i16 {
    x.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// The matrices of all gates, one below the other.
#[derive(Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) weights: &'a [i8],
    pub(super) units: usize,
}

impl Filter<'_> {
    /// Sums of products of `x`, less its zero point, with the rows of a unit, one per gate; at most four gates.
    #[inline(always)]
    pub(super) fn sums(&self, x: &[i8], zero_point: i8, gates: usize, unit: usize) -> Option<[i32; ROWS]> {
        let mut rows = [x; ROWS];
        for (gate, row) in rows.iter_mut().enumerate().take(gates) {
            let index = gate.wrapping_mul(self.units).wrapping_add(unit);
            *row = self.weights.get(index.wrapping_mul(x.len())..)?;
        }
        dot(x, zero_point, rows)
    }
}

/// The elements of a unit in a vector per gate.
#[inline(always)]
pub(super) fn of_unit<const N: usize>(vector: &[i32], units: usize, unit: usize) -> Option<[i32; N]> {
    let mut elements = [0; N];
    for (gate, element) in elements.iter_mut().enumerate() {
        *element = *vector.get(gate.wrapping_mul(units).wrapping_add(unit))?;
    }
    Some(elements)
}

/// Logistic function of a number with 12 fractional bits, with 15.
#[inline(always)]
pub(super) fn logistic_q15(table: &Sigmoid, x: i16) -> i16 {
    logistic::of(table, i32::from(x).wrapping_mul(3))
}

/// Hyperbolic tangent of a number with `12 - log2_unit` fractional bits, with 15: `log2_unit` is 0 for 12 of them.
#[inline(always)]
pub(super) fn tanh_q15(table: &Sigmoid, x: i16, log2_unit: i32) -> i16 {
    let x = i32::from(x);
    let x = match u32::try_from(log2_unit) {
        Ok(left) => x.wrapping_mul(3i32.wrapping_shl(left)),
        Err(_) => {
            let right = log2_unit.unsigned_abs();
            x.wrapping_mul(3).wrapping_add(1i32.wrapping_shl(right.wrapping_sub(1))).wrapping_shr(right)
        }
    };
    tanh::of(table, x)
}
