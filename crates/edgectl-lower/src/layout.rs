//! Orders of axes: physical axis `i` of a tensor holds axis `order[i]` of the graph's tensor.

use crate::LowerError;

/// A dimension as the format stores it.
pub(crate) fn dim(size: usize) -> Result<u32, LowerError> {
    u32::try_from(size).ok().filter(|&size| size < 1 << 31).ok_or(LowerError::TooLarge { found: size })
}

/// Dimensions as the format stores them.
pub(crate) fn dims(shape: &[usize]) -> Result<Vec<u32>, LowerError> {
    shape.iter().map(|&size| dim(size)).collect()
}

/// The order of a tensor that lies as the graph describes it.
pub(crate) fn identity(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

/// The order with channels last, of a `[N, C, spatial...]` tensor.
pub(crate) fn channels_last(rank: usize) -> Vec<usize> {
    let mut order = identity(rank);
    if rank > 2 {
        order[1..].rotate_left(1);
    }
    order
}

/// The physical shape of a tensor of this shape in this order.
pub(crate) fn apply(shape: &[usize], order: &[usize]) -> Vec<usize> {
    order.iter().map(|&axis| shape[axis]).collect()
}

/// Whether a tensor of this shape has the same bytes in both orders: axes of size one may be anywhere.
pub(crate) fn same_bytes(shape: &[usize], a: &[usize], b: &[usize]) -> bool {
    let moving = |order: &[usize]| order.iter().copied().filter(|&axis| shape[axis] != 1).collect::<Vec<_>>();
    moving(a) == moving(b)
}

/// The permutation of physical axes that brings a tensor from one order into another.
pub(crate) fn between(from: &[usize], to: &[usize]) -> Vec<usize> {
    to.iter().map(|axis| from.iter().position(|other| other == axis).unwrap_or(0)).collect()
}

/// The physical place of an axis of the graph's tensor.
pub(crate) fn place(order: &[usize], axis: usize) -> usize {
    order.iter().position(|&other| other == axis).unwrap_or(0)
}

/// The order that a tensor has after a reshape of `from` to `to`, where it lies in `order` and keeps its bytes: axes may be split, and
/// neighbours merged where they lie side by side. `None` where bytes would have to move.
pub(crate) fn regroup(from: &[usize], to: &[usize], order: &[usize]) -> Option<Vec<usize>> {
    let wide = |shape: &[usize]| (0..shape.len()).filter(|&axis| shape[axis] != 1).collect::<Vec<_>>();
    let (own, others) = (wide(from), wide(to));
    let mut rest = order.iter().copied().filter(|&axis| from[axis] != 1);
    // Axes of size one may be anywhere.
    let mut regrouped: Vec<usize> = (0..to.len()).filter(|&axis| to[axis] == 1).collect();
    while let Some(first) = rest.next() {
        // Both shapes up to a common boundary before this axis, and from there to the next one.
        let (start, begin) = boundary(from, to, &own, &others, own.iter().position(|&axis| axis == first)?)?;
        let (mut end, mut until) = (start + 1, begin);
        let (mut merged, mut split) = (from[first], 1usize);
        while merged != split {
            if split < merged {
                split = split.checked_mul(to[*others.get(until)?])?;
                regrouped.push(others[until]);
                until += 1;
            } else {
                let next = rest.next().filter(|next| own.get(end) == Some(next))?;
                merged = merged.checked_mul(from[next])?;
                end += 1;
            }
        }
    }
    Some(regrouped)
}

/// For the wide axis `at` of `from`, the number of wide axes of both shapes before it, which must hold equally many elements.
fn boundary(from: &[usize], to: &[usize], own: &[usize], others: &[usize], at: usize) -> Option<(usize, usize)> {
    let before = own[..at].iter().try_fold(1usize, |product, &axis| product.checked_mul(from[axis]))?;
    let mut product = 1usize;
    let mut count = 0;
    while product < before {
        product = product.checked_mul(to[*others.get(count)?])?;
        count += 1;
    }
    (product == before).then_some((at, count))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn channels_go_last() {
        assert_eq!(channels_last(4), [0, 2, 3, 1]);
        assert_eq!(channels_last(3), [0, 2, 1]);
        assert_eq!(channels_last(2), [0, 1]);
        assert_eq!(apply(&[1, 8, 5, 6], &channels_last(4)), [1, 5, 6, 8]);
    }

    #[test]
    fn unit_axes_do_not_move_bytes() {
        assert!(same_bytes(&[1, 1, 28, 28], &identity(4), &channels_last(4)));
        assert!(same_bytes(&[1, 64, 1, 1], &identity(4), &channels_last(4)));
        assert!(!same_bytes(&[1, 3, 28, 28], &identity(4), &channels_last(4)));
    }

    #[test]
    fn a_reshape_keeps_an_order_whose_axes_it_splits_or_merges() {
        let nhwc = channels_last(4);
        assert_eq!(regroup(&[1, 6, 4, 3], &[1, 2, 3, 4, 3], &nhwc).unwrap(), [0, 3, 4, 1, 2]);
        assert_eq!(regroup(&[2, 6, 4, 3], &[2, 6, 12], &nhwc).unwrap(), [0, 2, 1]);
        assert_eq!(regroup(&[1, 2, 3, 4, 3], &[1, 6, 4, 3], &[0, 3, 4, 1, 2]).unwrap(), [0, 2, 3, 1]);
        // Channels and rows would have to become neighbours.
        assert_eq!(regroup(&[1, 6, 4, 3], &[1, 24, 3], &nhwc), None);
        assert_eq!(regroup(&[1, 2, 3, 4, 3], &[1, 6, 4, 3], &[0, 3, 4, 2, 1]), None);
        assert_eq!(regroup(&[1, 6, 4, 3], &[1, 4, 6, 3], &nhwc), None);
        // Nothing but ones.
        assert_eq!(regroup(&[1, 1], &[1], &[1, 0]).unwrap(), [0]);
    }

    #[test]
    fn between_undoes_an_order() {
        assert_eq!(between(&channels_last(4), &identity(4)), [0, 3, 1, 2]);
        assert_eq!(between(&identity(4), &channels_last(4)), [0, 2, 3, 1]);
    }
}
