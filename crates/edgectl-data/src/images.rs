//! Reading a folder of images: one sub-folder per class, or a flat folder without labels.
//!
//! Classes are the sub-folders in byte order of their names. Samples alternate between the classes (the first image of each, then the
//! second of each, ...), so that the first n samples are spread over the classes. Values are 0 to 255, shape `[height, width, channels]`.
//! EXIF orientation is not applied.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::array::MAX_SAMPLE_ELEMENTS;
use crate::dataset::{DataFacts, Sample, SampleStream};
use crate::{DType, DataError, Layout, ParseOptionError};

const MAX_SIDE: u32 = 16_384;
/// Room for the largest sample with 16 bits per channel, and for the decoder.
const MAX_DECODER_BYTES: u64 = 4 * MAX_SAMPLE_ELEMENTS as u64;

/// The channels that images are decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorModel {
    /// One channel of luma (ITU-R BT.709 weights, as the image crate converts).
    Gray,
    /// Red, green, blue.
    Rgb,
}

impl ColorModel {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
        }
    }

    fn of(color: ColorType) -> Option<Self> {
        match color {
            ColorType::L8 => Some(Self::Gray),
            ColorType::Rgb8 => Some(Self::Rgb),
            _ => None,
        }
    }
}

impl std::fmt::Display for ColorModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gray => "gray",
            Self::Rgb => "rgb",
        })
    }
}

impl FromStr for ColorModel {
    type Err = ParseOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gray" => Ok(Self::Gray),
            "rgb" => Ok(Self::Rgb),
            _ => Err(ParseOptionError { what: "colour model", expected: "gray or rgb", found: text.to_owned() }),
        }
    }
}

/// A folder that was listed; of its images only the first one's header was read.
#[derive(Debug)]
pub(crate) struct ImageFolder {
    files: Arc<[(PathBuf, Option<i64>)]>,
    class_names: Vec<String>,
    shape: Vec<usize>,
    color: ColorModel,
    /// Whether `color` was asked for, so that images of other models are converted instead of refused.
    convert: bool,
}

impl ImageFolder {
    pub(crate) fn open(path: &Path, color: Option<ColorModel>) -> Result<Self, DataError> {
        let (folders, flat): (Vec<_>, Vec<_>) = list(path)?.into_iter().partition(|entry| entry.is_dir());
        let mut class_names = Vec::new();
        let files: Arc<[_]> = if folders.is_empty() {
            flat.into_iter().map(|file| (file, None)).collect()
        } else {
            if let Some(file) = flat.into_iter().next() {
                return Err(DataError::UnexpectedEntry { path: file, expected: "sub-folder per class, as its neighbours are" });
            }
            let mut classes = Vec::new();
            for folder in folders {
                class_names.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
                classes.push(list(&folder)?.into_iter());
            }
            alternate(classes).into()
        };
        for (file, _) in files.iter() {
            format(file)?;
        }
        let Some((first, _)) = files.first() else {
            return Err(DataError::Empty { path: path.into(), found: "no image".into() });
        };
        let decoder = decoder(first)?;
        let (width, height) = decoder.dimensions();
        let convert = color.is_some();
        let color = color.map_or_else(|| plain_color(first, decoder.color_type()), Ok)?;
        let shape = vec![height as usize, width as usize, color.channels()];
        Ok(Self { files, class_names, shape, color, convert })
    }

    pub(crate) fn facts(&self) -> DataFacts {
        DataFacts {
            samples: self.files.len(),
            sample_shape: self.shape.clone(),
            dtype: DType::U8,
            labelled: !self.class_names.is_empty(),
            class_names: self.class_names.clone(),
            layout: Some(Layout::Nhwc),
        }
    }

    pub(crate) fn samples(&self) -> SampleStream {
        let (color, convert) = (self.color, self.convert);
        let files = Arc::clone(&self.files);
        Box::new((0..files.len()).map(move |index| {
            let (path, label) = &files[index];
            let (shape, bytes) = decode(path, color, convert)?;
            Ok(Sample { index, shape, values: bytes.into_iter().map(f32::from).collect(), label: *label })
        }))
    }
}

/// The entries of a folder in byte order of their names; hidden ones are skipped.
fn list(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(DataError::io(path))? {
        let entry = entry.map_err(DataError::io(path))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

fn alternate(mut classes: Vec<std::vec::IntoIter<PathBuf>>) -> Vec<(PathBuf, Option<i64>)> {
    let mut files = Vec::new();
    loop {
        let before = files.len();
        for (label, class) in (0..).zip(&mut classes) {
            files.extend(class.next().map(|file| (file, Some(label))));
        }
        if files.len() == before {
            return files;
        }
    }
}

/// The format that the extension names.
fn format(path: &Path) -> Result<ImageFormat, DataError> {
    match ImageFormat::from_path(path) {
        Ok(format @ (ImageFormat::Bmp | ImageFormat::Jpeg | ImageFormat::Png)) if !path.is_dir() => Ok(format),
        _ => Err(DataError::UnexpectedEntry { path: path.into(), expected: "BMP, JPEG or PNG image" }),
    }
}

fn decoder(path: &Path) -> Result<impl ImageDecoder + use<>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    // The JPEG decoder reads the whole file first.
    let bytes = file.metadata().map_err(DataError::io(path))?.len();
    if bytes > MAX_DECODER_BYTES {
        let reason = format!("file of {bytes} bytes, expected at most {MAX_DECODER_BYTES}");
        return Err(DataError::Header { path: path.into(), what: "image".into(), reason });
    }
    let mut reader = ImageReader::with_format(BufReader::new(file), format(path)?);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|source| DataError::Image { path: path.into(), source })?;
    let (width, height) = decoder.dimensions();
    let shape = vec![height as usize, width as usize, usize::from(decoder.color_type().channel_count())];
    // Sides of at most 2^14 and four channels cannot overflow.
    if shape.iter().product::<usize>() > MAX_SAMPLE_ELEMENTS {
        return Err(DataError::SampleTooLarge { path: path.into(), shape, limit: MAX_SAMPLE_ELEMENTS });
    }
    Ok(decoder)
}

fn plain_color(path: &Path, color: ColorType) -> Result<ColorModel, DataError> {
    ColorModel::of(color).ok_or_else(|| DataError::ImageColor {
        path: path.into(),
        expected: "gray or rgb of 8 bits".into(),
        found: format!("{color:?}").to_ascii_lowercase(),
    })
}

fn decode(path: &Path, color: ColorModel, convert: bool) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let decoder = decoder(path)?;
    if !convert {
        let found = plain_color(path, decoder.color_type())?;
        if found != color {
            return Err(DataError::ImageColor { path: path.into(), expected: color.to_string(), found: found.to_string() });
        }
    }
    let image = DynamicImage::from_decoder(decoder).map_err(|source| DataError::Image { path: path.into(), source })?;
    let shape = vec![image.height() as usize, image.width() as usize, color.channels()];
    let bytes = match color {
        ColorModel::Gray => image.into_luma8().into_raw(),
        ColorModel::Rgb => image.into_rgb8().into_raw(),
    };
    Ok((shape, bytes))
}
