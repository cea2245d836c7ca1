//! External data: tensors whose bytes lie in files beside the model.
//!
//! The model is foreign, so a location is a relative path that stays inside the model's folder, links followed; the file is a regular
//! one; and no more is read than it has.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use crate::OnnxError;
use crate::proto::tensor_proto::DataLocation;
use crate::proto::{AttributeProto, NodeProto, TensorProto};

/// How often the whole of a file may be read. Tensors may share bytes, but a small file must not stand for an endless model.
const READS_PER_BYTE: u64 = 4;

/// Reads external data from one folder.
pub(super) struct External<'a> {
    folder: Option<&'a Path>,
    /// Bytes read so far, by file.
    read: HashMap<PathBuf, u64>,
}

impl<'a> External<'a> {
    pub(super) fn new(folder: Option<&'a Path>) -> External<'a> {
        External { folder, read: HashMap::new() }
    }

    /// Puts the external data of a node's attributes into them, subgraphs included. The decoder bounds the depth.
    pub(super) fn inline_node(&mut self, node: &mut NodeProto) -> Result<(), OnnxError> {
        node.attribute.iter_mut().try_for_each(|attribute| self.inline_attribute(attribute))
    }

    pub(super) fn inline_attribute(&mut self, attribute: &mut AttributeProto) -> Result<(), OnnxError> {
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            self.inline(tensor)?;
        }
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            graph.initializer.iter_mut().try_for_each(|tensor| self.inline(tensor))?;
            graph.node.iter_mut().try_for_each(|node| self.inline_node(node))?;
        }
        Ok(())
    }

    /// Puts a tensor's external data into it.
    pub(super) fn inline(&mut self, tensor: &mut TensorProto) -> Result<(), OnnxError> {
        if tensor.data_location() != DataLocation::External {
            return Ok(());
        }
        let value = |key: &str| tensor.external_data.iter().find(|entry| entry.key() == key).map(|entry| entry.value().to_owned());
        let location = value("location").unwrap_or_default();
        let bytes = self
            .read(&location, value("offset"), value("length"), super::tensor::raw_bytes(tensor))
            .map_err(|what| OnnxError::External { tensor: tensor.name().to_owned(), location, what })?;
        tensor.external_data.clear();
        tensor.data_location = None;
        tensor.raw_data = Some(bytes);
        Ok(())
    }

    fn read(&mut self, location: &str, offset: Option<String>, length: Option<String>, expected: Option<u64>) -> Result<Vec<u8>, String> {
        let number = |text: Option<String>, what: &str| match text {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("{what} \"{text}\" is no number")),
        };
        let offset = number(offset, "offset")?.unwrap_or(0);
        let length = number(length, "length")?;
        let path = self.resolve(location)?;
        let io = |error: std::io::Error| error.to_string();
        // Before it is opened: opening a pipe would wait for its other end.
        let metadata = path.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err("expected a regular file".into());
        }
        let size = metadata.len();
        let length = match length {
            Some(length) => length,
            None => size.checked_sub(offset).ok_or_else(|| format!("offset {offset} lies beyond the file's {size} bytes"))?,
        };
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(format!("bytes {offset}+{length} lie beyond the file's {size} bytes"));
        }
        if expected.is_some_and(|expected| expected != length) {
            return Err(format!("expected {} bytes for the tensor's type and dimensions, found {length}", expected.unwrap_or_default()));
        }
        let total = self.read.entry(path.clone()).or_default();
        *total = total.saturating_add(length);
        if *total > size.saturating_mul(READS_PER_BYTE) {
            return Err(format!("tensors name more than {READS_PER_BYTE} times the file's {size} bytes"));
        }
        let mut file = File::open(&path).map_err(io)?;
        file.seek(SeekFrom::Start(offset)).map_err(io)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| format!("{length} bytes do not fit this machine's memory"))?];
        file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }

    fn resolve(&self, location: &str) -> Result<PathBuf, String> {
        const OUTSIDE: &str = "expected a relative path inside the model's folder";
        let folder = self.folder.ok_or("the model was not read from a folder")?;
        let relative = Path::new(location);
        if location.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(OUTSIDE.into());
        }
        // An empty folder is that of a file named without one.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let folder = folder.canonicalize().map_err(|error| error.to_string())?;
        let path = folder.join(relative).canonicalize().map_err(|error| error.to_string())?;
        if path.starts_with(&folder) { Ok(path) } else { Err(OUTSIDE.into()) }
    }
}
