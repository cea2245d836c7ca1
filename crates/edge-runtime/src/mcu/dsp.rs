//! Two products with one instruction: for cores with Arm's DSP extension.
//!
//! `SXTB16` makes two 16-bit numbers of every other byte of four weights, and `SMLAD` adds the products of two such pairs to a sum.

use super::{Machine, Sums};

/// Cortex-M4, M7, M33 and alike.
pub(super) struct Dsp;

impl Machine for Dsp {
    const EXCESS: i32 = 0;

    #[inline(always)]
    fn pair(a: i8, b: i8) -> u32 {
        u32::from(i16::from(a).cast_unsigned()) | u32::from(i16::from(b).cast_unsigned()) << 16
    }

    #[inline(never)]
    fn products(pairs: &[u32], weights: &[i8], stride: usize, count: usize, sums: &mut Sums) -> Option<()> {
        let (sums_a, sums_b) = (sums.a.get_mut(..count)?, sums.b.get_mut(..count)?);
        for (index, (a, b)) in sums_a.chunks_mut(2).zip(sums_b.chunks_mut(2)).enumerate() {
            let row = |row: usize| weights.get((2 * index + row.min(a.len() - 1)) * stride..)?.get(..pairs.len());
            let (first, second) = (row(0)?, row(1)?);
            let [mut first_a, mut first_b, mut second_a, mut second_b] = [0; 4];
            let (fours, rest) = pairs.as_chunks::<4>();
            let ((first, first_rest), (second, second_rest)) = (first.as_chunks::<4>(), second.as_chunks::<4>());
            for ((pairs, first), second) in fours.iter().zip(first).zip(second) {
                let [(a_02, b_02), (a_13, b_13)] = [[pairs[0], pairs[2]], [pairs[1], pairs[3]]].map(halves);
                let [first_02, first_13] = widen(first);
                first_a = smlad(a_13, first_13, smlad(a_02, first_02, first_a));
                first_b = smlad(b_13, first_13, smlad(b_02, first_02, first_b));
                let [second_02, second_13] = widen(second);
                second_a = smlad(a_13, second_13, smlad(a_02, second_02, second_a));
                second_b = smlad(b_13, second_13, smlad(b_02, second_02, second_b));
            }
            for ((&pair, &first), &second) in rest.iter().zip(first_rest).zip(second_rest) {
                let (x_a, x_b) = (i32::from(pair as i16), pair.cast_signed() >> 16);
                first_a = first_a.wrapping_add(x_a * i32::from(first));
                first_b = first_b.wrapping_add(x_b * i32::from(first));
                second_a = second_a.wrapping_add(x_a * i32::from(second));
                second_b = second_b.wrapping_add(x_b * i32::from(second));
            }
            for (sums, added) in [(a, [first_a, second_a]), (b, [first_b, second_b])] {
                sums.iter_mut().zip(added).for_each(|(sum, added)| *sum = sum.wrapping_add(added));
            }
        }
        Some(())
    }
}

/// Of two pairs, the elements of pixel a and those of pixel b: what compilers make `PKHBT` and `PKHTB` of.
#[inline(always)]
fn halves([low, high]: [u32; 2]) -> (u32, u32) {
    (low & 0xFFFF | high << 16, low >> 16 | high & 0xFFFF_0000)
}

/// Bytes 0 and 2, and bytes 1 and 3, as signed halves of words.
#[inline(always)]
fn widen(weights: &[i8; 4]) -> [u32; 2] {
    let word = u32::from_le_bytes(weights.map(i8::cast_unsigned));
    [sxtb16(word), sxtb16(word.rotate_right(8))]
}

#[cfg(arm_dsp)]
#[inline(always)]
#[allow(unsafe_code)]
fn sxtb16(word: u32) -> u32 {
    let wide;
    // SAFETY: the instruction is there, where the compiler is told of the extension, and touches registers only.
    unsafe { core::arch::asm!("sxtb16 {}, {}", lateout(reg) wide, in(reg) word, options(pure, nomem, nostack, preserves_flags)) };
    wide
}

/// The sum and the products of the lower and of the upper halves; wraps.
#[cfg(arm_dsp)]
#[inline(always)]
#[allow(unsafe_code)]
fn smlad(x: u32, weights: u32, sum: i32) -> i32 {
    let result;
    // SAFETY: as above. The flag that it may set, of overflow in the Q bit, nobody reads.
    unsafe {
        core::arch::asm!("smlad {}, {}, {}, {}", lateout(reg) result, in(reg) x, in(reg) weights, in(reg) sum, options(pure, nomem, nostack))
    };
    result
}

#[cfg(not(arm_dsp))]
fn sxtb16(word: u32) -> u32 {
    let half = |byte: u32| u32::from(i16::from(byte as i8).cast_unsigned());
    half(word) | half(word >> 16) << 16
}

#[cfg(not(arm_dsp))]
fn smlad(x: u32, weights: u32, sum: i32) -> i32 {
    let low = i32::from(x as i16).wrapping_mul(i32::from(weights as i16));
    let high = (x.cast_signed() >> 16).wrapping_mul(weights.cast_signed() >> 16);
    sum.wrapping_add(low).wrapping_add(high)
}
