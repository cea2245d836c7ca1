//! An array in a file, described by its header and read row by row, whatever container it stands in.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::npz::Entry;
use crate::{DType, DataError, dtype};

/// The most elements of one sample: 64 Mi, or 256 MiB as `f32`. A sample is the unit of memory.
pub(crate) const MAX_SAMPLE_ELEMENTS: usize = 1 << 26;

/// An array whose header was checked against the length of its container.
#[derive(Debug)]
pub(crate) struct Array {
    /// Name in messages.
    pub(crate) name: String,
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) shape: Vec<usize>,
    pub(crate) store: Store,
}

/// Where the elements are.
#[derive(Debug)]
pub(crate) enum Store {
    /// In a file, `start` bytes from its beginning.
    File { path: PathBuf, start: u64 },
    /// In a zip entry, `start` bytes from the beginning of its content.
    Entry { entry: Entry, start: u64 },
}

impl Array {
    pub(crate) fn path(&self) -> &Path {
        match &self.store {
            Store::File { path, .. } => path,
            Store::Entry { entry, .. } => &entry.path,
        }
    }

    /// Number of samples and the shape of one.
    pub(crate) fn split_first(&self) -> Result<(usize, &[usize]), DataError> {
        self.shape.split_first().map(|(&n, rest)| (n, rest)).ok_or_else(|| DataError::Header {
            path: self.path().into(),
            what: format!("array `{}`", self.name),
            reason: "shape is [], expected a first dimension that counts the samples".into(),
        })
    }

    /// A reader that stands on the first element.
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.store {
            Store::File { path, start } => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(*start))?;
                Ok(Box::new(BufReader::new(file)))
            }
            Store::Entry { entry, start } => {
                let mut content = entry.open()?;
                io::copy(&mut content.by_ref().take(*start), &mut io::sink())?;
                Ok(Box::new(content))
            }
        }
    }
}

/// Bytes of an array, or None where they exceed `u64`.
pub(crate) fn size_bytes(dtype: DType, shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(dtype.size_bytes() as u64, |product, &dim| product.checked_mul(dim as u64))
}

/// Reads an array row by row (a row is one index of the first dimension).
pub(crate) struct ArrayRows {
    path: PathBuf,
    name: String,
    dtype: DType,
    big_endian: bool,
    reader: Box<dyn Read + Send>,
    rows: usize,
    rows_read: usize,
    row_bytes: u64,
    row: Vec<u8>,
}

impl ArrayRows {
    pub(crate) fn open(array: &Array) -> Result<Self, DataError> {
        let (rows, row_shape) = array.split_first()?;
        let too_large = || DataError::SampleTooLarge { path: array.path().into(), shape: row_shape.to_vec(), limit: MAX_SAMPLE_ELEMENTS };
        Ok(Self {
            path: array.path().into(),
            name: array.name.clone(),
            dtype: array.dtype,
            big_endian: array.big_endian,
            reader: array.open().map_err(DataError::io(array.path()))?,
            rows,
            rows_read: 0,
            row_bytes: size_bytes(array.dtype, row_shape).ok_or_else(too_large)?,
            row: Vec::new(),
        })
    }

    /// Hands on the elements of the next row; false after the last one.
    pub(crate) fn read(&mut self, emit: impl FnMut(f64)) -> Result<bool, DataError> {
        if self.rows_read == self.rows {
            return Ok(false);
        }
        self.row.clear();
        // `read_to_end` grows with what is there, not with what a header claims.
        self.reader.by_ref().take(self.row_bytes).read_to_end(&mut self.row).map_err(DataError::io(&self.path))?;
        if self.row.len() as u64 != self.row_bytes {
            return Err(DataError::Length {
                path: self.path.clone(),
                what: format!("array `{}`", self.name),
                expected: self.row_bytes.saturating_mul(self.rows as u64),
                found: self.row_bytes.saturating_mul(self.rows_read as u64).saturating_add(self.row.len() as u64),
            });
        }
        if self.big_endian {
            self.row.chunks_exact_mut(self.dtype.size_bytes()).for_each(<[u8]>::reverse);
        }
        self.rows_read += 1;
        self.dtype.decode(&self.row, emit);
        Ok(true)
    }

    /// The next row as the label of sample `sample`.
    pub(crate) fn read_label(&mut self, sample: usize) -> Result<i64, DataError> {
        let mut found = f64::NAN;
        if !self.read(|value| found = value)? {
            return Err(DataError::LabelCount { path: self.path.clone(), expected: sample + 1, found: sample });
        }
        dtype::label(found).ok_or_else(|| DataError::Label { path: self.path.clone(), sample, found })
    }
}
