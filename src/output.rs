//! Output files that appear whole or not at all.
//!
//! Every file is written under a temporary name in the folder of its target, which is made before the work begins, so that a target that
//! cannot be written is refused early. [`Outputs::commit`] syncs all of them and only then renames them. When the process is
//! interrupted, the temporary files are removed first.

mod interrupt;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempPath};
use thiserror::Error;

pub(crate) use interrupt::Interrupts;

/// Why a path cannot be an output.
#[derive(Debug, Error)]
pub(crate) enum OutputError {
    #[error("cannot write {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: it is not a regular file")]
    NotAFile { path: PathBuf },
    #[error("cannot write {path}: it is read by the same command")]
    Input { path: PathBuf },
    #[error("{path} exists already")]
    Exists { path: PathBuf },
    #[error("output {path} is given twice")]
    Twice { path: PathBuf },
    #[error("cannot write {path}: it holds one array, and the model has {found} outputs")]
    OneArray { path: PathBuf, found: usize },
    #[error("cannot write {path}: unknown extension; expected {expected}")]
    Extension { path: PathBuf, expected: &'static str },
}

/// Files under temporary names.
#[derive(Debug)]
pub(crate) struct Outputs {
    files: Vec<(PathBuf, File, TempPath)>,
}

impl Outputs {
    /// A new file that only its owner can read; one that exists is never replaced.
    pub(crate) fn secret(path: &Path) -> Result<Outputs, OutputError> {
        if path.symlink_metadata().is_ok() {
            return Err(OutputError::Exists { path: path.into() });
        }
        // A temporary file has mode 600 unless it is given another one.
        let make = || fs::metadata(folder(path)).and_then(|_| temporary(&prefixed(), path));
        let (file, temp) = make().map_err(|source| OutputError::Io { path: path.into(), source })?.into_parts();
        Ok(Outputs { files: vec![(path.into(), file, temp)] })
    }

    /// Makes a temporary file for each path. `inputs` are what the command reads.
    pub(crate) fn create(paths: &[&Path], inputs: &[&Path]) -> Result<Outputs, OutputError> {
        let mut outputs = Outputs { files: vec![] };
        for (i, &path) in paths.iter().enumerate() {
            let same = |other: &&&Path| identity(other).is_some_and(|other| Some(other) == identity(path));
            if paths[..i].iter().any(|other| same(&other)) {
                return Err(OutputError::Twice { path: path.into() });
            }
            if inputs.iter().any(|other| same(&other)) {
                return Err(OutputError::Input { path: path.into() });
            }
            if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
                return Err(OutputError::NotAFile { path: path.into() });
            }
            let (file, temp) = create(path).map_err(|source| OutputError::Io { path: path.into(), source })?.into_parts();
            outputs.files.push((path.into(), file, temp));
        }
        Ok(outputs)
    }

    /// The file of the path of this index.
    pub(crate) fn file(&self, index: usize) -> &File {
        &self.files[index].1
    }

    /// Writes the whole content of the file of this index.
    pub(crate) fn write(&self, index: usize, bytes: &[u8]) -> Result<()> {
        let (path, file, _) = &self.files[index];
        (&*file).write_all(bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Gives the files their names; all of them, or none. Returns their sizes in bytes.
    pub(crate) fn commit(self) -> Result<Vec<u64>> {
        let mut sizes = vec![];
        for (path, file, _) in &self.files {
            let size = file.sync_all().and_then(|()| file.metadata());
            sizes.push(size.with_context(|| format!("cannot write {}", path.display()))?.len());
        }
        let _uninterrupted = interrupt::hold();
        let mut done: Vec<PathBuf> = vec![];
        for (path, _, temp) in self.files {
            let is_new = !path.exists();
            if let Err(error) = temp.persist(&path) {
                for path in done {
                    // The error at hand says more than one about what could not be undone.
                    drop(fs::remove_file(path));
                }
                return Err(error.error).with_context(|| format!("cannot write {}", path.display()));
            }
            sync_folder(&path);
            done.extend(is_new.then_some(path));
        }
        Ok(sizes)
    }
}

/// What two paths to one file have in common, whether it exists or not.
fn identity(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| Some(folder(path).canonicalize().ok()?.join(path.file_name()?)))
}

fn create(path: &Path) -> io::Result<NamedTempFile> {
    fs::metadata(folder(path))?;
    // A file that exists and may not be written is not to be replaced behind its owner's back.
    if path.exists() {
        File::options().append(true).open(path)?;
    }
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = prefixed();
    #[cfg(unix)]
    builder
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(path.metadata().map_or(0o666, |metadata| mode(&metadata.permissions()))));
    temporary(&builder, path)
}

fn prefixed() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".edgectl-").suffix(".part");
    builder
}

/// A temporary file in the folder of its target. Its name, which the error would quote, means nothing to the user.
fn temporary(builder: &tempfile::Builder<'_, '_>, path: &Path) -> io::Result<NamedTempFile> {
    interrupt::tracked(|| builder.tempfile_in(folder(path)).map_err(|error| error.kind().into()))
}

#[cfg(unix)]
fn mode(permissions: &fs::Permissions) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(permissions) & 0o777
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the new name durable, where the system can do that.
fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(folder(path)) {
        drop(folder.sync_all());
    }
}
