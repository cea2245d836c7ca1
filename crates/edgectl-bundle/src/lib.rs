//! Signed bundles (`.edgepkg`): what is deployed, in one file that nobody can alter unnoticed.
//!
//! # Layout
//!
//! A bundle is an uncompressed ustar archive that is a valid OCI image layout (image-spec 1.1), so the same bytes are a file on disk and an
//! artifact in any OCI registry. It has these entries in this order, all of them regular files with mode 644, owner 0 and time 0:
//!
//! ```text
//! oci-layout                      {"imageLayoutVersion":"1.0.0"}
//! index.json                      the OCI index: one image manifest
//! blobs/sha256/<digest>           the manifest: what is signed; see [`Manifest`]
//! blobs/sha256/<digest>           the OCI image manifest: the manifest as its configuration, signatures and files as layers
//! blobs/sha256/<digest>  0..=16   signatures of the manifest: minisign files, by key number in ascending order
//! blobs/sha256/<digest>  1..      the files, in the manifest's order, each content once
//! ```
//!
//! and ends with two blocks of zeros. From a manifest, its signatures and its files follow all bytes of the archive, so there is one
//! archive only; a reader accepts nothing else ([`Bundle::verify`] says in which order it looks).
//!
//! # Limits
//!
//! A manifest has at most 256 KiB, a bundle at most 16 signatures of at most 4 KiB, a file less than 8 GiB. Nothing is allocated for a size
//! that is not within these limits.
//!
//! # Versions
//!
//! A reader refuses any [`format`](Manifest::format) but its own, and fields that it does not know.
//!
//! # What a verified bundle promises
//!
//! Enough people whom the reader trusts have signed this manifest for its channel; every file is what they signed; none has expired. No
//! name in it can lead out of a folder that it is put into. What the *program* promises is for `edge_format` to say.

#[cfg(unix)]
mod agent;
mod check;
mod digest;
mod error;
mod manifest;
mod minisign;
mod oci;
mod reader;
mod secret;
mod tar;
mod trust;
mod writer;

#[cfg(unix)]
pub use agent::AgentKey;
pub use digest::{Digest, NotADigest};
pub use error::{BundleError, Kind, ManifestError, SignatureError};
pub use manifest::{
    Accuracy, Bench, Decimal, Evidence, FORMAT, File, Flash, Golden, MAX_MANIFEST_BYTES, Manifest, NotATimestamp, Part, Port, Requires,
    Role, System, Target, Timestamp,
};
pub use minisign::{KeyId, MAX_SIGNATURE_BYTES, NotAKey, Prehash, PublicKey, Signature, Signer};
pub use oci::{ARTIFACT_TYPE, MANIFEST_TYPE, SIGNATURE_TYPE};
pub use reader::{AddError, Bundle, Claims, FileReader, Installed, MAX_SIGNATURES, Policy, Source, Unverified, Verified};
pub use secret::{SecretKey, SecretKeyError};
pub use trust::{KeyRole, PROD, SignedBy, Trust, TrustError, TrustedKey};
pub use writer::{WriteError, sign, write};
