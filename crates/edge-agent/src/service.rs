//! Starting and stopping what executes the current release.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::guard;

/// How long a service may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(5);
/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(60);

/// Who starts and stops the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "manager", rename_all = "kebab-case")]
pub enum ServiceSpec {
    /// The agent itself: a process that outlives the session. It does not start by itself when the device does.
    #[default]
    Process,
    /// A unit of systemd.
    Systemd {
        /// Its name.
        unit: String,
        /// Whether it is a unit of the account's own systemd.
        user: bool,
        /// Whether `sudo -n` is needed.
        sudo: bool,
    },
    /// Commands of the device's own service manager, for `sh -c`.
    Command {
        /// Starts the service anew.
        restart: String,
        /// Stops it.
        stop: String,
    },
    /// Nobody: golden vectors are all that is judged.
    None,
}

impl ServiceSpec {
    /// Whether there is a service to ask for its health.
    pub fn exists(&self) -> bool {
        *self != ServiceSpec::None
    }
}

/// Starts the service anew for a release, or stops it where there is none.
///
/// # Errors
///
/// In words, where that does not work.
pub fn apply(root: &Path, service: &ServiceSpec, release: Option<&str>) -> Result<(), String> {
    match service {
        ServiceSpec::None => Ok(()),
        ServiceSpec::Process => {
            stop(root);
            release.map_or(Ok(()), |release| start(root, release))
        }
        ServiceSpec::Systemd { unit, user, sudo } => {
            let (words, verb) = (systemctl(*user, *sudo), if release.is_some() { "restart" } else { "stop" });
            let words: Vec<_> = words.iter().copied().chain([verb, unit]).collect();
            let [program, arguments @ ..] = &words[..] else { return Ok(()) };
            run(Command::new(program).args(arguments), &words.join(" "))
        }
        ServiceSpec::Command { restart, stop } => {
            let line = if release.is_some() { restart } else { stop };
            run(Command::new("sh").args(["-c", line]).current_dir(root), line)
        }
    }
}

/// What the account must be allowed before anything is switched: `Err` names what is missing, and the line that would allow it.
///
/// # Errors
///
/// In words.
pub fn check(service: &ServiceSpec) -> Result<(), String> {
    let ServiceSpec::Systemd { unit, user, sudo: true } = service else { return Ok(()) };
    for verb in ["restart", "stop"] {
        let words = [&systemctl(*user, true)[..], &[verb, unit]].concat();
        // `-l` with a command: whether it would be allowed, without doing it.
        let allowed = Command::new("sudo").args(["-n", "-l"]).args(&words[2..]).stdin(Stdio::null()).output();
        if !allowed.is_ok_and(|output| output.status.success()) {
            let account = account().unwrap_or_else(|| "ACCOUNT".into());
            let (restart, stop) = (format!("/usr/bin/systemctl restart {unit}"), format!("/usr/bin/systemctl stop {unit}"));
            return Err(format!(
                "`{}` is not allowed without a password; this line of /etc/sudoers.d/edgectl allows it: {account} ALL=(root) NOPASSWD: {restart}, {stop}",
                words.join(" ")
            ));
        }
    }
    Ok(())
}

fn account() -> Option<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&&*uid))?
        .first()
        .map(|&name| name.into())
}

fn systemctl(user: bool, sudo: bool) -> Vec<&'static str> {
    let sudo: &[&str] = if sudo { &["sudo", "-n"] } else { &[] };
    let user: &[&str] = if user { &["--user"] } else { &[] };
    [sudo, &["systemctl"], user].concat()
}

/// Runs a command to its end, or to the end of patience.
fn run(command: &mut Command, line: &str) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("`{line}` cannot be started: {error}"))?;
    let begin = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{line}` failed with {status}")),
            Ok(None) if begin.elapsed() < COMMAND => thread::sleep(Duration::from_millis(20)),
            _ => {
                let _: io::Result<()> = child.kill();
                let _: io::Result<_> = child.wait();
                return Err(format!("`{line}` did not end within {} s", COMMAND.as_secs()));
            }
        }
    }
}

fn pid_file(root: &Path) -> PathBuf {
    root.join("run/service.pid")
}

fn start(root: &Path, release: &str) -> Result<(), String> {
    let machine = crate::machine::Machine::new(crate::storage::Disk::new(root));
    let spec = machine.spec(release).map_err(|error| error.to_string())?;
    let home = root.join("releases").join(release);
    let runtime = spec.file("runtime").map_or_else(|| std::env::current_exe().ok(), |file| Some(home.join(&file.path)));
    let runtime = runtime.ok_or("the release has no runtime")?;
    let mut command = Command::new(&runtime);
    command.args(["run", "--root"]).arg(root).current_dir(root);
    let pid = guard::detached(&mut command).map_err(|error| format!("{} cannot be started: {error}", runtime.display()))?;
    let started = started(pid).unwrap_or_default();
    fs::write(pid_file(root), format!("{pid} {started}\n")).map_err(|error| format!("run/service.pid cannot be written: {error}"))
}

/// The service's process, where the agent started it and it lives.
pub fn process(root: &Path) -> Option<u32> {
    let text = fs::read_to_string(pid_file(root)).ok()?;
    let (pid, then) = text.trim().split_once(' ')?;
    let pid = pid.parse().ok()?;
    (started(pid)? == then).then_some(pid)
}

/// When a process was started, as the kernel counts; `None` where there is none, or it has ended.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may have any character.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) { None } else { fields.get(19).map(|&time| time.into()) }
}

fn stop(root: &Path) {
    let begin = Instant::now();
    // What not even a kill ends waits for a device that is gone; the next one starts all the same.
    while let Some(pid) = process(root).filter(|_| begin.elapsed() < 2 * STOP) {
        let signal = if begin.elapsed() < STOP { Signal::TERM } else { Signal::KILL };
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _: Result<_, _> = kill_process(pid, signal);
        }
        thread::sleep(Duration::from_millis(20));
    }
    let _: io::Result<()> = fs::remove_file(pid_file(root));
}

/// The unit under which systemd executes an application: no network, no devices, nothing to write but the application's folder (systemd.exec(5)).
pub fn unit(root: &Path, account: Option<&str>) -> String {
    let (name, root) = (root.file_name().unwrap_or_default().to_string_lossy(), root.display());
    let account = account.map(|account| format!("User={account}\n")).unwrap_or_default();
    format!(
        "[Unit]
Description=edgectl: {name}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
ExecStartPre={root}/current/bin/edge-agent boot --root {root}
ExecStart={root}/current/bin/edge-agent run --root {root}
{account}Restart=on-failure
RestartSec=1
WatchdogSec=30
UMask=0027
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_SETGID CAP_SETUID
SystemCallArchitectures=native
SystemCallFilter=@system-service
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
MemoryDenyWriteExecute=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
ReadWritePaths={root}

[Install]
WantedBy=multi-user.target
"
    )
}
