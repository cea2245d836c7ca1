//! Plain products of 16-bit elements: for cores with registers for eight sums.

use super::{Machine, Sums};

/// Channels that share the loads of x.
const ROWS: usize = 4;

/// No instructions of its own.
pub(super) struct Scalar;

impl Machine for Scalar {
    const EXCESS: i32 = 0;

    #[inline(always)]
    fn pair(a: i8, b: i8) -> u32 {
        u32::from(i16::from(a).cast_unsigned()) | u32::from(i16::from(b).cast_unsigned()) << 16
    }

    #[inline(never)]
    fn products(pairs: &[u32], weights: &[i8], stride: usize, count: usize, sums: &mut Sums) -> Option<()> {
        let (sums_a, sums_b) = (sums.a.get_mut(..count)?, sums.b.get_mut(..count)?);
        for (index, (a, b)) in sums_a.chunks_mut(ROWS).zip(sums_b.chunks_mut(ROWS)).enumerate() {
            let mut rows = [&[][..]; ROWS];
            for (row, slot) in rows.iter_mut().enumerate() {
                let channel = index * ROWS + row.min(a.len() - 1);
                *slot = weights.get(channel * stride..)?.get(..pairs.len())?;
            }
            let [mut of_a, mut of_b] = [[0i32; ROWS]; 2];
            let [first, second, third, fourth] = rows;
            for ((((&pair, &first), &second), &third), &fourth) in pairs.iter().zip(first).zip(second).zip(third).zip(fourth) {
                let (x_a, x_b) = (i32::from(pair as i16), (pair.cast_signed()) >> 16);
                for (row, weight) in [first, second, third, fourth].into_iter().enumerate() {
                    of_a[row] = of_a[row].wrapping_add(x_a.wrapping_mul(weight.into()));
                    of_b[row] = of_b[row].wrapping_add(x_b.wrapping_mul(weight.into()));
                }
            }
            a.iter_mut().zip(of_a).for_each(|(sum, of_a)| *sum = sum.wrapping_add(of_a));
            b.iter_mut().zip(of_b).for_each(|(sum, of_b)| *sum = sum.wrapping_add(of_b));
        }
        Some(())
    }
}
