//! Topological order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An order of `0..count` in which both ends of every edge `(before, after)` are in this order; of several possible ones, that which keeps
/// the given order best. An edge may be given more than once.
///
/// # Errors
/// An item on a circle of edges, or behind one.
pub fn topological_order(count: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Result<Vec<usize>, usize> {
    let mut waiting = vec![0usize; count];
    let mut followers = vec![vec![]; count];
    for (before, after) in edges {
        waiting[after] += 1;
        followers[before].push(after);
    }
    let mut ready: BinaryHeap<_> = (0..count).filter(|&item| waiting[item] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(item)) = ready.pop() {
        order.push(item);
        for &follower in &followers[item] {
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.push(Reverse(follower));
            }
        }
    }
    match waiting.iter().position(|&count| count > 0) {
        Some(stuck) => Err(stuck),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_stay_stays() {
        assert_eq!(topological_order(4, [(0, 1), (1, 3)]), Ok(vec![0, 1, 2, 3]));
        assert_eq!(topological_order(4, [(3, 0), (3, 0), (0, 1)]), Ok(vec![2, 3, 0, 1]));
        assert_eq!(topological_order(3, [(1, 2), (2, 1)]), Err(1));
        assert_eq!(topological_order(1, [(0, 0)]), Err(0));
    }
}
