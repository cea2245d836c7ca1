//! The outputs of all samples, stacked along the batch axis, as arrays in a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use edgectl_data::{NpyWriter, NpzWriter};

use crate::engine::Port;
use crate::output::OutputError;

/// The kind of file, by its extension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    /// One array.
    Npy,
    /// Arrays by name.
    Npz,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Result<Format, OutputError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => Ok(Format::Npy),
            Some("npz") => Ok(Format::Npz),
            _ => Err(OutputError::Extension { path: path.into(), expected: ".npz or .npy" }),
        }
    }
}

/// Values that arrive sample by sample, kept in a file of their own for each output: memory does not grow with their number.
#[derive(Debug)]
pub(crate) struct Stack {
    format: Format,
    samples: usize,
    spools: Vec<(Port, BufWriter<File>)>,
}

impl Stack {
    /// For the file of this path, whose extension says what it is.
    pub(crate) fn new(path: &Path, ports: Vec<Port>, samples: usize) -> Result<Stack> {
        let format = Format::of(path)?;
        ensure!(format == Format::Npz || ports.len() == 1, OutputError::OneArray { path: path.into(), found: ports.len() });
        let spool = |port| Ok((port, BufWriter::new(tempfile::tempfile().context("cannot make a temporary file")?)));
        Ok(Stack { format, samples, spools: ports.into_iter().map(spool).collect::<Result<_>>()? })
    }

    pub(crate) fn push(&mut self, outputs: &[Vec<f32>]) -> Result<()> {
        for ((_, spool), values) in self.spools.iter_mut().zip(outputs) {
            values.iter().try_for_each(|value| spool.write_all(&value.to_le_bytes())).context("cannot write a temporary file")?;
        }
        Ok(())
    }

    pub(crate) fn write(self, file: &File) -> Result<()> {
        let mut archive = match self.format {
            Format::Npy => None,
            Format::Npz => Some(NpzWriter::new(BufWriter::new(file))),
        };
        for (port, spool) in self.spools {
            let shape = [&[self.samples], port.shape.get(1..).unwrap_or_default()].concat();
            match &mut archive {
                None => copy(spool, NpyWriter::new(BufWriter::new(file), &shape)?)?,
                Some(archive) => copy(spool, archive.array(&port.name, &shape)?)?,
            }
        }
        archive.map_or(Ok(()), |archive| Ok(archive.finish()?.flush()?))
    }
}

fn copy(spool: BufWriter<File>, mut array: NpyWriter<impl Write, f32>) -> Result<()> {
    let mut file = spool.into_inner().context("cannot write a temporary file")?;
    file.rewind()?;
    let mut reader = BufReader::new(file);
    let mut bytes = [0; 4096];
    loop {
        let mut filled = 0;
        while filled < bytes.len() {
            match reader.read(&mut bytes[filled..])? {
                0 => break,
                more => filled += more,
            }
        }
        let (words, _) = bytes[..filled].as_chunks();
        array.write(&words.iter().map(|&word| f32::from_le_bytes(word)).collect::<Vec<_>>())?;
        if filled < bytes.len() {
            array.finish()?;
            return Ok(());
        }
    }
}
