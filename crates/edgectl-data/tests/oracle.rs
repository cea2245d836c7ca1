//! Files and numbers made by numpy, safetensors, onnxruntime, scikit-learn and Pillow (`data/generate.py`).
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Cursor;

use common::{Folder, fixture, numbers, read, table};
use edgectl_data::{
    ColorModel, DataOptions, DataSet, ImageSize, Metric, MetricKind, NpyWriter, NpzWriter, Pipeline, Preprocess, Sample, write_npy,
};

fn flat(samples: &[Sample]) -> Vec<f32> {
    samples.iter().flat_map(|sample| sample.values.iter().copied()).collect()
}

#[test]
fn every_type_byte_order_version_and_container_reads_as_numpy_does() {
    let rows = table("arrays.csv");
    assert_eq!(rows.len(), 31);
    for row in rows {
        let shape: Vec<usize> = numbers(&row[1]);
        let data = DataSet::open(fixture(&row[0]), &DataOptions::default()).unwrap();
        assert_eq!((data.len(), data.sample_shape()), (shape[0], &shape[1..]), "{}", row[0]);
        let samples: Vec<_> = data.samples().map(Result::unwrap).collect();
        assert_eq!(flat(&samples), numbers::<f32>(&row[2]), "{}", row[0]);
        assert!(samples.iter().enumerate().all(|(index, sample)| sample.index == index), "{}", row[0]);
    }
}

#[test]
fn labels_come_from_the_container() {
    for name in ["stored.npz", "deflated.npz", "arrays.safetensors"] {
        let samples = read(&fixture(name), &DataOptions::default()).unwrap();
        let labels: Vec<_> = samples.iter().map(|sample| sample.label).collect();
        assert_eq!(labels, [Some(3), Some(0), Some(2), Some(1)], "{name}");
    }
}

#[test]
fn keys_choose_arrays_and_whole_float_labels_of_one_column_are_labels() {
    let options = DataOptions { x_key: Some("images".into()), y_key: Some("classes".into()), ..DataOptions::default() };
    let samples = read(&fixture("deflated.npz"), &options).unwrap();
    assert_eq!(samples.iter().map(|sample| sample.label).collect::<Vec<_>>(), [Some(3), Some(0)]);
}

#[test]
fn half_precision_safetensors_are_rounded_values_of_the_floats() {
    let halves = DataOptions { x_key: Some("half".into()), ..DataOptions::default() };
    let halves = flat(&read(&fixture("arrays.safetensors"), &halves).unwrap());
    let floats = flat(&read(&fixture("arrays.safetensors"), &DataOptions::default()).unwrap());
    assert!(halves != floats);
    assert!(halves.iter().zip(&floats).all(|(half, float)| (half - float).abs() <= float.abs() / 2048.0));
}

#[test]
fn written_npy_has_the_bytes_of_numpy() {
    let expected = std::fs::read(fixture("version1.npy")).unwrap();
    let values: Vec<f32> = [0.0, 1.0, 2.0, 3.0, 4.0, 100.0].iter().map(|v: &f64| (v / 3.0) as f32).collect();
    let mut whole = Vec::new();
    write_npy(&mut whole, &[2, 3], &values).unwrap();
    assert_eq!(whole, expected);
    let mut pieces = NpyWriter::new(Vec::new(), &[2, 3]).unwrap();
    values.iter().for_each(|&value| pieces.write(&[value]).unwrap());
    assert_eq!(pieces.finish().unwrap(), expected);

    let mut bytes = Vec::new();
    write_npy(&mut bytes, &[2, 3], &[-50_i8, -49, -48, -47, -46, 50]).unwrap();
    assert_eq!(bytes, std::fs::read(fixture("i1_le.npy")).unwrap());
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &[2, 3], &[-50_i64, -49, -48, -47, -46, 50]).unwrap();
    assert_eq!(bytes, std::fs::read(fixture("i8_le.npy")).unwrap());
}

#[test]
fn written_npz_reads_back_and_is_the_same_each_time() {
    let write = || {
        let mut npz = NpzWriter::new(Cursor::new(Vec::new()));
        let mut x = npz.array::<f32>("x", &[2, 2]).unwrap();
        x.write(&[1.0, 2.0]).unwrap();
        x.write(&[3.0, -4.5]).unwrap();
        x.finish().unwrap();
        let mut y = npz.array::<i64>("y", &[2]).unwrap();
        y.write(&[1, 0]).unwrap();
        y.finish().unwrap();
        npz.finish().unwrap().into_inner()
    };
    assert_eq!(write(), write());
    let folder = Folder::new();
    let samples = read(&folder.write("out.npz", write()), &DataOptions::default()).unwrap();
    assert_eq!(flat(&samples), [1.0, 2.0, 3.0, -4.5]);
    assert_eq!(samples.iter().map(|sample| sample.label).collect::<Vec<_>>(), [Some(1), Some(0)]);
}

#[test]
fn resizing_equals_onnxruntime() {
    for row in table("resizes.csv") {
        let [h, w, to_h, to_w] = [0, 1, 2, 3].map(|at| row[at].parse::<usize>().unwrap());
        let expected: Vec<f32> = numbers(&row[4]);
        let folder = Folder::new();
        let image: Vec<f32> = (0..h * w).map(|at| ((7 * (at / w) + 3 * (at % w)) % 11) as f32).collect();
        let data = DataSet::open(folder.npy("a.npy", &[1, h, w], &image), &DataOptions::default()).unwrap();
        let preprocess = Preprocess { resize: Some(ImageSize { height: to_h, width: to_w }), ..Preprocess::default() };
        let pipeline = Pipeline::new(data.facts(), &[1, to_h, to_w], &preprocess).unwrap();
        let found = pipeline.apply(&data.samples().next().unwrap().unwrap()).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 4e-6, "{h}x{w} -> {to_h}x{to_w}: {found} for {expected}");
        }
    }
}

#[test]
fn auc_equals_scikit_learn() {
    for row in table("aucs.csv") {
        let (labels, scores): (Vec<i64>, Vec<f32>) = (numbers(&row[1]), numbers(&row[2]));
        let mut metric = Metric::new(MetricKind::Auc);
        let mut pairs = Metric::new(MetricKind::Auc);
        for (&label, &score) in labels.iter().zip(&scores) {
            metric.update(&[score], &[], Some(label)).unwrap();
            pairs.update(&[-score, score], &[], Some(label)).unwrap();
        }
        let found = metric.finish().unwrap().value;
        assert!((found - row[0].parse::<f64>().unwrap()).abs() < 1e-14, "{found} for {}", row[0]);
        assert_eq!(pairs.finish().unwrap().value, found);
    }
}

#[test]
fn images_decode_as_pillow_does() {
    for row in table("images.csv") {
        let folder = Folder::new();
        folder.write(&row[0], std::fs::read(fixture(&row[0])).unwrap());
        let alpha = row[0] == "alpha.png";
        let options = DataOptions { color: alpha.then_some(ColorModel::Rgb), ..DataOptions::default() };
        let data = DataSet::open(folder.path(""), &options).unwrap();
        let mut shape: Vec<usize> = numbers(&row[1]);
        let mut expected: Vec<f32> = numbers(&row[2]);
        if alpha {
            shape[2] = 3;
            expected = expected.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
        }
        let sample = data.samples().next().unwrap().unwrap();
        assert_eq!((data.sample_shape(), &sample.shape[..]), (&shape[..], &shape[..]), "{}", row[0]);
        let tolerance = if row[0].ends_with("jpg") { 1.0 } else { 0.0 };
        assert!(sample.values.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= tolerance), "{}", row[0]);
        assert_eq!(sample.values.len(), expected.len());
        assert_eq!(sample.label, None);
    }
}
