//! What this side has done: a line for everything that began or ended, on disk before it counts.
//!
//! A rollout that was interrupted goes on from it: devices that have the release are left alone, those that were under way are asked (the
//! device itself knows how far it came), those that failed are tried again. A rollout that has come to its end is over: the same command then
//! asks every device anew, since who knows what became of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rollout::DeviceEnd;

/// The longest line.
const MAX_LINE: u64 = 1 << 20;

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Line {
    /// The first one.
    Rollout { format: u32, release: String, version: String },
    /// A device is under way.
    Started { device: String },
    /// A device has ended.
    Ended { device: String, end: DeviceEnd },
    /// The rollout has stopped by itself.
    Halted { reason: String },
    /// Nothing is left to do: the next rollout begins anew.
    Finished,
}

/// Why a journal cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file.
    #[error("cannot use {path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Another rollout is writing it.
    #[error("{path} is in use by another rollout", path = path.display())]
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// Not a journal.
    #[error("{path}:{line}: not a line of a rollout's journal: {message}", path = path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Of another release.
    #[error("{path} is the journal of release {found}, not of {expected}", path = path.display())]
    OtherRelease {
        /// Which.
        path: PathBuf,
        /// Its release.
        found: String,
        /// This one.
        expected: String,
    },
}

/// A journal that is open, by this process alone.
#[derive(Debug)]
pub struct RolloutJournal {
    path: PathBuf,
    file: File,
    ended: BTreeMap<String, DeviceEnd>,
}

impl RolloutJournal {
    /// Opens the journal of a release's rollout, or begins it.
    ///
    /// # Errors
    ///
    /// Where it is of another release, is no journal, or another process has it.
    pub fn open(path: &Path, release: &str, version: &str) -> Result<RolloutJournal, JournalError> {
        let io = |source| JournalError::Io { path: path.into(), source };
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(io(io::Error::other("not a regular file")));
        }
        let file = File::options().create(true).read(true).append(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(JournalError::Busy { path: path.into() }),
            Err(std::fs::TryLockError::Error(error)) => return Err(io(error)),
        }
        let mut journal = RolloutJournal { path: path.into(), file, ended: BTreeMap::new() };
        let whole = journal.replay(release)?;
        if whole == 0 {
            journal.write(&Line::Rollout { format: 1, release: release.into(), version: version.into() })?;
        }
        Ok(journal)
    }

    /// Reads what is there; a last line that was cut short is removed. Returns how many lines still count.
    fn replay(&mut self, release: &str) -> Result<usize, JournalError> {
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let mut reader = BufReader::new(self.file.try_clone().map_err(io)?);
        let (mut whole, mut lines, mut finished) = (0, 0, false);
        loop {
            let mut line = vec![];
            let read = io::Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut line).map_err(io)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            finished = false;
            let malformed = |message: String| JournalError::Malformed { path: self.path.clone(), line: lines + 1, message };
            match (lines, serde_json::from_slice(&line).map_err(|error| malformed(error.to_string()))?) {
                (0, Line::Rollout { format: 1, release: found, .. }) if found == release => {}
                (0, Line::Rollout { release: found, .. }) => {
                    return Err(JournalError::OtherRelease { path: self.path.clone(), found, expected: release.into() });
                }
                (0, _) => return Err(malformed("it does not begin with a rollout".into())),
                (_, Line::Ended { device, end }) => drop(self.ended.insert(device, end)),
                (_, Line::Finished) => finished = true,
                (_, Line::Started { .. } | Line::Halted { .. } | Line::Rollout { .. }) => {}
            }
            whole += read as u64;
            lines += 1;
        }
        if finished {
            (whole, lines) = (0, 0);
            self.ended.clear();
        }
        self.file.set_len(whole).map_err(io)?;
        Ok(lines)
    }

    fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let mut bytes = serde_json::to_vec(line).map_err(|error| io(error.into()))?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(io)
    }

    /// How a device ended in an earlier run.
    pub fn ended(&self, device: &str) -> Option<&DeviceEnd> {
        self.ended.get(device)
    }

    /// A device is under way.
    ///
    /// # Errors
    ///
    /// Where that cannot be written down: then it is not to begin.
    pub fn started(&mut self, device: &str) -> Result<(), JournalError> {
        self.write(&Line::Started { device: device.into() })
    }

    /// A device has ended.
    ///
    /// # Errors
    ///
    /// Where that cannot be written down.
    pub fn end(&mut self, device: &str, end: &DeviceEnd) -> Result<(), JournalError> {
        self.write(&Line::Ended { device: device.into(), end: end.clone() })?;
        self.ended.insert(device.into(), end.clone());
        Ok(())
    }

    /// Nothing is left to do.
    ///
    /// # Errors
    ///
    /// Where that cannot be written down.
    pub fn finish(&mut self) -> Result<(), JournalError> {
        self.write(&Line::Finished)
    }

    /// The rollout has stopped by itself.
    ///
    /// # Errors
    ///
    /// Where that cannot be written down.
    pub fn halted(&mut self, reason: &str) -> Result<(), JournalError> {
        self.write(&Line::Halted { reason: reason.into() })
    }
}
