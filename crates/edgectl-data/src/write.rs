//! Writing `.npy` and `.npz`, value by value: the same values give the same bytes, those that numpy's `save` and `savez` give (`.npz`
//! but for zip bookkeeping).

use std::io::{self, Seek, Write};
use std::marker::PhantomData;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::DType;
use crate::array::size_bytes;

/// Why an array cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The writer failed.
    #[error("cannot write array: {0}")]
    Io(#[from] io::Error),
    /// The archive failed, for example on a repeated name.
    #[error("cannot write archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// More or fewer values were written than the shape has.
    #[error("array of shape {shape:?} was given {found} values")]
    Count {
        /// The shape stated at first.
        shape: Vec<usize>,
        /// Values given.
        found: u64,
    },
    /// The shape has too many dimensions or elements for the format.
    #[error("array of shape {shape:?} does not fit the format")]
    Shape {
        /// The shape.
        shape: Vec<usize>,
    },
}

mod sealed {
    pub trait Sealed {}
}

/// An element type that can be written.
pub trait Element: Copy + sealed::Sealed {
    /// The type in files.
    const DTYPE: DType;
    /// numpy's type string, little-endian.
    const DESCR: &'static str;
    /// Appends the little-endian bytes.
    fn extend(self, bytes: &mut Vec<u8>);
}

macro_rules! element {
    ($type:ty, $dtype:ident, $descr:literal) => {
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            const DESCR: &'static str = $descr;
            fn extend(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}
element!(f32, F32, "<f4");
element!(i8, I8, "|i1");
element!(i64, I64, "<i8");

/// Writes a whole `.npy` file.
///
/// # Errors
/// `Count` where `values` does not fill `shape`; `Io`.
pub fn write_npy<T: Element>(writer: impl Write, shape: &[usize], values: &[T]) -> Result<(), WriteError> {
    let mut npy = NpyWriter::new(writer, shape)?;
    npy.write(values)?;
    npy.finish().map(drop)
}

/// Writes a `.npy` file in pieces. The shape is stated first; `finish` checks that it was filled.
#[derive(Debug)]
pub struct NpyWriter<W, T> {
    writer: W,
    shape: Vec<usize>,
    elements: u64,
    written: u64,
    element: PhantomData<T>,
}

impl<W: Write, T: Element> NpyWriter<W, T> {
    /// Writes the header.
    ///
    /// # Errors
    /// `Shape` or `Io`.
    pub fn new(mut writer: W, shape: &[usize]) -> Result<Self, WriteError> {
        let bytes = size_bytes(T::DTYPE, shape).filter(|_| shape.len() <= 32);
        let bytes = bytes.ok_or_else(|| WriteError::Shape { shape: shape.to_vec() })?;
        writer.write_all(&header(T::DESCR, shape))?;
        let elements = bytes / T::DTYPE.size_bytes() as u64;
        Ok(Self { writer, shape: shape.to_vec(), elements, written: 0, element: PhantomData })
    }

    /// Appends values in C order.
    ///
    /// # Errors
    /// `Count` where they are more than the shape has; `Io`.
    pub fn write(&mut self, values: &[T]) -> Result<(), WriteError> {
        const CHUNK: usize = 4096;
        self.written += values.len() as u64;
        if self.written > self.elements {
            return Err(self.miscount());
        }
        let mut bytes = Vec::with_capacity(CHUNK.min(values.len()) * T::DTYPE.size_bytes());
        for chunk in values.chunks(CHUNK) {
            bytes.clear();
            chunk.iter().for_each(|value| value.extend(&mut bytes));
            self.writer.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Flushes and hands back the writer.
    ///
    /// # Errors
    /// `Count` where values are missing; `Io`.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if self.written != self.elements {
            return Err(self.miscount());
        }
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn miscount(&self) -> WriteError {
        WriteError::Count { shape: self.shape.clone(), found: self.written }
    }
}

/// Magic, version 1.0, length and dictionary, padded so that the elements are aligned to 64 bytes.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    const ALIGNMENT: usize = 64;
    /// numpy leaves room for the first dimension to grow to so many digits.
    const GROWTH_DIGITS: usize = 21;
    let dims: Vec<_> = shape.iter().map(usize::to_string).collect();
    let tuple = if let [dim] = dims.as_slice() { format!("{dim},") } else { dims.join(", ") };
    let growth = dims.first().map_or(0, |dim| GROWTH_DIGITS.saturating_sub(dim.len()));
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({tuple}), }}{:growth$}", "");
    let unpadded = 10 + text.len() + 1;
    text += &" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded);
    text.push('\n');
    // 32 dimensions of 20 digits stay below 64 KiB.
    [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
}

/// Writes a `.npz` archive of stored (not compressed) arrays, one after the other.
pub struct NpzWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// An archive without arrays.
    pub fn new(writer: W) -> Self {
        Self { zip: ZipWriter::new(writer) }
    }

    /// Begins the array `name`; finish it before the next.
    ///
    /// # Errors
    /// `Zip` where the name is taken, `Shape`, `Io`.
    pub fn array<T: Element>(&mut self, name: &str, shape: &[usize]) -> Result<NpyWriter<impl Write, T>, WriteError> {
        // Beyond 4 GiB, less room for the header, an entry needs zip64.
        const ZIP32_BYTES: u64 = u32::MAX as u64 - (1 << 16);
        let large = size_bytes(T::DTYPE, shape).is_none_or(|bytes| bytes > ZIP32_BYTES);
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large);
        self.zip.start_file(format!("{name}.npy"), options)?;
        NpyWriter::new(&mut self.zip, shape)
    }

    /// Writes the directory and hands back the writer.
    ///
    /// # Errors
    /// `Zip`.
    pub fn finish(self) -> Result<W, WriteError> {
        Ok(self.zip.finish()?)
    }
}
