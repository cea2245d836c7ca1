//! Public keys and signatures in minisign's file formats, prehashed form.
//!
//! ```text
//! untrusted comment: <text>                                  (a key file has these two lines only)
//! base64("ED" | key id (8) | Ed25519 of BLAKE2b-512(content) (64))
//! trusted comment: <text>
//! base64(Ed25519 of (the signature above | the trusted comment) (64))
//! ```
//!
//! Ed25519 is verified strictly (RFC 8032, no small-order points), so that one signer cannot make two valid forms of a signature.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use blake2::{Blake2b512, Digest as _};
use ct_codecs::{Base64, Decoder, Encoder};
use ed25519_dalek::VerifyingKey;

use crate::error::SignatureError;

const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";
/// "Ed", key id, key.
const PUBLIC_BYTES: usize = 42;
/// Longest signature file, in bytes.
pub const MAX_SIGNATURE_BYTES: u64 = 4096;

/// The number by which minisign tells keys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

/// A text that is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a minisign public key: 56 characters that begin with RW")]
pub struct NotAKey;

impl PublicKey {
    /// Takes a number and an Ed25519 public key.
    pub fn new(id: KeyId, key: VerifyingKey) -> PublicKey {
        PublicKey { id, key }
    }

    /// Its number.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The Ed25519 key, which is who signs: numbers can be chosen.
    pub fn bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The content of a key file.
    pub fn to_file(&self) -> String {
        format!("{UNTRUSTED}minisign public key {}\n{self}\n", self.id)
    }

    /// Checks a signature of some content.
    ///
    /// # Errors
    /// [`SignatureError::Unknown`] where another key made it, [`SignatureError::Invalid`].
    pub fn verify(&self, signature: &Signature, prehashed: &Prehash, what: &'static str) -> Result<(), SignatureError> {
        if signature.id != self.id {
            return Err(SignatureError::Unknown { key: signature.id.to_string() });
        }
        let invalid = |what| SignatureError::Invalid { key: self.id.to_string(), what };
        self.check(&prehashed.0, &signature.content).ok_or(invalid(what))?;
        let comment = [&signature.content[..], signature.trusted_comment.as_bytes()].concat();
        self.check(&comment, &signature.comment).ok_or(invalid("its trusted comment"))
    }

    fn check(&self, message: &[u8], signature: &[u8; 64]) -> Option<()> {
        self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&[b"Ed", &self.id.0[..], self.key.as_bytes()].concat()))
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    /// Reads the line that minisign prints, or a whole key file.
    fn from_str(text: &str) -> Result<PublicKey, NotAKey> {
        let mut lines = text.trim_end().lines();
        let line = match lines.next() {
            Some(comment) if comment.starts_with(UNTRUSTED) => lines.next(),
            line => line,
        };
        let bytes: [u8; PUBLIC_BYTES] = line.and_then(|line| decode(line.trim_end())).ok_or(NotAKey)?;
        let key = bytes.strip_prefix(b"Ed").and_then(|rest| rest.split_first_chunk::<8>()).ok_or(NotAKey)?;
        let point = key.1.try_into().ok().and_then(|bytes| VerifyingKey::from_bytes(bytes).ok()).filter(|key| !key.is_weak());
        match (point, lines.next()) {
            (Some(point), None) => Ok(PublicKey { id: KeyId(*key.0), key: point }),
            _ => Err(NotAKey),
        }
    }
}

/// The BLAKE2b-512 of some content: what is signed.
#[derive(Clone, Debug)]
pub struct Prehash([u8; 64]);

impl Prehash {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Prehash {
        Prehash(Blake2b512::digest(bytes).into())
    }

    /// Of all that a reader gives.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Prehash> {
        let (mut hasher, mut buffer) = (Blake2b512::new(), [0; 16384]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Prehash(hasher.finalize().into())),
                Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Something that makes Ed25519 signatures: a secret key, or an agent that has one.
pub trait Signer {
    /// The public key.
    fn public(&self) -> &PublicKey;

    /// The Ed25519 signature of a message.
    ///
    /// # Errors
    /// Where the agent cannot or will not.
    fn sign(&self, message: &[u8]) -> io::Result<[u8; 64]>;
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    id: KeyId,
    content: [u8; 64],
    trusted_comment: String,
    comment: [u8; 64],
}

impl Signature {
    /// Signs some content, and a comment with it.
    ///
    /// # Errors
    /// Where the signer cannot, the comment has several lines, or what comes back is no signature of that key.
    pub fn make(signer: &dyn Signer, prehashed: &Prehash, trusted_comment: &str) -> io::Result<Signature> {
        let other = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        if trusted_comment.chars().any(char::is_control) {
            return Err(other("the trusted comment holds control characters".into()));
        }
        let content = signer.sign(&prehashed.0)?;
        let comment = signer.sign(&[&content[..], trusted_comment.as_bytes()].concat())?;
        let signature = Signature { id: signer.public().id, content, trusted_comment: trusted_comment.into(), comment };
        // An agent could be wrong, and a fault in the computation could give the key away.
        signer.public().verify(&signature, prehashed, "the content").map_err(|error| other(error.to_string()))?;
        Ok(signature)
    }

    /// The number of the key that made it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The comment that is signed too.
    pub fn trusted_comment(&self) -> &str {
        &self.trusted_comment
    }

    /// The content of a signature file.
    pub fn to_file(&self, untrusted_comment: &str) -> String {
        let content = encode(&[b"ED", &self.id.0[..], &self.content].concat());
        format!("{UNTRUSTED}{untrusted_comment}\n{content}\n{TRUSTED}{}\n{}\n", self.trusted_comment, encode(&self.comment))
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    /// Reads a signature file.
    fn from_str(text: &str) -> Result<Signature, SignatureError> {
        let malformed = |line, expected| SignatureError::Malformed { line, expected };
        // As minisign does, tolerant of line ends.
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').map(|line| line.trim_end_matches('\r')).collect();
        let &[untrusted, content, trusted, comment] = lines.as_slice() else {
            return Err(malformed(lines.len().min(4) + 1, "four lines"));
        };
        untrusted.strip_prefix(UNTRUSTED).ok_or(malformed(1, "`untrusted comment: `"))?;
        let content: [u8; 74] = decode(content).ok_or(malformed(2, "74 bytes in base64"))?;
        let (algorithm, rest) = content.split_at(2);
        let (id, signature) = rest.split_at(8);
        match (algorithm, id.try_into(), signature.try_into()) {
            (b"Ed", ..) => Err(SignatureError::Legacy),
            (b"ED", Ok(id), Ok(content)) => {
                let trusted_comment = trusted.strip_prefix(TRUSTED).ok_or(malformed(3, "`trusted comment: `"))?;
                let comment = decode(comment).ok_or(malformed(4, "64 bytes in base64"))?;
                Ok(Signature { id: KeyId(id), content, trusted_comment: trusted_comment.into(), comment })
            }
            _ => Err(malformed(2, "the algorithm ED")),
        }
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    // Fails for lengths that overflow only.
    Base64::encode_to_string(bytes).unwrap_or_default()
}

/// Exactly so many bytes in base64, in the only form that they have.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = Base64::decode(&mut bytes, text, None).ok()?.len();
    (length == N && encode(&bytes) == text).then_some(bytes)
}
