//! Dot products of int8 rows.

/// Dot products of `x`, less its zero point, with each row. All are as long as `x`; the rest of a longer row is ignored.
///
/// Several rows at once share the loads of `x`. Widening to i16 and multiplying to i32 is what vector units have an
/// instruction for.
#[inline(always)]
pub(super) fn dot<const N: usize>(x: &[i8], zero_point: i16, rows: [&[i8]; N]) -> Option<[i32; N]> {
    let mut trimmed = [x; N];
    for (trimmed, row) in trimmed.iter_mut().zip(rows) {
        *trimmed = row.get(..x.len())?;
    }
    let mut sums = [0i32; N];
    for (index, &x) in x.iter().enumerate() {
        let x = i16::from(x).wrapping_sub(zero_point);
        for (sum, row) in sums.iter_mut().zip(trimmed) {
            *sum = sum.wrapping_add(i32::from(x).wrapping_mul(i32::from(row[index])));
        }
    }
    Some(sums)
}
