//! The reader: `Bundle<Unverified>` becomes a `Bundle<Verified>`, or an error.
//!
//! In this order, so that nothing is understood before it is known whose word it is, and nothing leaves before all is checked: the raw bytes
//! of the head; the signatures on the manifest's bytes; only then the manifest; then the OCI layout around it, which follows from it byte
//! for byte; for whom it is, its age; at last every file, to the last byte of the archive. A verified bundle keeps the open file, never
//! its path, and checks what it reads from it once more.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use semver::Version;

use crate::digest::{Digest, Hasher};
use crate::error::{BundleError, SignatureError};
use crate::manifest::{File, MAX_MANIFEST_BYTES, Manifest, Timestamp};
use crate::minisign::{MAX_SIGNATURE_BYTES, Prehash, Signature};
use crate::oci;
use crate::tar::{self, BLOCK};
use crate::trust::{SignedBy, Trust};
use crate::writer::{WriteError, signature_file};

/// The most signatures that a bundle has.
pub const MAX_SIGNATURES: usize = 16;
/// The longest index or image manifest: a descriptor of some 300 bytes for each of the files that a manifest has room for.
const MAX_OCI_BYTES: u64 = 1 << 20;

/// Where a bundle's bytes come from.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// A bundle. `S` says what is known of it.
pub struct Bundle<S> {
    source: Box<dyn Source>,
    head: Head,
    state: S,
}

/// Nothing is known of it, except that it begins as a bundle does.
#[derive(Debug)]
pub struct Unverified(());

/// It is what trustworthy people have signed, and it is meant to be used here and now.
#[derive(Debug)]
pub struct Verified {
    manifest: Manifest,
    offsets: BTreeMap<Digest, u64>,
    signed_by: Vec<SignedBy>,
}

/// What comes before the files, as raw bytes.
struct Head {
    index: Vec<u8>,
    manifest: Vec<u8>,
    image: Vec<u8>,
    signatures: Vec<Signature>,
    /// Where the first file's header begins.
    end: u64,
}

/// Why a bundle cannot be given another signature.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum AddError {
    /// It cannot be read.
    Bundle(#[from] BundleError),
    /// It cannot be written.
    Write(#[from] WriteError),
}

/// What is asked of a bundle besides its signatures. What is `None` is not judged.
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    /// This moment.
    pub now: Option<Timestamp>,
    /// The channel that it must be for.
    pub channel: Option<&'a str>,
    /// The profile of the device that it must be for.
    pub target: Option<&'a str>,
    /// What the device has committed to.
    pub installed: Option<Installed>,
    /// The runtime ABI that there is.
    pub runtime_abi: Option<u32>,
    /// The version of this `edgectl`.
    pub edgectl: Option<Version>,
}

impl Policy<'_> {
    /// Judges nothing.
    pub const NONE: Policy<'static> = Policy { now: None, channel: None, target: None, installed: None, runtime_abi: None, edgectl: None };
}

/// What a device has committed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Of the highest release that it has ever committed to. A lower one is refused.
    pub security_version: u32,
    /// The counter below which nothing is to be deployed, where the release may not be older either.
    pub counter: Option<u64>,
}

/// A bundle as it describes itself. Whether that is true, nobody knows yet.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its signatures, unchecked.
    pub signatures: Vec<Signature>,
}

impl Bundle<Unverified> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let file = fs::File::open(path)?;
        // A device or a pipe may never end.
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file").into());
        }
        Self::read(file)
    }

    /// Reads the head of a bundle.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(source: impl Source + 'static) -> Result<Self, BundleError> {
        let mut source: Box<dyn Source> = Box::new(source);
        let head = Head::read(&mut *source)?;
        Ok(Bundle { source, head, state: Unverified(()) })
    }

    /// Checks everything: signatures, manifest, policy, layout, files. `progress` is told of each file's bytes.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn verify(mut self, trust: &Trust, policy: &Policy<'_>, progress: &mut dyn FnMut(u64)) -> Result<Bundle<Verified>, BundleError> {
        let signers = trust.valid(&self.head.signatures, &Prehash::of(&self.head.manifest), policy.now)?;
        let manifest = Manifest::parse(&self.head.manifest)?;
        let signed_by = trust.suffice(&signers, &manifest.channel)?;
        // Each signature repeats what it was made for, so that a person who reads it is not misled.
        for signature in self.head.signatures.iter().filter(|signature| signed_by.iter().any(|by| by.key == signature.id())) {
            if signature.trusted_comment() != manifest.trusted_comment() {
                return Err(
                    SignatureError::Invalid { key: signature.id().to_string(), what: "this release, as its trusted comment says" }.into()
                );
            }
        }
        self.head.layout_of(&manifest)?;
        policy.check(&manifest)?;
        let offsets = self.files(&manifest, progress)?;
        Ok(Bundle { source: self.source, head: self.head, state: Verified { manifest, offsets, signed_by } })
    }

    /// What the bundle says of itself, for people to look at. All that can be checked without a key is: form, layout, and that every file
    /// is what the manifest says.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn claims(&mut self) -> Result<Claims, BundleError> {
        let manifest = Manifest::parse(&self.head.manifest)?;
        self.head.layout_of(&manifest)?;
        self.files(&manifest, &mut |_| ())?;
        Ok(Claims { manifest, signatures: self.head.signatures.clone() })
    }

    /// Writes the bundle again, with more signatures; of several with one key, the last counts.
    ///
    /// # Errors
    /// [`AddError`].
    pub fn write_signed(&mut self, more: &[Signature], out: &mut dyn io::Write) -> Result<(), AddError> {
        let manifest = self.claims()?.manifest;
        let offsets = self.files(&manifest, &mut |_| ())?;
        let signatures = [&self.head.signatures[..], more].concat();
        let source = &mut self.source;
        let mut content = |file: &File| {
            source.seek(SeekFrom::Start(offsets.get(&file.digest).copied().unwrap_or(u64::MAX >> 1)))?;
            let mut content = vec![];
            (&mut **source).take(file.size).read_to_end(&mut content)?;
            Ok(io::Cursor::new(content))
        };
        Ok(crate::writer::write(&manifest, &signatures, &mut content, out)?)
    }

    /// Reads every file to the end of the archive; the offsets of their contents.
    fn files(&mut self, manifest: &Manifest, progress: &mut dyn FnMut(u64)) -> Result<BTreeMap<Digest, u64>, BundleError> {
        let mut archive = Archive::at(&mut *self.source, self.head.end)?;
        let mut offsets = BTreeMap::new();
        for file in manifest.blobs() {
            let entry = &file.path;
            archive.header(entry, &blob_name(&file.digest), file.size)?;
            offsets.insert(file.digest, archive.at);
            let (mut hasher, mut left, mut buffer) = (Hasher::default(), file.size, [0; 16384]);
            while left > 0 {
                let length = left.min(buffer.len() as u64) as usize;
                let part = buffer.get_mut(..length).unwrap_or_default();
                archive.fill(part, entry, file.size, file.size - left)?;
                hasher.update(part);
                left -= length as u64;
                progress(length as u64);
            }
            let found = hasher.finish();
            if found != file.digest {
                return Err(BundleError::Digest { path: entry.clone(), found, expected: file.digest });
            }
            archive.padding(entry, file.size)?;
        }
        archive.end()?;
        Ok(offsets)
    }
}

impl<S> Bundle<S> {
    /// The digest of the manifest, by which a release is told from any other.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.head.manifest)
    }

    /// The manifest's bytes, which are what is signed.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.head.manifest
    }

    /// The signatures that it carries, whosoever they are.
    pub fn signatures(&self) -> &[Signature] {
        &self.head.signatures
    }
}

impl Bundle<Verified> {
    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.state.manifest
    }

    /// Whose signatures counted.
    pub fn signed_by(&self) -> &[SignedBy] {
        &self.state.signed_by
    }

    /// Reads a file. The bytes are those that were signed, or there is an error at their end.
    ///
    /// # Errors
    /// Where the manifest has no such path, or the source fails.
    pub fn reader(&mut self, path: &str) -> Result<FileReader<'_>, BundleError> {
        let file = self.state.manifest.file(path).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no file {path}")))?;
        // Every file has an offset: they were read to the end.
        let offset = self.state.offsets.get(&file.digest).copied().unwrap_or(u64::MAX >> 1);
        self.source.seek(SeekFrom::Start(offset))?;
        Ok(FileReader { source: &mut *self.source, file, left: file.size, hasher: Some(Hasher::default()) })
    }

    /// The content of a file.
    ///
    /// # Errors
    /// As [`Bundle::reader`]; [`BundleError::Digest`] where the bundle was altered meanwhile.
    pub fn content(&mut self, path: &str) -> Result<Vec<u8>, BundleError> {
        let mut bytes = vec![];
        match self.reader(path)?.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(error.downcast::<BundleError>().unwrap_or_else(BundleError::Io)),
        }
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Bundle<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("digest", &self.digest()).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Reads a file of a verified bundle.
pub struct FileReader<'a> {
    source: &'a mut dyn Source,
    file: &'a File,
    left: u64,
    /// `None` after the end.
    hasher: Option<Hasher>,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.left.min(buffer.len() as u64) as usize;
        let read = self.source.read(buffer.get_mut(..length).unwrap_or_default())?;
        if read == 0 && length > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        if self.left == 0
            && let Some(hasher) = self.hasher.take()
        {
            let (found, File { path, digest, .. }) = (hasher.finish(), self.file);
            if found != *digest {
                let error = BundleError::Digest { path: path.clone(), found, expected: *digest };
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        Ok(read)
    }
}

impl Policy<'_> {
    fn check(&self, manifest: &Manifest) -> Result<(), BundleError> {
        let Manifest { channel, counter, expires, requires, security_version, targets, .. } = manifest;
        if let Some(here) = self.edgectl.as_ref().filter(|here| **here < requires.edgectl) {
            return Err(BundleError::TooNew { what: "edgectl", found: requires.edgectl.to_string(), expected: here.to_string() });
        }
        if let Some(abi) = self.runtime_abi.filter(|abi| *abi != requires.runtime_abi) {
            return Err(BundleError::TooNew { what: "runtime ABI", found: requires.runtime_abi.to_string(), expected: abi.to_string() });
        }
        if let Some(expected) = self.channel.filter(|expected| expected != channel) {
            return Err(BundleError::Channel { found: channel.clone(), expected: expected.into() });
        }
        if let Some(expected) = self.target.filter(|expected| manifest.target(expected).is_none()) {
            let found = targets.iter().map(|target| target.profile.clone()).collect();
            return Err(BundleError::Target { found, expected: expected.into() });
        }
        if let Some(expires) = expires.filter(|expires| self.now.is_some_and(|now| now >= *expires)) {
            return Err(BundleError::Expired { expires });
        }
        if let Some(installed) = self.installed {
            let versions = (u64::from(*security_version), u64::from(installed.security_version));
            if versions.0 < versions.1 {
                return Err(BundleError::Rollback { what: "security_version", found: versions.0, installed: versions.1 });
            }
            if let Some(installed) = installed.counter.filter(|installed| counter < installed) {
                return Err(BundleError::Rollback { what: "counter", found: *counter, installed });
            }
        }
        Ok(())
    }
}

impl Head {
    fn read(source: &mut dyn Source) -> Result<Head, BundleError> {
        let mut archive = Archive::at(source, 0)?;
        let mut name = [0; 11];
        if archive.fill(&mut name, "", 0, 0).is_err() || name != *b"oci-layout\0" {
            return Err(BundleError::NotABundle);
        }
        let mut archive = Archive::at(archive.source, 0)?;
        archive.header("oci-layout", "oci-layout", oci::LAYOUT.len() as u64)?;
        let layout = archive.content("oci-layout", oci::LAYOUT.len() as u64)?;
        same("oci-layout", &layout, oci::LAYOUT)?;
        let index = archive.named("index.json", "index.json", MAX_OCI_BYTES)?;
        let manifest = archive.blob("the manifest", MAX_MANIFEST_BYTES)?;
        let image = archive.blob("the image manifest", MAX_OCI_BYTES)?;
        let mut signatures: Vec<Signature> = vec![];
        let mut end = archive.at;
        while let Some(signature) = archive.signature()? {
            if signatures.len() == MAX_SIGNATURES || signatures.last().is_some_and(|last| last.id() >= signature.id()) {
                return Err(malformed("signature", "order", "another one", "keys in ascending order, each once, at most 16"));
            }
            signatures.push(signature);
            end = archive.at;
        }
        Ok(Head { index, manifest, image, signatures, end })
    }

    /// Whether image manifest and index are those that this manifest has.
    fn layout_of(&self, manifest: &Manifest) -> Result<(), BundleError> {
        let signatures: Vec<String> = self.signatures.iter().map(signature_file).collect();
        let image = oci::image(manifest, &self.manifest, &signatures);
        same("the image manifest", &self.image, &image)?;
        same("index.json", &self.index, &oci::index(manifest, &image))
    }
}

/// The archive, read from front to back.
struct Archive<'s> {
    source: &'s mut dyn Source,
    at: u64,
}

impl<'s> Archive<'s> {
    fn at(source: &'s mut dyn Source, at: u64) -> io::Result<Self> {
        source.seek(SeekFrom::Start(at))?;
        Ok(Archive { source, at })
    }

    /// Reads as many bytes as the buffer has, of an entry part with so many, after so many.
    fn fill(&mut self, buffer: &mut [u8], entry: &str, expected: u64, before: u64) -> Result<(), BundleError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => return Err(BundleError::Truncated { entry: entry.into(), found: before + filled as u64, expected }),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn raw_header(&mut self, entry: &str) -> Result<[u8; BLOCK], BundleError> {
        let mut header = [0; BLOCK];
        self.fill(&mut header, &format!("the header of {entry}"), BLOCK as u64, 0)?;
        Ok(header)
    }

    /// Reads the header that this entry must have.
    fn header(&mut self, entry: &str, name: &str, size: u64) -> Result<(), BundleError> {
        let (found, expected) = (self.raw_header(entry)?, tar::header(name, size));
        if found == expected {
            return Ok(());
        }
        if found == [0; BLOCK] {
            return Err(malformed(entry, "entry", "the end of the archive", name));
        }
        let (what, found, expected) = tar::difference(&found, &expected);
        Err(BundleError::Archive { entry: entry.into(), what, found, expected })
    }

    /// Reads content and padding.
    fn content(&mut self, entry: &str, size: u64) -> Result<Vec<u8>, BundleError> {
        let mut content = vec![0; size as usize];
        self.fill(&mut content, entry, size, 0)?;
        self.padding(entry, size)?;
        Ok(content)
    }

    fn padding(&mut self, entry: &str, size: u64) -> Result<(), BundleError> {
        let mut buffer = [0; BLOCK];
        let padding = buffer.get_mut(..tar::padding(size)).unwrap_or_default();
        self.fill(padding, entry, size + padding.len() as u64, size)?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(malformed(entry, "padding", "something", "zeros"));
        }
        Ok(())
    }

    /// Reads an entry whose name is known.
    fn named(&mut self, entry: &str, name: &str, most: u64) -> Result<Vec<u8>, BundleError> {
        let header = self.raw_header(entry)?;
        match tar::stated(&header) {
            Some((found, size)) if found == name && size <= most => self.content(entry, size),
            Some((found, size)) if found == name => Err(malformed(entry, "size", size, format!("at most {most}"))),
            _ => {
                let (what, found, expected) = tar::difference(&header, &tar::header(name, 0));
                Err(BundleError::Archive { entry: entry.into(), what, found, expected })
            }
        }
    }

    /// Reads an entry that is named after its digest.
    fn blob(&mut self, entry: &str, most: u64) -> Result<Vec<u8>, BundleError> {
        let header = self.raw_header(entry)?;
        let Some((name, size)) = tar::stated(&header) else {
            return Err(malformed(entry, "header", "none that a bundle has", "that of a regular file named after its digest"));
        };
        if size > most {
            return Err(malformed(entry, "size", size, format!("at most {most}")));
        }
        let name = name.to_owned();
        let content = self.content(entry, size)?;
        let expected = blob_name(&Digest::of(&content));
        if name != expected {
            return Err(malformed(entry, "name", name, expected));
        }
        Ok(content)
    }

    /// Reads the next entry where it is a signature; otherwise what follows is left to others, who know what must be there.
    fn signature(&mut self) -> Result<Option<Signature>, BundleError> {
        let mut header = [0; BLOCK];
        if self.fill(&mut header, "", BLOCK as u64, 0).is_err() {
            return Ok(None);
        }
        match tar::stated(&header) {
            Some((name, size)) if name.starts_with("blobs/") && size <= MAX_SIGNATURE_BYTES => {
                let mut content = vec![0; size as usize];
                if self.fill(&mut content, "", size, 0).is_err() || !content.starts_with(crate::writer::SIGNATURE_MARK) {
                    return Ok(None);
                }
                let name = name.to_owned();
                self.padding("a signature", size)?;
                let text = String::from_utf8_lossy(&content);
                let signature: Signature = text.parse()?;
                same("a signature", &content, signature_file(&signature).as_bytes())?;
                let expected = blob_name(&Digest::of(&content));
                if name != expected {
                    return Err(malformed("a signature", "name", name, expected));
                }
                Ok(Some(signature))
            }
            _ => Ok(None),
        }
    }

    /// Reads the end of the archive, and nothing after it.
    fn end(&mut self) -> Result<(), BundleError> {
        let mut end = [0; tar::END.len()];
        self.fill(&mut end, "the end", tar::END.len() as u64, 0)?;
        if end != tar::END {
            return Err(malformed("the end", "content", "another entry", "two blocks of zeros"));
        }
        loop {
            match self.source.read(&mut [0]) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(malformed("the end", "position", "before the end of the file", "at the end of the file")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn malformed(entry: &str, what: &'static str, found: impl ToString, expected: impl ToString) -> BundleError {
    BundleError::Archive { entry: entry.into(), what, found: found.to_string(), expected: expected.to_string() }
}

fn same(entry: &str, found: &[u8], expected: &[u8]) -> Result<(), BundleError> {
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    Err(malformed(entry, "content", format!("other from byte {at} on"), "what follows from the manifest"))
}
