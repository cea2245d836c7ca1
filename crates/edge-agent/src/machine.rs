//! The state machine of a deployment: stage, arm, switch, commit or revert, collect.
//!
//! Every step can be repeated, and cut short after any operation on files: `current` leads to a verified release all the time, and
//! [`Machine::recover`] followed by the same steps ends where an uninterrupted run does. Locks are the caller's matter ([`crate::device`]).

use std::collections::BTreeSet;
use std::io;

use thiserror::Error;

use crate::journal::{Journal, JournalError, Phase};
use crate::release::{FileSpec, ReleaseSpec, SpecError};
use crate::storage::{Kind, Linked, Storage};

/// A release that was reverted this often is refused.
pub const MAX_FAILURES: u32 = 3;
/// The largest `release.json`.
const SPEC_LIMIT: u64 = 1 << 20;

/// The time, as a device without a battery knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// Which boot this is.
    pub boot_id: String,
    /// Milliseconds since it, suspended time included.
    pub boot_ms: u64,
    /// Seconds since 1970, which may be wrong by years: for display alone.
    pub unix_s: u64,
}

/// Whose fault it is that a release goes back. One that has failed too often is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The release's: it was not well, or did not survive a start of the device.
    Release,
    /// Nobody's: nobody came back to commit it.
    Nobody,
}

/// Why a step was not taken.
#[derive(Debug, Error)]
pub enum MachineError {
    /// The disk.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file, relative to the application's folder.
        path: String,
        /// What happened.
        source: io::Error,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The release's description.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The device has committed a higher security version.
    #[error("security version {found} is below {committed}, which this device has committed")]
    Rollback {
        /// The release's.
        found: u32,
        /// The device's.
        committed: u32,
    },
    /// Reverted too often.
    #[error("release {release} was reverted {failures} times on this device")]
    Blacklisted {
        /// Its folder.
        release: String,
        /// How often.
        failures: u32,
    },
    /// Not what this step follows on.
    #[error("{0}")]
    State(String),
}

/// What is missing of a release.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Missing {
    /// Digest of the file.
    pub sha256: String,
    /// Its length.
    pub size: u64,
    /// How many bytes of it are in `staging`.
    pub have: u64,
}

/// The state machine over a folder.
#[derive(Debug)]
pub struct Machine<S> {
    /// The application's folder.
    pub storage: S,
}

fn io_error<'a>(doing: &'static str, path: &'a str) -> impl FnOnce(io::Error) -> MachineError + use<'a> {
    move |source| MachineError::Io { doing, path: path.into(), source }
}

fn blob(file: &FileSpec) -> String {
    format!("blobs/{}", file.sha256)
}

fn part(file: &FileSpec) -> String {
    format!("staging/{}.part", file.sha256)
}

impl<S: Storage> Machine<S> {
    /// Over a folder.
    pub fn new(storage: S) -> Machine<S> {
        Machine { storage }
    }

    /// The journal.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn journal(&self) -> Result<Journal, MachineError> {
        Ok(Journal::load(&self.storage)?)
    }

    /// The release that a link leads to.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is no link.
    pub fn linked(&self, name: &str) -> Result<Option<String>, MachineError> {
        match self.storage.kind(name).map_err(io_error("look at", name))? {
            None => Ok(None),
            Some(Kind::Link) => {
                let target = self.storage.read_link(name).map_err(io_error("read", name))?;
                Ok(Some(target.strip_prefix("releases/").unwrap_or(&target).to_owned()))
            }
            Some(_) => Err(MachineError::State(format!("`{name}` is no link"))),
        }
    }

    /// The description of a release that is there.
    ///
    /// # Errors
    ///
    /// Where there is none, or it cannot be understood.
    pub fn spec(&self, id: &str) -> Result<ReleaseSpec, MachineError> {
        let path = format!("releases/{id}/release.json");
        let bytes = self.storage.read(&path, SPEC_LIMIT).map_err(io_error("read", &path))?;
        let spec: ReleaseSpec = serde_json::from_slice(&bytes).map_err(|error| MachineError::State(format!("{path}: {error}")))?;
        spec.check()?;
        Ok(spec)
    }

    /// Whether this device takes the release at all.
    ///
    /// # Errors
    ///
    /// [`MachineError::Rollback`], [`MachineError::Blacklisted`], or a description that is none.
    pub fn admit(&self, spec: &ReleaseSpec) -> Result<(), MachineError> {
        spec.check()?;
        let journal = self.journal()?;
        if spec.security_version < journal.security_version {
            return Err(MachineError::Rollback { found: spec.security_version, committed: journal.security_version });
        }
        match journal.failures.get(spec.id()) {
            Some(&failures) if failures >= MAX_FAILURES => Err(MachineError::Blacklisted { release: spec.id().into(), failures }),
            _ => Ok(()),
        }
    }

    /// Makes the folders.
    ///
    /// # Errors
    ///
    /// Where that cannot be done.
    pub fn prepare(&mut self) -> Result<(), MachineError> {
        for folder in ["blobs", "staging", "releases", "run"] {
            self.storage.create_folder(folder).map_err(io_error("make", folder))?;
        }
        self.storage.sync_folder("").map_err(io_error("sync", "the folder"))
    }

    /// What has to be brought into `staging` before [`Machine::seal`].
    ///
    /// # Errors
    ///
    /// Where the disk cannot be read.
    pub fn missing(&self, spec: &ReleaseSpec) -> Result<Vec<Missing>, MachineError> {
        let mut missing: Vec<Missing> = vec![];
        for file in &spec.files {
            let path = blob(file);
            if self.storage.kind(&path).map_err(io_error("look at", &path))? == Some(Kind::File(file.size))
                || missing.iter().any(|other| other.sha256 == file.sha256)
            {
                continue;
            }
            let path = part(file);
            let have = match self.storage.kind(&path).map_err(io_error("look at", &path))? {
                Some(Kind::File(have)) if have <= file.size => have,
                _ => 0,
            };
            missing.push(Missing { sha256: file.sha256.clone(), size: file.size, have });
        }
        Ok(missing)
    }

    /// Compares what is staged with its digests, and makes the release's folder of it. Returns the digests of files that are not what
    /// they should be: these are removed, and have to be brought again.
    ///
    /// # Errors
    ///
    /// Where files cannot be read or written.
    pub fn seal(&mut self, spec: &ReleaseSpec) -> Result<Vec<String>, MachineError> {
        spec.check()?;
        let (mut bad, mut fresh) = (vec![], BTreeSet::new());
        for file in &spec.files {
            let (blob, part) = (blob(file), part(file));
            if fresh.contains(&file.sha256) || self.storage.kind(&blob).map_err(io_error("look at", &blob))? == Some(Kind::File(file.size))
            {
                continue;
            }
            let found = match self.storage.kind(&part).map_err(io_error("look at", &part))? {
                Some(Kind::File(_)) => Some(self.storage.digest(&part).map_err(io_error("read", &part))?),
                _ => None,
            };
            if found != Some((file.sha256.clone(), file.size)) {
                self.storage.remove(&part).map_err(io_error("remove", &part))?;
                bad.push(file.sha256.clone());
                continue;
            }
            self.storage.sync_file(&part).map_err(io_error("sync", &part))?;
            self.storage.seal(&part, file.role == "runtime").map_err(io_error("protect", &part))?;
            self.storage.rename(&part, &blob).map_err(io_error("rename", &part))?;
            fresh.insert(file.sha256.clone());
        }
        self.storage.sync_folder("blobs").map_err(io_error("sync", "blobs"))?;
        self.storage.sync_folder("staging").map_err(io_error("sync", "staging"))?;
        if bad.is_empty() {
            bad = self.assemble(spec, &fresh)?;
        }
        bad.sort();
        bad.dedup();
        Ok(bad)
    }

    /// Makes or repairs the folder of a release whose files are in `blobs`. `fresh` were compared just now.
    fn assemble(&mut self, spec: &ReleaseSpec, fresh: &BTreeSet<String>) -> Result<Vec<String>, MachineError> {
        let id = spec.id();
        let (home, new) = (format!("releases/{id}"), format!("releases/.new-{id}"));
        let description = serde_json::to_vec_pretty(spec).map_err(|error| io_error("write", "release.json")(error.into()))?;
        let exists = self.storage.kind(&home).map_err(io_error("look at", &home))?.is_some();
        self.storage.remove_folder(&new).map_err(io_error("remove", &new))?;
        self.storage.create_folder(&new).map_err(io_error("make", &new))?;

        let mut folders = BTreeSet::from([new.clone()]);
        for file in &spec.files {
            let mut folder = new.clone();
            for name in file.path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
                folder = format!("{folder}/{name}");
                self.storage.create_folder(&folder).map_err(io_error("make", &folder))?;
                folders.insert(folder.clone());
            }
        }
        let mut bad = vec![];
        for file in &spec.files {
            let (blob, path) = (blob(file), format!("{new}/{}", file.path));
            let linked = self.storage.hard_link(&blob, &path).map_err(io_error("link", &path))?;
            if linked == Linked::Same && fresh.contains(&file.sha256) {
                continue;
            }
            if linked == Linked::Copy {
                self.storage.sync_file(&path).map_err(io_error("sync", &path))?;
            }
            if self.storage.digest(&path).map_err(io_error("read", &path))? != (file.sha256.clone(), file.size) {
                self.storage.remove(&blob).map_err(io_error("remove", &blob))?;
                bad.push(file.sha256.clone());
            }
        }
        if !bad.is_empty() {
            self.storage.remove_folder(&new).map_err(io_error("remove", &new))?;
            return Ok(bad);
        }
        let path = format!("{new}/release.json");
        self.storage.write(&path, &description).map_err(io_error("write", &path))?;
        self.storage.sync_file(&path).map_err(io_error("sync", &path))?;
        for folder in folders.iter().rev() {
            self.storage.sync_folder(folder).map_err(io_error("sync", folder))?;
        }
        if exists {
            // It may be the current one, so its files are replaced where they are, one by one.
            for path in spec.files.iter().map(|file| file.path.as_str()).chain(["release.json"]) {
                self.replace(&new, &home, path)?;
            }
            self.storage.remove_folder(&new).map_err(io_error("remove", &new))?;
        } else {
            self.storage.rename(&new, &home).map_err(io_error("rename", &new))?;
        }
        self.storage.sync_folder("releases").map_err(io_error("sync", "releases"))?;
        Ok(vec![])
    }

    fn replace(&mut self, new: &str, home: &str, path: &str) -> Result<(), MachineError> {
        let mut folder = home.to_owned();
        for name in path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
            folder = format!("{folder}/{name}");
            self.storage.create_folder(&folder).map_err(io_error("make", &folder))?;
        }
        let (from, to) = (format!("{new}/{path}"), format!("{home}/{path}"));
        self.storage.rename(&from, &to).map_err(io_error("replace", &to))?;
        self.storage.sync_folder(&folder).map_err(io_error("sync", &folder))
    }

    /// Writes down that a release is on trial until a deadline. From here on it goes back unless [`Machine::commit`] is called before.
    /// Returns the number of this attempt.
    ///
    /// # Errors
    ///
    /// Where the device does not take the release, it is not there, another one is on trial, or the journal cannot be written.
    pub fn arm(&mut self, spec: &ReleaseSpec, operator: &str, now: &Now, deadline_ms: u64) -> Result<u64, MachineError> {
        self.admit(spec)?;
        let mut journal = self.journal()?;
        let id = spec.id();
        if self.spec(id)? != *spec {
            return Err(MachineError::State(format!("release {id} is not staged")));
        }
        match (journal.phase, journal.release.as_deref() == Some(id)) {
            (Phase::Armed, false) => {
                let other = journal.release.unwrap_or_default();
                return Err(MachineError::State(format!("release {other} is on trial")));
            }
            // The same one, again: what was current before the first attempt is still what to go back to.
            (Phase::Armed, true) => {}
            _ => {
                journal.previous = self.linked("current")?;
                let version = |id: &String| self.spec(id).map_or_else(|_| String::new(), |spec| spec.version);
                journal.previous_version = journal.previous.as_ref().map(version).unwrap_or_default();
            }
        }
        journal.phase = Phase::Armed;
        journal.attempt += 1;
        journal.release = Some(id.into());
        journal.version.clone_from(&spec.version);
        journal.release_security_version = spec.security_version;
        journal.boot_id.clone_from(&now.boot_id);
        journal.deadline_ms = now.boot_ms + deadline_ms;
        journal.service = spec.service.clone();
        journal.operator = operator.chars().filter(|c| !c.is_control()).take(200).collect();
        journal.store(&mut self.storage)?;
        Ok(journal.attempt)
    }

    /// Makes the release that is on trial the current one.
    ///
    /// # Errors
    ///
    /// Where none is on trial, or the link cannot be replaced.
    pub fn switch(&mut self) -> Result<(), MachineError> {
        let journal = self.journal()?;
        match (journal.phase, journal.release) {
            (Phase::Armed, Some(id)) => self.point("current", &id),
            _ => Err(MachineError::State("no release is on trial".into())),
        }
    }

    /// Lets a link lead to a release, in one step.
    fn point(&mut self, name: &str, id: &str) -> Result<(), MachineError> {
        if self.linked(name)?.as_deref() == Some(id) {
            return self.storage.sync_folder("").map_err(io_error("sync", "the folder"));
        }
        let new = format!("{name}.new");
        self.storage.remove(&new).map_err(io_error("remove", &new))?;
        self.storage.link_to(&format!("releases/{id}"), &new).map_err(io_error("make", &new))?;
        self.storage.rename(&new, name).map_err(io_error("switch", name))?;
        self.storage.sync_folder("").map_err(io_error("sync", "the folder"))
    }

    /// Keeps the release that is on trial.
    ///
    /// # Errors
    ///
    /// Where none is, its time is over, or the journal cannot be written: then it goes back.
    pub fn commit(&mut self, now: &Now) -> Result<(), MachineError> {
        let mut journal = self.journal()?;
        match journal.phase {
            Phase::Armed => {}
            Phase::Committed => return self.recover(),
            Phase::Idle | Phase::Reverted => return Err(MachineError::State("no release is on trial".into())),
        }
        if is_over(&journal, now) {
            return Err(MachineError::State("the time to commit the release is over".into()));
        }
        if self.linked("current")? != journal.release {
            return Err(MachineError::State("the release on trial is not the current one".into()));
        }
        journal.phase = Phase::Committed;
        journal.security_version = journal.security_version.max(journal.release_security_version);
        if let Some(release) = &journal.release {
            journal.failures.remove(release);
        }
        journal.remember(None, now.unix_s);
        journal.store(&mut self.storage)?;
        self.recover()
    }

    /// Goes back to the release before the one on trial. `blame` says whether that counts against it; `restart` starts or stops the service after the switch; what it says is kept.
    /// Returns whether there was anything to go back from.
    ///
    /// # Errors
    ///
    /// Where the link cannot be replaced or the journal not written: then the release stays on trial, and this can be tried again.
    pub fn revert(
        &mut self,
        reason: &str,
        blame: Blame,
        now: &Now,
        restart: impl FnOnce(&Journal, Option<&str>) -> Result<(), String>,
    ) -> Result<bool, MachineError> {
        let mut journal = self.journal()?;
        if journal.phase != Phase::Armed {
            return Ok(false);
        }
        match journal.previous.clone() {
            Some(previous) => self.point("current", &previous)?,
            None => {
                self.storage.remove("current").map_err(io_error("remove", "current"))?;
                self.storage.sync_folder("").map_err(io_error("sync", "the folder"))?;
            }
        }
        let restarted = restart(&journal, journal.previous.as_deref());
        let mut reason = reason.to_owned();
        if let Err(problem) = restarted {
            reason = format!("{reason}; {REVERT_FAILED}: {problem}");
        }
        journal.phase = Phase::Reverted;
        if let (Some(release), Blame::Release) = (journal.release.clone(), blame) {
            *journal.failures.entry(release).or_default() += 1;
        }
        journal.remember(Some(reason), now.unix_s);
        journal.store(&mut self.storage)?;
        Ok(true)
    }

    /// Ends what a commit began: the link to the release before.
    ///
    /// # Errors
    ///
    /// Where the link cannot be replaced.
    pub fn recover(&mut self) -> Result<(), MachineError> {
        let journal = self.journal()?;
        match (journal.phase, journal.previous) {
            // A release that was current before it was deployed again leaves the one before it where it is.
            (Phase::Committed, Some(previous)) if Some(&previous) != journal.release.as_ref() => self.point("previous", &previous),
            _ => Ok(()),
        }
    }

    /// Removes what nobody needs: all but the current release and the one before, and what is on trial. Returns how many files went.
    ///
    /// # Errors
    ///
    /// Where something cannot be removed.
    pub fn collect(&mut self) -> Result<u64, MachineError> {
        let journal = self.journal()?;
        let mut kept: BTreeSet<String> = [self.linked("current")?, self.linked("previous")?].into_iter().flatten().collect();
        kept.extend(journal.previous);
        if journal.phase == Phase::Armed {
            kept.extend(journal.release);
        }
        let mut needed = BTreeSet::new();
        for id in self.storage.list("releases").map_err(io_error("list", "releases"))? {
            if kept.contains(&id) {
                // What a release needs is not known where its description cannot be read: then nothing goes.
                needed.extend(self.spec(&id)?.files.into_iter().map(|file| file.sha256));
                continue;
            }
            let path = format!("releases/{id}");
            self.storage.remove_folder(&path).map_err(io_error("remove", &path))?;
        }
        let mut removed = 0;
        for (folder, name) in self.names("blobs")?.into_iter().chain(self.names("staging")?) {
            if folder == "staging" || !needed.contains(&name) {
                let path = format!("{folder}/{name}");
                self.storage.remove(&path).map_err(io_error("remove", &path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn names(&self, folder: &'static str) -> Result<Vec<(&'static str, String)>, MachineError> {
        let names = self.storage.list(folder).map_err(io_error("list", folder))?;
        Ok(names.into_iter().map(|name| (folder, name)).collect())
    }
}

/// What a reason says where the release before does not run either.
pub const REVERT_FAILED: &str = "and the release before does not run";

/// Whether the release on trial has to go back: its time is over, or the device was started anew.
pub fn is_over(journal: &Journal, now: &Now) -> bool {
    journal.boot_id != now.boot_id || now.boot_ms >= journal.deadline_ms
}
