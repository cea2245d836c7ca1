//! Every operation on files that the state machine makes. Tests put another implementation below it, which loses power.
//!
//! Paths are relative to the application's folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of this many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// How a file got a second name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// Both names are of one file.
    Same,
    /// The second is a copy, since the file system has no hard links.
    Copy,
}

/// File operations with their durability: what is written is safe from power cuts only after `sync_file`, what is named only after
/// `sync_folder`.
pub trait Storage {
    /// The content of a file, at most `limit` bytes; more is an error.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// What a path is, not following a link; `None` where there is nothing.
    fn kind(&self, path: &str) -> io::Result<Option<Kind>>;
    /// Where a link leads.
    fn read_link(&self, path: &str) -> io::Result<String>;
    /// The names in a folder, sorted; empty where there is none.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// The SHA-256 and length of a file.
    fn digest(&self, path: &str) -> io::Result<(String, u64)>;
    /// Makes a folder; no error where it is there.
    fn create_folder(&mut self, path: &str) -> io::Result<()>;
    /// Writes a whole file.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's content durable.
    fn sync_file(&mut self, path: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&mut self, path: &str) -> io::Result<()>;
    /// Renames; replaces what is there in one step.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Makes a symbolic link.
    fn link_to(&mut self, target: &str, path: &str) -> io::Result<()>;
    /// A second name for a file, or a copy where the file system has none.
    fn hard_link(&mut self, from: &str, to: &str) -> io::Result<Linked>;
    /// Takes away the right to write; what is executable is so for everybody.
    fn seal(&mut self, path: &str, executable: bool) -> io::Result<()>;
    /// Removes a file or link; no error where there is none.
    fn remove(&mut self, path: &str) -> io::Result<()>;
    /// Removes a folder with all that is in it; no error where there is none.
    fn remove_folder(&mut self, path: &str) -> io::Result<()>;
}

/// The disk, from a folder on.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The application's folder.
    pub fn new(root: &Path) -> Disk {
        Disk { root: root.into() }
    }

    fn at(&self, path: &str) -> PathBuf {
        // `join("")` would end with a separator.
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

/// Nothing there is what was wanted.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Storage for Disk {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        File::open(self.at(path))?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{path} is larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    fn kind(&self, path: &str) -> io::Result<Option<Kind>> {
        match fs::symlink_metadata(self.at(path)) {
            Ok(found) if found.is_file() => Ok(Some(Kind::File(found.len()))),
            Ok(found) if found.is_dir() => Ok(Some(Kind::Folder)),
            Ok(found) if found.is_symlink() => Ok(Some(Kind::Link)),
            Ok(_) => Ok(Some(Kind::Other)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_link(&self, path: &str) -> io::Result<String> {
        Ok(fs::read_link(self.at(path))?.to_string_lossy().into_owned())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.at(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries?,
        };
        let names: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect();
        let mut names = names?;
        names.sort();
        Ok(names)
    }

    fn digest(&self, path: &str) -> io::Result<(String, u64)> {
        digest(&self.at(path))
    }

    fn create_folder(&mut self, path: &str) -> io::Result<()> {
        match fs::create_dir(self.at(path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.kind(path)? == Some(Kind::Folder) => Ok(()),
            other => other,
        }
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        File::create(self.at(path))?.write_all(bytes)
    }

    fn sync_file(&mut self, path: &str) -> io::Result<()> {
        File::open(self.at(path))?.sync_all()
    }

    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        File::open(self.at(path))?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn link_to(&mut self, target: &str, path: &str) -> io::Result<()> {
        symlink(target, self.at(path))
    }

    fn hard_link(&mut self, from: &str, to: &str) -> io::Result<Linked> {
        let (from, to) = (self.at(from), self.at(to));
        match fs::hard_link(&from, &to) {
            Ok(()) => Ok(Linked::Same),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) => fs::copy(&from, &to).map(|_| Linked::Copy),
        }
    }

    fn seal(&mut self, path: &str, executable: bool) -> io::Result<()> {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 }))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        gone(fs::remove_file(self.at(path)))
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        gone(fs::remove_dir_all(self.at(path)))
    }
}

/// The SHA-256 and length of a file.
///
/// # Errors
///
/// Where it cannot be read.
pub fn digest(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((crate::hex(&hash.finalize()), length)),
            count => {
                hash.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}
