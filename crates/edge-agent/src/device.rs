//! The state machine on this device: its clock, its boot, its locks.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::machine::{Blame, Machine, MachineError, Now};
use crate::service;
use crate::storage::Disk;

/// Where Linux says which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An application's folder on this device.
#[derive(Clone, Debug)]
pub struct Device {
    /// The folder.
    pub root: PathBuf,
    /// A file that says which boot this is.
    pub boot_id: PathBuf,
}

/// A lock that is held as long as the value lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Device {
    /// An application's folder.
    pub fn new(root: &Path, boot_id: Option<PathBuf>) -> Device {
        Device { root: root.into(), boot_id: boot_id.unwrap_or_else(|| BOOT_ID.into()) }
    }

    /// The state machine over the folder.
    pub fn machine(&self) -> Machine<Disk> {
        Machine::new(Disk::new(&self.root))
    }

    /// The time. The clock that shows the day plays no part in any decision.
    pub fn now(&self) -> Now {
        let time = clock_gettime(ClockId::Boottime);
        let boot_ms = u64::try_from(time.tv_sec).unwrap_or_default() * 1000 + u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000_000;
        let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let boot_id = fs::read_to_string(&self.boot_id).unwrap_or_default().trim().to_owned();
        Now { boot_id, boot_ms, unix_s }
    }

    /// Keeps other sessions out. `Err(Some)` is who holds the lock.
    ///
    /// # Errors
    ///
    /// Where another process holds it, or the file cannot be made.
    pub fn lock_session(&self, operator: &str) -> io::Result<Result<Lock, String>> {
        let path = self.root.join("lock");
        let mut file = File::options().create(true).append(true).read(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                let line: String = operator.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
                writeln!(file, "{line}, process {}", std::process::id())?;
                Ok(Ok(Lock { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who has it has not written the name yet, for a moment.
                for _ in 0..20 {
                    holder = fs::read_to_string(&path).unwrap_or_default().trim().chars().take(300).collect();
                    if !holder.is_empty() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                Ok(Err(holder))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits for the right to change the journal and `current`: steps of the state machine are taken one at a time.
    ///
    /// # Errors
    ///
    /// Where the lock's file cannot be made.
    pub fn lock_journal(&self) -> io::Result<Lock> {
        let file = File::options().create(true).append(true).open(self.root.join("journal.lock"))?;
        file.lock()?;
        Ok(Lock { _file: file })
    }

    /// Goes back to the release before the one on trial, and starts it. Returns whether there was one on trial.
    ///
    /// # Errors
    ///
    /// Where the disk does not let it: the release stays on trial, and this can be tried again.
    pub fn revert(&self, reason: &str, blame: Blame) -> Result<bool, MachineError> {
        let lock = self.lock_journal().map_err(|source| MachineError::Io { doing: "lock", path: "journal.lock".into(), source })?;
        let reverted =
            self.machine().revert(reason, blame, &self.now(), |journal, previous| service::apply(&self.root, &journal.service, previous));
        drop(lock);
        reverted
    }
}
