//! Recurrent layers: their attributes and their shape.

use std::fmt;

use crate::{Fact, Shape};

/// A layer that goes through a sequence step by step and remembers.
///
/// Inputs: x `[N, T, I]`, or `[T, N, I]` where it is time major; weights `[G * U, I]` and recurrent weights `[G * U, U]` of `G` gates, one
/// below the other; bias `[G * U]`; then what depends on the cell. Output: hidden states `[N, T, U]` or `[T, N, U]`. The sequence begins
/// with a hidden state of zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recurrent {
    /// The arithmetic of a step.
    pub cell: Cell,
    /// Whether time is the first axis; otherwise it is the second, after the batch.
    pub time_major: bool,
}

/// The arithmetic of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// Gated recurrent unit; gates update `z`, reset `r`, new `n`. Last input: a bias `[3 * U]` of the recurrent products.
    /// `h' = (1 - z) * n + z * h`.
    Gru {
        /// Whether the reset gate scales the recurrent product and its bias; otherwise it scales the hidden state before the product.
        reset_after: bool,
    },
    /// Long short-term memory; gates input `i`, forget `f`, cell `g`, output `o`. Last input: the cell `[1, U]` before the first step,
    /// zeros, whose quantization is that of the cell. `c' = f * c + i * g`, `h' = o * tanh(c')`.
    Lstm {
        /// Bound of the cell's magnitude; 0 for none.
        clip: f32,
    },
}

/// Extents of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// Sequences.
    pub batch: usize,
    /// Steps of each.
    pub steps: usize,
    /// Elements of x per step.
    pub inputs: usize,
    /// Elements of the hidden state.
    pub units: usize,
}

impl Cell {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Cell::Gru { .. } => "GRU",
            Cell::Lstm { .. } => "LSTM",
        }
    }

    /// The number of gates.
    pub const fn gates(self) -> usize {
        match self {
            Cell::Gru { .. } => 3,
            Cell::Lstm { .. } => 4,
        }
    }
}

impl Recurrent {
    /// The shape of the output.
    pub(crate) fn output(&self, facts: &[Option<&Fact>]) -> Result<Shape, String> {
        let fact = |index: usize| facts.get(index).copied().flatten().ok_or_else(|| format!("input {index} is missing"));
        let x = &fact(0)?.shape;
        let fixed = |index: usize| {
            let shape = &fact(index)?.shape;
            shape.fixed().ok_or_else(|| format!("input {index} has the dynamic shape {shape}"))
        };
        let (weights, recurrent, bias, last) = (fixed(1)?, fixed(2)?, fixed(3)?, fixed(4)?);
        let refused = || format!("weights {weights:?}, {recurrent:?}, {bias:?} and {last:?} do not fit each other, or the input {x}");
        let ([rows, inputs], [_, units]) = (&weights[..], &recurrent[..]) else { return Err(refused()) };
        let wanted = match self.cell {
            Cell::Gru { .. } => vec![*rows],
            Cell::Lstm { .. } => vec![1, *units],
        };
        let fits = Some(*rows) == units.checked_mul(self.cell.gates()) && *units > 0;
        let fits = fits && recurrent == [*rows, *units] && bias == [*rows] && last == wanted;
        let [outer, inner, depth] = x.dims() else { return Err(refused()) };
        if !fits || depth.fixed() != Some(*inputs) {
            return Err(refused());
        }
        Ok(Shape::from(vec![outer.clone(), inner.clone(), crate::Dim::Fixed(*units)]))
    }

    /// The extents of a layer by the shapes of its input and output.
    pub fn extents(&self, x: &[usize], output: &[usize]) -> Option<Extents> {
        let (&[outer, inner, inputs], &[_, _, units]) = (x, output) else { return None };
        let (batch, steps) = if self.time_major { (inner, outer) } else { (outer, inner) };
        Some(Extents { batch, steps, inputs, units })
    }

    /// The row of x and of the output that belongs to a step of a sequence.
    pub fn row(&self, extents: &Extents, sequence: usize, step: usize) -> usize {
        if self.time_major { step * extents.batch + sequence } else { sequence * extents.steps + step }
    }
}

impl fmt::Display for Recurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.time_major { "time_major" } else { "batch_major" })?;
        match self.cell {
            Cell::Gru { reset_after: true } => f.write_str(" reset_after"),
            Cell::Lstm { clip } if clip > 0.0 => write!(f, " clip={clip}"),
            _ => Ok(()),
        }
    }
}
