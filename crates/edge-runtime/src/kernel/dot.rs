//! Dot products of int8 rows: where convolutions and fully connected layers spend their time.

use core::slice::from_ref;

/// Rows that share the loads of `x`.
pub(super) const ROWS: usize = 4;

/// Elements whose products are summed at once. Compilers turn sums of this many 16-bit products, and not of
/// fewer, into the vector instructions that multiply and add pairs; without such, any padding to whole chunks is lost.
pub(super) const CHUNK: usize = if cfg!(any(target_feature = "sse2", target_feature = "neon")) { 16 } else { 1 };

type Chunks<'a> = &'a [[i8; CHUNK]];

/// Dot products of `x`, less its zero point, with each row. The rest of a row that is longer than `x` is ignored; `None`
/// where one is shorter.
///
/// The rows are named one by one because a loop over them keeps compilers from seeing the products as vectors.
// On bare metal a call is nothing beside the loop, and several copies of it are much beside the flash.
#[cfg_attr(not(target_os = "none"), inline(always))]
pub(super) fn dot(x: &[i8], zero_point: i8, rows: [&[i8]; ROWS]) -> Option<[i32; ROWS]> {
    let [a, b, c, d] = rows.map(|row| row.get(..x.len()));
    let [a, b, c, d] = [a?, b?, c?, d?];
    let mut sums = [0i32; ROWS];
    if CHUNK == 1 || x.len() < CHUNK {
        for ((((&x, &a), &b), &c), &d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
            let x = i16::from(x).wrapping_sub(zero_point.into());
            for (sum, weight) in sums.iter_mut().zip([a, b, c, d]) {
                *sum = sum.wrapping_add(i32::from(x).wrapping_mul(weight.into()));
            }
        }
        return Some(sums);
    }
    let rest = x.len() % CHUNK;
    let mut last = [zero_point; CHUNK];
    let mut segments: [[Chunks<'_>; ROWS + 1]; 2] = [[x, a, b, c, d].map(|row| row.as_chunks().0), [&[]; ROWS + 1]];
    if let (1.., [Some(x), Some(a), Some(b), Some(c), Some(d)]) = (rest, [x, a, b, c, d].map(<[i8]>::last_chunk::<CHUNK>)) {
        // The last chunk overlaps the one before it; zero points stand for what has been counted.
        last[CHUNK - rest..].copy_from_slice(&x[CHUNK - rest..]);
        segments[1] = [from_ref(&last), from_ref(a), from_ref(b), from_ref(c), from_ref(d)];
    }
    for [x, a, b, c, d] in segments {
        for ((((x, a), b), c), d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
            let x = x.map(|x| i16::from(x).wrapping_sub(zero_point.into()));
            sums[0] = sums[0].wrapping_add(sum_of_products(&x, a));
            sums[1] = sums[1].wrapping_add(sum_of_products(&x, b));
            sums[2] = sums[2].wrapping_add(sum_of_products(&x, c));
            sums[3] = sums[3].wrapping_add(sum_of_products(&x, d));
        }
    }
    Some(sums)
}

#[inline(always)]
fn sum_of_products(x: &[i16; CHUNK], row: &[i8; CHUNK]) -> i32 {
    let products = x.iter().zip(row).map(|(&x, &weight)| i32::from(x).wrapping_mul(i32::from(weight)));
    products.fold(0, i32::wrapping_add)
}
