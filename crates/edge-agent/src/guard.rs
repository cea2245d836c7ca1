//! The dead-man's timer, and what happens at boot: the ways back that need nobody from outside.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::device::Device;
use crate::journal::Phase;
use crate::machine::{Blame, MachineError, is_over};

/// How often the guard looks.
const TICK: Duration = Duration::from_millis(200);

/// Starts a guard that outlives this process. Where systemd runs, it is a unit of its own, so that the end of the login session does not
/// take it along.
///
/// # Errors
///
/// Where it cannot be started: then nothing may be switched.
pub fn spawn(device: &Device, attempt: u64) -> io::Result<()> {
    let agent = std::env::current_exe()?;
    let arguments = ["guard".into(), "--root".into(), device.root.clone().into_os_string(), "--boot-id".into()];
    let arguments = arguments.into_iter().chain([device.boot_id.clone().into(), "--attempt".into(), attempt.to_string().into()]);
    let arguments: Vec<_> = arguments.collect();
    if Path::new("/run/systemd/system").is_dir() {
        let scope: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user"] };
        let unit = Command::new("systemd-run")
            .args(scope)
            .args(["--quiet", "--collect", "--no-block", "--"])
            .arg(&agent)
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if unit.is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    detached(Command::new(agent).args(arguments)).map(|_| ())
}

/// Starts a process that the end of this session leaves alone. What it starts calls [`leave_session`].
pub(crate) fn detached(command: &mut Command) -> io::Result<u32> {
    use std::os::unix::process::CommandExt;
    command.stdin(Stdio::null()).process_group(0);
    if std::env::var_os("EDGE_AGENT_LOG").is_none() {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    Ok(command.spawn()?.id())
}

/// Leaves the login session that this process was started in.
pub fn leave_session() {
    // Fails for the leader of a process group, which `detached` makes: a process group of its own is enough against a hang-up.
    let _: Result<_, _> = rustix::process::setsid();
}

/// Waits until the attempt is over one way or the other; takes it back when its time is over.
pub fn run(device: &Device, attempt: u64) {
    leave_session();
    loop {
        // A journal that cannot be read now may be readable later; until then nothing can be decided.
        if let Ok(journal) = device.machine().journal() {
            if journal.attempt != attempt || journal.phase != Phase::Armed {
                return;
            }
            if is_over(&journal, &device.now()) && device.revert("not committed in time", Blame::Nobody).is_ok() {
                return;
            }
        }
        thread::sleep(TICK);
    }
}

/// What happens when the device starts: a release that was on trial when the power went goes back, and what a commit began is ended.
/// Where one is still on trial in this boot, its guard is started again. Returns what was done, in words.
///
/// # Errors
///
/// Where the disk does not let it.
pub fn boot(device: &Device) -> Result<&'static str, MachineError> {
    let mut machine = device.machine();
    let journal = machine.journal()?;
    if journal.phase == Phase::Armed {
        if is_over(&journal, &device.now()) {
            return device.revert("the device was started anew before the commit", Blame::Release).map(|_| "reverted");
        }
        return spawn(device, journal.attempt).map(|()| "on trial").map_err(|source| MachineError::Io {
            doing: "start",
            path: "the guard".into(),
            source,
        });
    }
    machine.recover().map(|()| "nothing to do")
}
