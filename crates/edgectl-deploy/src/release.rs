//! What a device gets: the files of a verified bundle that concern it.

use std::fmt::{self, Debug};
use std::io;
use std::sync::Arc;

use edgectl_bundle::{Bundle, BundleError, Flash, Role, System, Verified};

/// Reads bytes of a file from an offset on, as `pread` does: short reads are allowed, 0 bytes is the end.
pub type ReadAt = Arc<dyn Fn(u64, &mut [u8]) -> io::Result<usize> + Send + Sync>;

/// What a device gets. All of it was verified: digests of the signed manifest, which the content has been compared with.
#[derive(Clone, Debug)]
pub struct Release {
    /// The application: a name of its own on the device, `[a-z0-9][a-z0-9._-]*`.
    pub name: String,
    /// The version, for people.
    pub version: String,
    /// The digest of the manifest, 64 lower-case hexadecimal digits; it names the release.
    pub digest: String,
    /// Rollback protection: a device that has committed a higher one refuses this release.
    pub security_version: u32,
    /// The kinds of devices that it is for.
    pub targets: Vec<ReleaseTarget>,
    /// The files.
    pub files: Vec<ReleaseFile>,
}

/// A kind of device, and what it gets.
#[derive(Clone, Debug, Default)]
pub struct ReleaseTarget {
    /// Its device profile.
    pub profile: String,
    /// Its architecture (`aarch64`, `x86_64`, `armv6-m`).
    pub arch: String,
    /// Its chip, as the profile names it: `RP2040`.
    pub soc: String,
    /// Whether Linux runs on it.
    pub linux: bool,
    /// Indices of its files.
    pub files: Vec<usize>,
    /// Bytes of its flash; 0 where nothing is said of it.
    pub flash_bytes: u64,
    /// What lies in its flash: index of a file, and offset in bytes.
    pub parts: Vec<(usize, u64)>,
}

/// A file of a release.
#[derive(Clone)]
pub struct ReleaseFile {
    /// Relative path in the release's folder; names separated by `/`, none of them `.` or `..`.
    pub path: String,
    /// What it is for, in the manifest's words (`program`, `vectors`, `runtime`, …).
    pub role: String,
    /// SHA-256 of its content, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Its length.
    pub size: u64,
    /// Its content.
    pub content: ReadAt,
}

impl ReleaseFile {
    /// A file whose content is in memory.
    pub fn in_memory(path: &str, role: &str, content: Vec<u8>) -> ReleaseFile {
        use sha2::Digest;
        let sha256 = crate::hex(&sha2::Sha256::digest(&content));
        let size = content.len() as u64;
        let read = move |offset: u64, buffer: &mut [u8]| {
            let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        };
        ReleaseFile { path: path.into(), role: role.into(), sha256, size, content: Arc::new(read) }
    }
}

impl ReleaseFile {
    /// All of its content.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is shorter than it should be.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let (mut bytes, mut buffer) = (vec![], [0; 16384]);
        while (bytes.len() as u64) < self.size {
            match (self.content)(bytes.len() as u64, &mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => bytes.extend(buffer.iter().take(read)),
            }
        }
        Ok(bytes)
    }
}

impl Debug for ReleaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {} bytes, sha256:{})", self.path, self.role, self.size, self.sha256)
    }
}

fn parts(flash: Option<&Flash>, index: impl Fn(&String) -> Option<usize>) -> Vec<(usize, u64)> {
    flash.iter().flat_map(|flash| &flash.parts).filter_map(|part| Some((index(&part.file)?, part.offset))).collect()
}

impl Release {
    /// What a verified bundle has. Its files are read now, each compared with its digest once more: nothing is opened again later.
    ///
    /// # Errors
    ///
    /// Where the bundle cannot be read, or was altered meanwhile.
    pub fn from_bundle(bundle: &mut Bundle<Verified>) -> Result<Release, BundleError> {
        let manifest = bundle.manifest().clone();
        let files = manifest.files.iter().map(|file| {
            let content = bundle.content(&file.path)?;
            // A bundle has a runtime for each architecture, a device the one that its unit names.
            let path = if file.role == Role::Runtime { "bin/edge-agent" } else { &file.path };
            Ok(ReleaseFile::in_memory(path, file.role.name(), content))
        });
        let files = files.collect::<Result<Vec<_>, BundleError>>()?;
        let index = |path: &String| manifest.files.iter().position(|file| file.path == *path);
        let targets = manifest.targets.iter().map(|target| ReleaseTarget {
            profile: target.profile.clone(),
            arch: target.arch.clone(),
            soc: target.soc.clone(),
            linux: target.system == System::Linux,
            files: target.files.iter().filter_map(index).collect(),
            flash_bytes: target.flash.as_ref().map_or(0, |flash| flash.bytes),
            parts: parts(target.flash.as_ref(), index),
        });
        Ok(Release {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: bundle.digest().hex(),
            security_version: manifest.security_version,
            targets: targets.collect(),
            files,
        })
    }

    /// What a target gets.
    pub fn files_for(&self, target: &ReleaseTarget) -> Vec<&ReleaseFile> {
        target.files.iter().filter_map(|&index| self.files.get(index)).collect()
    }
}
