//! The state machine on a disk that loses its power after every operation, with what was not synced kept, lost or torn.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use edge_agent::journal::Phase;
use edge_agent::machine::{Blame, Machine, MachineError, Now};
use edge_agent::release::{FileSpec, ReleaseSpec};
use edge_agent::service::ServiceSpec;
use edge_agent::storage::{Kind, Linked, Storage};
use sha2::{Digest, Sha256};

/// A file's content: what programs see, and what would be there after a power cut.
#[derive(Clone, Debug, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// An index into the contents.
    File(usize),
    Link(String),
    Folder,
}

/// What becomes of operations that were not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unsynced {
    Kept,
    Lost,
    /// Some of the names, and a part of every file, by a seed.
    Torn(u64),
}

/// A disk. Names are durable once their folder is synced, contents once their file is.
#[derive(Clone, Debug, Default)]
struct Model {
    contents: Vec<Content>,
    seen: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    /// Operations until the power goes, or the disk fails.
    fuel: Option<u64>,
    /// Whether the disk fails instead of the power.
    fails: Option<io::ErrorKind>,
    operations: u64,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Model {
    /// Counts an operation, and ends the world when it is time.
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fuel.as_mut() {
            None => Ok(()),
            Some(0) => match self.fails {
                Some(kind) => Err(kind.into()),
                None => std::panic::panic_any(PowerCut),
            },
            Some(fuel) => {
                *fuel -= 1;
                Ok(())
            }
        }
    }

    fn file(&self, path: &str) -> io::Result<usize> {
        match self.seen.get(path) {
            Some(Node::File(index)) => Ok(*index),
            Some(_) => Err(io::ErrorKind::InvalidInput.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn expect_parent(&self, path: &str) -> io::Result<()> {
        let parent = parent(path);
        if parent.is_empty() || self.seen.get(parent) == Some(&Node::Folder) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// The disk after the power came back.
    fn after(&self, unsynced: Unsynced) -> Model {
        let mut model = Model { contents: self.contents.clone(), ..Model::default() };
        let mut seed = match unsynced {
            Unsynced::Torn(seed) => fastrand::Rng::with_seed(seed),
            _ => fastrand::Rng::with_seed(0),
        };
        let names: BTreeSet<&String> = self.seen.keys().chain(self.durable.keys()).collect();
        for name in names {
            let new = match unsynced {
                Unsynced::Kept => true,
                Unsynced::Lost => false,
                Unsynced::Torn(_) => seed.bool(),
            };
            let node = if new { self.seen.get(name) } else { self.durable.get(name) };
            if let Some(node) = node {
                model.seen.insert(name.clone(), node.clone());
            }
        }
        // A name in a folder that is not there leads nowhere.
        let folders: BTreeSet<String> =
            model.seen.iter().filter(|(_, node)| **node == Node::Folder).map(|(name, _)| name.clone()).collect();
        let reachable = |name: &str| {
            let mut at = parent(name);
            while !at.is_empty() {
                if !folders.contains(at) {
                    return false;
                }
                at = parent(at);
            }
            true
        };
        model.seen.retain(|name, _| reachable(name));
        for content in &mut model.contents {
            content.seen = match unsynced {
                Unsynced::Kept => content.seen.clone(),
                Unsynced::Lost => content.durable.clone(),
                Unsynced::Torn(_) if content.seen == content.durable => content.seen.clone(),
                // The length is there, and the rest of it is zeros.
                Unsynced::Torn(_) => {
                    let keep = seed.usize(0..=content.seen.len());
                    content.seen.iter().enumerate().map(|(at, &byte)| if at < keep { byte } else { 0 }).collect()
                }
            };
            content.durable = content.seen.clone();
        }
        model.durable = model.seen.clone();
        model
    }
}

/// What a thread ends with when the power goes.
struct PowerCut;

impl Storage for Model {
    fn read(&self, path: &str, _limit: u64) -> io::Result<Vec<u8>> {
        Ok(self.contents[self.file(path)?].seen.clone())
    }

    fn kind(&self, path: &str) -> io::Result<Option<Kind>> {
        Ok(self.seen.get(path).map(|node| match node {
            Node::File(index) => Kind::File(self.contents[*index].seen.len() as u64),
            Node::Link(_) => Kind::Link,
            Node::Folder => Kind::Folder,
        }))
    }

    fn read_link(&self, path: &str) -> io::Result<String> {
        match self.seen.get(path) {
            Some(Node::Link(target)) => Ok(target.clone()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{path}/");
        let inside = self.seen.keys().filter_map(|name| name.strip_prefix(&prefix)).filter(|name| !name.contains('/'));
        Ok(inside.map(Into::into).collect())
    }

    fn digest(&self, path: &str) -> io::Result<(String, u64)> {
        let bytes = self.read(path, u64::MAX)?;
        Ok((edge_agent::hex(&Sha256::digest(&bytes)), bytes.len() as u64))
    }

    fn create_folder(&mut self, path: &str) -> io::Result<()> {
        self.operation()?;
        self.expect_parent(path)?;
        match self.seen.get(path) {
            None => drop(self.seen.insert(path.into(), Node::Folder)),
            Some(Node::Folder) => {}
            Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        }
        Ok(())
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        // Two operations: the file, then its content.
        self.operation()?;
        self.expect_parent(path)?;
        let index = match self.file(path) {
            Ok(index) => index,
            Err(_) => {
                self.contents.push(Content::default());
                self.seen.insert(path.into(), Node::File(self.contents.len() - 1));
                self.contents.len() - 1
            }
        };
        self.contents[index].seen.clear();
        self.operation()?;
        self.contents[index].seen = bytes.into();
        Ok(())
    }

    fn sync_file(&mut self, path: &str) -> io::Result<()> {
        self.operation()?;
        let index = self.file(path)?;
        self.contents[index].durable = self.contents[index].seen.clone();
        Ok(())
    }

    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        self.operation()?;
        if !path.is_empty() && self.seen.get(path) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (seen, inside) = (self.seen.clone(), |name: &String| parent(name) == path);
        self.durable.retain(|name, _| !inside(name));
        self.durable.extend(seen.into_iter().filter(|(name, _)| inside(name)));
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.operation()?;
        self.expect_parent(to)?;
        let node = self.seen.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        let (source, target) = (format!("{from}/"), format!("{to}/"));
        if node == Node::Folder && self.seen.keys().any(|name| name.starts_with(&target)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        // Two names of one file: nothing happens.
        if matches!((&node, self.seen.get(to)), (Node::File(a), Some(Node::File(b))) if a == b) {
            return Ok(());
        }
        let moved: Vec<_> = self.seen.keys().filter(|name| *name == from || name.starts_with(&source)).cloned().collect();
        let mut durable = vec![];
        for name in moved {
            let node = self.seen.remove(&name).unwrap();
            let renamed = format!("{to}{}", &name[from.len()..]);
            // What is in a folder does not become less durable when the folder gets another name.
            if name != from && self.durable.contains_key(&name) {
                durable.push((renamed.clone(), self.durable[&name].clone()));
            }
            self.seen.insert(renamed, node);
        }
        self.durable.extend(durable);
        Ok(())
    }

    fn link_to(&mut self, target: &str, path: &str) -> io::Result<()> {
        self.operation()?;
        self.expect_parent(path)?;
        if self.seen.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.seen.insert(path.into(), Node::Link(target.into()));
        Ok(())
    }

    fn hard_link(&mut self, from: &str, to: &str) -> io::Result<Linked> {
        self.operation()?;
        self.expect_parent(to)?;
        let index = self.file(from)?;
        if self.seen.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.seen.insert(to.into(), Node::File(index));
        Ok(Linked::Same)
    }

    fn seal(&mut self, path: &str, _executable: bool) -> io::Result<()> {
        self.operation()?;
        self.file(path).map(|_| ())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.operation()?;
        self.seen.remove(path);
        Ok(())
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        let inside = format!("{path}/");
        let names: Vec<_> = self.seen.keys().filter(|name| *name == path || name.starts_with(&inside)).rev().cloned().collect();
        for name in names {
            self.operation()?;
            self.seen.remove(&name);
        }
        Ok(())
    }
}

fn spec(version: &str, security_version: u32, contents: &[(&str, &[u8])]) -> (ReleaseSpec, Vec<Vec<u8>>) {
    let files = contents.iter().map(|(path, bytes)| FileSpec {
        path: (*path).into(),
        role: "program".into(),
        sha256: edge_agent::hex(&Sha256::digest(bytes)),
        size: bytes.len() as u64,
    });
    let spec = ReleaseSpec {
        digest: edge_agent::hex(&Sha256::digest(version)),
        version: version.into(),
        security_version,
        files: files.collect(),
        service: ServiceSpec::None,
    };
    (spec, contents.iter().map(|(_, bytes)| bytes.to_vec()).collect())
}

fn first() -> (ReleaseSpec, Vec<Vec<u8>>) {
    spec("1", 1, &[("model.edgm", b"one"), ("data/labels.txt", b"a\nb\n")])
}

fn second() -> (ReleaseSpec, Vec<Vec<u8>>) {
    spec("2", 2, &[("model.edgm", b"second"), ("data/labels.txt", b"a\nb\n"), ("data/more/x", b"xyz")])
}

fn now(boot: &str) -> Now {
    Now { boot_id: boot.into(), boot_ms: 1000, unix_s: 0 }
}

/// What a deployment does, as a session does it; `Ok(false)` where the release is refused.
fn deploy(machine: &mut Machine<Model>, (spec, contents): &(ReleaseSpec, Vec<Vec<u8>>), end: End, boot: &str) -> Result<(), MachineError> {
    machine.prepare()?;
    machine.recover()?;
    machine.admit(spec)?;
    for missing in machine.missing(spec)? {
        let content = spec.files.iter().zip(contents).find(|(file, _)| file.sha256 == missing.sha256).unwrap().1;
        let path = format!("staging/{}.part", missing.sha256);
        let io = |source| MachineError::Io { doing: "write", path: path.clone(), source };
        // What SFTP does: the file, then its content.
        machine.storage.write(&path, content).map_err(io)?;
    }
    if !machine.seal(spec)?.is_empty() {
        // Torn by a power cut: brought again.
        return deploy(machine, &(spec.clone(), contents.clone()), end, boot);
    }
    machine.arm(spec, "test", &now(boot), 5000)?;
    machine.switch()?;
    match end {
        End::Commit => {
            machine.commit(&now(boot))?;
            machine.collect()?;
        }
        End::Revert => drop(machine.revert("test", Blame::Release, &now(boot), |_, _| Ok(()))?),
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Commit,
    Revert,
}

/// The boot hook: nothing is on trial afterwards.
fn boot(machine: &mut Machine<Model>, boot: &str) {
    let journal = machine.journal().unwrap();
    if journal.phase == Phase::Armed {
        assert!(machine.revert("rebooted", Blame::Release, &now(boot), |_, _| Ok(())).unwrap());
    } else {
        machine.recover().unwrap();
    }
}

/// What holds at any time: the current release is there, and every file is what it should be.
fn check(machine: &Machine<Model>, at: &str) -> Option<String> {
    let journal = machine.journal().unwrap_or_else(|error| panic!("{at}: {error}"));
    let current = machine.linked("current").unwrap();
    if let Some(id) = &current {
        let spec = machine.spec(id).unwrap_or_else(|error| panic!("{at}: {error}"));
        for file in &spec.files {
            let found = machine.storage.digest(&format!("releases/{id}/{}", file.path)).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert_eq!(found, (file.sha256.clone(), file.size), "{at}: {}", file.path);
        }
        // Which one it is, the journal knows.
        match journal.phase {
            Phase::Committed => assert_eq!(Some(id), journal.release.as_ref(), "{at}"),
            Phase::Reverted => assert_eq!(Some(id), journal.previous.as_ref(), "{at}"),
            Phase::Armed => assert!(Some(id) == journal.release.as_ref() || Some(id) == journal.previous.as_ref(), "{at}"),
            Phase::Idle => panic!("{at}: idle, and yet {id}"),
        }
    }
    current
}

/// A device with the first release, or none.
fn device(installed: bool) -> Machine<Model> {
    let mut machine = Machine::new(Model::default());
    if installed {
        deploy(&mut machine, &first(), End::Commit, "boot-0").unwrap();
    }
    machine.storage.operations = 0;
    machine
}

/// Runs until the power goes; whether it did.
fn until_cut(machine: &mut Machine<Model>, end: End, boot: &str) -> bool {
    let run = std::panic::AssertUnwindSafe(|| deploy(machine, &second(), end, boot).unwrap());
    match std::panic::catch_unwind(run) {
        Ok(()) => false,
        Err(reason) if reason.is::<PowerCut>() => true,
        Err(reason) => std::panic::resume_unwind(reason),
    }
}

fn quiet() {
    std::panic::set_hook(Box::new(|info| {
        if !info.payload().is::<PowerCut>() {
            eprintln!("{info}");
        }
    }));
}

/// Boots, checks, deploys again, checks.
fn ends_well(mut machine: Machine<Model>, installed: bool, at: &str) {
    boot(&mut machine, "boot-2");
    let current = check(&machine, at);
    assert!(current.is_some() || !installed, "{at}: nothing is current any more");
    let journal = machine.journal().unwrap();
    let committed = journal.history.iter().any(|entry| entry.phase == Phase::Committed && entry.release == second().0.id());
    // Only a commit raises what counts against rollbacks.
    assert_eq!(journal.security_version, if committed { 2 } else { u32::from(installed) }, "{at}");
    deploy(&mut machine, &second(), End::Commit, "boot-2").unwrap_or_else(|error| panic!("{at}, again: {error}"));
    assert_eq!(check(&machine, at).as_deref(), Some(second().0.id()), "{at}");
    let left = machine.storage.list("staging").unwrap();
    assert!(left.is_empty(), "{at}: {left:?} is left");
}

#[test]
fn a_power_cut_after_any_operation_leaves_a_verified_release() {
    quiet();
    let mut cuts = 0;
    for (installed, end) in [(true, End::Commit), (true, End::Revert), (false, End::Commit), (false, End::Revert)] {
        for fuel in 0.. {
            let mut machine = device(installed);
            machine.storage.fuel = Some(fuel);
            if !until_cut(&mut machine, end, "boot-1") {
                break;
            }
            for unsynced in [Unsynced::Kept, Unsynced::Lost, Unsynced::Torn(fuel)] {
                let after = Machine::new(machine.storage.after(unsynced));
                ends_well(after, installed, &format!("installed {installed}, {end:?}, {fuel} operations, {unsynced:?}"));
                cuts += 1;
            }
        }
    }
    eprintln!("{cuts} power cuts");
    assert!(cuts >= 400, "only {cuts} power cuts");
}

#[test]
fn two_power_cuts_in_a_row_do_no_more_harm() {
    quiet();
    let mut random = fastrand::Rng::with_seed(6);
    let mut doubles = 0;
    while doubles < 1000 {
        let installed = random.bool();
        let end = if random.bool() { End::Commit } else { End::Revert };
        let mut machine = device(installed);
        for boot_id in ["boot-1", "boot-1b"] {
            machine.storage.fuel = Some(random.u64(0..70));
            until_cut(&mut machine, end, boot_id);
            let unsynced = match random.u8(0..3) {
                0 => Unsynced::Kept,
                1 => Unsynced::Lost,
                _ => Unsynced::Torn(random.u64(..)),
            };
            machine = Machine::new(machine.storage.after(unsynced));
            // The boot hook loses its power as well, at times.
            machine.storage.fuel = Some(random.u64(0..20));
            let run = std::panic::AssertUnwindSafe(|| boot(&mut machine, "boot-1c"));
            if let Err(reason) = std::panic::catch_unwind(run) {
                assert!(reason.is::<PowerCut>());
                machine = Machine::new(machine.storage.after(unsynced));
            }
            machine.storage.fuel = None;
        }
        ends_well(machine, installed, &format!("double cut {doubles}"));
        doubles += 1;
    }
}

#[test]
fn a_disk_that_fails_leaves_what_runs() {
    let mut failures = 0;
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::Other] {
        for fuel in 0.. {
            let mut machine = device(true);
            machine.storage.fuel = Some(fuel);
            machine.storage.fails = Some(kind);
            if deploy(&mut machine, &second(), End::Commit, "boot-1").is_ok() {
                break;
            }
            let at = format!("{kind} after {fuel} operations");
            check(&machine, &at);
            // Nothing can be written: nothing gets worse. When it can again, the device goes back by itself, and takes the release.
            let _: Result<_, _> = machine.revert("disk", Blame::Nobody, &now("boot-1"), |_, _| Ok(()));
            check(&machine, &at);
            machine.storage.fuel = None;
            ends_well(machine, true, &at);
            failures += 1;
        }
    }
    eprintln!("{failures} failures of the disk");
}

#[test]
fn older_security_versions_are_refused_and_reverted_releases_after_three_times() {
    let mut machine = device(true);
    deploy(&mut machine, &second(), End::Revert, "boot-1").unwrap();
    assert_eq!(machine.journal().unwrap().security_version, 1, "raised without a commit");
    deploy(&mut machine, &second(), End::Commit, "boot-1").unwrap();
    let error = deploy(&mut machine, &first(), End::Commit, "boot-1").unwrap_err();
    assert!(matches!(error, MachineError::Rollback { found: 1, committed: 2 }), "{error}");
    let (mut third, contents) = first();
    third.security_version = 2;
    third.digest = edge_agent::hex(&Sha256::digest("3"));
    for _ in 0..3 {
        deploy(&mut machine, &(third.clone(), contents.clone()), End::Revert, "boot-1").unwrap();
    }
    let error = deploy(&mut machine, &(third, contents), End::Commit, "boot-1").unwrap_err();
    assert!(matches!(error, MachineError::Blacklisted { failures: 3, .. }), "{error}");
}

#[test]
fn a_release_is_committed_only_in_time_and_in_its_boot() {
    let (release, contents) = second();
    let armed = || {
        let mut machine = device(true);
        for (file, content) in release.files.iter().zip(&contents) {
            machine.storage.write(&format!("staging/{}.part", file.sha256), content).unwrap();
        }
        assert_eq!(machine.seal(&release).unwrap(), [""; 0]);
        machine.arm(&release, "test", &now("boot-1"), 5000).unwrap();
        machine.switch().unwrap();
        machine
    };
    let late = Now { boot_ms: 6000, ..now("boot-1") };
    for (time, refused) in [(now("boot-1"), false), (late, true), (now("boot-2"), true)] {
        assert_eq!(armed().commit(&time).is_err(), refused, "{time:?}");
    }
    // The clock that shows the day decides nothing.
    for unix_s in [0, u64::MAX] {
        armed().commit(&Now { unix_s, ..now("boot-1") }).unwrap();
    }
}

#[test]
fn a_damaged_file_of_the_current_release_is_mended_where_it_is() {
    let mut machine = device(true);
    let (release, contents) = first();
    let path = format!("releases/{}/model.edgm", release.id());
    let index = machine.storage.file(&path).unwrap();
    machine.storage.contents[index].seen[0] ^= 1;
    assert_eq!(machine.seal(&release).unwrap(), [release.files[0].sha256.clone()]);
    machine.storage.write(&format!("staging/{}.part", release.files[0].sha256), &contents[0]).unwrap();
    assert_eq!(machine.seal(&release).unwrap(), [""; 0]);
    check(&machine, "mended");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for path in ["../x", "/x", "a/../../x", "a//b", "", ".", "a/.", "release.json", "a\nb"] {
        let (mut release, _) = first();
        release.files[0].path = path.into();
        assert!(release.check().is_err(), "{path:?}");
    }
    let (mut release, _) = first();
    release.files[0].path = "data".into();
    assert!(release.check().is_err(), "a file where a folder is");
    release.files[0].path = "ok".into();
    release.files[0].sha256 = "../../../../etc/passwd".into();
    assert!(release.check().is_err());
}
