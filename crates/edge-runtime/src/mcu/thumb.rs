//! Two products with one multiplication: for the Cortex-M0+, whose loads take two cycles and whose multiplications one.
//!
//! A pair is `a + b * 2^16`. Times a weight it is `a * w + b * w * 2^16`, and the sum of two such numbers still has room for either half:
//! `t = t_a + t_b * 2^16` with `t_a` and `t_b` from -32512 to 32768. With [`BIAS`] in both, neither is negative, nothing is carried from
//! one to the other, and a shift tells `t_b`. Sums are kept of `t`, which wraps, and of `t_b`; that of `t_a` is what remains.

use super::{Machine, Sums, Tap};
#[cfg(armv6m)]
use crate::affine::Affine;
#[cfg(armv6m)]
use crate::kernel::requantize::Requantize;

/// What makes both halves non-negative, and leaves 32768 below 2^16.
const BIAS: i32 = 0x7FFF;

/// Cortex-M0+ and alike.
pub(super) struct Thumb;

impl Machine for Thumb {
    const EXCESS: i32 = BIAS;

    #[inline(always)]
    fn pair(a: i8, b: i8) -> u32 {
        i32::from(a).wrapping_add(i32::from(b) << 16).cast_unsigned()
    }

    fn products(pairs: &[u32], weights: &[i8], stride: usize, count: usize, sums: &mut Sums) -> Option<()> {
        let last = count.checked_sub(1)?;
        if count > sums.a.len() || weights.get(last * stride..)?.len() < pairs.len() {
            return None;
        }
        let (pairs, tail) = pairs.as_chunks::<2>();
        if !pairs.is_empty() {
            inner::products(pairs, weights, stride, count, sums);
        }
        if let &[pair] = tail {
            let a = i32::from(pair as i16);
            let b = pair.cast_signed().wrapping_sub(a) >> 16;
            for (row, (sum_a, sum_b)) in sums.a.iter_mut().zip(&mut sums.b).enumerate().take(count) {
                let weight = i32::from(*weights.get(row * stride + 2 * pairs.len())?);
                *sum_a = sum_a.wrapping_add(a.wrapping_mul(weight));
                *sum_b = sum_b.wrapping_add(b.wrapping_mul(weight));
            }
        }
        Some(())
    }

    fn taps(x: &[i8], x_step: usize, filter: &[i8], taps: &[Tap], zero_point: i8, sums: &mut [i32]) -> Option<()> {
        let beyond = sums.len().checked_sub(1)?;
        let is_within = |tap: &Tap| tap.x + beyond * x_step < x.len() && tap.filter + beyond < filter.len();
        if taps.is_empty() || !taps.iter().all(is_within) {
            return None;
        }
        inner::taps(x, x_step, filter, taps, zero_point, sums);
        Some(())
    }

    #[cfg(armv6m)]
    fn store(requantize: &Requantize<'_>, first: usize, sums: &mut [i32], output: &mut [i8]) -> Option<()> {
        let Requantize { bias, multiplier_q31, shift, output: Affine { zero_point, .. }, activation: (least, greatest) } = *requantize;
        let constants = inner::Constants {
            bias: bias.get(first..)?.get(..sums.len())?,
            multiplier_q31: multiplier_q31.get(first..)?.get(..sums.len())?,
            shift: shift.get(first..)?.get(..sums.len())?,
            range: inner::Range { zero_point, least: least - zero_point, greatest: greatest - zero_point },
        };
        inner::store(&constants, sums, output.get_mut(..sums.len())?);
        Some(())
    }
}

/// What the instructions below compute, for other machines.
#[cfg(not(armv6m))]
mod inner {
    use super::{BIAS, Sums, Tap};

    pub(super) fn products(pairs: &[[u32; 2]], weights: &[i8], stride: usize, count: usize, sums: &mut Sums) {
        for (row, (sum_a, sum_b)) in sums.a.iter_mut().zip(&mut sums.b).enumerate().take(count) {
            let (mut total, mut high) = (0u32, 0u32);
            for (pairs, weights) in pairs.iter().zip(weights.get(row * stride..).unwrap_or_default().as_chunks::<2>().0) {
                let products = pairs.iter().zip(weights).map(|(&pair, &weight)| pair.wrapping_mul(i32::from(weight).cast_unsigned()));
                let both = products.fold((BIAS << 16 | BIAS).cast_unsigned(), u32::wrapping_add);
                total = total.wrapping_add(both);
                high = high.wrapping_add(both >> 16);
            }
            *sum_a = sum_a.wrapping_add(total.wrapping_sub(high << 16).cast_signed());
            *sum_b = sum_b.wrapping_add(high.cast_signed());
        }
    }

    pub(super) fn taps(x: &[i8], x_step: usize, filter: &[i8], taps: &[Tap], zero_point: i8, sums: &mut [i32]) {
        let at = |elements: &[i8], index: usize| elements.get(index).copied().map_or(0, i32::from);
        for (channel, sum) in sums.iter_mut().enumerate() {
            *sum = taps.iter().fold(*sum, |sum, tap| {
                let x = at(x, tap.x + channel * x_step) - i32::from(zero_point);
                sum.wrapping_add(x.wrapping_mul(at(filter, tap.filter + channel)))
            });
        }
    }
}

#[cfg(armv6m)]
#[allow(unsafe_code)]
mod inner {
    use core::arch::naked_asm;

    use super::{BIAS, Sums, Tap};
    use crate::mcu::CHANNELS;

    /// `pairs` is not empty, and the callers have seen that each of `count` rows is as long, and that there are as many sums.
    pub(super) fn products(pairs: &[[u32; 2]], weights: &[i8], stride: usize, count: usize, sums: &mut Sums) {
        let even = count & !1;
        let (x, length) = (pairs.as_ptr(), 2 * pairs.len());
        let (weights, sums) = (weights.as_ptr(), (&raw mut *sums).cast::<i32>());
        // SAFETY: `length` is not 0, there is a weight for each pair in every row, and room for `CHANNELS` sums of either pixel.
        unsafe {
            if even > 0 {
                products_of_two(x, length, weights, stride, sums, even / 2);
            }
            if even < count {
                // The last channel with itself. Its neighbour's sum is there, as CHANNELS is even, and nobody's.
                products_of_two(x, length, weights.add(even * stride), 0, sums.add(even), 1);
            }
        }
    }

    const _: () = assert!(CHANNELS == 32, "the sums of pixel b begin 128 bytes behind those of a");

    /// Adds the products of two channels at a time, `twos` times: 29 cycles for 8 products.
    ///
    /// # Safety
    /// `length` is even and not 0, `twos` not 0. There are as many words at `x`, as many weights in `2 * twos` rows `stride` apart, and as
    /// many sums at `sums` and 128 bytes behind.
    #[unsafe(naked)]
    unsafe extern "C" fn products_of_two(
        x: *const [u32; 2],
        length: usize,
        weights: *const i8,
        stride: usize,
        sums: *mut i32,
        twos: usize,
    ) {
        naked_asm!(
            "push {{r4-r7, lr}}",
            "mov r4, r8",
            "mov r5, r9",
            "mov r6, r10",
            "mov r7, r11",
            "push {{r4-r7}}",
            // Rows are indexed from their ends, by what is left of them: its last increment sets the flag that ends the loop.
            "adds r2, r2, r1",
            "rsbs r1, r1, #0",
            // 0: x, 4: -length, 8: the end of the next row, 12: stride, 52: sums, 56: twos.
            "push {{r0-r3}}",
            "movs r4, #1",
            "lsls r4, r4, #15",
            "subs r4, #{excess}",
            "lsls r5, r4, #16",
            "adds r4, r4, r5",
            "mov r12, r4",
            "2:",
            "ldr r0, [sp, #0]",
            "ldr r1, [sp, #4]",
            "ldr r2, [sp, #8]",
            "ldr r4, [sp, #12]",
            "adds r3, r2, r4",
            "adds r4, r3, r4",
            "str r4, [sp, #8]",
            "movs r4, #0",
            "mov r8, r4",
            "mov r9, r4",
            "mov r10, r4",
            "mov r11, r4",
            ".p2align 2",
            "1:",
            "ldmia r0!, {{r4, r5}}",
            "ldrsb r6, [r2, r1]",
            "muls r6, r4, r6",
            "ldrsb r7, [r3, r1]",
            "muls r7, r4, r7",
            "adds r1, #1",
            "ldrsb r4, [r2, r1]",
            "muls r4, r5, r4",
            "adds r6, r6, r4",
            "ldrsb r4, [r3, r1]",
            "muls r4, r5, r4",
            "adds r7, r7, r4",
            // r8 and r9: the first channel's total and its high halves; r10 and r11: the second one's.
            "add r6, r12",
            "add r8, r6",
            "lsrs r6, r6, #16",
            "add r9, r6",
            "add r7, r12",
            "add r10, r7",
            "lsrs r7, r7, #16",
            "add r11, r7",
            "adds r1, #1",
            "bne 1b",
            "ldr r0, [sp, #52]",
            "ldr r1, [r0, #0]",
            "ldr r2, [r0, #4]",
            "mov r4, r9",
            "lsls r5, r4, #16",
            "mov r6, r8",
            "subs r6, r6, r5",
            "adds r1, r1, r6",
            "mov r5, r11",
            "lsls r6, r5, #16",
            "mov r7, r10",
            "subs r7, r7, r6",
            "adds r2, r2, r7",
            "stmia r0!, {{r1, r2}}",
            "str r0, [sp, #52]",
            "adds r0, #120",
            "ldr r1, [r0, #0]",
            "adds r1, r1, r4",
            "str r1, [r0, #0]",
            "ldr r1, [r0, #4]",
            "adds r1, r1, r5",
            "str r1, [r0, #4]",
            "ldr r0, [sp, #56]",
            "subs r0, #1",
            "str r0, [sp, #56]",
            "bne 2b",
            "add sp, #16",
            "pop {{r4-r7}}",
            "mov r8, r4",
            "mov r9, r5",
            "mov r10, r6",
            "mov r11, r7",
            "pop {{r4-r7, pc}}",
            excess = const (1 << 15) - BIAS,
        )
    }

    /// There is a tap, and the callers have seen that all of them lie within x and the filter, for every channel.
    pub(super) fn taps(x: &[i8], x_step: usize, filter: &[i8], taps: &[Tap], zero_point: i8, sums: &mut [i32]) {
        let range = taps.as_ptr_range();
        // SAFETY: neither taps nor sums are empty, and no tap of any channel is outside.
        unsafe { taps_of(x.as_ptr(), filter.as_ptr(), range.start, sums.as_mut_ptr(), range.end, sums.len(), zero_point.into(), x_step) };
    }

    /// Adds the products of each channel's taps to its sum: 11 cycles for each.
    ///
    /// # Safety
    /// `taps` is before `end`, `count` not 0. Every tap is within x and the filter, also when those have gone on from channel to channel.
    #[unsafe(naked)]
    #[allow(clippy::too_many_arguments)]
    unsafe extern "C" fn taps_of(
        x: *const i8,
        filter: *const i8,
        taps: *const Tap,
        sums: *mut i32,
        end: *const Tap,
        count: usize,
        zero_point: i32,
        x_step: usize,
    ) {
        naked_asm!(
            "push {{r4-r7, lr}}",
            "mov r4, r8",
            "mov r5, r9",
            "mov r6, r10",
            "mov r7, r11",
            "push {{r4-r7}}",
            // 36: end, 40: count, 44: zero point, 48: x's step.
            "ldr r4, [sp, #36]",
            "mov r9, r4",
            "mov r10, r2",
            "mov r11, r3",
            "ldr r7, [sp, #44]",
            // Whether there is an odd number of taps, of 8 bytes each.
            "subs r4, r4, r2",
            "movs r5, #8",
            "ands r4, r5",
            "mov r12, r4",
            "2:",
            "mov r3, r11",
            "ldr r3, [r3, #0]",
            "mov r8, r3",
            "mov r2, r10",
            "movs r3, #0",
            "cmp r3, r12",
            "beq 1f",
            "ldmia r2!, {{r3, r4}}",
            "ldrsb r3, [r0, r3]",
            "ldrsb r4, [r1, r4]",
            "subs r3, r3, r7",
            "muls r3, r4, r3",
            "add r8, r3",
            "cmp r2, r9",
            "beq 3f",
            ".p2align 2",
            "1:",
            "ldmia r2!, {{r3-r6}}",
            "ldrsb r3, [r0, r3]",
            "ldrsb r4, [r1, r4]",
            "subs r3, r3, r7",
            "muls r3, r4, r3",
            "add r8, r3",
            "ldrsb r5, [r0, r5]",
            "ldrsb r6, [r1, r6]",
            "subs r5, r5, r7",
            "muls r5, r6, r5",
            "add r8, r5",
            "cmp r2, r9",
            "bne 1b",
            "3:",
            "mov r3, r11",
            "mov r4, r8",
            "stmia r3!, {{r4}}",
            "mov r11, r3",
            "ldr r3, [sp, #48]",
            "adds r0, r0, r3",
            "adds r1, #1",
            "ldr r3, [sp, #40]",
            "subs r3, #1",
            "str r3, [sp, #40]",
            "bne 2b",
            "pop {{r4-r7}}",
            "mov r8, r4",
            "mov r9, r5",
            "mov r10, r6",
            "mov r11, r7",
            "pop {{r4-r7, pc}}",
        )
    }

    /// Constants of as many channels as there are sums, all of them.
    pub(super) struct Constants<'a> {
        pub(super) bias: &'a [i32],
        pub(super) multiplier_q31: &'a [i32],
        pub(super) shift: &'a [i32],
        pub(super) range: Range,
    }

    /// The output's zero point, and its range before that is added.
    #[repr(C)]
    pub(super) struct Range {
        pub(super) zero_point: i32,
        pub(super) least: i32,
        pub(super) greatest: i32,
    }

    /// Where the constants are, and the range.
    #[repr(C)]
    struct Pointers<'a> {
        bias: *const i32,
        multiplier_q31: *const i32,
        shift: *const i32,
        range: &'a Range,
    }

    /// Requantizes sums. There are as many constants, and outputs, as the caller has seen.
    pub(super) fn store(constants: &Constants<'_>, sums: &[i32], output: &mut [i8]) {
        let Constants { bias, multiplier_q31, shift, range } = constants;
        let pointers = Pointers { bias: bias.as_ptr(), multiplier_q31: multiplier_q31.as_ptr(), shift: shift.as_ptr(), range };
        if !sums.is_empty() {
            // SAFETY: there are sums, and as many of everything else.
            unsafe { store_of(sums.as_ptr(), &pointers, output.as_mut_ptr(), sums.len()) };
        }
    }

    /// [`multiply_by_quantized_multiplier`](crate::arith::multiply_by_quantized_multiplier) and what follows: some 67 cycles for each sum.
    ///
    /// # Safety
    /// `count` is not 0, and there are as many sums, constants and outputs.
    #[unsafe(naked)]
    unsafe extern "C" fn store_of(sums: *const i32, constants: &Pointers<'_>, output: *mut i8, count: usize) {
        naked_asm!(
            "push {{r4-r7, lr}}",
            "mov r4, r8",
            "mov r5, r9",
            "mov r6, r10",
            "mov r7, r11",
            "push {{r4-r7}}",
            "mov r8, r0",
            "ldmia r1!, {{r4-r7}}",
            "mov r9, r4",
            "mov r10, r5",
            "mov r11, r6",
            // 0: zero point, 4: least, 8: greatest.
            "ldmia r7!, {{r4-r6}}",
            "push {{r4-r6}}",
            "lsls r3, r3, #2",
            "mov r12, r3",
            "movs r6, r2",
            "movs r5, #0",
            "movs r7, #0",
            "1:",
            "mov r0, r8",
            "ldr r0, [r0, r5]",
            "mov r1, r9",
            "ldr r1, [r1, r5]",
            "adds r0, r0, r1",
            "mov r1, r10",
            "ldr r1, [r1, r5]",
            "mov r4, r11",
            "ldr r4, [r4, r5]",
            "mov lr, r4",
            "cmp r4, #0",
            "ble 2f",
            "lsls r0, r4",
            "2:",
            // As `high_mul_in_halves`: r0 and r2 the halves of one factor, r1 and r3 those of the other.
            "uxth r2, r0",
            "asrs r0, r0, #16",
            "uxth r3, r1",
            "asrs r1, r1, #16",
            "movs r4, r2",
            "muls r4, r3, r4",
            "lsrs r4, r4, #16",
            "muls r3, r0, r3",
            "adds r3, r3, r4",
            "muls r2, r1, r2",
            "uxth r4, r3",
            "adds r2, r2, r4",
            "muls r0, r1, r0",
            "asrs r3, r3, #16",
            "adds r0, r0, r3",
            "asrs r3, r2, #16",
            "adds r0, r0, r3",
            // The carry is bit 15, then bit 14.
            "lsls r2, r2, #17",
            "adcs r0, r0",
            "lsls r2, r2, #1",
            "adcs r0, r7",
            // Only the product of the least numbers is 2^31, which saturates.
            "movs r1, #1",
            "lsls r1, r1, #31",
            "cmp r0, r1",
            "bne 3f",
            "mvns r0, r0",
            "3:",
            // As `rounding_divide_by_pot`: the carry is the first bit that is lost; ties of negative numbers lose it.
            "mov r4, lr",
            "rsbs r4, r4, #0",
            "ble 4f",
            "asrs r1, r0, #31",
            "adds r0, r0, r1",
            "asrs r0, r4",
            "adcs r0, r7",
            "4:",
            "ldr r1, [sp, #4]",
            "cmp r0, r1",
            "bge 5f",
            "mov r0, r1",
            "5:",
            "ldr r1, [sp, #8]",
            "cmp r0, r1",
            "ble 6f",
            "mov r0, r1",
            "6:",
            "ldr r1, [sp, #0]",
            "adds r0, r0, r1",
            "strb r0, [r6, #0]",
            "adds r6, #1",
            "adds r5, #4",
            "cmp r5, r12",
            "bne 1b",
            "add sp, #12",
            "pop {{r4-r7}}",
            "mov r8, r4",
            "mov r9, r5",
            "mov r10, r6",
            "mov r11, r7",
            "pop {{r4-r7, pc}}",
        )
    }
}
