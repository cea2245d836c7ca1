//! A session: requests of a deployer on standard input, answers on standard output.
//!
//! It ends with its input, or when nothing comes for [`LEASE_S`]: then the lock is free again, and what is on trial is the guard's matter.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::device::{Device, Lock};
use crate::guard;
use crate::journal::{JournalError, Phase};
use crate::machine::{Blame, MachineError};
use crate::model::SelfTest;
use crate::protocol::{ErrorCode, Hello, LEASE_S, MAX_LINE, PROTOCOL, Request, Response, WORKING_S};
use crate::release::ReleaseSpec;
use crate::serve::{self, Health};
use crate::service;

/// How long the service may take to say how it is.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the golden vectors may take.
const SELF_TEST: Duration = Duration::from_secs(120);

/// A session's state.
struct Session {
    device: Device,
    release: Option<ReleaseSpec>,
    lock: Option<Lock>,
}

/// What a request may come to.
type Answer = Result<Response, (ErrorCode, String)>;

/// Answers requests until there are none.
///
/// # Errors
///
/// Where standard output is gone.
pub fn run(device: Device) -> io::Result<()> {
    let (lines, next) = sync_channel(1);
    thread::spawn(move || {
        let mut input = BufReader::new(io::stdin());
        loop {
            let mut line = vec![];
            let read = io::Read::take(&mut input, MAX_LINE).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) || lines.send(line).is_err() {
                return;
            }
        }
    });
    let mut session = Session { device, release: None, lock: None };
    // Says that there is work going on, so that the deployer can tell a slow device from a silent network.
    let busy = Arc::new(AtomicBool::new(false));
    let ticker = busy.clone();
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(WORKING_S));
            let mut output = io::stdout().lock();
            if ticker.load(Ordering::Acquire) && say(&mut output, &Response::Working).is_err() {
                return;
            }
        }
    });
    loop {
        let line = match next.recv_timeout(Duration::from_secs(LEASE_S)) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
        };
        busy.store(true, Ordering::Release);
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => session.answer(request),
            Err(error) => Err((ErrorCode::Protocol, format!("a request that is none: {error}"))),
        };
        let response = answer.unwrap_or_else(|(code, message)| Response::Error { code, message });
        let mut output = io::stdout().lock();
        busy.store(false, Ordering::Release);
        say(&mut output, &response)?;
    }
}

fn say(output: &mut impl Write, response: &Response) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(response)?;
    bytes.push(b'\n');
    output.write_all(&bytes)?;
    output.flush()
}

impl Session {
    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Hello { protocol: PROTOCOL } => self.hello(),
            Request::Hello { protocol } => {
                Err((ErrorCode::Protocol, format!("the deployer speaks protocol {protocol}, this device's agent {PROTOCOL}")))
            }
            Request::Ping => Ok(Response::Done),
            Request::Lock { operator } => self.lock(&operator),
            _ if self.lock.is_none() => Err((ErrorCode::State, "the lock is not held".into())),
            Request::Release { release } => {
                self.device.machine().admit(&release).map_err(machine_error)?;
                service::check(&release.service).map_err(|problem| (ErrorCode::Permission, problem))?;
                self.select(release)
            }
            Request::Previous => {
                let machine = self.device.machine();
                let id = machine.linked("previous").map_err(machine_error)?;
                let id = id.ok_or((ErrorCode::State, "there is no release to go back to".to_owned()))?;
                let release = machine.spec(&id).map_err(machine_error)?;
                machine.admit(&release).map_err(machine_error)?;
                self.select(release)
            }
            Request::Seal => {
                let bad = self.device.machine().seal(self.release()?).map_err(machine_error)?;
                Ok(Response::Sealed { bad })
            }
            Request::Arm { deadline_ms, operator } => {
                let lock = self.device.lock_journal().map_err(|error| (ErrorCode::Io, format!("journal.lock: {error}")))?;
                let now = self.device.now();
                let attempt = self.device.machine().arm(self.release()?, &operator, &now, deadline_ms).map_err(machine_error)?;
                drop(lock);
                guard::spawn(&self.device, attempt).map_err(|error| (ErrorCode::Io, format!("cannot start the guard: {error}")))?;
                Ok(Response::Armed { attempt })
            }
            Request::Switch => self.locked(|device| device.machine().switch()),
            Request::Restart => self.restart(),
            Request::Health { passes, interval_ms, timeout_ms } => {
                let release = self.release()?;
                Ok(match judge(&self.device, release, passes, Duration::from_millis(interval_ms), Duration::from_millis(timeout_ms)) {
                    Ok(proof) => Response::Healthy { proof },
                    Err(reason) => Response::Unhealthy { reason },
                })
            }
            Request::Commit => self.locked(|device| device.machine().commit(&device.now())),
            Request::Collect => self.locked(|device| device.machine().collect().map(|_| ())),
            Request::Revert { reason } => {
                self.device.revert(&reason, Blame::Release).map_err(machine_error)?;
                let journal = Box::new(self.device.machine().journal().map_err(machine_error)?);
                Ok(Response::Reverted { journal })
            }
        }
    }

    fn release(&self) -> Result<&ReleaseSpec, (ErrorCode, String)> {
        self.release.as_ref().ok_or((ErrorCode::State, "no release was named".into()))
    }

    fn locked(&self, step: impl FnOnce(&Device) -> Result<(), MachineError>) -> Answer {
        let _lock = self.device.lock_journal().map_err(|error| (ErrorCode::Io, format!("journal.lock: {error}")))?;
        step(&self.device).map(|()| Response::Done).map_err(machine_error)
    }

    fn select(&mut self, release: ReleaseSpec) -> Answer {
        let missing = self.device.machine().missing(&release).map_err(machine_error)?;
        self.release = Some(release.clone());
        Ok(Response::Release { release: Box::new(release), missing })
    }

    fn hello(&self) -> Answer {
        let machine = self.device.machine();
        let (free_bytes, free_files) = space(&self.device.root);
        Ok(Response::Hello(Box::new(Hello {
            protocol: PROTOCOL,
            agent: env!("CARGO_PKG_VERSION").into(),
            arch: std::env::consts::ARCH.into(),
            hostname: fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().into(),
            free_bytes,
            free_files,
            systemd: Path::new("/run/systemd/system").is_dir(),
            current: machine.linked("current").map_err(machine_error)?,
            previous: machine.linked("previous").map_err(machine_error)?,
            journal: machine.journal().map_err(machine_error)?,
            health: serve::health(&self.device.root, ANSWER).ok(),
            unix_time_s: self.device.now().unix_s,
        })))
    }

    fn lock(&mut self, operator: &str) -> Answer {
        let root = &self.device.root;
        let folder = fs::create_dir_all(root).and_then(|()| self.device.lock_session(operator));
        match folder {
            Ok(Ok(lock)) => self.lock = Some(lock),
            Ok(Err(holder)) => return Err((ErrorCode::Locked, holder)),
            Err(error) => return Err((io_code(&error), format!("cannot use {}: {error}", root.display()))),
        }
        let mut machine = self.device.machine();
        machine.prepare().map_err(machine_error)?;
        self.locked(|device| device.machine().recover())?;
        // What is on trial and over would be taken back by its guard in a moment; without a guard it is taken back now.
        let journal = self.device.machine().journal().map_err(machine_error)?;
        if journal.phase == Phase::Armed && crate::machine::is_over(&journal, &self.device.now()) {
            self.device.revert("found on trial after its time", Blame::Nobody).map_err(machine_error)?;
        }
        Ok(Response::Done)
    }

    fn restart(&self) -> Answer {
        let release = self.release()?;
        // The guard may go back at any moment: what is started is what is current then.
        let _lock = self.device.lock_journal().map_err(|error| (ErrorCode::Io, format!("journal.lock: {error}")))?;
        let current = self.device.machine().linked("current").map_err(machine_error)?;
        if current.as_deref() != Some(release.id()) {
            return Err((ErrorCode::State, format!("the current release is {}", current.as_deref().unwrap_or("none"))));
        }
        Ok(match service::apply(&self.device.root, &release.service, current.as_deref()) {
            Ok(()) => Response::Done,
            Err(reason) => Response::Unhealthy { reason },
        })
    }
}

/// Whether the release is well: its golden vectors by its own runtime, then its service several times in a row, always the same process.
/// Returns what was proven, or what is wrong.
fn judge(device: &Device, release: &ReleaseSpec, passes: u32, interval: Duration, timeout: Duration) -> Result<String, String> {
    let begin = Instant::now();
    let test = self_test(&device.root, release)?;
    if let Some(test) = &test
        && test.mismatches > 0
    {
        let first = test.first.clone().unwrap_or_default();
        return Err(format!("{} of {} golden vectors have other bytes, first {first}", test.mismatches, test.vectors));
    }
    let mut proof = match test {
        Some(test) => format!("{} golden vectors, byte for byte", test.vectors),
        None => "digests of all files".into(),
    };
    if !release.service.exists() {
        return Ok(proof);
    }
    let mut process: Option<u32> = None;
    let mut good = 0;
    while good < passes.max(1) {
        match (well(device, release), process) {
            (Ok(health), None) => process = Some(health.pid),
            (Ok(health), Some(pid)) if health.pid != pid => return Err("the service was started anew while it was watched".into()),
            (Ok(_), Some(_)) => {}
            (Err(problem), Some(_)) => return Err(format!("the service was well {good} times, then: {problem}")),
            (Err(problem), None) => {
                let dead = release.service == service::ServiceSpec::Process && service::process(&device.root).is_none();
                if dead || begin.elapsed() >= timeout {
                    return Err(if dead { format!("the service has ended: {problem}") } else { problem });
                }
                thread::sleep(Duration::from_millis(50));
                continue;
            }
        }
        good += 1;
        if good < passes {
            thread::sleep(interval);
        }
    }
    proof += &format!("; service well {good} times in a row");
    Ok(proof)
}

fn well(device: &Device, release: &ReleaseSpec) -> Result<Health, String> {
    let health = serve::health(&device.root, ANSWER).map_err(|error| format!("the service does not answer: {error}"))?;
    match health {
        _ if health.release != release.id() => Err(format!("the service executes release {}", health.release)),
        _ if !health.ok => Err("the service does not compute what it must".into()),
        health => Ok(health),
    }
}

/// Replays the golden vectors with the release's own runtime; `None` where it has no program.
fn self_test(root: &Path, release: &ReleaseSpec) -> Result<Option<SelfTest>, String> {
    if release.file("program").is_none() || release.file("golden").is_none() {
        return Ok(None);
    }
    let home = root.join("releases").join(release.id());
    let runtime = release.file("runtime").map_or_else(std::env::current_exe, |file| Ok(home.join(&file.path)));
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mut child = Command::new(&runtime)
        .args(["self-test", "--release"])
        .arg(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", runtime.display()))?;
    let begin = Instant::now();
    // What it prints fits the pipe, so it can be read once the process has ended.
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if begin.elapsed() > SELF_TEST {
            let _: io::Result<()> = child.kill();
            let _: io::Result<_> = child.wait();
            return Err(format!("the golden vectors took more than {} s", SELF_TEST.as_secs()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).map(Some).map_err(|_| format!("the runtime failed with {}: {}", output.status, said.trim()))
}

/// Free bytes and files for the account, where the folder is or will be.
fn space(root: &Path) -> (u64, Option<u64>) {
    let found = root.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok());
    found.map_or((0, None), |found| {
        let files = (found.f_files > 0).then_some(found.f_favail);
        (found.f_bavail.saturating_mul(found.f_frsize), files)
    })
}

fn io_code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorCode::Permission,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::NoSpace,
        _ => ErrorCode::Io,
    }
}

fn machine_error(error: MachineError) -> (ErrorCode, String) {
    let code = match &error {
        MachineError::Io { source, .. } | MachineError::Journal(JournalError::Io { source, .. }) => io_code(source),
        MachineError::Rollback { .. } | MachineError::Blacklisted { .. } | MachineError::Spec(_) => ErrorCode::Refused,
        MachineError::Journal(_) | MachineError::State(_) => ErrorCode::State,
    };
    (code, error.to_string())
}
