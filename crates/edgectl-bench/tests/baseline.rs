//! Comparison with what was kept.

use edgectl_bench::baseline::{Baseline, BaselineError, Change, SCHEMA_VERSION};
use edgectl_bench::finding::Finding;
use edgectl_bench::machine::Machine;
use edgectl_bench::measure::{BLOCKS, Times};
use serde_json::{Value, json};

use crate::{finding, profile};

fn kept(findings: &[Finding]) -> Baseline {
    Baseline::parse(&document(json!(findings))).unwrap()
}

fn document(findings: Value) -> Vec<u8> {
    serde_json::to_vec(&json!({ "schema_version": SCHEMA_VERSION, "findings": findings, "more": 1 })).unwrap()
}

/// A finding that was measured: blocks around `us` microseconds.
fn measured(us: f64) -> Finding {
    let mut found = finding(&profile("pico"));
    let blocks: Vec<Vec<f64>> = (0..BLOCKS).map(|i| vec![us * (1.0 + 0.001 * (i as f64 * 0.618).fract())]).collect();
    found.target.machine = Some(Machine { arch: "x86_64".into(), cpu: "A".into(), threads: 2 });
    found.latency.times = Some(Times::of_blocks(&blocks, 1, true));
    found.latency.value_us = us;
    found
}

fn latency_change(then: f64, now: f64) -> Change {
    kept(&[measured(then)]).compare(&measured(now), 0.02).unwrap()[0].change
}

#[test]
fn a_finding_equals_itself_after_a_file() {
    let found = finding(&profile("pico"));
    let comparisons = kept(std::slice::from_ref(&found)).compare(&found, 0.0).unwrap();
    assert_eq!(comparisons.iter().map(|comparison| comparison.figure).collect::<Vec<_>>(), ["latency_us", "ram_bytes", "flash_bytes"]);
    assert!(comparisons.iter().all(|comparison| comparison.change == Change::Same && comparison.ratio.low == 1.0));
}

#[test]
fn measured_times_change_where_noise_cannot_explain_it_and_it_matters() {
    assert_eq!(latency_change(100.0, 100.0), Change::Same);
    assert_eq!(latency_change(100.0, 101.0), Change::Same);
    assert_eq!(latency_change(100.0, 105.0), Change::Worse);
    assert_eq!(latency_change(100.0, 95.0), Change::Better);
}

#[test]
fn bytes_and_estimates_change_by_any_difference() {
    let then = finding(&profile("pico"));
    let mut now = then.clone();
    now.latency.value_us *= 1.001;
    now.memory.as_mut().unwrap().ram.total_bytes -= 1;
    now.memory.as_mut().unwrap().flash.total_bytes += 1;
    let changes: Vec<_> = kept(&[then]).compare(&now, 0.5).unwrap().iter().map(|comparison| comparison.change).collect();
    assert_eq!(changes, [Change::Worse, Change::Better, Change::Worse]);
}

#[test]
fn what_does_not_mean_the_same_is_refused() {
    let now = measured(100.0);
    let refused = |change: fn(&mut Finding)| {
        let mut then = now.clone();
        change(&mut then);
        kept(&[then]).compare(&now, 0.0).unwrap_err()
    };
    assert!(matches!(refused(|then| then.model.name = "kws".into()), BaselineError::Missing { .. }));
    assert!(matches!(refused(|then| then.engine.kernels = "reference".into()), BaselineError::Missing { .. }));
    assert!(matches!(refused(|then| then.model.contract.clear()), BaselineError::Model { .. }));
    assert!(matches!(refused(|then| then.target.machine = None), BaselineError::Machine { .. }));
    assert!(matches!(refused(|then| then.target.profile_crc32 = Some(1)), BaselineError::Profile { .. }));
}

#[test]
fn files_that_are_none_of_ours_are_refused() {
    for text in ["", "{}", "[]", "{\"schema_version\":\"1\"}", "{\"schema_version\":1}", "{\"schema_version\":1,\"findings\":[{}]}"] {
        assert!(matches!(Baseline::parse(text.as_bytes()), Err(BaselineError::Malformed(_))), "{text}");
    }
    let newer = Baseline::parse(b"{\"schema_version\": 99, \"findings\": []}");
    assert!(matches!(newer, Err(BaselineError::Version { expected: SCHEMA_VERSION, found: 99 })));
}

#[test]
fn hostile_numbers_do_not_panic() {
    let mut then = measured(100.0);
    then.latency.times.as_mut().unwrap().block_p50_us = vec![0.0, -1.0, 1e308, 1e-308];
    then.memory.as_mut().unwrap().ram.total_bytes = 0;
    assert_eq!(kept(&[then.clone()]).compare(&measured(100.0), 0.0).unwrap().len(), 3);
    then.latency.times.as_mut().unwrap().block_p50_us = vec![];
    assert_eq!(kept(&[then]).compare(&measured(100.0), 0.0).unwrap().len(), 3);
}
