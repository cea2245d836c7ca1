//! `Pipeline`: from a stored sample to the model's input, checked once for the data set and then applied to each sample.

use std::borrow::Cow;

use crate::array::MAX_SAMPLE_ELEMENTS;
use crate::resize::{Planes, bilinear};
use crate::{DataError, DataFacts, ImageSize, Layout, Preprocess, Sample};

/// Preprocessing whose shapes fit the data and the model.
#[derive(Clone, Debug)]
pub struct Pipeline {
    stored_shape: Vec<usize>,
    layout: Option<Layout>,
    resize: Option<ImageSize>,
    scale: f64,
    mean: Vec<f32>,
    std: Vec<f32>,
    /// Channels, and values from one channel to the next, of the resized sample.
    channels: usize,
    channel_stride: usize,
    transpose: Option<Transpose>,
}

/// Transposes the matrix `rows` x `columns`: NHWC is `height * width` x `channels`, NCHW the other way.
#[derive(Clone, Copy, Debug)]
struct Transpose {
    rows: usize,
    columns: usize,
}

impl Pipeline {
    /// Checks that samples, once preprocessed, have the elements of `model_shape`, the model's input without its batch dimension.
    /// Shapes fit where they are equal after unit dimensions are dropped: stored `[28, 28]` feeds `[1, 28, 28]`.
    ///
    /// # Errors
    /// A step that does not apply to such samples, a value out of range, or a shape that does not fit.
    pub fn new(data: &DataFacts, model_shape: &[usize], preprocess: &Preprocess) -> Result<Self, DataError> {
        let stored = data.sample_shape.as_slice();
        let layout = match (preprocess.layout, data.layout) {
            (Some(expected), Some(found)) if expected != found => return Err(DataError::LayoutConflict { expected, found }),
            (stated, fixed) => stated.or(fixed),
        };
        let shape = resized_shape(stored, layout, preprocess.resize)?;
        let planes = planes(&shape, layout);
        let (channels, channel_stride) = match (shape.as_slice(), planes) {
            (&[elements], _) => (elements, 1),
            (_, Some(Planes { outer: 1, inner, .. })) => (inner, 1),
            (_, Some(Planes { outer, height, width, .. })) => (outer, height * width),
            (_, None) => (1, 1),
        };
        for (option, values) in [("mean", &preprocess.mean), ("std", &preprocess.std)] {
            if values.len() > 1 && planes.is_none() && shape.len() != 1 {
                return Err(DataError::LayoutUnknown { step: option, shape });
            }
            if values.len() > 1 && values.len() != channels {
                return Err(DataError::ChannelCount { option, channels, found: values.len() });
            }
            let allowed = |value: &f32| value.is_finite() && (option == "mean" || *value != 0.0);
            if let Some(&found) = values.iter().find(|value| !allowed(value)) {
                let expected = if option == "mean" { "a finite number" } else { "a finite number other than 0" };
                return Err(DataError::OptionValue { option, expected, found: f64::from(found) });
            }
        }
        let (transpose, fed) = match (shape.as_slice(), layout) {
            (&[a, b, c], Some(layout)) if layout != preprocess.model_layout => match layout {
                Layout::Nhwc => (Some(Transpose { rows: a * b, columns: c }), vec![c, a, b]),
                Layout::Nchw => (Some(Transpose { rows: a, columns: b * c }), vec![b, c, a]),
            },
            _ => (None, shape),
        };
        if !fed.iter().filter(|&&dim| dim != 1).eq(model_shape.iter().filter(|&&dim| dim != 1)) {
            return Err(DataError::ModelShape { expected: model_shape.to_vec(), found: fed });
        }
        Ok(Self {
            stored_shape: stored.to_vec(),
            layout,
            resize: preprocess.resize,
            scale: preprocess.scale.value(),
            mean: preprocess.mean.clone(),
            std: preprocess.std.clone(),
            channels,
            channel_stride,
            transpose,
        })
    }

    /// The model's input for one sample, in C order. Computed in `f64` and rounded once.
    ///
    /// # Errors
    /// `SampleShape` where an image differs in size and is not resized; `Overflow` where a result is not finite.
    pub fn apply(&self, sample: &Sample) -> Result<Vec<f32>, DataError> {
        let raw = self.resized(sample)?;
        let per_channel = |values: &[f32], index: usize, none: f64| match values {
            [] => none,
            [value] => f64::from(*value),
            _ => f64::from(values[index / self.channel_stride % self.channels]),
        };
        let normalize = |(index, &raw): (usize, &f32)| {
            let centred = f64::from(raw) * self.scale - per_channel(&self.mean, index, 0.0);
            (centred / per_channel(&self.std, index, 1.0)) as f32
        };
        let values: Vec<f32> = raw.iter().enumerate().map(normalize).collect();
        if let Some(element) = values.iter().position(|value| !value.is_finite()) {
            return Err(DataError::Overflow { sample: sample.index, element, found: values[element] });
        }
        Ok(match self.transpose {
            None => values,
            Some(Transpose { rows, columns }) => {
                (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column)).map(|at| values[at]).collect()
            }
        })
    }

    /// Checks the shape of `sample`, which may differ in height and width where images are resized, and resizes it.
    fn resized<'a>(&self, sample: &'a Sample) -> Result<Cow<'a, [f32]>, DataError> {
        let mismatch =
            || Err(DataError::SampleShape { sample: sample.index, expected: self.stored_shape.clone(), found: sample.shape.clone() });
        let elements = sample.shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        if elements != Some(sample.values.len()) || sample.values.is_empty() {
            return mismatch();
        }
        let Some(ImageSize { height, width }) = self.resize else {
            return if sample.shape == self.stored_shape { Ok(Cow::Borrowed(&sample.values)) } else { mismatch() };
        };
        match planes(&sample.shape, self.layout) {
            Some(from) if sample.shape.len() == self.stored_shape.len() && from.outer * from.inner == self.channels => {
                Ok(Cow::Owned(bilinear(&sample.values, from, height, width)))
            }
            _ => mismatch(),
        }
    }
}

/// An image of this shape and layout; rank 2 is one channel.
fn planes(shape: &[usize], layout: Option<Layout>) -> Option<Planes> {
    match (shape, layout) {
        (&[height, width], _) => Some(Planes { outer: 1, height, width, inner: 1 }),
        (&[outer, height, width], Some(Layout::Nchw)) => Some(Planes { outer, height, width, inner: 1 }),
        (&[height, width, inner], Some(Layout::Nhwc)) => Some(Planes { outer: 1, height, width, inner }),
        _ => None,
    }
}

fn resized_shape(stored: &[usize], layout: Option<Layout>, resize: Option<ImageSize>) -> Result<Vec<usize>, DataError> {
    let Some(ImageSize { height, width }) = resize else { return Ok(stored.to_vec()) };
    let found = height as f64 * width as f64;
    if [height, width].iter().any(|side| !(1..=ImageSize::MAX_SIDE).contains(side)) {
        return Err(DataError::OptionValue { option: "resize", expected: "sides of 1 to 16384", found });
    }
    let shape = match (stored, layout) {
        ([_, _], _) => vec![height, width],
        (&[channels, _, _], Some(Layout::Nchw)) => vec![channels, height, width],
        (&[_, _, channels], Some(Layout::Nhwc)) => vec![height, width, channels],
        ([_, _, _], None) => return Err(DataError::LayoutUnknown { step: "resize", shape: stored.to_vec() }),
        _ => return Err(DataError::NotAnImage { shape: stored.to_vec() }),
    };
    if shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim)).is_none_or(|n| n > MAX_SAMPLE_ELEMENTS) {
        return Err(DataError::OptionValue { option: "resize", expected: "fewer pixels", found });
    }
    Ok(shape)
}
