//! Reading `.npz`: a zip archive of `.npy` files, stored or deflated.
//!
//! The zip crate reads the directory; the content is then streamed from the file itself, so that a reader owns all it needs.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::array::{Array, Store};
use crate::{DataError, npy};

const MAGIC: &[u8] = b"PK";

/// An archive whose directory was read.
pub(crate) struct Archive {
    path: PathBuf,
    file_bytes: u64,
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let mut file = File::open(path).map_err(DataError::io(path))?;
        let file_bytes = file.metadata().map_err(DataError::io(path))?.len();
        let mut found = Vec::new();
        file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut found).map_err(DataError::io(path))?;
        if found != MAGIC {
            return Err(DataError::Magic { path: path.into(), format: "npz", expected: MAGIC, found });
        }
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| bad_zip(path, "zip archive".into(), &error))?;
        Ok(Self { path: path.into(), file_bytes, zip })
    }

    /// Whether there is an array of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.zip.index_for_name(&format!("{key}.npy")).is_some()
    }

    /// The array `key`, its header checked against the size of its entry.
    pub(crate) fn array(&mut self, key: &str) -> Result<Array, DataError> {
        let what = format!("array `{key}`");
        let Some(index) = self.zip.index_for_name(&format!("{key}.npy")) else {
            let names = self.zip.file_names().flatten();
            let mut found: Vec<_> = names.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
            found.sort_unstable();
            return Err(DataError::MissingArray { path: self.path.clone(), key: key.into(), found });
        };
        let file = self.zip.by_index_raw(index).map_err(|error| bad_zip(&self.path, what.clone(), &error))?;
        let bad = |reason: String| DataError::Header { path: self.path.clone(), what: what.clone(), reason };
        if file.encrypted() {
            return Err(bad("encrypted".into()));
        }
        let deflated = match file.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::DEFLATE => true,
            other => return Err(bad(format!("compressed with {other}, expected stored or deflated"))),
        };
        let start = file.data_start().ok_or_else(|| bad("no local header".into()))?;
        let entry = Entry {
            path: self.path.clone(),
            start,
            packed_bytes: file.compressed_size(),
            content_bytes: file.size(),
            crc32: file.crc32(),
            deflated,
        };
        let length = |expected, found| DataError::Length { path: self.path.clone(), what: what.clone(), expected, found };
        let available = self.file_bytes.saturating_sub(start);
        if entry.packed_bytes > available {
            return Err(length(entry.packed_bytes, available));
        }
        if !deflated && entry.packed_bytes != entry.content_bytes {
            return Err(length(entry.content_bytes, entry.packed_bytes));
        }
        let mut content = entry.open().map_err(DataError::io(&self.path))?;
        let header = npy::read_header(&mut content, &self.path, key)?;
        let found = entry.content_bytes.saturating_sub(header.header_bytes);
        if found != header.data_bytes {
            return Err(length(header.data_bytes, found));
        }
        let store = Store::Entry { entry, start: header.header_bytes };
        Ok(Array { name: key.into(), dtype: header.dtype, big_endian: header.big_endian, shape: header.shape, store })
    }
}

fn bad_zip(path: &Path, what: String, error: &zip::result::ZipError) -> DataError {
    DataError::Header { path: path.into(), what, reason: error.to_string() }
}

/// Where the content of an entry stands, and what it must be.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    start: u64,
    packed_bytes: u64,
    content_bytes: u64,
    crc32: u32,
    deflated: bool,
}

impl Entry {
    /// Streams the content.
    pub(crate) fn open(&self) -> io::Result<EntryReader> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let packed = BufReader::new(file).take(self.packed_bytes);
        let content: Box<dyn Read + Send> = if self.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        Ok(EntryReader { content: content.take(self.content_bytes), crc: Crc::new(), crc32: self.crc32 })
    }
}

/// Reads an entry's content; the read that reaches its end fails where the checksum differs.
pub(crate) struct EntryReader {
    content: io::Take<Box<dyn Read + Send>>,
    crc: Crc,
    crc32: u32,
}

impl Read for EntryReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.crc.update(&buffer[..count]);
        if count > 0 && self.content.limit() == 0 && self.crc.sum() != self.crc32 {
            let message = format!("checksum is {:08x}, expected {:08x}", self.crc.sum(), self.crc32);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}
