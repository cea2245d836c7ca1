//! What good files mean: labels beside arrays, CSV columns, image folders, limits, repeated reading.
#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;

use common::{Folder, fixture, read};
use edgectl_data::{DType, DataOptions, DataSet, LabelColumn, Layout};

fn plain() -> DataOptions {
    DataOptions::default()
}

#[test]
fn npy_labels_stand_beside_samples_and_only_there() {
    let folder = Folder::new();
    let labelled = folder.npy("a_x.npy", &[2, 3], &[0.0; 6]);
    let plain_name = folder.npy("b.npy", &[2, 3], &[0.0; 6]);
    folder.npy("a_y.npy", &[2], &[4.0, 2.0]);
    folder.npy("b_y.npy", &[2], &[4.0, 2.0]);
    let data = DataSet::open(labelled, &plain()).unwrap();
    assert!(data.has_labels());
    assert_eq!(data.samples().map(|sample| sample.unwrap().label).collect::<Vec<_>>(), [Some(4), Some(2)]);
    assert!(!DataSet::open(plain_name, &plain()).unwrap().has_labels());
}

#[test]
fn a_limit_can_be_spread_over_all_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.csv");
    std::fs::write(&path, (0..10).map(|i| format!("{i}\n")).collect::<String>()).unwrap();
    let values = |limit: usize| -> Vec<f32> {
        let options = DataOptions { limit: NonZeroUsize::new(limit), spread: true, csv_header: Some(false), ..DataOptions::default() };
        let samples: Vec<_> = DataSet::open(&path, &options).unwrap().samples().map(Result::unwrap).collect();
        assert!(samples.iter().enumerate().all(|(i, sample)| sample.index == i));
        samples.into_iter().map(|sample| sample.values[0]).collect()
    };
    assert_eq!(values(3), [1.0, 5.0, 8.0]);
    assert_eq!(values(9), [0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!(values(50).len(), 10);
}

#[test]
fn samples_can_be_read_again_and_limited() {
    let folder = Folder::new();
    let path = folder.npy("a.npy", &[5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let data = DataSet::open(&path, &DataOptions { limit: NonZeroUsize::new(2), ..plain() }).unwrap();
    assert_eq!((data.len(), data.sample_shape(), data.dtype()), (2, &[][..], DType::F32));
    for _ in 0..2 {
        assert_eq!(data.samples().map(|sample| sample.unwrap().values).collect::<Vec<_>>(), [[1.0], [2.0]]);
    }
    let data = DataSet::open(&path, &DataOptions { limit: NonZeroUsize::new(9), ..plain() }).unwrap();
    assert_eq!(data.len(), 5);
}

#[test]
fn a_file_that_shrinks_after_opening_is_an_error_once() {
    let folder = Folder::new();
    let path = folder.npy("a.npy", &[3], &[1.0, 2.0, 3.0]);
    let data = DataSet::open(&path, &plain()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let mut samples = data.samples();
    assert!(samples.next().unwrap().is_ok() && samples.next().unwrap().is_ok());
    assert_eq!(folder.message(&samples.next().unwrap().unwrap_err()), "a.npy: array `a` needs 12 bytes, found 8");
    assert!(samples.next().is_none());

    let path = folder.write("a.csv", "1\n2\n");
    let data = DataSet::open(&path, &plain()).unwrap();
    std::fs::write(&path, "1\n").unwrap();
    let error = data.samples().last().unwrap().unwrap_err();
    assert_eq!(folder.message(&error), "a.csv: ended after 1 samples, expected 2");
}

#[test]
fn csv_columns_headers_and_labels() {
    let folder = Folder::new();
    let rows = |text: &str, options: &DataOptions| {
        let samples = read(&folder.write("a.csv", text), options).unwrap();
        samples.into_iter().map(|sample| (sample.values, sample.label)).collect::<Vec<_>>()
    };
    let unlabelled = vec![(vec![1.0, 2.5], None), (vec![-3e2, 4.0], None)];
    assert_eq!(rows("1,2.5\n-3e2,4\n", &plain()), unlabelled);
    assert_eq!(rows("\u{feff}\"a,b\", c\r\n1 ,\"2.5\"\r\n\r\n-3e2,4", &plain()), unlabelled);

    let by_name = DataOptions { label_column: Some("class".parse().unwrap()), ..plain() };
    let by_number = DataOptions { label_column: Some("2".parse().unwrap()), ..plain() };
    let text = "a,class,b\n1,0,2\n3,1,4\n";
    let labelled = vec![(vec![1.0, 2.0], Some(0)), (vec![3.0, 4.0], Some(1))];
    assert_eq!(rows(text, &by_name), labelled);
    assert_eq!(rows(text, &by_number), labelled);

    let stated = DataOptions { csv_header: Some(true), ..plain() };
    assert_eq!(rows("1,2\n3,4\n", &stated), [(vec![3.0, 4.0], None)]);
}

#[test]
fn label_columns_parse_from_one() {
    assert_eq!("1".parse(), Ok(LabelColumn::Index(0)));
    assert_eq!("y".parse(), Ok(LabelColumn::Name("y".into())));
    let error = "0".parse::<LabelColumn>().unwrap_err();
    assert_eq!(error.to_string(), "`0` is not a label column, expected a column number from 1, or a name");
}

#[test]
fn image_folders_alternate_between_classes_in_order_of_their_names() {
    let folder = Folder::new();
    let [rgb, bmp] = ["rgb.png", "rgb.bmp"].map(|name| std::fs::read(fixture(name)).unwrap());
    for name in ["b/1.png", "b/2.png", "b/3.PNG", "a/9.png"] {
        folder.write(name, &rgb);
    }
    folder.write("c/1.bmp", &bmp);
    std::fs::create_dir(folder.path("d")).unwrap();
    let data = DataSet::open(folder.path(""), &plain()).unwrap();
    assert_eq!(data.class_names(), ["a", "b", "c", "d"]);
    assert_eq!((data.len(), data.sample_shape(), data.dtype()), (5, &[2, 4, 3][..], DType::U8));
    assert_eq!(data.facts().layout, Some(Layout::Nhwc));
    let labels: Vec<_> = data.samples().map(|sample| sample.unwrap().label.unwrap()).collect();
    assert_eq!(labels, [0, 1, 2, 1, 1]);
}
