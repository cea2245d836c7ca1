//! Preprocessing: values, order of the steps, shapes, and what does not fit.
#![allow(clippy::unwrap_used)]

use edgectl_data::{DType, DataFacts, ImageSize, Layout, Pipeline, Preprocess, Ratio, Sample};

fn facts(shape: &[usize], layout: Option<Layout>) -> DataFacts {
    DataFacts { samples: 1, sample_shape: shape.to_vec(), dtype: DType::U8, labelled: false, class_names: Vec::new(), layout }
}

fn sample(shape: &[usize], values: &[f32]) -> Sample {
    Sample { index: 5, shape: shape.to_vec(), values: values.to_vec(), label: None }
}

/// 0, 1, 2, ... in this shape.
fn ramp(shape: &[usize]) -> Sample {
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|value| value as f32).collect();
    sample(shape, &values)
}

fn plain() -> Preprocess {
    Preprocess::default()
}

fn apply(shape: &[usize], model: &[usize], preprocess: &Preprocess) -> Vec<f32> {
    Pipeline::new(&facts(shape, None), model, preprocess).unwrap().apply(&ramp(shape)).unwrap()
}

#[track_caller]
fn refuses(shape: &[usize], model: &[usize], preprocess: &Preprocess, message: &str) {
    assert_eq!(Pipeline::new(&facts(shape, None), model, preprocess).unwrap_err().to_string(), message);
}

#[test]
fn the_default_changes_nothing() {
    for (stored, model) in [(&[4][..], &[4][..]), (&[2, 3], &[1, 2, 3]), (&[2, 3, 1], &[2, 3]), (&[2, 1, 3], &[2, 3, 1]), (&[], &[1])] {
        assert_eq!(apply(stored, model, &plain()), ramp(stored).values, "{stored:?} -> {model:?}");
    }
}

#[test]
fn every_byte_times_1_255_is_the_correctly_rounded_quotient() {
    let preprocess = Preprocess { scale: "1/255".parse().unwrap(), ..plain() };
    let expected: Vec<f32> = (0..=255_u8).map(|value| f32::from(value) / 255.0).collect();
    assert_eq!(apply(&[256], &[256], &preprocess), expected);
}

#[test]
fn scale_then_mean_then_std() {
    let preprocess = Preprocess { scale: Ratio::new(0.5).unwrap(), mean: vec![1.0], std: vec![4.0], ..plain() };
    assert_eq!(apply(&[3], &[3], &preprocess), [-0.25, -0.125, 0.0]);
    let preprocess = Preprocess { mean: vec![0.0, 1.0, 2.0], std: vec![1.0, 2.0, 4.0], ..plain() };
    assert_eq!(apply(&[3], &[3], &preprocess), [0.0, 0.0, 0.0]);
}

#[test]
fn means_follow_the_channels_and_axes_follow_the_layouts() {
    let nhwc = Preprocess { layout: Some(Layout::Nhwc), mean: vec![0.0, 100.0], ..plain() };
    assert_eq!(apply(&[1, 3, 2], &[2, 1, 3], &nhwc), [0.0, 2.0, 4.0, -99.0, -97.0, -95.0]);
    let kept = Preprocess { model_layout: Layout::Nhwc, ..nhwc };
    assert_eq!(apply(&[1, 3, 2], &[1, 3, 2], &kept), [0.0, -99.0, 2.0, -97.0, 4.0, -95.0]);
    let nchw = Preprocess { layout: Some(Layout::Nchw), mean: vec![0.0, 100.0], ..plain() };
    assert_eq!(apply(&[2, 1, 3], &[2, 1, 3], &nchw), [0.0, 1.0, 2.0, -97.0, -96.0, -95.0]);
    let back = Preprocess { model_layout: Layout::Nhwc, mean: Vec::new(), ..nchw };
    assert_eq!(apply(&[2, 1, 3], &[1, 3, 2], &back), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

#[test]
fn resizing_is_the_same_in_both_layouts_and_comes_before_the_rest() {
    let resize = Some(ImageSize { height: 1, width: 1 });
    let nhwc = Preprocess { layout: Some(Layout::Nhwc), resize, mean: vec![0.0, 1.0], ..plain() };
    assert_eq!(apply(&[2, 2, 2], &[2, 1, 1], &nhwc), [3.0, 3.0]);
    let nchw = Preprocess { layout: Some(Layout::Nchw), ..nhwc };
    assert_eq!(apply(&[2, 2, 2], &[2, 1, 1], &nchw), [1.5, 4.5]);
}

#[test]
fn images_of_other_sizes_need_resizing() {
    let images = facts(&[2, 2, 1], Some(Layout::Nhwc));
    let fixed = Pipeline::new(&images, &[1, 2, 2], &plain()).unwrap();
    let message = "sample 5 has shape [2, 3, 1], expected [2, 2, 1]";
    assert_eq!(fixed.apply(&ramp(&[2, 3, 1])).unwrap_err().to_string(), message);
    let resize = Preprocess { resize: Some(ImageSize { height: 2, width: 2 }), ..plain() };
    let resizing = Pipeline::new(&images, &[1, 2, 2], &resize).unwrap();
    assert_eq!(resizing.apply(&ramp(&[2, 3, 1])).unwrap(), [0.25, 1.75, 3.25, 4.75]);
    let message = "sample 5 has shape [2, 2, 3], expected [2, 2, 1]";
    assert_eq!(resizing.apply(&ramp(&[2, 2, 3])).unwrap_err().to_string(), message);
    let short = sample(&[2, 2, 1], &[0.0]);
    assert_eq!(fixed.apply(&short).unwrap_err().to_string(), "sample 5 has shape [2, 2, 1], expected [2, 2, 1]");
}

#[test]
fn shapes_that_do_not_fit() {
    refuses(&[28, 28], &[1, 32, 32], &plain(), "samples have shape [28, 28], the model expects [1, 32, 32]");
    refuses(&[6, 4], &[4, 6], &plain(), "samples have shape [6, 4], the model expects [4, 6]");
    let nhwc = Preprocess { layout: Some(Layout::Nhwc), ..plain() };
    refuses(&[4, 5, 3], &[4, 5, 3], &nhwc, "samples have shape [3, 4, 5], the model expects [4, 5, 3]");
    let images = facts(&[4, 5, 3], Some(Layout::Nhwc));
    let nchw = Preprocess { layout: Some(Layout::Nchw), ..plain() };
    let conflict = Pipeline::new(&images, &[3, 4, 5], &nchw).unwrap_err();
    assert_eq!(conflict.to_string(), "data of layout nhwc was stated to be nchw");
}

#[test]
fn steps_that_do_not_apply() {
    let resize = |height, width| Preprocess { resize: Some(ImageSize { height, width }), ..plain() };
    refuses(&[4, 5, 3], &[3, 2, 2], &resize(2, 2), "resize needs the layout of samples of shape [4, 5, 3] to be stated");
    refuses(&[64], &[64], &resize(2, 2), "samples of shape [64] are no images and cannot be resized");
    refuses(&[4, 4], &[0, 2], &resize(0, 2), "resize is 0, expected sides of 1 to 16384");
    refuses(&[4, 4], &[4, 4], &resize(16_384, 16_384), "resize is 268435456, expected fewer pixels");
    let mean = |mean: &[f32]| Preprocess { mean: mean.to_vec(), ..plain() };
    refuses(&[4, 5, 3], &[3, 4, 5], &mean(&[1.0; 3]), "mean needs the layout of samples of shape [4, 5, 3] to be stated");
    refuses(&[4, 5], &[4, 5], &mean(&[1.0; 3]), "3 values of mean, expected 1 or one for each of 1 channels");
    refuses(&[4], &[4], &mean(&[f32::NAN]), "mean is NaN, expected a finite number");
    let std = Preprocess { std: vec![0.0], ..plain() };
    refuses(&[4], &[4], &std, "std is 0, expected a finite number other than 0");
    let scale = Preprocess { scale: Ratio::new(1e300).unwrap(), ..plain() };
    let overflow = Pipeline::new(&facts(&[4], None), &[4], &scale).unwrap().apply(&ramp(&[4])).unwrap_err();
    assert_eq!(overflow.to_string(), "sample 5, element 1 is inf after preprocessing, expected a finite number");
}

#[test]
fn options_parse() {
    assert_eq!("1/255".parse::<Ratio>().unwrap().value(), 1.0 / 255.0);
    assert_eq!("-0.5".parse::<Ratio>().unwrap().value(), -0.5);
    for text in ["", "0", "1/0", "0/0", "nan", "inf", "1/2/3", "a/2"] {
        let expected = "expected a number or fraction other than 0, such as 0.5 or 1/255";
        assert_eq!(text.parse::<Ratio>().unwrap_err().to_string(), format!("`{text}` is not a ratio, {expected}"));
    }
    assert_eq!("96x128".parse(), Ok(ImageSize { height: 96, width: 128 }));
    for text in ["", "96", "0x9", "9x16385", "-1x2", "1x2x3"] {
        let expected = "expected HEIGHTxWIDTH with sides of 1 to 16384";
        assert_eq!(text.parse::<ImageSize>().unwrap_err().to_string(), format!("`{text}` is not a size of images, {expected}"));
    }
    assert_eq!("nhwc".parse(), Ok(Layout::Nhwc));
    assert_eq!("hwc".parse::<Layout>().unwrap_err().to_string(), "`hwc` is not a layout, expected nchw or nhwc");
}
