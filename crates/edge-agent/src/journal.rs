//! Where a deployment stands. One file, replaced in one step; whoever comes next, after whatever interruption, goes on from it.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::service::ServiceSpec;
use crate::storage::{Kind, Storage};

const PATH: &str = "journal.json";
const NEW: &str = "journal.json.new";
/// The format that this version writes, and the only one that it reads.
const FORMAT: u32 = 1;
/// A journal is small; more is none.
const LIMIT: u64 = 1 << 20;
/// How many ends are remembered.
const HISTORY: usize = 100;

/// Where a deployment stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is on its way.
    #[default]
    Idle,
    /// `release` may be the current one, on trial: without a commit before the deadline, `previous` becomes it again.
    Armed,
    /// `release` is the current one.
    Committed,
    /// `previous` is the current one again.
    Reverted,
}

/// How a deployment ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number on this device.
    pub attempt: u64,
    /// The release's folder.
    pub release: String,
    /// Its version.
    pub version: String,
    /// `committed` or `reverted`.
    pub phase: Phase,
    /// Why it was reverted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who deployed it.
    pub operator: String,
    /// The device's clock then, in seconds since 1970; devices without a clock have any value.
    pub unix_time_s: u64,
}

/// The journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The format of this file.
    pub format: u32,
    /// Where the last deployment stands.
    pub phase: Phase,
    /// The number of the last deployment.
    pub attempt: u64,
    /// The release's folder.
    pub release: Option<String>,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The folder that was current before.
    pub previous: Option<String>,
    /// Its version.
    #[serde(default)]
    pub previous_version: String,
    /// The release's security version, which counts once it is committed.
    pub release_security_version: u32,
    /// The highest security version that was committed.
    pub security_version: u32,
    /// The boot during which it was armed.
    pub boot_id: String,
    /// When the release goes back, in milliseconds since that boot.
    pub deadline_ms: u64,
    /// What executes the release.
    pub service: ServiceSpec,
    /// Who deploys.
    pub operator: String,
    /// How often a release was reverted, by its folder.
    #[serde(default)]
    pub failures: BTreeMap<String, u32>,
    /// How deployments ended, the oldest first.
    #[serde(default)]
    pub history: Vec<Entry>,
}

/// Why there is no journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The disk.
    #[error("cannot {doing} the journal: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What happened.
        source: io::Error,
    },
    /// Not one of ours.
    #[error("the journal cannot be understood: {0}")]
    Malformed(String),
}

impl Journal {
    /// The journal, or a new one where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or understood.
    pub fn load(storage: &impl Storage) -> Result<Journal, JournalError> {
        let io = |source| JournalError::Io { doing: "read", source };
        if storage.kind(PATH).map_err(io)?.is_none() {
            return Ok(Journal { format: FORMAT, ..Journal::default() });
        }
        let bytes = storage.read(PATH, LIMIT).map_err(io)?;
        let journal: Journal = serde_json::from_slice(&bytes).map_err(|error| JournalError::Malformed(error.to_string()))?;
        match journal.format {
            FORMAT => Ok(journal),
            other => Err(JournalError::Malformed(format!("format {other}, expected {FORMAT}"))),
        }
    }

    /// Replaces the journal in one step; afterwards it is safe from power cuts.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: then the old one stays.
    pub fn store(&self, storage: &mut impl Storage) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { doing: "write", source };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        bytes.push(b'\n');
        if !matches!(storage.kind(NEW).map_err(io)?, None | Some(Kind::File(_))) {
            return Err(io(io::Error::new(io::ErrorKind::InvalidData, format!("{NEW} is no regular file"))));
        }
        storage.write(NEW, &bytes).map_err(io)?;
        storage.sync_file(NEW).map_err(io)?;
        storage.rename(NEW, PATH).map_err(io)?;
        storage.sync_folder("").map_err(io)
    }

    /// Remembers how this deployment ended.
    pub fn remember(&mut self, reason: Option<String>, unix_time_s: u64) {
        let entry = Entry {
            attempt: self.attempt,
            release: self.release.clone().unwrap_or_default(),
            version: self.version.clone(),
            phase: self.phase,
            reason,
            operator: self.operator.clone(),
            unix_time_s,
        };
        self.history.push(entry);
        let excess = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..excess);
    }

    /// The last end.
    pub fn last(&self) -> Option<&Entry> {
        self.history.last()
    }
}
