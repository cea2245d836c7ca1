//! The arena plan: which bytes each buffer has, and for how long.

use crate::builder::{Builder, Home};

/// The span of ops during which a buffer's bytes are needed, both ends included. Inputs live from before op 0, which counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) bytes: usize,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Life {
    fn overlaps(&self, other: &Life) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A place for every buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// By buffer, from the end of the states on.
    pub(crate) offsets: Vec<usize>,
    /// The end of the last one.
    pub(crate) arena_bytes: usize,
    /// What no plan can be below: the most bytes that live at one time.
    pub(crate) lower_bound_bytes: usize,
}

/// Lets ops run in place where they can, and finds how long each buffer lives. Buffers that nothing uses any more have no bytes.
pub(crate) fn lives(builder: &mut Builder<'_>, inputs: &[usize], outputs: &[usize]) -> Vec<Life> {
    let end = builder.ops.len();
    let mut lives: Vec<Life> = builder.buffers.iter().map(|&bytes| Life { bytes, first: usize::MAX, last: 0 }).collect();
    let buffer = |builder: &Builder<'_>, tensor: usize| match builder.tensors[tensor].home {
        Home::Buffer(buffer) => Some(buffer),
        Home::Data(_) | Home::State(_) => None,
    };
    let mut touch = |tensor: usize, at: usize| {
        if let Some(buffer) = buffer(builder, tensor) {
            lives[buffer].first = lives[buffer].first.min(at);
            lives[buffer].last = lives[buffer].last.max(at);
        }
    };
    inputs.iter().for_each(|&tensor| touch(tensor, 0));
    for (at, step) in builder.ops.iter().enumerate() {
        step.spec.inputs.iter().chain(&step.spec.outputs).for_each(|&tensor| touch(tensor as usize, at));
    }
    outputs.iter().for_each(|&tensor| touch(tensor, end));

    for at in 0..end {
        let spec = &builder.ops[at].spec;
        if !spec.params.op_code().in_place() {
            continue;
        }
        let output = spec.outputs[0] as usize;
        let Some(to) = buffer(builder, output) else { continue };
        // A table's second input is its constant; any input of the output's shape that dies here may give its place.
        let from = spec.inputs.iter().map(|&tensor| tensor as usize).find_map(|tensor| {
            let from = buffer(builder, tensor)?;
            let fits = builder.tensors[tensor].shape == builder.tensors[output].shape && lives[from].bytes == lives[to].bytes;
            (fits && from != to && lives[from].last == at && lives[to].first == at).then_some(from)
        });
        if let Some(from) = from {
            lives[to].first = lives[from].first;
            lives[from] = Life { bytes: 0, first: usize::MAX, last: 0 };
            for tensor in &mut builder.tensors {
                if let Home::Buffer(home) = &mut tensor.home
                    && *home == from
                {
                    *home = to;
                }
            }
        }
    }
    lives
}

/// Where each state is, one after the other at the front of the arena, and where the last one ends.
pub(crate) fn states(bytes: &[usize], alignment: usize) -> (Vec<usize>, usize) {
    let mut end = 0;
    let place = |&bytes: &usize| {
        let offset = end;
        end = (end + bytes).next_multiple_of(alignment);
        offset
    };
    (bytes.iter().map(place).collect(), end)
}

/// Finds a place for every buffer. First-fit in several orders, then, where that misses the lower bound, a bounded search over orders; the
/// same input gives the same plan.
pub(crate) fn place(lives: &[Life], alignment: usize) -> Plan {
    let lives: Vec<Life> = lives.iter().map(|life| Life { bytes: life.bytes.next_multiple_of(alignment), ..*life }).collect();
    let lower_bound_bytes = lower_bound(&lives);
    let mut order: Vec<usize> = (0..lives.len()).filter(|&buffer| lives[buffer].bytes > 0).collect();

    let by_size = |&b: &usize| (std::cmp::Reverse(lives[b].bytes), lives[b].first);
    let by_time = |&b: &usize| (lives[b].first, std::cmp::Reverse(lives[b].bytes));
    let by_area = |&b: &usize| std::cmp::Reverse(lives[b].bytes.saturating_mul(lives[b].last - lives[b].first + 1));
    let mut candidates = vec![];
    order.sort_by_key(by_time);
    candidates.push(order.clone());
    order.sort_by_key(by_area);
    candidates.push(order.clone());
    order.sort_by_key(by_size);
    candidates.push(order);
    let (mut best, mut order) = candidates
        .into_iter()
        .map(|order| (first_fit(&lives, &order), order))
        .min_by_key(|(plan, _)| plan.arena_bytes)
        .unwrap_or_else(|| (first_fit(&lives, &[]), vec![]));

    // Swaps of two buffers in the order, kept when they do not make it worse. The generator is a constant: plans are reproducible.
    let mut random = 0x9E37_79B9_7F4A_7C15u64;
    let rounds = if order.len() < 2 { 0 } else { SEARCH_STEPS / order.len() };
    for _ in 0..rounds {
        if best.arena_bytes == lower_bound_bytes {
            break;
        }
        let mut pick = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % order.len() as u64) as usize
        };
        let (a, b) = (pick(), pick());
        order.swap(a, b);
        let plan = first_fit(&lives, &order);
        if plan.arena_bytes <= best.arena_bytes {
            best = plan;
        } else {
            order.swap(a, b);
        }
    }
    Plan { lower_bound_bytes, ..best }
}

/// Bound of the search over orders: placements of single buffers.
const SEARCH_STEPS: usize = 100_000;

/// The most bytes that live at one time.
fn lower_bound(lives: &[Life]) -> usize {
    let used = || lives.iter().filter(|life| life.bytes > 0);
    used().map(|at| used().filter(|life| life.first <= at.first && at.first <= life.last).map(|life| life.bytes).sum()).max().unwrap_or(0)
}

/// Gives each buffer in turn the lowest place that is free for all its life.
fn first_fit(lives: &[Life], order: &[usize]) -> Plan {
    let mut offsets = vec![0; lives.len()];
    let mut placed: Vec<(usize, usize)> = Vec::with_capacity(order.len());
    let mut arena_bytes = 0;
    for &buffer in order {
        let life = &lives[buffer];
        let mut offset = 0;
        // `placed` is sorted by offset.
        for &(start, other) in &placed {
            if life.overlaps(&lives[other]) {
                if offset + life.bytes <= start {
                    break;
                }
                offset = offset.max(start + lives[other].bytes);
            }
        }
        offsets[buffer] = offset;
        let at = placed.partition_point(|&(start, _)| start <= offset);
        placed.insert(at, (offset, buffer));
        arena_bytes = arena_bytes.max(offset + life.bytes);
    }
    Plan { offsets, arena_bytes, lower_bound_bytes: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn life(bytes: usize, first: usize, last: usize) -> Life {
        Life { bytes, first, last }
    }

    #[test]
    fn a_chain_needs_two_neighbours_at_a_time() {
        let plan = place(&[life(100, 0, 0), life(40, 0, 1), life(60, 1, 2), life(8, 2, 3)], 4);
        assert_eq!((plan.arena_bytes, plan.lower_bound_bytes), (140, 140));
    }

    #[test]
    fn nothing_needs_nothing() {
        assert_eq!(place(&[], 4).arena_bytes, 0);
        assert_eq!(place(&[life(0, usize::MAX, 0)], 4).arena_bytes, 0);
    }

    proptest! {
        #[test]
        fn living_buffers_never_overlap(specs in prop::collection::vec((0usize..500, 0usize..20, 0usize..6), 0..40)) {
            let lives: Vec<Life> = specs.into_iter().map(|(bytes, first, length)| life(bytes, first, first + length)).collect();
            let plan = place(&lives, 16);
            prop_assert!(plan.arena_bytes >= plan.lower_bound_bytes);
            for (i, a) in lives.iter().enumerate() {
                prop_assert!(plan.offsets[i].is_multiple_of(16) && plan.offsets[i] + a.bytes <= plan.arena_bytes);
                for (j, b) in lives.iter().enumerate().skip(i + 1) {
                    let apart = plan.offsets[i] + a.bytes <= plan.offsets[j] || plan.offsets[j] + b.bytes <= plan.offsets[i];
                    prop_assert!(apart || !a.overlaps(b) || a.bytes == 0 || b.bytes == 0);
                }
            }
        }
    }
}
