//! What goes wrong, at every step: the device runs a verified release, the journal agrees, and the next run ends well.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, missing_docs)]
#![cfg(unix)]

mod rig;

use std::fs;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use edgectl_deploy::ssh::{SshError, connect, remote::Remote};
use edgectl_deploy::{Code, DeployError, Event, Options, Outcome, Receipt, ReleaseFile, Step, Transport};
use edgectl_testkit::{Loss, Proxy, Sshd, has_sshd};
use rig::{Device, Flaw, id, release, wait_until};

const STEPS: [Step; 11] = [
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
const DEADLINE: Duration = Duration::from_secs(3);
/// How long after its deadline a device may take to go back.
const GRACE: Duration = Duration::from_secs(5);

/// A device that runs `old`.
fn prepared(sshd: &Sshd, port: u16) -> Device {
    let mut device = Device::new(sshd, port);
    device.deploy(&release("old", 1, Flaw::None)).unwrap();
    device.options.deadline = DEADLINE;
    device.ssh.timeout = Duration::from_secs(2);
    device.options.timeout = device.ssh.timeout;
    device
}

/// What must hold after a fault, however it was: one whole release runs, and it is the one that the journal says. Returns how long the
/// device took to decide.
fn settles(device: &Device, since: SystemTime, at: &str) -> u64 {
    wait_until(at, DEADLINE + GRACE, || device.journal()["phase"] != "armed");
    let journal = device.journal();
    let begin = since.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let took = journal["history"].as_array().unwrap().last().unwrap()["unix_time_s"].as_u64().unwrap().saturating_sub(begin);
    // The journal counts whole seconds.
    assert!(took <= (DEADLINE + GRACE).as_secs() + 1, "{at}: after {took} s");
    let expected = match journal["phase"].as_str().unwrap() {
        "committed" => journal["release"].as_str(),
        "reverted" => journal["previous"].as_str(),
        other => panic!("{at}: {other}"),
    };
    assert_eq!(device.current().as_deref(), expected, "{at}");
    wait_until(&format!("{at}: it runs"), Duration::from_secs(10), || device.running().as_deref() == expected);
    took
}

/// After that, the same deployment ends well.
fn ends_well(device: &Device, at: &str) {
    // The agent of a session that was lost gives the lock back when it hears of it.
    let begin = Instant::now();
    let options = Options { deadline: Duration::from_secs(30), ..device.options.clone() };
    let receipt = loop {
        match device.transport().deploy(&release("new", 1, Flaw::None), &options, &mut |_| ()) {
            Err(error) if error.code() == Code::Locked && begin.elapsed() < Duration::from_secs(30) => {
                thread::sleep(Duration::from_millis(200))
            }
            other => break other.unwrap_or_else(|error| panic!("{at}, again: {error}")),
        }
    };
    assert!(matches!(receipt.outcome(), Outcome::Committed { .. } | Outcome::Unchanged { .. }), "{at}, again: {receipt:?}");
    assert_eq!((device.current(), device.running()), (Some(id("new")), Some(id("new"))), "{at}, again");
}

/// The result of a deployment fits what the device did.
fn is_honest(device: &Device, ended: &Result<Receipt, DeployError>, at: &str) {
    match ended {
        Ok(receipt) => match receipt.outcome() {
            Outcome::Committed { .. } | Outcome::Unchanged { .. } => assert_eq!(device.current(), Some(id("new")), "{at}: {receipt:?}"),
            Outcome::Reverted { .. } => assert_eq!(device.current(), Some(id("old")), "{at}: {receipt:?}"),
            other => panic!("{at}: {other:?}"),
        },
        Err(error) => assert!(matches!(error.code(), Code::Unreachable | Code::Unknown | Code::Failed | Code::Locked), "{at}: {error}"),
    }
}

/// Does something at the beginning of each step, all of them at once, and looks what comes of it.
fn at_every_step(name: &str, fault: impl Fn(&Device, &Proxy, &Sshd) + Sync, heal: impl Fn(&Proxy) + Sync, own_server: bool) {
    if !has_sshd() {
        return;
    }
    let shared = Sshd::start(&["ed25519"], "").unwrap();
    thread::scope(|scope| {
        for step in STEPS {
            let (fault, heal, shared) = (&fault, &heal, &shared);
            scope.spawn(move || {
                let own = own_server.then(|| Sshd::start(&["ed25519"], "").unwrap());
                let sshd = own.as_ref().unwrap_or(shared);
                let proxy = Proxy::start(sshd.port()).unwrap();
                let device = prepared(sshd, proxy.port());
                let at = format!("{name} at {step}");
                let (mut since, begin) = (None, Instant::now());
                let ended = device.deploy_with(&release("new", 1, Flaw::None), &mut |event| {
                    if since.is_none() && event == (Event::Started { step }) {
                        since = Some(SystemTime::now());
                        fault(&device, &proxy, sshd);
                    }
                });
                let since = since.unwrap_or_else(|| panic!("{at}: never there: {ended:?}"));
                // No end takes longer than the device's own time, and this side's.
                let limit = DEADLINE + GRACE + 10 * device.ssh.timeout;
                assert!(begin.elapsed() < limit, "{at}: ended after {:?}: {ended:?}", begin.elapsed());
                let took = settles(&device, since, &at);
                is_honest(&device, &ended, &at);
                heal(&proxy);
                ends_well(&device, &at);
                let end = ended.map_or_else(|error| error.to_string(), |receipt| format!("{:?}", receipt.outcome()));
                eprintln!("{at}: the device decided after at most {took} s: {end}");
            });
        }
    });
}

#[test]
fn the_connection_is_cut_and_comes_back() {
    at_every_step("cut", |_, proxy, _| proxy.lose_after(1, Loss::Cut), |_| (), false);
}

#[test]
fn the_network_is_gone() {
    at_every_step("gone", |_, proxy, _| proxy.go_down(Loss::Cut), Proxy::heal, false);
}

#[test]
fn the_network_is_silent() {
    at_every_step("silent", |_, proxy, _| proxy.go_down(Loss::Stall), Proxy::heal, false);
}

#[test]
fn the_servers_sessions_are_killed() {
    at_every_step("killed", |_, _, sshd| sshd.kill_sessions(), |_| (), true);
}

/// The client of `the_client_is_killed`, in a process of its own.
#[test]
#[ignore = "started by the_client_is_killed"]
fn client() {
    let Ok(place) = std::env::var("EDGECTL_TEST_CLIENT") else { return };
    let words: Vec<&str> = place.split('\n').collect();
    let [key, known, folder, port] = words[..] else { panic!("{words:?}") };
    let options = edgectl_deploy::ssh::SshOptions {
        config: None,
        identities: vec![key.into()],
        known_hosts: vec![known.into()],
        ..edgectl_deploy::ssh::SshOptions::for_home(folder.into(), rig::user())
    };
    let target = edgectl_deploy::target::SshTarget {
        user: Some(rig::user()),
        host: "127.0.0.1".into(),
        port: port.parse().ok(),
        folder: Some(format!("{folder}/opt")),
    };
    let device = edgectl_deploy::ssh::DeviceOptions { passes: 2, interval: Duration::from_millis(50), ..Default::default() };
    let mut transport = edgectl_deploy::ssh::Ssh::new(target, options, device);
    let options = edgectl_deploy::Options { deadline: DEADLINE, ..Default::default() };
    let ended = edgectl_deploy::Transport::deploy(&mut transport, &release("new", 1, Flaw::None), &options, &mut |event| {
        if let Event::Started { step } = event {
            println!("step {step}");
            // So that the one who kills is not too late.
            thread::sleep(Duration::from_millis(30));
        }
    });
    println!("ended {ended:?}");
}

#[test]
fn the_client_is_killed() {
    if !has_sshd() {
        return;
    }
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    thread::scope(|scope| {
        for step in STEPS {
            let sshd = &sshd;
            scope.spawn(move || {
                let device = prepared(sshd, sshd.port());
                let place = [sshd.path("id"), device.ssh.known_hosts[0].clone(), device.folder.path().into()]
                    .map(|path| path.to_str().unwrap().to_owned());
                let place = format!("{}\n{}", place.join("\n"), sshd.port());
                let mut client = Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "client", "--ignored", "--nocapture"])
                    .env("EDGECTL_TEST_CLIENT", place)
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                let lines = BufReader::new(client.stdout.take().unwrap()).lines();
                let wanted = format!("step {step}");
                let reached = lines.map_while(Result::ok).any(|line| line.ends_with(&wanted));
                client.kill().unwrap();
                client.wait().unwrap();
                let at = format!("client killed at {step}");
                assert!(reached, "{at}: never there");
                settles(&device, SystemTime::now(), &at);
                ends_well(&device, &at);
            });
        }
    });
}

/// Ends everything that runs on the device at once, as a power cut does.
fn power_off(device: &Device) {
    let folder = device.folder.path().to_str().unwrap();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if pid != std::process::id() && line.contains(folder) && !line.contains("/tests/") {
            let _: Result<_, _> = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn the_device_is_started_anew() {
    if !has_sshd() {
        return;
    }
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    thread::scope(|scope| {
        for step in STEPS {
            let sshd = &sshd;
            scope.spawn(move || {
                let mut device = Device::new(sshd, sshd.port());
                let boot_id = device.folder.path().join("boot_id");
                fs::write(&boot_id, "boot-1").unwrap();
                device.device.agent_arguments = format!(" --boot-id {}", boot_id.display());
                device.deploy(&release("old", 1, Flaw::None)).unwrap();
                // Long: it is the boot that takes the release back, not the timer.
                device.options.deadline = Duration::from_secs(120);
                let at = format!("started anew at {step}");
                let agent = edgectl_testkit::agent().unwrap();
                let mut ended = None;
                thread::scope(|scope| {
                    let (sender, happened) = std::sync::mpsc::channel();
                    let device = &device;
                    let deploying = scope.spawn(move || {
                        device.deploy_with(&release("new", 1, Flaw::None), &mut |event| {
                            if event == (Event::Started { step }) {
                                let _: Result<_, _> = sender.send(());
                                thread::sleep(Duration::from_millis(30));
                            }
                        })
                    });
                    happened.recv().unwrap();
                    power_off(device);
                    fs::write(&boot_id, "boot-2").unwrap();
                    let root = device.root();
                    let hook = Command::new(&agent).args(["boot", "--root"]).arg(&root).arg("--boot-id").arg(&boot_id).output().unwrap();
                    assert!(hook.status.success(), "{at}: {hook:?}");
                    // What an init system starts.
                    let current = device.current();
                    if device.running().is_none() {
                        edge_agent::service::apply(&root, &edge_agent::service::ServiceSpec::Process, current.as_deref()).unwrap();
                    }
                    ended = Some(deploying.join().unwrap());
                });
                settles(&device, SystemTime::now(), &at);
                // Before the switch the client tries again by itself; afterwards it hears how it ended.
                is_honest(&device, &ended.unwrap(), &at);
                ends_well(&device, &at);
            });
        }
    });
}

/// Cuts an upload again and again, at another byte each time, until it is whole.
#[test]
fn an_upload_that_is_cut_goes_on() {
    /// For each of two threads.
    const CUTS: u64 = 360;
    if !has_sshd() {
        return;
    }
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    let content: Vec<u8> = (0..1u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = ReleaseFile::in_memory("payload", "model", content.clone());
    thread::scope(|scope| {
        for part in 0..2 {
            let (sshd, content, file) = (&sshd, &content, &file);
            scope.spawn(move || cut_uploads(sshd, content, file, part, CUTS));
        }
    });
}

fn cut_uploads(sshd: &Sshd, content: &[u8], file: &ReleaseFile, part: u64, wanted: u64) {
    let proxy = Proxy::start(sshd.port()).unwrap();
    let device = Device::new(sshd, proxy.port());
    let path = device.folder.path().join("payload.part");
    let mut random = fastrand::Rng::with_seed(700 + part);
    let (mut cuts, mut files, mut resent) = (0, 0, 0);
    let begin = Instant::now();
    while cuts < wanted {
        let have = fs::metadata(&path).map_or(0, |found| found.len());
        // From the first packets on, then around every 4 KiB, then anywhere.
        let number = 2 * cuts + part;
        let offset = match number {
            0..100 => number * 47,
            100..520 => (number - 100) / 3 * 4096 + (number - 100) % 3 + 4095,
            _ => random.u64(0..1_100_000),
        };
        proxy.lose_after(offset, Loss::Cut);
        let before = proxy.sent();
        let result = connect::connect(&device.target(), &device.ssh).and_then(|connection| {
            let remote = Remote::new("device", connection, device.ssh.timeout);
            let sftp = remote.sftp()?;
            remote.upload(&sftp, file, path.to_str().unwrap(), have, &mut |_| (), &mut || Ok(()))
        });
        if proxy.losses() > cuts {
            cuts = proxy.losses();
            // What arrived is a beginning of the file, whatever this side believes.
            let arrived = fs::read(&path).unwrap_or_default();
            assert!(arrived.len() as u64 >= have, "{offset}: what had arrived is gone");
            assert!(content.starts_with(&arrived), "{offset}: what arrived are other bytes");
            resent += (proxy.sent() - before).saturating_sub(arrived.len() as u64 - have);
            if let Err(error) = &result {
                assert!(
                    error.is_lost() || matches!(error, SshError::Auth { .. } | SshError::Unreachable { .. } | SshError::Device { .. }),
                    "{error}"
                );
            }
        }
        if result.is_ok() {
            assert!(fs::read(&path).unwrap() == content);
            fs::remove_file(&path).unwrap();
            files += 1;
        }
    }
    let overhead = resent / cuts;
    eprintln!(
        "{cuts} cuts, {files} whole files, {overhead} bytes besides the file for each connection, {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    assert!(files > 5);
}

#[test]
fn bits_that_flip_on_the_device_are_found() {
    if !has_sshd() {
        return;
    }
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    for (times, ends) in [(1, true), (2, false)] {
        let device = prepared(&sshd, sshd.port());
        let mut flips = 0;
        let ended = device.deploy_with(&release("new", 1, Flaw::None), &mut |event| {
            if event == (Event::Started { step: Step::Verify }) && flips < times {
                let part = fs::read_dir(device.root().join("staging")).unwrap().next().unwrap().unwrap().path();
                let mut file = fs::File::options().read(true).write(true).open(part).unwrap();
                file.seek(SeekFrom::Start(0)).unwrap();
                file.write_all(b"X").unwrap();
                flips += 1;
            }
        });
        assert_eq!(ended.is_ok(), ends, "{ended:?}");
        if let Err(error) = ended {
            assert!(error.to_string().contains("version.txt arrived with other bytes twice"), "{error}");
            assert_eq!((device.current(), device.running()), (Some(id("old")), Some(id("old"))));
        }
        ends_well(&device, "after flips");
    }
}

/// A small disk for a device; `None`, and says so, where this account cannot mount.
fn disk(options: &str) -> Option<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("disk").tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path()).output();
    if mounted.is_ok_and(|output| output.status.success()) {
        return Some(folder);
    }
    eprintln!("SKIPPED: this account cannot mount a small disk");
    None
}

fn unmount(folder: &Path) {
    Command::new("umount").args(["-l"]).arg(folder).status().unwrap();
}

/// Leaves so many bytes of a disk.
fn fill(folder: &Path, leave: u64) {
    let free = rustix::fs::statvfs(folder).unwrap();
    let bytes = (free.f_bavail * free.f_frsize).saturating_sub(leave);
    fs::write(folder.join("filler"), vec![7; bytes as usize]).unwrap();
}

#[test]
fn a_full_disk_leaves_what_runs() {
    if !has_sshd() {
        return;
    }
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    let payload = |size: usize| {
        let mut big = release("new", 1, Flaw::None);
        big.files.push(ReleaseFile::in_memory("payload", "model", vec![9; size]));
        big.targets[0].files = (0..big.files.len()).collect();
        big
    };
    // When the disk fills up, and how much of it is left then.
    for (step, leave) in [(Step::Connect, 0), (Step::Connect, 2 << 20), (Step::Stage, 1 << 20), (Step::Stage, 4 << 20), (Step::Arm, 0)] {
        let Some(folder) = disk("size=48m") else { return };
        let mount = folder.path().to_owned();
        let device = Device::at(&sshd, sshd.port(), folder);
        device.deploy(&release("old", 1, Flaw::None)).unwrap();
        let mut filled = false;
        let error = device
            .deploy_with(&payload(5 << 20), &mut |event| {
                if !filled && event == (Event::Started { step }) {
                    fill(&mount, leave);
                    filled = true;
                }
            })
            .unwrap_err();
        let at = format!("full at {step}, {leave} bytes left");
        assert_eq!(error.code(), Code::NoSpace, "{at}: {error}");
        assert_eq!((device.current(), device.running()), (Some(id("old")), Some(id("old"))), "{at}");
        fs::remove_file(mount.join("filler")).unwrap();
        if step == Step::Stage {
            assert_eq!(fs::read_dir(device.root().join("staging")).unwrap().count(), 0, "{at}: something is left");
        }
        ends_well(&device, &at);
        drop(device);
        unmount(&mount);
    }
    // Names can run out, too.
    let Some(folder) = disk("size=48m,nr_inodes=40") else { return };
    let mount = folder.path().to_owned();
    let device = Device::at(&sshd, sshd.port(), folder);
    device.deploy(&release("old", 1, Flaw::None)).unwrap();
    let mut count = 0;
    while fs::write(mount.join(format!("filler{count}")), "").is_ok() {
        count += 1;
    }
    let error = device.deploy(&payload(1000)).unwrap_err();
    assert_eq!(error.code(), Code::NoSpace, "{error}");
    assert_eq!(device.running(), Some(id("old")));
    drop(device);
    unmount(&mount);
}

#[test]
fn a_disk_that_becomes_read_only_leaves_what_runs() {
    if !has_sshd() {
        return;
    }
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    // Later the session has files open for writing, so that the disk cannot become read-only; the model of a disk fails at any time.
    let step = Step::Connect;
    let Some(folder) = disk("size=48m") else { return };
    let mount = folder.path().to_owned();
    let remount = |how: &str| assert!(Command::new("mount").args(["-o", how]).arg(&mount).status().unwrap().success());
    let mut device = Device::at(&sshd, sshd.port(), folder);
    device.deploy(&release("old", 1, Flaw::None)).unwrap();
    device.options.deadline = Duration::from_secs(2);
    device.ssh.timeout = Duration::from_secs(2);
    let mut done = false;
    let ended = device.deploy_with(&release("new", 1, Flaw::None), &mut |event| {
        if !done && event == (Event::Started { step }) {
            remount("remount,ro");
            done = true;
        }
    });
    let at = format!("read-only at {step}");
    let error = ended.unwrap_err();
    let code = error.code();
    assert!(matches!(code, Code::Permission | Code::Failed | Code::Unknown), "{at}: {error}");
    assert_eq!((device.current(), device.running()), (Some(id("old")), Some(id("old"))), "{at}: {error}");
    remount("remount,rw");
    settles(&device, SystemTime::now(), &at);
    device.options.deadline = Duration::from_secs(20);
    ends_well(&device, &at);
    drop(device);
    unmount(&mount);
}

#[test]
fn rights_that_are_missing_are_said_with_the_line_that_gives_them() {
    if !has_sshd() {
        return;
    }
    // A sudo that wants a password, as it does for everybody whom nothing was allowed.
    let tools = tempfile::tempdir().unwrap();
    let sudo = tools.path().join("sudo");
    fs::write(&sudo, "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let sshd = Sshd::start(&["ed25519"], &format!("SetEnv PATH={}:/usr/bin:/bin", tools.path().display())).unwrap();
    let mut device = prepared(&sshd, sshd.port());
    device.device.service = edge_agent::service::ServiceSpec::Systemd { unit: "negation.service".into(), user: false, sudo: true };
    let error = device.deploy(&release("new", 1, Flaw::None)).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    let line = format!(
        "{} ALL=(root) NOPASSWD: /usr/bin/systemctl restart negation.service, /usr/bin/systemctl stop negation.service",
        rig::user()
    );
    assert!(error.to_string().ends_with(&line), "{error}");
    assert_eq!((device.current(), device.running()), (Some(id("old")), Some(id("old"))));

    let target = edgectl_deploy::target::SshTarget { folder: Some("/proc/edge".into()), ..device.target() };
    let mut transport = edgectl_deploy::ssh::Ssh::new(target, device.ssh.clone(), device.device.clone());
    let error =
        edgectl_deploy::Transport::deploy(&mut transport, &release("new", 1, Flaw::None), &device.options, &mut |_| ()).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    assert!(error.to_string().ends_with(&format!("sudo install -d -o {} -m 755 '/proc/edge'", rig::user())), "{error}");
}

#[test]
fn a_device_with_busybox_alone() {
    if !has_sshd() {
        return;
    }
    let busybox = Path::new("/bin/busybox");
    if !busybox.exists() {
        eprintln!("SKIPPED: /bin/busybox is missing (Debian: busybox-static)");
        return;
    }
    let tools = tempfile::tempdir().unwrap();
    Command::new(busybox).arg("--install").arg("-s").arg(tools.path()).status().unwrap();
    let sshd = Sshd::start(&["ed25519"], &format!("SetEnv PATH={}", tools.path().display())).unwrap();
    let device = prepared(&sshd, sshd.port());
    ends_well(&device, "busybox");
    let status = device.transport().status(rig::APPLICATION).unwrap();
    assert_eq!(status.healthy, Some(true));
}
