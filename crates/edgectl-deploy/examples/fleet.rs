//! A release on many devices at once: one OpenSSH server on loopback, a folder for each device. Prints wall time, the processor time and
//! memory of this process (the deployer), and how far a release gets that is bad everywhere.
//!
//! `cargo run --release -p edgectl-deploy --example fleet AGENT [DEVICES] [PARALLEL]`, where AGENT is what `cargo xtask agent` builds
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

#[path = "../tests/rig/mod.rs"]
mod rig;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use edge_agent::service::ServiceSpec;
use edgectl_deploy::fleet::{DeviceEnd, Inventory, Rollout};
use edgectl_deploy::ssh::{DeviceOptions, SshOptions};
use edgectl_deploy::{Options, ReleaseFile, Settings, transport};
use edgectl_testkit::Sshd;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let agent = fs::read(arguments.first().expect("AGENT")).unwrap();
    let (devices, parallel) = (number(1, 200), number(2, 200));
    let sshd = Sshd::start(&["ed25519"], "").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut yaml = format!("format: 1\nparallel: {parallel}\ngroups:\n");
    let canary = devices.div_ceil(20);
    for (group, range) in [("canary", 0..canary), ("rest", canary..devices)] {
        yaml += &format!("  - name: {group}\n    devices:\n");
        for device in range {
            yaml +=
                &format!("      - {{ name: d{device}, to: \"ssh://127.0.0.1:{}{}/d{device}\" }}\n", sshd.port(), folder.path().display());
        }
    }
    let inventory = Inventory::parse(&yaml).unwrap();
    let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
    let settings = Settings {
        ssh: SshOptions {
            config: None,
            identities: vec![sshd.path("id")],
            known_hosts: vec![sshd.path("known_hosts")],
            timeout: Duration::from_secs(60),
            ..SshOptions::for_home(folder.path().into(), user)
        },
        device: DeviceOptions { service: ServiceSpec::None, ..DeviceOptions::default() },
    };
    for (name, right) in [("bad everywhere", false), ("good", true)] {
        let files = vec![
            ReleaseFile::in_memory("bin/edge-agent", "runtime", agent.clone()),
            ReleaseFile::in_memory("model.edgm", "program", rig::program()),
            ReleaseFile::in_memory("golden.bin", "golden", rig::golden(right)),
        ];
        let release = rig::with_files(name, 0, files);
        let bytes: u64 = release.files.iter().map(|file| file.size).sum();
        let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let begin = Instant::now();
        let stop = AtomicBool::new(false);
        let rollout = Rollout { inventory: &inventory, journal: None, pause_after: None, stop: &stop };
        let options = Options { timeout: settings.ssh.timeout, deadline: Duration::from_secs(300), ..Options::default() };
        let deploy = |device: &edgectl_deploy::fleet::FleetDevice, events: &mut dyn FnMut(edgectl_deploy::Event)| {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let begin = Instant::now();
            let result = transport::open(&device.target, &settings).and_then(|mut transport| transport.deploy(&release, &options, events));
            at_once.fetch_sub(1, Ordering::SeqCst);
            DeviceEnd::of(&result, begin.elapsed().as_secs_f64())
        };
        let end = rollout.run(&deploy, &|_| ()).unwrap();
        let good = end.devices.iter().filter(|(_, _, end)| end.is_good()).count();
        println!(
            "{name}: {} of {devices} devices touched, {good} run it, at most {} at once, {:.1} s, {bytes} bytes each",
            end.devices.len(),
            most.into_inner(),
            begin.elapsed().as_secs_f64()
        );
        for (device, _, end) in end.devices.iter().filter(|(_, _, end)| !end.is_good()).take(2) {
            println!("  {device}: {}: {}", end.status, end.detail);
        }
        if let Some(reason) = end.halted {
            println!("  stopped: {reason}");
        }
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    println!("memory of the deployer: {}", peak.split_once(':').unwrap().1.trim());
}
