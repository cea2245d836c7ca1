//! What can be wrong with data: every variant carries the file, what was expected and what was found.

use std::io;
use std::path::PathBuf;

use crate::Layout;

/// Why data cannot be read, or cannot become a model's input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file or folder cannot be opened, listed or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The extension names no known format.
    #[error("{path}: unknown data format `{found}`, expected .npy, .npz, .safetensors, .csv or a folder of images", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The extension, without its dot.
        found: String,
    },
    /// An option was given that has no meaning for this format.
    #[error("{path}: option {option} does not apply to {format} data", path = path.display())]
    OptionUnused {
        /// The file.
        path: PathBuf,
        /// The option's field in `DataOptions`.
        option: &'static str,
        /// The format of the file.
        format: &'static str,
    },
    /// The first bytes are not those of the format.
    #[error("{path}: not {format} data: expected the first bytes {expected:02x?}, found {found:02x?}", path = path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The format that the extension names.
        format: &'static str,
        /// The bytes that every such file starts with.
        expected: &'static [u8],
        /// The bytes that this file starts with.
        found: Vec<u8>,
    },
    /// A header breaks the rules of its format.
    #[error("{path}: bad header of {what}: {reason}", path = path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The array or container.
        what: String,
        /// The rule, and what was found.
        reason: String,
    },
    /// The file has fewer or more bytes than its header states.
    #[error("{path}: {what} needs {expected} bytes, found {found}", path = path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// The part of the file.
        what: String,
        /// Bytes stated by the header.
        expected: u64,
        /// Bytes present.
        found: u64,
    },
    /// The container lacks an array.
    #[error("{path}: no array named `{key}`, found {}", list(found), path = path.display())]
    MissingArray {
        /// The file.
        path: PathBuf,
        /// The array looked for.
        key: String,
        /// The arrays present.
        found: Vec<String>,
    },
    /// The elements have a type that is not numeric or not supported.
    #[error("{path}: array `{array}` has unsupported data type {found}", path = path.display())]
    DType {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// The type as the file spells it.
        found: String,
    },
    /// The array is stored column by column, so its samples are not contiguous.
    #[error("{path}: array `{array}` of shape {shape:?} is in Fortran order, expected C order", path = path.display())]
    FortranOrder {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// There is not one sample, or a sample has not one element.
    #[error("{path}: no data: {found}", path = path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// What is empty.
        found: String,
    },
    /// One sample exceeds what is read into memory.
    #[error("{path}: a sample of shape {shape:?} exceeds the limit of {limit} elements", path = path.display())]
    SampleTooLarge {
        /// The file.
        path: PathBuf,
        /// Shape of the sample.
        shape: Vec<usize>,
        /// The most elements that a sample may have.
        limit: usize,
    },
    /// The file ended before all the samples counted when it was opened.
    #[error("{path}: ended after {found} samples, expected {expected}", path = path.display())]
    Ended {
        /// The file.
        path: PathBuf,
        /// Samples counted at opening.
        expected: usize,
        /// Samples read.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("{path}: sample {sample}, element {element} is {found}, expected a finite number", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Index of the sample, from 0.
        sample: usize,
        /// Index of the element in the sample, from 0.
        element: usize,
        /// The value.
        found: f32,
    },
    /// Labels are not one per sample in shape `[n]` or `[n, 1]`.
    #[error("{path}: labels have shape {found:?}, expected [{samples}] or [{samples}, 1]", path = path.display())]
    LabelShape {
        /// The file of the labels.
        path: PathBuf,
        /// Samples in the data.
        samples: usize,
        /// Shape of the labels.
        found: Vec<usize>,
    },
    /// There are more or fewer labels than samples.
    #[error("{path}: {found} labels for {expected} samples", path = path.display())]
    LabelCount {
        /// The file of the labels.
        path: PathBuf,
        /// Samples in the data.
        expected: usize,
        /// Labels.
        found: usize,
    },
    /// A label is not a whole number of at least 0.
    #[error("{path}: label of sample {sample} is {found}, expected a whole number of at least 0", path = path.display())]
    Label {
        /// The file of the labels.
        path: PathBuf,
        /// Index of the sample, from 0.
        sample: usize,
        /// The value.
        found: f64,
    },
    /// A CSV row has more or fewer fields than the first row.
    #[error("{path}:{line}: {found} fields, expected {expected}", path = path.display())]
    RaggedRow {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Fields of the first row.
        expected: usize,
        /// Fields of this row.
        found: usize,
    },
    /// A CSV field is not a number.
    #[error("{path}:{line}: column {column}: `{found}` is not a number", path = path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The field, cut to 40 characters.
        found: String,
    },
    /// A CSV line is too long to be one sample, or is not text.
    #[error("{path}:{line}: {reason}", path = path.display())]
    CsvLine {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The CSV has no such label column.
    #[error("{path}: no label column {column}, found {found}", path = path.display())]
    LabelColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns present.
        found: String,
    },
    /// A folder holds an entry that is neither an image nor a class.
    #[error("{path}: expected a {expected}", path = path.display())]
    UnexpectedEntry {
        /// The entry.
        path: PathBuf,
        /// What may stand there.
        expected: &'static str,
    },
    /// An image cannot be decoded.
    #[error("{path}: unreadable image: {source}", path = path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        source: image::ImageError,
    },
    /// An image's colours are not those stated, or of the first image.
    #[error("{path}: image is {found}, expected {expected}", path = path.display())]
    ImageColor {
        /// The file.
        path: PathBuf,
        /// The colour models that fit.
        expected: String,
        /// The colour model of the file.
        found: String,
    },
    /// A sample's shape differs from that of the data set.
    #[error("sample {sample} has shape {found:?}, expected {expected:?}")]
    SampleShape {
        /// Index of the sample, from 0.
        sample: usize,
        /// Shape that the pipeline was built for.
        expected: Vec<usize>,
        /// Shape of the sample.
        found: Vec<usize>,
    },
    /// The prepared sample does not fit the model's input.
    #[error("samples have shape {found:?}, the model expects {expected:?}")]
    ModelShape {
        /// The model's input without its batch dimension.
        expected: Vec<usize>,
        /// Shape of a sample after resizing and transposing.
        found: Vec<usize>,
    },
    /// A step needs to know which axis holds the channels.
    #[error("{step} needs the layout of samples of shape {shape:?} to be stated")]
    LayoutUnknown {
        /// The preprocessing step.
        step: &'static str,
        /// Shape of a sample.
        shape: Vec<usize>,
    },
    /// The stated layout contradicts that of the data.
    #[error("data of layout {found} was stated to be {expected}")]
    LayoutConflict {
        /// The layout stated.
        expected: Layout,
        /// The layout that the format fixes.
        found: Layout,
    },
    /// Only images (rank 2, or rank 3 with a layout) can be resized.
    #[error("samples of shape {shape:?} are no images and cannot be resized")]
    NotAnImage {
        /// Shape of a sample.
        shape: Vec<usize>,
    },
    /// The number of means or standard deviations does not fit the channels.
    #[error("{found} values of {option}, expected 1 or one for each of {channels} channels")]
    ChannelCount {
        /// `mean` or `std`.
        option: &'static str,
        /// Channels of a sample.
        channels: usize,
        /// Values given.
        found: usize,
    },
    /// A preprocessing value is zero or not finite where it may not be.
    #[error("{option} is {found}, expected {expected}")]
    OptionValue {
        /// The option's field in `Preprocess`.
        option: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// Preprocessing took a value out of the range of `f32`.
    #[error("sample {sample}, element {element} is {found} after preprocessing, expected a finite number")]
    Overflow {
        /// Index of the sample, from 0.
        sample: usize,
        /// Index of the element in the sample, from 0.
        element: usize,
        /// The value.
        found: f32,
    },
}

impl DataError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// At most eight names in backticks, or `none`.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}
