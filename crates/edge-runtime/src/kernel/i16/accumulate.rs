//! Sums of products of int16 and int8, and what becomes of them: the common part of convolutions and fully connected layers.

use edge_format::DType;

use crate::arith::{SHIFTS, WIDE_SHIFTS, multiply_by_quantized_multiplier, multiply_wide_by_quantized_multiplier};
use crate::kernel::{Frame, Node, expect_activation_of, expect_range, expect_shift};
use crate::{CheckError, Element};

/// First of the three inputs that hold bias, multiplier and shift of each output channel.
const FIRST_INPUT: usize = 2;

/// Products whose sum stays within 32 bits: each is at most 2^22 in magnitude.
const CHUNK: usize = 1 << 8;

/// The sum of the products of elements at the same place, of slices of one length. It cannot overflow.
#[inline(always)]
pub(super) fn dot(x: &[i16], filter: &[i8]) -> i64 {
    let partial = |(x, filter): (&[i16], &[i8])| {
        let products = x.iter().zip(filter).map(|(&x, &weight)| i32::from(x).wrapping_mul(weight.into()));
        i64::from(products.fold(0, i32::wrapping_add))
    };
    let ((x, last_x), (filter, last_filter)) = (x.as_chunks::<CHUNK>(), filter.as_chunks::<CHUNK>());
    let chunks = x.iter().zip(filter).map(|(x, filter)| partial((x, filter)));
    chunks.fold(partial((last_x, last_filter)), i64::wrapping_add)
}

/// A bias for each output channel. Its width is that of the sums, and each width has its own rule of rounding.
#[derive(Clone, Copy)]
enum Bias<'a> {
    /// Sums of 32 bits and multipliers of 31.
    Narrow(&'a [i32]),
    /// Sums of 64 bits and multipliers of 15.
    Wide(&'a [[u8; 8]]),
}

impl<'a> Bias<'a> {
    fn of(node: Node<'a>) -> Option<Self> {
        let bias = node.input(FIRST_INPUT).ok()?;
        bias.constant_i32().map(Bias::Narrow).or_else(|| bias.constant_i64().map(Bias::Wide))
    }
}

/// Bias, multiplier and shift per output channel, and the range of the output.
pub(super) struct Outputs<'a> {
    bias: Bias<'a>,
    multiplier_q31: &'a [i32],
    shift: &'a [i32],
    activation: (i32, i32),
}

/// Checks that the weights are not packed, and inputs 2, 3 and 4 and the activation's range.
pub(super) fn check(node: &Node<'_>, channels: usize, activation: (i32, i32)) -> Result<(), CheckError> {
    node.constant_i8(FIRST_INPUT - 1)?;
    let wide = node.input(FIRST_INPUT)?.dtype == DType::I64;
    if wide {
        node.constant_i64(FIRST_INPUT, channels)?;
    } else {
        node.constant_i32(FIRST_INPUT, channels)?;
    }
    node.constant_i32(FIRST_INPUT + 1, channels)?;
    let shifts = node.constant_i32(FIRST_INPUT + 2, channels)?;
    shifts.iter().try_for_each(|&shift| if wide { expect_range("shift", shift, WIDE_SHIFTS) } else { expect_shift(shift) })?;
    expect_activation_of::<i16>(activation.0, activation.1)
}

impl<'a> Outputs<'a> {
    pub(super) fn new(frame: &Frame<'a, '_>, activation: (i32, i32)) -> Option<Self> {
        let constant = |index| frame.node.input(index).ok()?.constant_i32();
        Some(Self {
            bias: Bias::of(frame.node)?,
            multiplier_q31: constant(FIRST_INPUT + 1)?,
            shift: constant(FIRST_INPUT + 2)?,
            activation,
        })
    }

    /// The output of a channel whose products have this sum.
    #[inline(always)]
    pub(super) fn of(&self, channel: usize, sum: i64) -> Option<i16> {
        let (&multiplier_q31, &shift) = (self.multiplier_q31.get(channel)?, self.shift.get(channel)?);
        let q = match self.bias {
            Bias::Narrow(bias) if SHIFTS.contains(&shift) => {
                multiply_by_quantized_multiplier((sum as i32).wrapping_add(*bias.get(channel)?), multiplier_q31, shift)
            }
            Bias::Wide(bias) if WIDE_SHIFTS.contains(&shift) => {
                let sum = sum.wrapping_add(i64::from_le_bytes(*bias.get(channel)?));
                multiply_wide_by_quantized_multiplier(sum, multiplier_q31, shift)
            }
            _ => return None,
        };
        Some(i16::wrapping_from(q.max(self.activation.0).min(self.activation.1)))
    }
}
