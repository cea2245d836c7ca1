//! Every profile that is built in is a valid one.
#![allow(clippy::unwrap_used)]

use edgectl_profile::{OpClass, OpWork, Registry, Workload, estimate};

/// A fully connected layer of 64 to 10.
fn dense() -> Workload {
    let op = OpWork {
        name: "logits".into(),
        op: "FullyConnected".into(),
        class: OpClass::Dense,
        macs: 640,
        outputs: 10,
        inputs: 64,
        weights: 650,
        in_channels: 64,
        out_channels: 10,
        kernel: [1, 1],
        stride: [1, 1],
        groups: 1,
        inner_taps: 1,
    };
    Workload { name: "dense".into(), ops: vec![op] }
}

#[test]
fn every_built_in_profile_loads_and_estimates_with_each_of_its_libraries() {
    let registry = Registry::built_in();
    for (name, _) in registry.profiles() {
        let profile = registry.load(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(profile.name, name, "the file's name is the profile's");
        for kernels in profile.kernels.keys() {
            let latency = estimate(&profile, kernels, &dense()).expect("an estimate").latency_ms;
            assert!(latency.value > 0.0 && latency.low <= latency.value && latency.value <= latency.high, "{name} {kernels}: {latency:?}");
        }
    }
}
