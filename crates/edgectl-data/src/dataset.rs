//! `DataSet`: one face for every format. Opening reads headers; iterating streams samples.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::array::{Array, ArrayRows, MAX_SAMPLE_ELEMENTS};
use crate::csv::CsvFile;
use crate::images::ImageFolder;
use crate::{ColorModel, DType, DataError, LabelColumn, Layout, npy, npz, safetensors};

/// What a file cannot say about itself.
#[derive(Clone, Debug, Default)]
pub struct DataOptions {
    /// Reads at most so many samples.
    pub limit: Option<NonZeroUsize>,
    /// Where there are more than `limit`, takes them evenly from all of the data, instead of the first ones. Neighbours are alike: windows
    /// of a signal, images of a class.
    pub spread: bool,
    /// `.npz`, `.safetensors`: the array of samples (default `x`).
    pub x_key: Option<String>,
    /// `.npz`, `.safetensors`: the array of labels (default `y`, which may be absent).
    pub y_key: Option<String>,
    /// `.csv`: the column of labels. None = no labels.
    pub label_column: Option<LabelColumn>,
    /// `.csv`: whether the first line names the columns. None = it does when none of its fields is a number.
    pub csv_header: Option<bool>,
    /// Images: decode to this colour model. None = all images must have that of the first.
    pub color: Option<ColorModel>,
}

/// What is known of a data set without reading its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFacts {
    /// Number of samples, after `limit`.
    pub samples: usize,
    /// Shape of one sample. For images `[height, width, channels]` of the first; others may differ in height and width.
    pub sample_shape: Vec<usize>,
    /// Type of the stored elements.
    pub dtype: DType,
    /// Whether every sample has a label.
    pub labelled: bool,
    /// Names of the classes, where the data has them; the index is the label.
    pub class_names: Vec<String>,
    /// The layout, where the format fixes it (images: NHWC).
    pub layout: Option<Layout>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Position among the samples that are read, from 0.
    pub index: usize,
    /// Shape without a batch dimension.
    pub shape: Vec<usize>,
    /// The stored values in C order, all finite.
    pub values: Vec<f32>,
    /// Class index, at least 0.
    pub label: Option<i64>,
}

/// A data set on disk, opened and checked but not loaded.
#[derive(Debug)]
pub struct DataSet {
    path: PathBuf,
    facts: DataFacts,
    source: Source,
    /// The number of samples that there are, of which `facts.samples` are read, evenly.
    spread_over: usize,
}

#[derive(Debug)]
enum Source {
    Arrays { x: Array, y: Option<Array> },
    Csv(CsvFile),
    Images(ImageFolder),
}

/// Samples of one format, in order; may end early or hold non-finite values, which `Samples` turns into errors.
pub(crate) type SampleStream = Box<dyn Iterator<Item = Result<Sample, DataError>> + Send>;

impl DataSet {
    /// Opens `path`, whose extension names the format; a folder holds images.
    ///
    /// # Errors
    /// Any `DataError` about the file itself: unreadable, malformed, empty, labels that do not fit, or an option that does not apply.
    pub fn open(path: impl AsRef<Path>, options: &DataOptions) -> Result<Self, DataError> {
        let path = path.as_ref();
        let metadata = path.metadata().map_err(DataError::io(path))?;
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let format = match extension.as_str() {
            _ if metadata.is_dir() => "image folder",
            "npy" => ".npy",
            "npz" => ".npz",
            "safetensors" => ".safetensors",
            "csv" => ".csv",
            _ => return Err(DataError::UnknownFormat { path: path.into(), found: extension }),
        };
        options.refuse_unused(path, format)?;
        let x_key = options.x_key.as_deref().unwrap_or("x");
        let y_key = options.y_key.as_deref().unwrap_or("y");
        let (source, mut facts) = match format {
            ".npy" => arrays(npy::open(path)?, npy::open_labels(path)?)?,
            ".npz" => {
                let mut archive = npz::Archive::open(path)?;
                let x = archive.array(x_key)?;
                let y = if options.y_key.is_some() || archive.has(y_key) { Some(archive.array(y_key)?) } else { None };
                arrays(x, y)?
            }
            ".safetensors" => {
                let file = safetensors::File::open(path)?;
                let x = file.array(x_key)?;
                let y = if options.y_key.is_some() || file.has(y_key) { Some(file.array(y_key)?) } else { None };
                arrays(x, y)?
            }
            ".csv" => {
                let csv = CsvFile::open(path, options.label_column.as_ref(), options.csv_header)?;
                let facts = csv.facts();
                (Source::Csv(csv), facts)
            }
            _ => {
                let images = ImageFolder::open(path, options.color)?;
                let facts = images.facts();
                (Source::Images(images), facts)
            }
        };
        let there = facts.samples;
        if let Some(limit) = options.limit {
            facts.samples = facts.samples.min(limit.get());
        }
        check_sample(path, &facts)?;
        let spread_over = if options.spread { there } else { facts.samples };
        Ok(Self { path: path.into(), facts, source, spread_over })
    }

    /// Everything known without reading samples.
    pub fn facts(&self) -> &DataFacts {
        &self.facts
    }

    /// Number of samples, at least 1.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.facts.samples
    }

    /// Shape of one sample, without a batch dimension.
    pub fn sample_shape(&self) -> &[usize] {
        &self.facts.sample_shape
    }

    /// Type of the stored elements.
    pub fn dtype(&self) -> DType {
        self.facts.dtype
    }

    /// Whether every sample has a label.
    pub fn has_labels(&self) -> bool {
        self.facts.labelled
    }

    /// Names of the classes in the order of their labels; empty where the data has none.
    pub fn class_names(&self) -> &[String] {
        &self.facts.class_names
    }

    /// Streams the samples from the first one; may be called any number of times.
    pub fn samples(&self) -> Samples {
        let stream = match &self.source {
            Source::Arrays { x, y } => array_samples(x, y.as_ref()),
            Source::Csv(csv) => csv.samples(),
            Source::Images(images) => Ok(images.samples()),
        };
        let stream = stream.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
        Samples { path: self.path.clone(), stream: Some(stream), read: 0, total: self.facts.samples, spread_over: self.spread_over }
    }
}

impl DataOptions {
    fn refuse_unused(&self, path: &Path, format: &'static str) -> Result<(), DataError> {
        let keyed = matches!(format, ".npz" | ".safetensors");
        let unused = [
            ("x_key", self.x_key.is_some() && !keyed),
            ("y_key", self.y_key.is_some() && !keyed),
            ("label_column", self.label_column.is_some() && format != ".csv"),
            ("csv_header", self.csv_header.is_some() && format != ".csv"),
            ("color", self.color.is_some() && format != "image folder"),
        ];
        match unused.into_iter().find(|(_, unused)| *unused) {
            Some((option, _)) => Err(DataError::OptionUnused { path: path.into(), option, format }),
            None => Ok(()),
        }
    }
}

fn check_sample(path: &Path, facts: &DataFacts) -> Result<(), DataError> {
    if facts.samples == 0 {
        return Err(DataError::Empty { path: path.into(), found: "0 samples".into() });
    }
    if facts.sample_shape.contains(&0) {
        return Err(DataError::Empty { path: path.into(), found: format!("samples of shape {:?}", facts.sample_shape) });
    }
    let elements = facts.sample_shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    if elements.is_none_or(|elements| elements > MAX_SAMPLE_ELEMENTS) {
        let shape = facts.sample_shape.clone();
        return Err(DataError::SampleTooLarge { path: path.into(), shape, limit: MAX_SAMPLE_ELEMENTS });
    }
    Ok(())
}

/// Checks that labels fit samples.
fn arrays(x: Array, y: Option<Array>) -> Result<(Source, DataFacts), DataError> {
    let (samples, sample_shape) = x.split_first()?;
    if let Some(y) = &y {
        match *y.shape.as_slice() {
            [n] | [n, 1] if n == samples => {}
            [n] | [n, 1] => return Err(DataError::LabelCount { path: y.path().into(), expected: samples, found: n }),
            _ => return Err(DataError::LabelShape { path: y.path().into(), samples, found: y.shape.clone() }),
        }
    }
    let facts = DataFacts {
        samples,
        sample_shape: sample_shape.to_vec(),
        dtype: x.dtype,
        labelled: y.is_some(),
        class_names: Vec::new(),
        layout: None,
    };
    Ok((Source::Arrays { x, y }, facts))
}

fn array_samples(x: &Array, y: Option<&Array>) -> Result<SampleStream, DataError> {
    let (_, shape) = x.split_first()?;
    let shape = shape.to_vec();
    let mut rows = ArrayRows::open(x)?;
    let mut labels = y.map(ArrayRows::open).transpose()?;
    let mut next = move |index: usize| -> Result<Option<Sample>, DataError> {
        let mut values = Vec::new();
        if !rows.read(|value| values.push(value as f32))? {
            return Ok(None);
        }
        let label = match &mut labels {
            Some(labels) => Some(labels.read_label(index)?),
            None => None,
        };
        Ok(Some(Sample { index, shape: shape.clone(), values, label }))
    };
    Ok(Box::new((0..).map_while(move |index| next(index).transpose())))
}

/// The samples of a data set in order. After an error the iterator ends.
pub struct Samples {
    path: PathBuf,
    stream: Option<SampleStream>,
    read: usize,
    total: usize,
    spread_over: usize,
}

impl Samples {
    fn advance(&mut self) -> Result<Option<Sample>, DataError> {
        let Some(stream) = self.stream.as_mut().filter(|_| self.read < self.total) else { return Ok(None) };
        let path = || self.path.clone();
        // The middle one of each of `total` equal parts.
        let place = |sample: usize| ((2 * sample as u128 + 1) * self.spread_over as u128 / (2 * self.total as u128)) as usize;
        let skipped = place(self.read) - self.read.checked_sub(1).map_or(0, |last| place(last) + 1);
        let mut sample = stream.nth(skipped).ok_or_else(|| DataError::Ended { path: path(), expected: self.total, found: self.read })??;
        if let Some(element) = sample.values.iter().position(|value| !value.is_finite()) {
            return Err(DataError::NotFinite { path: path(), sample: sample.index, element, found: sample.values[element] });
        }
        sample.index = self.read;
        self.read += 1;
        Ok(Some(sample))
    }
}

impl Iterator for Samples {
    type Item = Result<Sample, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.stream = None;
        }
        item
    }
}
