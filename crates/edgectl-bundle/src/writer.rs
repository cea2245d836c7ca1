//! The writer: one manifest, one set of signatures and one set of contents give one sequence of bytes.

use std::io::{self, Read, Write};

use thiserror::Error;

use crate::check::MAX_FILE_BYTES;
use crate::digest::{Digest, Hasher};
use crate::error::ManifestError;
use crate::manifest::{File, Manifest};
use crate::minisign::{Prehash, Signature, Signer};
use crate::oci;
use crate::reader::{MAX_SIGNATURES, blob_name};
use crate::tar;

/// What a signature's untrusted comment says in a bundle, where it cannot be chosen.
const UNTRUSTED_COMMENT: &str = "signature of an edgectl manifest";
/// How a signature begins in a bundle, and nothing else may.
pub(crate) const SIGNATURE_MARK: &[u8] = b"untrusted comment: signature of an edgectl manifest\n";

/// Why a bundle cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A file that begins as a signature does.
    #[error("{path}: it begins as a signature of a bundle does")]
    Ambiguous {
        /// The file.
        path: String,
    },
    /// A file is not what the manifest says.
    #[error("{path}: expected {expected}, found {found}: it changed while the bundle was written")]
    Changed {
        /// The file.
        path: String,
        /// Its digest.
        found: Digest,
        /// The manifest's.
        expected: Digest,
    },
    /// Something cannot be read or written.
    #[error("cannot write the bundle")]
    Io(#[from] io::Error),
    /// The manifest cannot be.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Too many signatures.
    #[error("{found} signatures: expected at most {MAX_SIGNATURES}")]
    Signatures {
        /// How many.
        found: usize,
    },
}

/// Signs a manifest.
///
/// # Errors
/// [`WriteError`].
pub fn sign(manifest: &Manifest, signer: &dyn Signer) -> Result<Signature, WriteError> {
    let prehash = Prehash::of(&manifest.to_bytes()?);
    Ok(Signature::make(signer, &prehash, &manifest.trusted_comment())?)
}

/// Writes a bundle. `content` opens a file of the manifest; it is asked for each content once, in the order of the archive.
///
/// Of several signatures with one key, the last counts.
///
/// # Errors
/// [`WriteError`].
pub fn write<R: Read>(
    manifest: &Manifest,
    signatures: &[Signature],
    content: &mut dyn FnMut(&File) -> io::Result<R>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let bytes = manifest.to_bytes()?;
    let signatures: std::collections::BTreeMap<_, _> = signatures.iter().map(|signature| (signature.id(), signature)).collect();
    if signatures.len() > MAX_SIGNATURES {
        return Err(WriteError::Signatures { found: signatures.len() });
    }
    let signatures: Vec<String> = signatures.into_values().map(signature_file).collect();
    let image = oci::image(manifest, &bytes, &signatures);
    entry(out, "oci-layout", oci::LAYOUT)?;
    entry(out, "index.json", &oci::index(manifest, &image))?;
    let blobs = [&bytes[..], &image].into_iter().chain(signatures.iter().map(|text| text.as_bytes()));
    for blob in blobs {
        entry(out, &blob_name(&Digest::of(blob)), blob)?;
    }
    for file in manifest.blobs() {
        let File { path, digest: expected, size, .. } = file;
        out.write_all(&tar::header(&blob_name(expected), *size))?;
        let found = copy(content(file)?.take(MAX_FILE_BYTES), path, out)?;
        if found != (*expected, *size) {
            return Err(WriteError::Changed { path: path.clone(), found: found.0, expected: *expected });
        }
        pad(out, *size)?;
    }
    Ok(out.write_all(&tar::END)?)
}

fn copy(mut from: impl Read, path: &str, out: &mut dyn Write) -> Result<(Digest, u64), WriteError> {
    let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; 1 << 16]);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            return Ok((hasher.finish(), size));
        }
        if size == 0 && part.starts_with(SIGNATURE_MARK) {
            return Err(WriteError::Ambiguous { path: path.into() });
        }
        hasher.update(part);
        out.write_all(part)?;
        size += read as u64;
    }
}

fn entry(out: &mut dyn Write, name: &str, content: &[u8]) -> io::Result<()> {
    out.write_all(&tar::header(name, content.len() as u64))?;
    out.write_all(content)?;
    pad(out, content.len() as u64)
}

fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    out.write_all(tar::END.get(..tar::padding(size)).unwrap_or_default())
}

/// A signature as it stands in a bundle.
pub(crate) fn signature_file(signature: &Signature) -> String {
    signature.to_file(UNTRUSTED_COMMENT)
}
