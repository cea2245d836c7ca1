//! Data lint: an alarm for every made-up fault, and none for the data of real models.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::type_complexity)]

use std::path::Path;

use edgectl_data::{Copies, DataOptions, DataSet, Finding, Layout, Pipeline, Portrait, Preprocess, lint};

const SHAPE: [usize; 3] = [3, 16, 16];

/// Values from 0 to 1, the same in every run (J. Salmon et al., 2011: a counter through a mixing function).
fn random(counter: u64) -> f32 {
    let mut x = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 40) as f32 / (1 << 24) as f32
}

/// A colourful blob on a gradient: smooth, as photographs are.
fn image(seed: u64) -> Vec<f32> {
    let [cy, cx, size] = [0, 1, 2].map(|i| random(seed * 7 + i));
    let pixel = |c: usize, h: usize, w: usize| {
        let (y, x) = (h as f32 / 15.0 - cy, w as f32 / 15.0 - cx);
        let blob = (-(y * y + x * x) / (0.02 + 0.2 * size)).exp();
        (0.2 + 0.2 * c as f32) * blob + 0.3 * (h as f32 / 15.0) + 0.02 * random(seed * 1009 + (c * 256 + h * 16 + w) as u64)
    };
    (0..768).map(|i| pixel(i / 256, i / 16 % 16, i % 16)).collect()
}

fn interleaved(planar: &[f32]) -> Vec<f32> {
    (0..768).map(|i| planar[i % 3 * 256 + i / 3]).collect()
}

fn portrait(shape: &[usize], layout: Layout, samples: impl IntoIterator<Item = Vec<f32>>) -> Portrait {
    let mut portrait = Portrait::new(shape, layout);
    samples.into_iter().for_each(|sample| portrait.add(&sample));
    portrait
}

fn images(seeds: std::ops::Range<u64>) -> Portrait {
    portrait(&SHAPE, Layout::Nchw, seeds.map(image))
}

fn found(calibration: &Portrait, evaluation: Option<&Portrait>) -> Vec<Finding> {
    lint(calibration, evaluation)
}

#[test]
fn good_data_raise_no_alarm() {
    let evaluation = images(1000..1300);
    for count in [1, 2, 8, 32, 200] {
        let calibration = images(0..count);
        assert_eq!(found(&calibration, Some(&evaluation)), [], "{count}");
        assert_eq!(found(&calibration, None), [], "{count}");
    }
}

#[test]
fn noise_of_any_distribution_looks_random() {
    let uniform = |i: u64| -> Vec<f32> { (0..768).map(|j| random(i * 768 + j)).collect() };
    let gaussian = |i: u64| -> Vec<f32> { (0..768).map(|j| (0..12).map(|k| random((i * 768 + j) * 12 + k)).sum::<f32>() - 6.0).collect() };
    let evaluation = images(1000..1300);
    for calibration in [portrait(&SHAPE, Layout::Nchw, (1..101).map(uniform)), portrait(&SHAPE, Layout::Nchw, (1..101).map(gaussian))] {
        assert!(matches!(found(&calibration, None)[..], [Finding::Random { .. }]), "{:?}", found(&calibration, None));
        assert!(matches!(found(&calibration, Some(&evaluation))[0], Finding::Random { .. }));
        // Where the evaluation data are such, they are the model's business.
        assert_eq!(found(&calibration, Some(&calibration)), []);
    }
}

#[test]
fn another_normalization_than_that_of_the_evaluation_data_is_found() {
    let evaluation = images(1000..1300);
    for change in [|x: f32| x * 255.0, |x: f32| x / 255.0, |x: f32| x + 2.0, |x: f32| (x - 0.5) / 0.2] {
        let calibration = portrait(&SHAPE, Layout::Nchw, (0..50).map(|seed| image(seed).into_iter().map(change).collect()));
        assert!(
            matches!(found(&calibration, Some(&evaluation))[..], [Finding::Range { .. }]),
            "{:?}",
            found(&calibration, Some(&evaluation))
        );
    }
}

#[test]
fn axes_in_another_order_are_found_in_either_direction() {
    let wrong = portrait(&SHAPE, Layout::Nchw, (0..20).map(|seed| interleaved(&image(seed))));
    assert!(matches!(found(&wrong, None)[..], [Finding::Layout { expected: Layout::Nchw, found: Layout::Nhwc, .. }]));
    let right = portrait(&[16, 16, 3], Layout::Nhwc, (0..20).map(|seed| interleaved(&image(seed))));
    assert_eq!(found(&right, None), []);
    let wrong = portrait(&[16, 16, 3], Layout::Nhwc, (0..20).map(image));
    assert!(matches!(found(&wrong, None)[..], [Finding::Layout { expected: Layout::Nhwc, found: Layout::Nchw, .. }]));
}

#[test]
fn copies_and_empty_samples_are_counted() {
    let copies = |inputs: &dyn Fn(u64) -> Vec<Vec<f32>>| {
        let mut copies = Copies::default();
        (0..100).for_each(|i| copies.add(inputs(i).iter().map(Vec::as_slice)));
        copies.finding()
    };
    assert_eq!(copies(&|i| vec![image(i)]), None);
    assert_eq!(copies(&|i| vec![image(i % 90)]), Some(Finding::Duplicates { found: 10, samples: 100 }));
    // A sample is no copy of another because one of its inputs is.
    assert_eq!(copies(&|i| vec![image(i % 90), vec![i as f32]]), None);
    assert_eq!(copies(&|i| vec![image(i % 90), vec![1.0]]), Some(Finding::Duplicates { found: 10, samples: 100 }));
    let empty = portrait(&SHAPE, Layout::Nchw, (0..100).map(|i| if i % 10 == 0 { vec![i as f32 * 1e-3; 768] } else { image(i) }));
    assert_eq!(found(&empty, None), [Finding::ConstantSamples { found: 10, samples: 100 }]);
}

#[test]
fn a_channel_that_never_changes_is_found() {
    let dead = |i: u64| {
        let mut values = image(i);
        values[512..].fill(0.25);
        values
    };
    let calibration = portrait(&SHAPE, Layout::Nchw, (0..50).map(dead));
    let constant = [Finding::ConstantChannel { channel: 2, value: 0.25 }];
    assert_eq!(found(&calibration, None), constant);
    assert_eq!(found(&calibration, Some(&images(1000..1300))), constant);
    // Features of tables, such as the corners of digits, may well be constant.
    assert_eq!(found(&portrait(&[768], Layout::Nchw, (0..50).map(dead)), None), []);
}

#[test]
fn classes_that_are_missing_or_skewed_are_found() {
    let with = |mut portrait: Portrait, classes: &[u64]| {
        portrait.set_classes(classes.to_vec());
        portrait
    };
    let evaluation = with(images(1000..1300), &[100, 100, 100]);
    assert_eq!(found(&with(images(0..30), &[12, 8, 10]), Some(&evaluation)), []);
    assert!(matches!(found(&with(images(0..30), &[15, 15, 0]), Some(&evaluation))[..], [Finding::ClassMissing { class: 2, .. }]));
    // With so few, one may be missing by chance.
    assert_eq!(found(&with(images(0..4), &[2, 2, 0]), Some(&evaluation)), []);
    let skewed = found(&with(images(0..100), &[80, 10, 10]), Some(&evaluation));
    assert!(matches!(skewed[0], Finding::ClassSkewed { class: 0, .. }), "{skewed:?}");
    assert_eq!(found(&with(images(0..30), &[0, 30, 0]), None), [Finding::OneClass { class: 1, samples: 30 }]);
}

/// The data of the models in `../shared/models`, by what their READMEs say, raise no alarm.
#[test]
fn the_data_of_real_models_raise_no_alarm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    if !folder.is_dir() {
        eprintln!("skipped: {} is missing", folder.display());
        return;
    }
    let cases: [(&str, &[usize], f64, f32, f32, Option<Layout>); 6] = [
        ("digits_mlp", &[64], 1.0 / 16.0, 0.0, 1.0, None),
        ("fmnist", &[1, 28, 28], 1.0 / 255.0, 0.0, 1.0, None),
        ("kws_dscnn", &[49, 10, 1], 1.0, 0.0, 1.0, None),
        ("nab_machine_temp_ae", &[64], 1.0, 0.0, 1.0, None),
        ("rfb320_face", &[3, 240, 320], 1.0, 127.0, 128.0, Some(Layout::Nhwc)),
        ("wand_cnn1d", &[6, 119], 1.0, 0.0, 1.0, None),
    ];
    for (name, shape, scale, mean, std, layout) in cases {
        let take = |file: &str, limit: usize| {
            let options = DataOptions { limit: std::num::NonZeroUsize::new(limit), ..DataOptions::default() };
            let data = DataSet::open(folder.join(name).join(file), &options).unwrap();
            let scale = edgectl_data::Ratio::new(scale).unwrap();
            let preprocess = Preprocess { scale, mean: vec![mean], std: vec![std], layout, ..Preprocess::default() };
            let pipeline = Pipeline::new(data.facts(), shape, &preprocess).unwrap();
            portrait(shape, Layout::Nchw, data.samples().map(|sample| pipeline.apply(&sample.unwrap()).unwrap()))
        };
        let evaluation = take("eval_x.npy", 3000);
        for limit in [8, 32, 1000] {
            assert_eq!(found(&take("calib_x.npy", limit), Some(&evaluation)), [], "{name} {limit}");
            assert_eq!(found(&take("calib_x.npy", limit), None), [], "{name} {limit}");
        }
    }
}
