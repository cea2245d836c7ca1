//! The outputs of all samples, stacked along the batch axis, as arrays in a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Result, ensure};
use edgectl_data::{NpzWriter, write_npy};

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

/// Values that arrive sample by sample.
#[derive(Debug)]
pub(crate) struct Stack {
    format: Format,
    ports: Vec<Port>,
    values: Vec<Vec<f32>>,
    samples: usize,
}

impl Stack {
    pub(crate) fn new(format: Format, ports: Vec<Port>, samples: usize) -> Result<Stack> {
        ensure!(format == Format::Npz || ports.len() == 1, "a .npy file holds one array; the model has {} outputs", ports.len());
        let values = vec![vec![]; ports.len()];
        Ok(Stack { format, ports, values, samples })
    }

    pub(crate) fn push(&mut self, outputs: &[Vec<f32>]) -> Result<()> {
        self.values.iter_mut().zip(outputs).for_each(|(all, one)| all.extend_from_slice(one));
        Ok(())
    }

    pub(crate) fn write(self, file: &File) -> Result<()> {
        let shape = |port: &Port| [&[self.samples], port.shape.get(1..).unwrap_or_default()].concat();
        match self.format {
            Format::Npy => self.ports.iter().zip(&self.values).try_for_each(|(port, values)| write_npy(file, &shape(port), values))?,
            Format::Npz => {
                let mut archive = NpzWriter::new(BufWriter::new(file));
                for (port, values) in self.ports.iter().zip(&self.values) {
                    let shape = shape(port);
                    let mut array = archive.array::<f32>(&port.name, &shape)?;
                    array.write(values)?;
                    array.finish()?;
                }
                archive.finish()?.flush()?;
            }
        }
        Ok(())
    }
}
