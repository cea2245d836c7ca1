//! A profile from measurements: a simulated board whose convolutions and dense layers are off by factors of their own.

use edgectl_bench::calibrate::{CalibrateError, Calibrated, Measurement, calibrate};
use edgectl_profile::{Basis, OpClass, OpWork, Profile, Workload, estimate};

use crate::profile;

/// A model of a convolution and a dense layer.
fn model(name: &str, conv_macs: u64, dense_macs: u64) -> Workload {
    let op = |class, op: &str, macs: u64, kernel| OpWork {
        name: op.into(),
        op: op.into(),
        class,
        macs,
        outputs: macs / 100,
        inputs: macs / 50,
        weights: macs / 10,
        in_channels: 8,
        out_channels: 8,
        kernel,
        stride: [2, 2],
        groups: 1,
        inner_taps: macs / 64,
    };
    let ops = vec![op(OpClass::Conv, "conv2d", conv_macs, [3, 3]), op(OpClass::Dense, "fully_connected", dense_macs, [1, 1])];
    Workload { name: name.into(), ops }
}

fn models() -> Vec<Workload> {
    let sizes = [(900, 100), (100, 900), (500, 500), (2_000, 50), (50, 3_000), (4_000, 4_000), (300, 20), (700, 1_500)];
    sizes.iter().enumerate().map(|(i, &(conv, dense))| model(&format!("m{i}"), conv * 1_000, dense * 1_000)).collect()
}

/// The profile of the board as it really is.
fn truth(profile: &Profile) -> Profile {
    let mut truth = profile.clone();
    let library = truth.kernels.get_mut(&profile.default_kernels).unwrap();
    for (class, costs) in &mut library.costs {
        *costs = costs.scaled(if *class == OpClass::Dense { 1.5 } else { 3.0 });
    }
    truth
}

fn latency_ms(profile: &Profile, workload: &Workload) -> f64 {
    estimate(profile, &profile.default_kernels, workload).unwrap().latency_ms.value
}

fn measured<'a>(profile: &Profile, workloads: &'a [Workload]) -> Vec<Measurement<'a>> {
    // Two percent of noise, the same in every run.
    let noise = |i: usize| 1.0 + 0.02 * ((i as f64 * 0.618).fract() * 2.0 - 1.0);
    let measure = |(i, workload)| Measurement { line: i as u64 + 2, workload, latency_ms: latency_ms(profile, workload) * noise(i) };
    workloads.iter().enumerate().map(measure).collect()
}

fn fitted(profile: &Profile, measurements: &[Measurement<'_>]) -> Result<Calibrated, CalibrateError> {
    calibrate(profile, &profile.default_kernels, measurements, "a test")
}

#[test]
fn a_wrong_profile_is_mended() {
    let (profile, models) = (profile("pico"), models());
    let found = fitted(&profile, &measured(&truth(&profile), &models)).unwrap();
    let off = |estimate: f64, row: &edgectl_bench::calibrate::Row| (estimate / row.measured_ms - 1.0).abs();
    for row in &found.rows {
        assert!(off(row.before_ms, row) > 0.3, "{row:?}");
        assert!(off(row.after_ms, row) < 0.05 && off(row.left_out_ms.unwrap(), row) < 0.15, "{row:?}");
    }
    let accuracy = found.library.accuracy;
    assert!(accuracy.median_error_percent.unwrap() < 6.0 && accuracy.measurements == 8);
    assert!(accuracy.interval.low < 1.0 && accuracy.interval.low > 0.8 && accuracy.interval.high < 1.25, "{accuracy:?}");
    assert_eq!((found.library.basis, found.library.source.as_str()), (Basis::Calibrated, "a test"));

    // What comes out is a profile, and it is right about a model that nobody measured.
    let mut mended = profile.clone();
    mended.kernels.insert(profile.default_kernels.clone(), found.library);
    let registry = edgectl_profile::Registry::built_in();
    let mended = registry.parse("pico.yaml", &mended.to_yaml().unwrap()).unwrap();
    let unseen = model("unseen", 1_234_000, 345_000);
    let ratio = latency_ms(&mended, &unseen) / latency_ms(&truth(&profile), &unseen);
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
}

#[test]
fn one_measurement_scales_everything() {
    let (profile, models) = (profile("pico"), models());
    let twice = Measurement { line: 2, workload: &models[2], latency_ms: 2.0 * latency_ms(&profile, &models[2]) };
    let found = fitted(&profile, &[twice]).unwrap();
    assert!((found.rows[0].after_ms / twice.latency_ms - 1.0).abs() < 0.01);
    assert_eq!(found.rows[0].left_out_ms, None);
    let before = &profile.kernels[&profile.default_kernels];
    assert_eq!(found.library.accuracy.interval, before.accuracy.interval);
    for (class, costs) in &found.library.costs {
        for ((_, after), (_, before)) in costs.fields().iter().zip(before.costs[class].fields()) {
            assert!(before == 0.0 || (1.5..2.5).contains(&(after / before)), "{class:?}: {before} {after}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let (profile, models) = (profile("pico"), models());
    let at = |line, workload, latency_ms| Measurement { line, workload, latency_ms };
    let refused = |measurements: &[Measurement<'_>]| fitted(&profile, measurements).unwrap_err();
    assert_eq!(refused(&[]), CalibrateError::Empty);
    for latency_ms in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(refused(&[at(2, &models[0], latency_ms)]), CalibrateError::Time { line: 2, .. }));
    }
    assert!(matches!(refused(&[at(3, &models[0], 1e-6)]), CalibrateError::Impossible { line: 3, .. }));
    let usual = latency_ms(&profile, &models[0]);
    let contradiction = refused(&[at(2, &models[0], usual), at(3, &models[1], usual), at(4, &models[0], 2.0 * usual)]);
    assert!(matches!(contradiction, CalibrateError::Contradiction { first: 2, second: 4, .. }));
    let empty = Workload { name: "empty".into(), ops: vec![] };
    let mut free = profile.clone();
    free.kernels.get_mut(&profile.default_kernels).unwrap().cycles_per_inference = 0.0;
    assert!(matches!(fitted(&free, &[at(2, &empty, 1.0)]).unwrap_err(), CalibrateError::NoCost { line: 2, .. }));
    assert!(matches!(calibrate(&profile, "none", &[], "").unwrap_err(), CalibrateError::Kernels { .. }));
}
