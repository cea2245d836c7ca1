//! `ssh:` targets: Linux devices.
//!
//! Connect → probe → lock → stage → verify → arm → switch → restart → health → commit → collect. Files go over SFTP, everything else is
//! done by the agent on the device (`edge-agent`), which is a file of the release itself. Before the switch, losing the connection leaves the
//! old release running, and the next run goes on where this one was. After it, the device goes back by itself unless it hears a commit in
//! time; this side then connects again to learn how it ended, and says so only when the device has.

pub mod auth;
mod bench;
pub mod config;
pub mod connect;
mod error;
pub mod known_hosts;
mod operate;
pub mod remote;

use std::thread;
use std::time::{Duration, Instant};

use edge_agent::journal::{Journal, Phase};
use edge_agent::machine::{Missing, REVERT_FAILED};
use edge_agent::protocol::{Hello, Request, Response};
use edge_agent::release::{FileSpec, ReleaseSpec};
use edge_agent::service::ServiceSpec;
use ssh2::Sftp;

pub use bench::{Run, bench};
pub use connect::{HostKeyPolicy, SshOptions};
pub use error::SshError;
pub use operate::{History, Status};

use self::remote::{Agent, Remote, quote};
use crate::error::DeployError;
use crate::event::{Event, Step};
use crate::receipt::{Outcome, Receipt};
use crate::release::{Release, ReleaseFile, ReleaseTarget};
use crate::target::{SshTarget, Target};
use crate::transport::{Options, Settings, Transport};

/// Where applications are when the target names no folder.
pub const FOLDER: &str = "/opt/edgectl";
/// The role of the agent's binary.
const RUNTIME: &str = "runtime";
/// How often a lost connection is made anew before the switch.
const RETRIES: u32 = 2;
/// What must be left free beside the files.
const SPARE_BYTES: u64 = 1 << 20;
/// How long the device may take to compare digests, beyond the time for any answer; for every 100 MiB of the release once more.
const VERIFY: Duration = Duration::from_secs(60);
/// How long starting the service may take.
const RESTART: Duration = Duration::from_secs(70);
/// How long after the deadline the device is asked how it ended.
const GRACE: Duration = Duration::from_secs(5);

/// How the device is judged, and who starts the service.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// Who starts the service; `None` is the agent, or systemd where its unit is there.
    pub service: ServiceSpec,
    /// How often in a row the service must be well.
    pub passes: u32,
    /// The time between two looks.
    pub interval: Duration,
    /// How long until the first good one.
    pub health_timeout: Duration,
    /// The device's profile, where the release has several for its architecture.
    pub profile: Option<String>,
    /// Arguments for the agent that only tests need.
    pub agent_arguments: String,
}

impl Default for DeviceOptions {
    fn default() -> DeviceOptions {
        DeviceOptions {
            service: ServiceSpec::Process,
            passes: 3,
            interval: Duration::from_millis(500),
            health_timeout: Duration::from_secs(30),
            profile: None,
            agent_arguments: String::new(),
        }
    }
}

/// The transport.
#[derive(Clone, Debug)]
pub struct Ssh {
    target: SshTarget,
    ssh: SshOptions,
    device: DeviceOptions,
}

/// What the shell of the device says, before there is an agent.
struct Probed {
    arch: String,
    user: String,
}

/// A device whose agent answers and holds the lock.
struct Locked<'r> {
    remote: &'r Remote,
    sftp: &'r Sftp,
    agent: Agent<'r>,
    hello: Hello,
    root: String,
}

/// The row of the transport table.
pub(crate) fn open(target: &Target, settings: &Settings) -> Option<Box<dyn Transport>> {
    match target {
        Target::Ssh(target) => Some(Box::new(Ssh::new(target.clone(), settings.ssh.clone(), settings.device.clone()))),
        _ => None,
    }
}

impl Ssh {
    /// A device; nothing is opened yet.
    pub fn new(target: SshTarget, ssh: SshOptions, device: DeviceOptions) -> Ssh {
        Ssh { target, ssh, device }
    }

    fn root(&self, application: &str) -> String {
        format!("{}/{application}", self.target.folder.as_deref().unwrap_or(FOLDER))
    }

    fn connect(&self, events: &mut dyn FnMut(Event)) -> Result<Remote, SshError> {
        events(Event::Started { step: Step::Connect });
        let connection = connect::connect(&self.target, &self.ssh)?;
        if connection.learned {
            let text = format!("{}: its key is remembered from now on: {}", self.target, connection.host_key.fingerprint());
            events(Event::Note { text });
        }
        if !connection.ignored.is_empty() {
            let text = format!("ignored in ssh's configuration: {}", connection.ignored.join(", "));
            events(Event::Note { text });
        }
        events(Event::Done { step: Step::Connect });
        Ok(Remote::new(&self.target.host, connection, self.ssh.timeout))
    }

    /// Asks the shell what the device is.
    fn probe(remote: &Remote) -> Result<Probed, SshError> {
        let output = remote.must("uname -s; uname -m; id -un")?;
        let mut lines = output.lines().map(str::trim);
        let (system, machine, user) = (lines.next(), lines.next(), lines.next());
        let device = |message: String| SshError::Device { host: remote.host().into(), message };
        if system != Some("Linux") {
            return Err(device(format!("it runs {}, not Linux", system.unwrap_or("nothing known"))));
        }
        let arch = match machine.unwrap_or_default() {
            "arm64" => "aarch64",
            "amd64" => "x86_64",
            other => other,
        };
        Ok(Probed { arch: arch.into(), user: user.unwrap_or_default().into() })
    }

    /// What the release has for a device.
    fn choose<'a>(&self, release: &'a Release, arch: &str) -> Result<&'a ReleaseTarget, SshError> {
        let refused = |message: String| SshError::Refused { host: self.target.host.clone(), message };
        let linux = || release.targets.iter().filter(|target| target.linux);
        if let Some(profile) = &self.device.profile {
            let target = linux().find(|target| target.profile == *profile);
            let target = target.ok_or_else(|| refused(format!("the release is not for {profile}")))?;
            return match target.arch == arch {
                true => Ok(target),
                false => Err(refused(format!("{profile} is {}, and this device {arch}", target.arch))),
            };
        }
        let mut fitting = linux().filter(|target| target.arch == arch);
        let first = fitting.next().ok_or_else(|| {
            let known: Vec<_> = linux().map(|target| format!("{} ({})", target.profile, target.arch)).collect();
            refused(format!(
                "this device is {arch}, and the release is for {}",
                if known.is_empty() { "none with Linux".into() } else { known.join(", ") }
            ))
        })?;
        match fitting.find(|other| other.files != first.files) {
            None => Ok(first),
            Some(other) => Err(refused(format!(
                "the release has other files for {} than for {}: say which this device is",
                first.profile, other.profile
            ))),
        }
    }

    /// Makes sure that the agent's binary is on the device and is what it should be; its path.
    fn bring_agent(
        remote: &Remote,
        sftp: &Sftp,
        probed: &Probed,
        root: &str,
        file: &ReleaseFile,
        sent: &mut u64,
    ) -> Result<String, SshError> {
        let (blobs, path) = (format!("{root}/blobs"), format!("{root}/blobs/{}", file.sha256));
        let there = sftp.stat(std::path::Path::new(&path)).is_ok_and(|stat| stat.size == Some(file.size));
        if there && remote.sha256(sftp, &path)? == file.sha256 {
            return Ok(path);
        }
        if remote.run(&format!("mkdir -p -- {} {}", quote(&blobs), quote(&format!("{root}/staging"))))?.0 != 0 {
            let folder = root.rsplit_once('/').map_or(root, |(folder, _)| folder);
            let message = format!(
                "{} may not write to {folder}; this makes it so: sudo install -d -o {} -m 755 {}",
                probed.user,
                probed.user,
                quote(folder)
            );
            return Err(SshError::Permission { host: remote.host().into(), message });
        }
        // Another deployment may do the same: each has a name of its own, and the last rename is as good as the first.
        let unique = Instant::now().elapsed().as_nanos() ^ u128::from(std::process::id());
        let new = format!("{root}/staging/agent-{}-{unique:x}.part", &file.sha256[..16]);
        let arrived = remote.upload(sftp, file, &new, 0, &mut |_| (), &mut || Ok(())).and_then(|()| remote.sha256(sftp, &new));
        if !matches!(&arrived, Ok(digest) if *digest == file.sha256) {
            let _: Result<_, _> = sftp.unlink(std::path::Path::new(&new));
            arrived.map_err(|error| no_space(remote, root, error))?;
            return Err(SshError::Damaged { host: remote.host().into(), path: file.path.clone() });
        }
        *sent += file.size;
        // SFTP's rename does not replace; `mv` does, in one step.
        remote.must(&format!("chmod 555 {0} && mv -f {0} {1}", quote(&new), quote(&path)))?;
        Ok(path)
    }

    fn spec(&self, release: &Release, files: &[&ReleaseFile]) -> ReleaseSpec {
        let file = |file: &&ReleaseFile| FileSpec {
            path: file.path.clone(),
            role: file.role.clone(),
            sha256: file.sha256.clone(),
            size: file.size,
        };
        ReleaseSpec {
            digest: release.digest.clone(),
            version: release.version.clone(),
            security_version: release.security_version,
            files: files.iter().map(file).collect(),
            service: self.device.service.clone(),
        }
    }

    /// Brings the files that are missing, and has the device compare them.
    fn stage(
        &self,
        device: &mut Locked<'_>,
        spec: &ReleaseSpec,
        files: &[&ReleaseFile],
        sent: &mut u64,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), SshError> {
        let host = device.remote.host().to_owned();
        for again in [false, true] {
            let request = Request::Release { release: spec.clone() };
            let Response::Release { missing, .. } = device.agent.ask(&request, Duration::ZERO)? else { return Err(unexpected(&host)) };
            self.bring(device, &missing, files, sent, events)?;
            events(Event::Started { step: Step::Verify });
            let patience = VERIFY * u32::try_from(1 + spec.bytes() / (100 << 20)).unwrap_or(u32::MAX);
            let Response::Sealed { bad } = device.agent.ask(&Request::Seal, patience)? else { return Err(unexpected(&host)) };
            let Some(first) = bad.first() else {
                events(Event::Verified { what: format!("{} files, {} bytes, by SHA-256", spec.files.len(), spec.bytes()) });
                events(Event::Done { step: Step::Verify });
                return Ok(());
            };
            let path = files.iter().find(|file| file.sha256 == *first).map(|file| file.path.clone()).unwrap_or_default();
            if again {
                return Err(SshError::Damaged { host, path });
            }
            events(Event::Note { text: format!("{host}: {path} arrived with other bytes, and is brought again") });
        }
        Ok(())
    }

    fn bring(
        &self,
        device: &mut Locked<'_>,
        missing: &[Missing],
        files: &[&ReleaseFile],
        sent: &mut u64,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), SshError> {
        let needed: u64 = missing.iter().map(|file| file.size - file.have).sum();
        let Hello { free_bytes, free_files, .. } = device.hello;
        let host = device.remote.host().to_owned();
        if missing.is_empty() {
            events(Event::Skipped { step: Step::Stage, reason: "every file is there".into() });
            return Ok(());
        }
        events(Event::Started { step: Step::Stage });
        let files_needed = 8 + 2 * files.len() as u64;
        if needed.saturating_add(SPARE_BYTES) > free_bytes || free_files.is_some_and(|free| free < files_needed) {
            let free_files = free_files.map(|free| format!(" and {free} files")).unwrap_or_default();
            let message = format!("{needed} bytes and {files_needed} files are needed, {free_bytes} bytes{free_files} are free");
            return Err(SshError::NoSpace { host, message });
        }
        let mut done = 0;
        for file in missing {
            let Some(source) = files.iter().find(|source| source.sha256 == file.sha256) else { return Err(unexpected(&host)) };
            let path = format!("{}/staging/{}.part", device.root, file.sha256);
            let mut progress = |bytes: u64| {
                done += bytes;
                events(Event::Advanced { step: Step::Stage, done, total: needed });
            };
            let agent = &mut device.agent;
            let mut alive = || agent.ask(&Request::Ping, Duration::ZERO).map(|_| ());
            let result = device.remote.upload(device.sftp, source, &path, file.have, &mut progress, &mut alive);
            *sent += if result.is_ok() { file.size - file.have } else { 0 };
            if let Err(error) = result {
                let error = no_space(device.remote, &device.root, error);
                if matches!(error, SshError::NoSpace { .. }) {
                    // What is half there would only keep others from writing.
                    let _: Result<_, _> = device.agent.ask(&Request::Collect, VERIFY);
                }
                return Err(error);
            }
        }
        events(Event::Done { step: Step::Stage });
        Ok(())
    }

    /// From the armed timer to the commit. `Ok(Err)` is why the release must go.
    fn activate(
        &self,
        agent: &mut Agent<'_>,
        options: &Options,
        switched: &mut Option<Instant>,
        events: &mut dyn FnMut(Event),
    ) -> Result<Result<String, String>, SshError> {
        let deadline_ms = u64::try_from(options.deadline.as_millis()).unwrap_or(u64::MAX);
        events(Event::Started { step: Step::Arm });
        agent.ask(&Request::Arm { deadline_ms, operator: options.operator.clone() }, Duration::ZERO)?;
        events(Event::Done { step: Step::Arm });
        // From here on the device may have switched, whatever is heard of it.
        *switched = Some(Instant::now());
        events(Event::Started { step: Step::Switch });
        agent.ask(&Request::Switch, Duration::ZERO)?;
        events(Event::Done { step: Step::Switch });
        events(Event::Started { step: Step::Restart });
        if let Response::Unhealthy { reason } = agent.ask(&Request::Restart, RESTART)? {
            return Ok(Err(reason));
        }
        events(Event::Done { step: Step::Restart });
        let proof = match self.health(agent, options.deadline, events)? {
            Ok(proof) => proof,
            Err(reason) => return Ok(Err(reason)),
        };
        events(Event::Started { step: Step::Commit });
        agent.ask(&Request::Commit, Duration::ZERO)?;
        events(Event::Done { step: Step::Commit });
        Ok(Ok(proof))
    }

    fn health(&self, agent: &mut Agent<'_>, patience: Duration, events: &mut dyn FnMut(Event)) -> Result<Result<String, String>, SshError> {
        events(Event::Started { step: Step::Health });
        let request = Request::Health {
            passes: self.device.passes,
            interval_ms: u64::try_from(self.device.interval.as_millis()).unwrap_or(u64::MAX),
            timeout_ms: u64::try_from(self.device.health_timeout.as_millis()).unwrap_or(u64::MAX),
        };
        match agent.ask(&request, patience)? {
            Response::Healthy { proof } => {
                events(Event::Verified { what: proof.clone() });
                events(Event::Done { step: Step::Health });
                Ok(Ok(proof))
            }
            Response::Unhealthy { reason } => Ok(Err(remote::plain(&reason))),
            _ => Err(unexpected(&self.target.host)),
        }
    }

    /// Activates what is staged, and says how it ended, as the device tells it.
    fn conclude(
        &self,
        mut device: Locked<'_>,
        spec: &ReleaseSpec,
        options: &Options,
        events: &mut dyn FnMut(Event),
    ) -> Result<Outcome, DeployError> {
        let host = device.remote.host().to_owned();
        let mut switched = None;
        let ended = match self.activate(&mut device.agent, options, &mut switched, events) {
            Ok(Ok(proof)) => {
                self.collect(&mut device.agent, events);
                device.agent.end();
                return Ok(Outcome::Committed { proof });
            }
            Ok(Err(reason)) => {
                events(Event::Started { step: Step::Revert });
                device.agent.ask(&Request::Revert { reason }, RESTART)
            }
            // A device that refuses a step is asked to go back; one that is gone is not.
            Err(error) if switched.is_some() && !error.is_lost() => {
                device.agent.ask(&Request::Revert { reason: error.to_string() }, RESTART)
            }
            Err(error) => Err(error),
        };
        let journal = match (ended, switched) {
            (Ok(Response::Reverted { journal }), _) => *journal,
            (Ok(_), _) => return Err(unexpected(&host).into()),
            (Err(error), None) => return Err(error.into()),
            (Err(error), Some(since)) => {
                device.remote.connection().abort();
                let root = device.root.clone();
                let agent = spec.file(RUNTIME).map(|file| format!("{root}/blobs/{}", file.sha256)).unwrap_or_default();
                self.learn(&root, &agent, error, since, options, events)?
            }
        };
        told(&host, &journal)
    }

    /// Asks the device how it ended, until its deadline is well over.
    fn learn(
        &self,
        root: &str,
        agent: &str,
        cause: SshError,
        since: Instant,
        options: &Options,
        events: &mut dyn FnMut(Event),
    ) -> Result<Journal, DeployError> {
        events(Event::Note { text: format!("{}: {cause}; asking the device how it ends", self.target.host) });
        loop {
            let asked = self.connect(&mut |_| ()).and_then(|remote| {
                let mut agent = remote.agent(agent, root, &self.device.agent_arguments)?;
                agent.ask(&Request::Hello { protocol: edge_agent::protocol::PROTOCOL }, Duration::ZERO)
            });
            if let Ok(Response::Hello(hello)) = asked
                && hello.journal.phase != Phase::Armed
            {
                return Ok(hello.journal);
            }
            if since.elapsed() > options.deadline + GRACE + self.ssh.timeout {
                let (host, cause) = (self.target.host.clone(), cause.to_string());
                return Err(SshError::Unknown { host, cause, within: options.deadline }.into());
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn collect(&self, agent: &mut Agent<'_>, events: &mut dyn FnMut(Event)) {
        events(Event::Started { step: Step::Collect });
        match agent.ask(&Request::Collect, VERIFY) {
            Ok(_) => events(Event::Done { step: Step::Collect }),
            // The release runs; what is left lies there until the next deployment.
            Err(error) => events(Event::Note { text: error.to_string() }),
        }
    }

    /// One try, as far as the connection lasts.
    fn attempt(&self, release: &Release, options: &Options, sent: &mut u64, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError> {
        let remote = self.connect(events)?;
        let host = remote.host().to_owned();
        events(Event::Started { step: Step::Probe });
        let probed = Self::probe(&remote)?;
        let files = release.files_for(self.choose(release, &probed.arch)?);
        let spec = self.spec(release, &files);
        let runtime = files.iter().find(|file| file.role == RUNTIME);
        let runtime = runtime
            .ok_or_else(|| SshError::Refused { host: host.clone(), message: format!("the release has no runtime for {}", probed.arch) })?;
        let root = self.root(&release.name);
        let sftp = remote.sftp()?;
        let binary = Self::bring_agent(&remote, &sftp, &probed, &root, runtime, sent)?;
        let mut device = operate::greet(&remote, &sftp, &binary, root, &self.device.agent_arguments)?;
        events(Event::Done { step: Step::Probe });

        events(Event::Started { step: Step::Lock });
        device.agent.ask(&Request::Lock { operator: options.operator.clone() }, RESTART)?;
        events(Event::Done { step: Step::Lock });
        let previous = device.hello.current.clone();
        self.stage(&mut device, &spec, &files, sent, events)?;

        let settled = device.hello.journal.phase != Phase::Armed && previous.as_deref() == Some(spec.id());
        let outcome = if settled {
            for step in [Step::Arm, Step::Switch, Step::Restart, Step::Commit] {
                events(Event::Skipped { step, reason: "it is the current release already".into() });
            }
            match self.health(&mut device.agent, options.deadline, events)? {
                Ok(proof) => Outcome::Unchanged { proof },
                Err(reason) => {
                    return Err(
                        SshError::Device { host, message: format!("it runs this release already, and is not well: {reason}") }.into()
                    );
                }
            }
        } else {
            let (version, phase) = (device.hello.journal.version.clone(), device.hello.journal.phase);
            if phase == Phase::Armed && device.hello.journal.release.as_deref() != Some(spec.id()) {
                let reason = format!("superseded by {}", release.version);
                events(Event::Note { text: format!("{host}: {version} was on trial, and goes back first") });
                device.agent.ask(&Request::Revert { reason }, RESTART)?;
            }
            self.conclude(device, &spec, options, events)?
        };
        let target = Target::Ssh(self.target.clone());
        Ok(Receipt::new(&target, [&release.digest, &release.version], previous, *sent, outcome))
    }
}

impl Transport for Ssh {
    fn deploy(&mut self, release: &Release, options: &Options, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError> {
        let bytes = release.files.iter().map(|file| file.size).sum();
        let steps = vec![
            Step::Connect,
            Step::Probe,
            Step::Lock,
            Step::Stage,
            Step::Verify,
            Step::Arm,
            Step::Switch,
            Step::Restart,
            Step::Health,
            Step::Commit,
            Step::Collect,
        ];
        events(Event::Planned { steps, bytes });
        let mut sent = 0;
        for _ in 0..RETRIES {
            match self.attempt(release, options, &mut sent, events) {
                Err(DeployError::Ssh(error)) if error.is_lost() => {
                    events(Event::Note { text: format!("{error}; trying again") });
                    thread::sleep(Duration::from_millis(500));
                }
                ended => return ended,
            }
        }
        self.attempt(release, options, &mut sent, events)
    }
}

/// What a journal says of the last deployment.
fn told(host: &str, journal: &Journal) -> Result<Outcome, DeployError> {
    let reason = journal.last().and_then(|entry| entry.reason.clone()).unwrap_or_else(|| "for an unknown reason".into());
    match journal.phase {
        Phase::Committed => Ok(Outcome::Committed { proof: "the device has committed it".into() }),
        Phase::Reverted if !reason.contains(REVERT_FAILED) => {
            let nothing = if journal.previous.is_none() { "; there was no release to go back to, so none runs" } else { "" };
            Ok(Outcome::Reverted { reason: remote::plain(&format!("{reason}{nothing}")) })
        }
        Phase::Reverted => Err(SshError::Broken { host: host.into(), message: remote::plain(&reason) }.into()),
        Phase::Armed | Phase::Idle => Err(unexpected(host).into()),
    }
}

fn unexpected(host: &str) -> SshError {
    SshError::Device { host: host.into(), message: "its agent answers another question than it was asked".into() }
}

/// Servers say no more of a full disk than that something failed: whether it is full, the device is asked.
fn no_space(remote: &Remote, root: &str, error: SshError) -> SshError {
    if !matches!(error, SshError::Device { .. }) {
        return error;
    }
    let free = remote.run(&format!("df -Pk {0} | tail -n 1; df -Pi {0} | tail -n 1", quote(root)));
    let full = free.is_ok_and(|(_, output)| {
        output.lines().any(|line| line.split_whitespace().nth(3).and_then(|free| free.parse::<u64>().ok()).is_some_and(|free| free < 64))
    });
    match full {
        true => SshError::NoSpace { host: remote.host().into(), message: error.to_string() },
        false => error,
    }
}
