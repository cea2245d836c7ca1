//! The description of a release, as the deployer derives it from a signed manifest.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::service::ServiceSpec;

/// How many files a release may have.
const MAX_FILES: usize = 256;

/// A release: its files by digest. Stored as `release.json` in the release's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSpec {
    /// SHA-256 of the signed manifest, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// The version, for people.
    pub version: String,
    /// Rollback protection.
    pub security_version: u32,
    /// The files.
    pub files: Vec<FileSpec>,
    /// What executes it.
    pub service: ServiceSpec,
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Relative path, names separated by `/`.
    pub path: String,
    /// What it is for; `runtime` is this binary, `program` and `vectors` are what it executes.
    pub role: String,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// What is wrong with a description.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SpecError {
    /// Not 64 lower-case hexadecimal digits.
    #[error("`{0}` is no SHA-256 digest")]
    Digest(String),
    /// A path that could lead out of the folder, or that is taken.
    #[error("`{0}` is no path of a file in a release")]
    Path(String),
    /// Too many files.
    #[error("{0} files are more than a release may have")]
    Files(usize),
    /// Something that the service needs is missing.
    #[error("the release has no file with the role `{0}`")]
    Role(&'static str),
}

impl ReleaseSpec {
    /// Checks everything that becomes a path.
    ///
    /// # Errors
    ///
    /// Where anything could name a file outside of the release's folder, or two files have one name.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.files.len() > MAX_FILES {
            return Err(SpecError::Files(self.files.len()));
        }
        let digests = self.files.iter().map(|file| &file.sha256).chain([&self.digest]);
        for digest in digests {
            if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                return Err(SpecError::Digest(digest.clone()));
            }
        }
        for (index, file) in self.files.iter().enumerate() {
            let names = || file.path.split('/');
            let bad = |name: &str| name.is_empty() || name == "." || name == ".." || name.contains(char::is_control) || name.len() > 255;
            // A file whose path is the folder of another.
            let clash =
                |other: &FileSpec| other.path == file.path || other.path.strip_prefix(&file.path).is_some_and(|rest| rest.starts_with('/'));
            let clashes = self.files.iter().enumerate().any(|(at, other)| at != index && clash(other));
            if file.path.len() > 1024 || names().any(bad) || file.path == "release.json" || clashes {
                return Err(SpecError::Path(file.path.clone()));
            }
        }
        Ok(())
    }

    /// The name of its folder.
    pub fn id(&self) -> &str {
        self.digest.get(..16).unwrap_or(&self.digest)
    }

    /// The file of a role.
    pub fn file(&self, role: &str) -> Option<&FileSpec> {
        self.files.iter().find(|file| file.role == role)
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}
