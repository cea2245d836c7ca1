//! Dot products of int8 rows: where convolutions and fully connected layers spend their time.

/// Rows that share the loads of `x`.
pub(super) const ROWS: usize = 4;

/// Elements whose products are summed at once. Compilers turn sums of this many 16-bit products, and not of
/// fewer, into the vector instructions that multiply and add pairs.
const CHUNK: usize = 16;

/// Dot products of `x`, less its zero point, with each row. The rest of a row that is longer than `x` is ignored; `None`
/// where one is shorter.
///
/// The rows are named one by one because a loop over them keeps compilers from seeing the products as vectors.
#[inline(always)]
pub(super) fn dot(x: &[i8], zero_point: i16, rows: [&[i8]; ROWS]) -> Option<[i32; ROWS]> {
    let [a, b, c, d] = rows.map(|row| row.get(..x.len()).map(<[i8]>::as_chunks::<CHUNK>));
    let ((a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)) = (a?, b?, c?, d?);
    let (x, x_rest) = x.as_chunks::<CHUNK>();
    let mut sums = [0i32; ROWS];
    for ((((x, a), b), c), d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
        let x = x.map(|x| i16::from(x).wrapping_sub(zero_point));
        sums[0] = sums[0].wrapping_add(sum_of_products(&x, a));
        sums[1] = sums[1].wrapping_add(sum_of_products(&x, b));
        sums[2] = sums[2].wrapping_add(sum_of_products(&x, c));
        sums[3] = sums[3].wrapping_add(sum_of_products(&x, d));
    }
    for ((((&x, a), b), c), d) in x_rest.iter().zip(a_rest).zip(b_rest).zip(c_rest).zip(d_rest) {
        let x = [i16::from(x).wrapping_sub(zero_point)];
        for (sum, &weight) in sums.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(sum_of_products(&x, &[weight]));
        }
    }
    Some(sums)
}

#[inline(always)]
fn sum_of_products<const N: usize>(x: &[i16; N], row: &[i8; N]) -> i32 {
    let products = x.iter().zip(row).map(|(&x, &weight)| i32::from(x).wrapping_mul(i32::from(weight)));
    products.fold(0, i32::wrapping_add)
}
