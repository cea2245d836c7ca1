//! The time to bring 100 MB to a device, beside OpenSSH's `scp` and `sftp` in the same run: connection, transfer, and what makes it durable.
//!
//! `cargo run --release -p edgectl-deploy --example upload [ROUNDS]`
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use edgectl_deploy::ReleaseFile;
use edgectl_deploy::ssh::{SshOptions, connect, remote::Remote};
use edgectl_deploy::target::SshTarget;
use edgectl_testkit::Sshd;

const BYTES: usize = 100_000_000;

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(5, |rounds| rounds.parse().unwrap());
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Nothing that could be compressed.
    let mut random = fastrand::Rng::with_seed(1);
    let content: Vec<u8> = (0..BYTES / 8).flat_map(|_| random.u64(..).to_le_bytes()).collect();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    fs::write(&source, &content).unwrap();
    let file = ReleaseFile::in_memory("payload", "model", content);

    let options = SshOptions {
        config: None,
        identities: vec![sshd.path("id")],
        known_hosts: vec![sshd.path("known_hosts")],
        ..SshOptions::for_home(folder.path().into(), "root".into())
    };
    let ours = || {
        let address = SshTarget { user: None, host: "127.0.0.1".into(), port: Some(sshd.port()), folder: None };
        let remote = Remote::new("device", connect::connect(&address, &options).unwrap(), options.timeout);
        let sftp = remote.sftp().unwrap();
        remote.upload(&sftp, &file, target.to_str().unwrap(), 0, &mut |_| (), &mut || Ok(())).unwrap();
    };
    let common = |command: &mut Command| {
        let known = format!("UserKnownHostsFile={}", sshd.path("known_hosts").display());
        command
            .args(["-q", "-F", "none", "-o", "BatchMode=yes", "-o", &known, "-i"])
            .arg(sshd.path("id"))
            .arg("-P")
            .arg(sshd.port().to_string());
        command.stdout(Stdio::null());
    };
    let scp = || {
        let mut command = Command::new("scp");
        common(&mut command);
        assert!(command.arg(&source).arg(format!("127.0.0.1:{}", target.display())).status().unwrap().success());
    };
    let sftp = || {
        let batch = folder.path().join("batch");
        fs::write(&batch, format!("put {} {}\n", source.display(), target.display())).unwrap();
        let mut command = Command::new("sftp");
        common(&mut command);
        assert!(command.arg("-b").arg(&batch).arg("127.0.0.1").status().unwrap().success());
    };
    let time = |work: &dyn Fn()| {
        let _: Result<_, _> = fs::remove_file(&target);
        let begin = Instant::now();
        work();
        let time = begin.elapsed();
        assert!(same(&source, &target), "other bytes");
        time
    };
    // In turns, so that whatever else this machine does concerns all of them.
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..rounds {
        times[0].push(time(&ours));
        times[1].push(time(&scp));
        times[2].push(time(&sftp));
    }
    let best = times.map(|times| times.into_iter().min().unwrap().as_secs_f64());
    for (name, seconds) in ["edgectl", "scp", "sftp"].iter().zip(best) {
        println!("{name:8} {seconds:.2} s  {:.0} MB/s  {:.2} of edgectl's speed", BYTES as f64 / 1e6 / seconds, best[0] / seconds);
    }
    println!("edgectl has {:.2} of scp's speed and {:.2} of sftp's", best[1] / best[0], best[2] / best[0]);
}

fn same(a: &Path, b: &Path) -> bool {
    fs::read(a).unwrap() == fs::read(b).unwrap()
}
