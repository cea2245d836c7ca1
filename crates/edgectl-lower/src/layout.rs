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

#[cfg(test)]
mod tests {
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
    fn between_undoes_an_order() {
        assert_eq!(between(&channels_last(4), &identity(4)), [0, 3, 1, 2]);
        assert_eq!(between(&identity(4), &channels_last(4)), [0, 2, 3, 1]);
    }
}
