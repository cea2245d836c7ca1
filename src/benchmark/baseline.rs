//! Files that `bench --save` has written.

use std::path::Path;

use anyhow::{Result, ensure};
use edgectl_bench::baseline::Baseline;

/// The largest that is read.
const MOST_BYTES: u64 = 64 << 20;

/// Reads one.
pub(crate) fn read(path: &Path) -> Result<Baseline> {
    let metadata = std::fs::metadata(path)?;
    ensure!(metadata.is_file() && metadata.len() <= MOST_BYTES, "expected a regular file of at most {} MiB", MOST_BYTES >> 20);
    Ok(Baseline::parse(&std::fs::read(path)?)?)
}
