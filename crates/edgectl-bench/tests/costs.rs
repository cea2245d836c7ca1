//! What the ops of a program are said to cost.

use std::time::Duration;

use edge_format::OpCode;
use edgectl_bench::budget::{Budget, Limit, Standing};
use edgectl_bench::measure::{BLOCKS, Protocol, Runs};
use edgectl_bench::memory::{busiest, heaviest};
use edgectl_bench::{host, program as facts};
use edgectl_profile::OpClass;

use crate::{WORKLOAD, finding, profile, program};

#[test]
fn the_work_of_dense_layers_is_that_of_their_matrices() {
    let dense: Vec<_> = facts::ops(program()).into_iter().filter(|op| op.code == OpCode::FullyConnected).collect();
    assert_eq!(dense.iter().map(|op| op.macs).collect::<Vec<_>>(), [64 * 32, 32 * 16, 16 * 10]);
    assert_eq!(dense.iter().map(|op| op.parameters).sum::<u64>(), facts::parameters(program()));
    let works: Vec<_> = WORKLOAD.ops.iter().filter(|work| work.class == OpClass::Dense).collect();
    assert_eq!(works.iter().map(|work| (work.in_channels, work.out_channels)).collect::<Vec<_>>(), [(64, 32), (32, 16), (16, 10)]);
    assert_eq!(WORKLOAD.macs(), 64 * 32 + 32 * 16 + 16 * 10);
}

#[test]
fn a_chain_lives_two_values_at_a_time() {
    let values = facts::values(program());
    let peak = facts::peak(&values).unwrap();
    // The input of 64 bytes and the first layer's 32.
    assert_eq!((peak.op, peak.bytes), (0, 96));
    assert_eq!(peak.values.iter().map(|value| value.bytes).collect::<Vec<_>>(), [64, 32]);
    assert_eq!(facts::peak(&[]), None);
}

#[test]
fn a_program_is_measured_op_by_op() {
    let protocol = Protocol { warm_up: Duration::from_millis(5), runs: Runs::Count(200) };
    let run = host::run(program(), protocol).unwrap();
    assert_eq!((run.times.runs, run.times.block_p50_us.len()), (200, BLOCKS));
    assert_eq!(run.op_us.len(), WORKLOAD.ops.len());
    assert!(run.times.min_us > 0.0 && run.times.min_us <= run.times.p50_us && run.times.p50_us <= run.times.p99_us);
    assert!(run.op_us.iter().all(|&us| us > 0.0));
}

#[test]
fn an_estimate_is_the_sum_of_its_ops_and_named_by_its_kernels() {
    let profile = profile("pico");
    let found = finding(&profile);
    assert_eq!(found.engine.kernels, profile.default_kernels);
    let range = found.latency.interval.unwrap();
    assert!(range.low_us <= found.latency.value_us && found.latency.value_us <= range.high_us);
    assert!(found.ops_us() <= found.latency.value_us * (1.0 + 1e-9));
    let uj = profile.power.active.power_uw * found.latency.value_us / 1e6;
    assert!((found.energy_uj.unwrap() - uj).abs() < 1e-9 * uj);
    assert!(!found.roofs.is_empty() && found.misfits.is_empty());
}

#[test]
fn the_tightest_limit_comes_first_with_the_op_to_blame() {
    let found = finding(&profile("pico"));
    let latency_ms = found.latency.value_us / 1e3;
    let high_ms = found.latency.interval.unwrap().high_us / 1e3;
    let check = |budget: Budget| budget.check(&found, busiest(program()).as_ref(), heaviest(program()).as_ref());
    assert!(check(Budget::default()).is_empty());

    let checks = check(Budget { latency_ms: Some(latency_ms / 2.0), ram_kib: Some(0.1), flash_kib: Some(1e6), energy_uj: None });
    let order: Vec<_> = checks.iter().map(|check| (check.limit, check.standing)).collect();
    let expected = [(Limit::RamKib, Standing::Exceeded), (Limit::LatencyMs, Standing::Exceeded), (Limit::FlashKib, Standing::Within)];
    assert_eq!(order, expected);
    assert_eq!(checks[1].op.as_ref(), Some(&found.costliest().unwrap().name));
    assert!(checks.iter().all(|check| check.op_share.unwrap() > 0.0 && check.op_share.unwrap() < 1.0), "{checks:?}");

    // Below the limit, but not for sure.
    let between = (latency_ms + high_ms) / 2.0;
    assert_eq!(check(Budget { latency_ms: Some(between), ..Budget::default() })[0].standing, Standing::Uncertain);
    // A float model has no memory of ours.
    let mut float = found.clone();
    float.memory = None;
    let checks = Budget { ram_kib: Some(1.0), ..Budget::default() }.check(&float, None, None);
    assert_eq!((checks[0].standing, checks[0].found), (Standing::Unknown, None));
}
