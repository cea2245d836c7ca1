//! Who may sign for which channel: a file with public keys, their roles, how long they count, and how many signatures it takes.
//!
//! ```json
//! {
//!   "format": 1,
//!   "keys": [
//!     {"name": "release 2026", "key": "RWQ…", "role": "release", "channels": ["prod"], "expires": "2027-12-31T00:00:00Z"},
//!     {"name": "laptop of Jo", "key": "RWT…", "role": "test"},
//!     {"name": "release 2025", "key": "RWR…", "role": "release", "revoked": "2026-03-01T00:00:00Z"}
//!   ],
//!   "thresholds": {"prod": 2}
//! }
//! ```
//!
//! A revoked key's signatures do not count, whatever date they state. A key counts once, under however many numbers it is listed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::error::SignatureError;
use crate::manifest::Timestamp;
use crate::minisign::{KeyId, Prehash, PublicKey, Signature};

/// The channel of what matters: keys of the role `test` never sign for it.
pub const PROD: &str = "prod";

/// What is wrong with a trust file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// No JSON, or not the fields that a trust file has.
    #[error("not a trust file")]
    Json(#[source] serde_json::Error),
    /// Something that it cannot say.
    #[error("trust file: {what} {found:?}: expected {expected}")]
    Value {
        /// Which one.
        what: &'static str,
        /// The value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

/// Who may sign for which channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    format: u32,
    keys: Vec<TrustedKey>,
    /// Signatures of different keys that a channel takes; 1 where it is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    thresholds: BTreeMap<String, usize>,
}

/// A key and what it may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// For people.
    pub name: String,
    /// The key.
    #[serde(serialize_with = "write_key", deserialize_with = "read_key")]
    pub key: PublicKey,
    /// What it is for.
    pub role: KeyRole,
    /// The channels that it may sign for; all that its role may, where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// From when on it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Since when it does not count at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRole {
    /// Signs releases.
    Release,
    /// Signs whatever is tried out, but never for [`PROD`].
    Test,
}

impl KeyRole {
    /// As the file writes it.
    pub fn name(self) -> &'static str {
        match self {
            KeyRole::Release => "release",
            KeyRole::Test => "test",
        }
    }
}

/// Somebody whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The key's name in the trust file; its number where there was only a key.
    pub name: String,
    /// The key's number.
    #[serde(serialize_with = "write_display")]
    pub key: KeyId,
}

impl Trust {
    /// Trusts one key for everything.
    pub fn only(key: PublicKey) -> Trust {
        let name = key.id().to_string();
        let key = TrustedKey { name, key, role: KeyRole::Release, channels: None, expires: None, revoked: None };
        Trust { format: 1, keys: vec![key], thresholds: BTreeMap::new() }
    }

    /// Reads a trust file.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn parse(text: &str) -> Result<Trust, TrustError> {
        let trust: Trust = serde_json::from_str(text).map_err(TrustError::Json)?;
        let value = |what, found: String, expected| Err(TrustError::Value { what, found, expected });
        if trust.format != 1 {
            return value("format", trust.format.to_string(), "1");
        }
        let keys: BTreeSet<&[u8; 32]> = trust.keys.iter().map(|key| key.key.bytes()).collect();
        for (channel, &threshold) in &trust.thresholds {
            if threshold == 0 || threshold > keys.len() {
                return value("threshold", format!("{channel}: {threshold}"), "1 or more, at most as many as there are different keys");
            }
        }
        for (at, key) in trust.keys.iter().enumerate() {
            if trust.keys.iter().take(at).any(|earlier| earlier.key.bytes() == key.key.bytes()) {
                return value("key", key.name.clone(), "a key that is not listed before");
            }
            if key.role == KeyRole::Test && key.channels.iter().flatten().any(|channel| channel == PROD) {
                return value("channels", key.name.clone(), "no `prod` for a key of the role test");
            }
        }
        Ok(trust)
    }

    /// The file's content.
    pub fn to_file(&self) -> String {
        // Neither maps with keys that are no text nor a writer that fails: it cannot go wrong.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The keys.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The keys whose signatures of these bytes hold and that count at this moment (`None`: their time is not judged).
    pub(crate) fn valid(
        &self,
        signatures: &[Signature],
        prehash: &Prehash,
        now: Option<Timestamp>,
    ) -> Result<Vec<&TrustedKey>, SignatureError> {
        let (mut valid, mut reason): (Vec<&TrustedKey>, _) = (vec![], SignatureError::Unsigned);
        for signature in signatures {
            let key = signature.id().to_string();
            let known = self.keys.iter().filter(|known| known.key.id() == signature.id());
            let mut is_known = false;
            for known in known {
                is_known = true;
                // A signature that does not hold is worse than none.
                known.key.verify(signature, prehash, "the manifest")?;
                if known.revoked.is_some() {
                    reason = SignatureError::Revoked { key: known.label() };
                } else if let Some(expires) = known.expires.filter(|expires| now.is_some_and(|now| now >= *expires)) {
                    reason = SignatureError::Expired { key: known.label(), expires };
                } else if !valid.iter().any(|other| other.key.bytes() == known.key.bytes()) {
                    valid.push(known);
                }
            }
            if !is_known && reason == SignatureError::Unsigned {
                reason = SignatureError::Unknown { key };
            }
        }
        if valid.is_empty() { Err(reason) } else { Ok(valid) }
    }

    /// Whether these keys are enough for a channel.
    pub(crate) fn suffice(&self, keys: &[&TrustedKey], channel: &str) -> Result<Vec<SignedBy>, SignatureError> {
        let may: Vec<_> = keys.iter().filter(|key| key.may_sign_for(channel)).collect();
        if let (true, Some(key)) = (may.is_empty(), keys.first()) {
            return Err(SignatureError::Role { key: key.label(), role: key.role.name(), channel: channel.into() });
        }
        let needed = self.thresholds.get(channel).copied().unwrap_or(1);
        if may.len() < needed {
            return Err(SignatureError::Threshold { found: may.len(), needed });
        }
        Ok(may.iter().map(|key| SignedBy { name: key.name.clone(), key: key.key.id() }).collect())
    }
}

impl TrustedKey {
    fn label(&self) -> String {
        let id = self.key.id().to_string();
        if self.name == id { id } else { format!("{id} \"{}\"", self.name) }
    }

    fn may_sign_for(&self, channel: &str) -> bool {
        let listed = self.channels.as_ref().is_none_or(|channels| channels.iter().any(|listed| listed == channel));
        listed && !(self.role == KeyRole::Test && channel == PROD)
    }
}

fn write_key<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

fn write_display<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn read_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
