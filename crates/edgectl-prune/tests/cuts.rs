//! A graph without channels computes what the graph computes in which their weights are zero.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{expect_equal, network};
use edgectl_prune::{Dependencies, UnitId};
use fastrand::Rng;

/// Graphs that are tried.
const SEEDS: u64 = 100;

#[test]
fn removed_channels_are_as_if_their_weights_were_zero() {
    let (mut pruned, mut refused, mut units_of_all) = (0, 0, 0);
    for seed in 0..SEEDS {
        let graph = network(seed);
        let dependencies = Dependencies::of(&graph).unwrap();
        let mut random = Rng::with_seed(seed);
        let mut gone: BTreeSet<UnitId> = BTreeSet::new();
        for group in dependencies.groups() {
            let count = random.usize(..group.units.len());
            let mut units = group.units.clone();
            random.shuffle(&mut units);
            gone.extend(&units[..count]);
        }
        let cut = dependencies.without(&graph, &gone).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{graph}"));
        let (before, after) = (graph.total_cost(), cut.total_cost());
        assert!(gone.is_empty() || after.parameters < before.parameters, "seed {seed}");
        let ran = expect_equal(&dependencies.zeroed(&graph, &gone).unwrap(), &cut, seed, &format!("seed {seed}"));
        refused += u64::from(!ran);
        pruned += usize::from(!gone.is_empty());
        units_of_all += dependencies.units().len();
    }
    assert!(refused * 10 < SEEDS, "the engine could not run {refused} graphs");
    // That most graphs have something to remove is what makes this a test.
    assert!(pruned * 10 >= SEEDS as usize * 8, "{pruned} of {SEEDS} graphs could be pruned");
    assert!(units_of_all >= SEEDS as usize * 5, "{units_of_all} units");
}
