//! Bundles on devices, from outside: a real OpenSSH server on loopback stands in for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use edgectl_testkit::{Sshd, has_sshd, matches, static_agent};
use serde_json::Value;

use crate::support::{CASES, fixture};

/// A folder with keys, a profile of this machine and bundles for it; a server; and the options to reach devices behind it.
struct Place {
    folder: tempfile::TempDir,
    sshd: Sshd,
}

impl Place {
    /// `None`, and says so, where something is missing.
    fn prepare() -> Option<Place> {
        if !has_sshd() || !cfg!(target_arch = "x86_64") {
            return None;
        }
        let Some(agent) = static_agent().unwrap() else {
            eprintln!("SKIPPED: no Rust target x86_64-unknown-linux-musl here");
            return None;
        };
        let place = Place { folder: tempfile::tempdir().unwrap(), sshd: Sshd::start(&["ed25519"], "").unwrap() };
        fs::write(place.at("this.yaml"), PROFILE).unwrap();
        fs::copy(agent, place.at("edge-agent")).unwrap();
        place.ok(&["keys", "generate", "-o", "a.key"]);
        place.package("1.0.0", "one.edgepkg");
        place.package("2.0.0", "two.edgepkg");
        Some(place)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = CASES.command(self.folder.path());
        command.env("EDGECTL_KEY_PASSWORD", "correct horse").env("HOME", self.folder.path()).env("USER", "ada");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "edgectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn package(&self, version: &str, output: &str) {
        let program = fixture("digits_mlp/int8.tflite");
        let data = fixture("digits_mlp/eval_x.npy");
        self.ok(&[
            "package",
            &program,
            "--profile",
            "this.yaml",
            "--runtime",
            "edge-agent",
            "--name",
            "digits",
            "--golden",
            &data,
            "--version",
            version,
            "--key",
            "a.key",
            "-o",
            output,
        ]);
    }

    fn target(&self, device: &str) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", user(), self.sshd.port(), self.at(device).display())
    }

    /// Options that say how devices are reached.
    fn how(&self) -> Vec<String> {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let (known, key) = (path(self.sshd.path("known_hosts")), path(self.sshd.path("id")));
        ["--known-hosts", &known, "--identity", &key, "--passes", "1", "--service", "none"].map(Into::into).into()
    }

    fn with_how(&self, arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(ToString::to_string).chain(self.how()).collect()
    }

    /// A deployment or a question: status, standard output, standard error.
    fn say(&self, arguments: &[&str]) -> (i32, String, String) {
        let arguments = self.with_how(arguments);
        let output = self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let (status, stdout, stderr) = self.say(&[arguments, &["--format", "json"]].concat());
        (status, serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}")))
    }

    fn history(&self, device: &str) -> Vec<String> {
        let (_, found) = self.json(&["deploy", "history", "digits", "--to", &self.target(device)]);
        let entries = found["devices"][0]["entries"].as_array().unwrap().iter();
        entries.map(|entry| format!("{} {}", entry["version"].as_str().unwrap(), entry["phase"].as_str().unwrap())).collect()
    }

    fn inventory(&self, devices: usize) {
        let mut yaml = format!(
            "format: 1\nparallel: 1\ndefaults: {{ to: \"ssh://{}@127.0.0.1:{}{}/${{name}}\" }}\ngroups:\n",
            user(),
            self.sshd.port(),
            self.folder.path().display()
        );
        for (group, range) in [("canary", 0..1), ("rest", 1..devices)] {
            yaml += &format!("  - name: {group}\n    devices:\n");
            yaml.extend(range.map(|device| format!("      - {{ name: d{device} }}\n")));
        }
        fs::write(self.at("fleet.yaml"), yaml).unwrap();
    }
}

/// Who runs the tests, and the server with them.
fn user() -> String {
    let id = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_bad_bundle_opens_no_connection() {
    let Some(place) = Place::prepare() else { return };
    place.ok(&["keys", "generate", "-o", "b.key"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let target = format!("ssh://{}@{}", user(), listener.local_addr().unwrap());
    let refused = |bundle: &str, options: &[&str]| {
        let (status, stdout, stderr) = place.say(&[&["deploy", bundle, "--to", &target], options].concat());
        assert_eq!(status, 2, "{bundle}: {stdout}{stderr}");
        let asked = listener.accept().err().map(|error| error.kind());
        assert_eq!(asked, Some(std::io::ErrorKind::WouldBlock), "{bundle}: a connection was opened");
    };
    refused("one.edgepkg", &["--key", "b.pub"]);
    refused("one.edgepkg", &["--key", "a.pub", "--channel", "prod"]);
    refused("none.edgepkg", &["--key", "a.pub"]);
    let good = fs::read(place.at("one.edgepkg")).unwrap();
    for step in 0..20 {
        let at = good.len() * step / 20 + step;
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (step % 8);
        fs::write(place.at("flipped.edgepkg"), flipped).unwrap();
        refused("flipped.edgepkg", &["--key", "a.pub"]);
        fs::write(place.at("cut.edgepkg"), &good[..at]).unwrap();
        refused("cut.edgepkg", &["--key", "a.pub"]);
    }
    // The good one does ask.
    place.say(&["deploy", "one.edgepkg", "--key", "a.pub", "--to", &target, "--timeout", "1"]);
    assert!(listener.accept().is_ok());
}

#[test]
fn a_device_times_a_program_and_keeps_nothing() {
    let Some(place) = Place::prepare() else { return };
    let program = fixture("digits_mlp/int8.tflite");
    let key = place.sshd.path("id");
    let known = place.sshd.path("known_hosts");
    let (key, known) = (key.to_str().unwrap(), known.to_str().unwrap());
    let bench = |target: &str| {
        let output = place.run(&[
            "bench",
            &program,
            "--profile",
            "this.yaml",
            "--to",
            target,
            "--identity",
            key,
            "--known-hosts",
            known,
            "--format",
            "json",
        ]);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, stdout, stderr) = bench(&format!("ssh://{}@127.0.0.1:{}", user(), place.sshd.port()));
    assert_eq!(status, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert!(found["findings"][0]["latency"]["value_us"].as_f64().unwrap() > 0.0, "{found}");
    assert!(stdout.contains("8 random vectors equal the host's"), "{stdout}");
    let home = std::env::var("HOME").unwrap();
    let left = fs::read_dir(home).unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(".edgectl-bench"));
    assert_eq!(left.count(), 0);

    let (status, _, stderr) = bench("serial:/dev/null");
    assert_eq!(status, 2);
    assert!(stderr.contains("is reached with ssh:"), "{stderr}");
}

#[test]
fn a_bundle_is_deployed_and_taken_back() {
    let Some(place) = Place::prepare() else { return };
    let target = place.target("device");
    let (status, stdout, stderr) = place.say(&["deploy", "one.edgepkg", "--key", "a.pub", "--to", &target]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.starts_with("digits 1.0.0, release "), "{stdout}");
    assert!(stdout.contains("8 golden vectors, byte for byte"), "{stdout}");
    let (status, found) = place.json(&["deploy", "two.edgepkg", "--key", "a.pub", "--to", &target]);
    assert_eq!((status, found["devices"][0]["status"].as_str(), found["devices"][0]["code"].as_u64()), (0, Some("committed"), Some(0)));
    let (_, found) = place.json(&["deploy", "two.edgepkg", "--key", "a.pub", "--to", &target]);
    assert_eq!((found["devices"][0]["status"].as_str(), found["devices"][0]["bytes_sent"].as_u64()), (Some("unchanged"), Some(0)));
    let (_, stdout, _) = place.say(&["deploy", "status", "digits", "--to", &target]);
    assert!(stdout.lines().nth(1).is_some_and(|line| line.contains("2.0.0") && line.contains("committed")), "{stdout}");
    let (status, stdout, _) = place.say(&["deploy", "rollback", "digits", "--to", &target]);
    assert!(status == 0 && stdout.contains("1.0.0"), "{stdout}");
    assert_eq!(place.history("device"), ["1.0.0 committed", "2.0.0 committed", "1.0.0 committed"]);
}

#[test]
fn what_cannot_be_deployed_is_said_and_nothing_is_touched() {
    let Some(place) = Place::prepare() else { return };
    let target = place.target("device");
    place.ok(&["keys", "generate", "-o", "b.key"]);
    fs::write(place.at("text.edgepkg"), "no bundle").unwrap();
    fs::write(place.at("none.yaml"), "format: 1\ngroups: []\n").unwrap();
    for (arguments, says) in [
        (
            &["one.edgepkg", "--key", "b.pub", "--to", &target][..],
            "error: cannot deploy one.edgepkg\n  caused by key [..] is not trusted[..]\n...",
        ),
        (&["text.edgepkg", "--key", "a.pub", "--to", &target], "error: cannot deploy text.edgepkg\n  caused by not a bundle[..]\n..."),
        (&["absent.edgepkg", "--key", "a.pub", "--to", &target], "error: cannot deploy absent.edgepkg\n..."),
        (
            &["one.edgepkg", "--key", "a.pub", "--to", "kitchen"],
            "error: invalid value 'kitchen' for '--to <URL>': `kitchen` is no target[..]\n...",
        ),
        (
            &["one.edgepkg", "--key", "a.pub", "--inventory", "none.yaml"],
            "error: cannot use the inventory none.yaml\n  caused by no device[..]\n...",
        ),
        (
            &["one.edgepkg", "--key", "a.pub", "--to", &target, "--accept-new"],
            "error: --accept-new is for a person at a terminal[..]\n...\nhint: [..]",
        ),
        (&["one.edgepkg", "--key", "a.pub", "--to", "ssh://127.0.0.1:1"], "error: cannot reach 127.0.0.1 port 1: [..]\n...\nhint: [..]"),
    ] {
        let (status, stdout, stderr) = place.say(&[&["deploy"], arguments].concat());
        assert!(status == 2 && stdout.is_empty() && matches(says, stderr.trim_end()), "{arguments:?}: {status}\n{stdout}{stderr}");
    }
    // Without the file of known hosts that `say` names.
    let output = place.run(&["deploy", "one.edgepkg", "--key", "a.pub", "--to", &target]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("is not known: it has shown the ssh-ed25519 key SHA256:"), "{stderr}");
    assert!(stderr.contains("hint: compare the fingerprint"), "{stderr}");
    assert!(!place.at("device").exists());
}

#[test]
fn a_plan_is_shown_and_nothing_done() {
    let Some(place) = Place::prepare() else { return };
    place.inventory(3);
    let (status, stdout, _) = place.say(&["deploy", "one.edgepkg", "--key", "a.pub", "--inventory", "fleet.yaml", "--dry-run"]);
    assert!(status == 0 && stdout.ends_with("nothing was done\n") && stdout.contains("d2"), "{stdout}");
    assert!(!place.at("d0").exists() && !place.at("one.edgepkg.rollout.jsonl").exists());
}

/// The command, killed as soon as the journal has so many lines; whether it was.
fn killed_at(place: &Place, journal: &Path, lines: usize) -> bool {
    let arguments =
        place.with_how(&["deploy", "one.edgepkg", "--key", "a.pub", "--inventory", "fleet.yaml", "--journal", journal.to_str().unwrap()]);
    let mut child = place.command().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if fs::read_to_string(journal).unwrap_or_default().lines().count() >= lines {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_controller_that_is_killed_goes_on_and_deploys_nothing_twice() {
    let Some(place) = Place::prepare() else { return };
    const DEVICES: usize = 3;
    place.inventory(DEVICES);
    let journal = place.at("journal");
    let mut kills = 0;
    // At each line that it writes, one after the other: each run goes on where the one before was killed.
    for lines in 1..100 {
        if !killed_at(&place, &journal, lines) {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2 * DEVICES, "{kills}");
    let (status, found) = place.json(&["deploy", "one.edgepkg", "--key", "a.pub", "--inventory", "fleet.yaml", "--journal", "journal"]);
    assert_eq!((status, found["devices"].as_array().unwrap().len()), (0, DEVICES), "{found}");
    for device in 0..DEVICES {
        let committed = place.history(&format!("d{device}")).into_iter().filter(|end| end == "1.0.0 committed").count();
        assert_eq!(committed, 1, "d{device}");
    }
}

/// A profile of this machine, as far as packaging asks.
const PROFILE: &str = "schema_version: 1
name: this
title: This machine
system: linux
soc: T2
source: made up for tests
processors:
  cpu: {kind: cpu, core: Test, cores: 4, isa: x86-64, simd: [vectors], clock_hz: 1e9, max_clock_hz: 1e9, peak_int8_macs_per_cycle: 32, peak_float_macs_per_cycle: 16}
memory:
  dram: {role: ram, kind: dram, bytes: 1073741824, system_bytes: 268435456, read_bytes_per_second: 4e9, source: made up}
  card: {role: flash, kind: storage, bytes: 8589934592, system_bytes: 4294967296, read_bytes_per_second: 40e6, source: made up}
backends: [estimate, device]
transports: [ssh]
power:
  scope: board
  active: {power_uw: 5000000, source: made up}
  idle: {power_uw: 3000000, source: made up}
  sleep: {power_uw: 2000000, wake_us: 1000000, source: made up}
default_kernels: fast-int8-x1
kernels:
  fast-int8-x1:
    title: Fast
    processor: cpu
    dtype: int8
    threads: 1
    basis: assumed
    source: made up
    costs:
      conv: {cycles_per_mac: 0.5}
      depthwise: {cycles_per_mac: 2}
      dense: {cycles_per_mac: 0.5}
      pointwise: {cycles_per_mac: 0.5}
    accuracy: {measurements: 0, interval: {low: 0.8, high: 1.25, coverage: 0.8}}
  fast-fp32-x1:
    title: Fast
    processor: cpu
    dtype: fp32
    threads: 1
    basis: assumed
    source: made up
    costs:
      conv: {cycles_per_mac: 0.25}
      depthwise: {cycles_per_mac: 1}
      dense: {cycles_per_mac: 0.25}
      pointwise: {cycles_per_mac: 0.25}
    accuracy: {measurements: 0, interval: {low: 0.8, high: 1.25, coverage: 0.8}}
";
