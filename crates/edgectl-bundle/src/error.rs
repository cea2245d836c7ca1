//! What can be wrong with a bundle.

use std::io;

use thiserror::Error;

use crate::digest::Digest;
use crate::manifest::Timestamp;

/// What is wrong with a manifest.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// No JSON, or not the fields that a manifest has.
    #[error("not a manifest")]
    Json(#[source] serde_json::Error),
    /// JSON that `edgectl` would have written differently.
    #[error("the manifest is not in its canonical form from byte {offset} on")]
    NotCanonical {
        /// The first byte that differs.
        offset: usize,
    },
    /// Too long.
    #[error("the manifest has {found} bytes: expected at most {}", crate::manifest::MAX_MANIFEST_BYTES)]
    Size {
        /// Its length.
        found: u64,
    },
    /// A value that it cannot have.
    #[error("manifest: {what} {found:?}: expected {expected}")]
    Value {
        /// Which one.
        what: &'static str,
        /// The value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl ManifestError {
    pub(crate) fn of(what: &'static str, found: impl ToString, expected: &'static str) -> ManifestError {
        ManifestError::Value { what, found: found.to_string(), expected }
    }
}

/// Why a bundle is not what it should be. Every variant is one of: [malformed](Kind::Malformed), [altered](Kind::Altered),
/// [refused](Kind::Refused), or could not be [read](Kind::Io).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Something that is not where it should be, or not in the only form that it can have.
    #[error("{entry} of the bundle: {what} is {found}: expected {expected}")]
    Archive {
        /// Which entry of the archive.
        entry: String,
        /// What of it.
        what: &'static str,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A file is not where its digest says.
    #[error("{path}: content altered: its digest is {found}: expected {expected}")]
    Digest {
        /// The file.
        path: String,
        /// As it is.
        found: Digest,
        /// As it should be.
        expected: Digest,
    },
    /// A date that has passed.
    #[error("the bundle has expired on {expires}")]
    Expired {
        /// When.
        expires: Timestamp,
    },
    /// The file cannot be read.
    #[error("cannot read the bundle")]
    Io(#[from] io::Error),
    /// The manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// For another channel.
    #[error("the bundle is for channel \"{found}\": expected \"{expected}\"")]
    Channel {
        /// Its channel.
        found: String,
        /// The one asked for.
        expected: String,
    },
    /// Another kind of file.
    #[error("not a bundle: expected an archive that begins with oci-layout")]
    NotABundle,
    /// A release that is older than what is installed.
    #[error("rollback: {what} {found} is lower than {installed}, which the device has committed to")]
    Rollback {
        /// `security_version` or `counter`.
        what: &'static str,
        /// Of the bundle.
        found: u64,
        /// Of the device.
        installed: u64,
    },
    /// Who has signed it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Not for this device.
    #[error("the bundle is for {}: expected {expected}", found.join(", "))]
    Target {
        /// The profiles that it is for.
        found: Vec<String>,
        /// The one asked for.
        expected: String,
    },
    /// Ends too early.
    #[error("{entry} of the bundle: ends after {found} bytes: expected {expected}")]
    Truncated {
        /// Which entry of the archive.
        entry: String,
        /// Bytes that are there.
        found: u64,
        /// Bytes that should be.
        expected: u64,
    },
    /// Needs something newer than what is here.
    #[error("the bundle needs {what} {found}: expected {expected}")]
    TooNew {
        /// `edgectl` or `runtime ABI`.
        what: &'static str,
        /// What it needs.
        found: String,
        /// What is here.
        expected: String,
    },
}

/// What kind of answer an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Signed by the right people, but its content is other than what they signed.
    Altered,
    /// It cannot be read.
    Io,
    /// It is no bundle.
    Malformed,
    /// It is one, but not to be used: nobody trustworthy signed it, it is too old, or for other devices.
    Refused,
}

impl BundleError {
    /// What kind of answer it is.
    pub fn kind(&self) -> Kind {
        match self {
            BundleError::Archive { .. } | BundleError::Manifest(_) | BundleError::NotABundle | BundleError::Truncated { .. } => {
                Kind::Malformed
            }
            BundleError::Digest { .. } => Kind::Altered,
            BundleError::Io(_) => Kind::Io,
            BundleError::Signature(SignatureError::Malformed { .. }) => Kind::Malformed,
            BundleError::Channel { .. }
            | BundleError::Expired { .. }
            | BundleError::Rollback { .. }
            | BundleError::Signature(_)
            | BundleError::Target { .. }
            | BundleError::TooNew { .. } => Kind::Refused,
        }
    }

    /// The name of the error or of the attack, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            BundleError::Archive { .. } => "archive",
            BundleError::Channel { .. } => "wrong_channel",
            BundleError::Digest { .. } => "digest",
            BundleError::Expired { .. } => "freeze",
            BundleError::Io(_) => "io",
            BundleError::Manifest(_) => "manifest",
            BundleError::NotABundle => "not_a_bundle",
            BundleError::Rollback { .. } => "rollback",
            BundleError::Signature(error) => error.name(),
            BundleError::Target { .. } => "wrong_target",
            BundleError::TooNew { .. } => "too_new",
            BundleError::Truncated { .. } => "truncated",
        }
    }
}

/// Why the signatures of a bundle or file do not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A key whose time is over.
    #[error("key {key} has expired on {expires}")]
    Expired {
        /// The key.
        key: String,
        /// When.
        expires: Timestamp,
    },
    /// Not what the key has signed.
    #[error("the signature of key {key} is not that of {what}")]
    Invalid {
        /// The key.
        key: String,
        /// What it should have signed.
        what: &'static str,
    },
    /// The form of minisign before 2022, which signs the content itself.
    #[error("the signature is of minisign's legacy form: expected the prehashed one")]
    Legacy,
    /// No signature file.
    #[error("not a minisign signature: line {line}: expected {expected}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A key that may not sign for this channel.
    #[error("key {key} ({role}) may not sign for channel \"{channel}\"")]
    Role {
        /// The key.
        key: String,
        /// Its role.
        role: &'static str,
        /// The bundle's channel.
        channel: String,
    },
    /// A key that its owner has lost.
    #[error("key {key} is revoked")]
    Revoked {
        /// The key.
        key: String,
    },
    /// Fewer people than it takes.
    #[error("{found} of {needed} necessary signatures")]
    Threshold {
        /// Valid signatures of different keys.
        found: usize,
        /// What the channel asks for.
        needed: usize,
    },
    /// A signature of a key that nobody trusts.
    #[error("key {key} is not trusted")]
    Unknown {
        /// The key.
        key: String,
    },
    /// No signature at all.
    #[error("not signed")]
    Unsigned,
}

impl SignatureError {
    /// The name of the error, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            SignatureError::Expired { .. } => "key_expired",
            SignatureError::Invalid { .. } => "signature_invalid",
            SignatureError::Legacy => "signature_legacy",
            SignatureError::Malformed { .. } => "signature_malformed",
            SignatureError::Revoked { .. } => "key_revoked",
            SignatureError::Role { .. } => "key_role",
            SignatureError::Threshold { .. } => "threshold",
            SignatureError::Unknown { .. } => "key_unknown",
            SignatureError::Unsigned => "unsigned",
        }
    }
}
