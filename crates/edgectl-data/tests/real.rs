//! Real data of `shared/models` beside the checkout, where it is present.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::PathBuf;

use edgectl_data::{DType, DataOptions, DataSet, Layout, Metric, MetricKind, Pipeline, Preprocess};

fn models() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/models"));
    if !path.is_dir() {
        eprintln!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}

fn open(path: PathBuf) -> DataSet {
    DataSet::open(path, &DataOptions::default()).unwrap()
}

#[test]
fn fashion_mnist_bytes_become_the_models_input() {
    let Some(models) = models() else { return };
    let data = open(models.join("fmnist/eval_x.npy"));
    assert_eq!((data.len(), data.sample_shape(), data.dtype(), data.has_labels()), (10_000, &[28, 28][..], DType::U8, true));
    let preprocess = Preprocess { scale: "1/255".parse().unwrap(), ..Preprocess::default() };
    let pipeline = Pipeline::new(data.facts(), &[1, 28, 28], &preprocess).unwrap();
    let mut labels = [0; 10];
    let mut pixels = 0.0;
    for sample in data.samples() {
        let sample = sample.unwrap();
        labels[usize::try_from(sample.label.unwrap()).unwrap()] += 1;
        pixels += pipeline.apply(&sample).unwrap().iter().map(|&pixel| f64::from(pixel)).sum::<f64>();
    }
    assert_eq!(labels, [1000; 10]);
    // numpy: x.astype("f8").mean() / 255
    assert!((pixels / 7_840_000.0 - 0.2869051175470188).abs() < 1e-7, "{}", pixels / 7_840_000.0);
}

#[test]
fn faces_are_transposed_to_the_models_layout() {
    let Some(models) = models() else { return };
    let data = open(models.join("rfb320_face/eval_x.npy"));
    assert!(!data.has_labels());
    let preprocess =
        Preprocess { scale: "1/128".parse().unwrap(), mean: vec![127.0 / 128.0], layout: Some(Layout::Nhwc), ..Preprocess::default() };
    let pipeline = Pipeline::new(data.facts(), &[3, 240, 320], &preprocess).unwrap();
    let sample = data.samples().next().unwrap().unwrap();
    let input = pipeline.apply(&sample).unwrap();
    for (channel, y, x) in [(0, 0, 0), (1, 17, 5), (2, 239, 319)] {
        let raw = sample.values[(y * 320 + x) * 3 + channel];
        assert_eq!(input[(channel * 240 + y) * 320 + x], (raw - 127.0) / 128.0);
    }
}

#[test]
fn every_labelled_set_opens_and_has_a_constant_predictors_accuracy() {
    let Some(models) = models() else { return };
    for (name, shape, classes) in
        [("digits_mlp", &[64][..], 10), ("kws_dscnn", &[49, 10, 1], 12), ("wand_cnn1d", &[6, 119], 5), ("nab_machine_temp_ae", &[64], 2)]
    {
        let data = open(models.join(name).join("eval_x.npy"));
        assert_eq!(data.sample_shape(), shape, "{name}");
        let mut metric = Metric::new(MetricKind::Top1);
        let mut zeros = 0;
        for sample in data.samples() {
            let label = sample.unwrap().label;
            zeros += u64::from(label == Some(0));
            metric.update(&vec![0.0; classes], &[], label).unwrap();
        }
        let value = metric.finish().unwrap();
        assert_eq!((value.samples, value.value), (data.len() as u64, zeros as f64 / data.len() as f64), "{name}");
        assert!(zeros > 0, "{name}");
    }
}
