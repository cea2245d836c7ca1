//! Reading `.safetensors`: eight bytes of header length, a JSON header, then little-endian elements in C order.
//!
//! The safetensors crate parses and checks the header (offsets in order, without gap or overlap, sizes that fit shapes); the tensors
//! are then read from the file, never mapped or loaded.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::array::{Array, Store};
use crate::{DType, DataError};

/// Data sets hold a handful of arrays; the format allows 100 MB for models of many thousands.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// A file whose header was read and checked against its length.
pub(crate) struct File {
    path: PathBuf,
    metadata: Metadata,
    /// Offset of the first element of the first tensor.
    data_start: u64,
}

impl File {
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let bad = |reason: String| DataError::Header { path: path.into(), what: "safetensors file".into(), reason };
        let mut file = fs::File::open(path).map_err(DataError::io(path))?;
        let file_bytes = file.metadata().map_err(DataError::io(path))?.len();
        let mut length = Vec::new();
        file.by_ref().take(8).read_to_end(&mut length).map_err(DataError::io(path))?;
        let length = length.try_into().map(u64::from_le_bytes).map_err(|short: Vec<u8>| bad(format!("{} bytes in all", short.len())))?;
        let limit = MAX_HEADER_BYTES.min(file_bytes.saturating_sub(8));
        if length > limit {
            return Err(bad(format!("{length} bytes long, expected at most {limit}")));
        }
        let mut header = Vec::new();
        file.take(length).read_to_end(&mut header).map_err(DataError::io(path))?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| bad(error.to_string()))?;
        let data_start = 8 + length;
        let (expected, found) = (metadata.data_len() as u64, file_bytes - data_start);
        if expected != found {
            return Err(DataError::Length { path: path.into(), what: "data".into(), expected, found });
        }
        Ok(Self { path: path.into(), metadata, data_start })
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.metadata.info(key).is_some()
    }

    /// The tensor `key`.
    pub(crate) fn array(&self, key: &str) -> Result<Array, DataError> {
        let Some(info) = self.metadata.info(key) else {
            let mut found: Vec<_> = self.metadata.tensors().into_keys().collect();
            found.sort_unstable();
            return Err(DataError::MissingArray { path: self.path.clone(), key: key.into(), found });
        };
        let dtype = match info.dtype {
            Dtype::BOOL => DType::Bool,
            Dtype::F16 => DType::F16,
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            Dtype::I8 => DType::I8,
            Dtype::I16 => DType::I16,
            Dtype::I32 => DType::I32,
            Dtype::I64 => DType::I64,
            Dtype::U8 => DType::U8,
            Dtype::U16 => DType::U16,
            Dtype::U32 => DType::U32,
            Dtype::U64 => DType::U64,
            other => return Err(DataError::DType { path: self.path.clone(), array: key.into(), found: other.to_string() }),
        };
        let start = self.data_start + info.data_offsets.0 as u64;
        let store = Store::File { path: self.path.clone(), start };
        Ok(Array { name: key.into(), dtype, big_endian: false, shape: info.shape.clone(), store })
    }
}
