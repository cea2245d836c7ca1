//! Helpers of the integration tests.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};

use edgectl_data::{DataError, DataOptions, DataSet, Sample};
use tempfile::TempDir;

/// A file made by `data/generate.py`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Rows of a table made by `data/generate.py`.
pub fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(fixture(name)).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Numbers separated by blanks.
pub fn numbers<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Vec<T> {
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// A folder of files that is removed at the end.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn npy(&self, name: &str, shape: &[usize], values: &[f32]) -> PathBuf {
        let mut bytes = Vec::new();
        edgectl_data::write_npy(&mut bytes, shape, values).unwrap();
        self.write(name, bytes)
    }

    /// The message of an error, without this folder's path.
    pub fn message(&self, error: &DataError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// All samples, or the first error of opening or reading.
pub fn read(path: &Path, options: &DataOptions) -> Result<Vec<Sample>, DataError> {
    DataSet::open(path, options)?.samples().collect()
}
