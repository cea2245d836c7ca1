//! Host keys: what our reading of `known_hosts` says, beside what OpenSSH's programs say.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use edgectl_deploy::ssh::known_hosts::{HostKey, KnownHosts, Verdict};
use edgectl_testkit::{has_sshd, ssh_keygen};

/// Keys of a server, and others.
struct Keys(tempfile::TempDir);

impl Keys {
    fn make() -> Keys {
        let keys = Keys(tempfile::tempdir().unwrap());
        for (name, kind) in [("ed", "ed25519"), ("ed2", "ed25519"), ("rsa", "rsa"), ("ec", "ecdsa")] {
            ssh_keygen(&keys.path(name), kind).unwrap();
        }
        keys
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `type base64`.
    fn line(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    fn key(&self, name: &str) -> HostKey {
        HostKey::new(&STANDARD.decode(self.line(name).split_once(' ').unwrap().1).unwrap())
    }

    /// A known_hosts file: `{ed}` and so on are keys.
    fn fill(&self, template: &str) -> String {
        ["ed2", "ed", "rsa", "ec"].iter().fold(template.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), &self.line(name)))
    }
}

/// name, known_hosts, host, port, the server's keys
const ROWS: [(&str, &str, &str, u16, &[&str]); 27] = [
    ("the right key", "dev1 {ed}\n", "dev1", 22, &["ed"]),
    ("another key of the same type", "dev1 {ed2}\n", "dev1", 22, &["ed"]),
    ("revoked, and known", "@revoked * {ed}\ndev1 {ed}\n", "dev1", 22, &["ed"]),
    ("revoked after it is known", "dev1 {ed}\n@revoked dev1 {ed}\n", "dev1", 22, &["ed"]),
    ("revoked only", "@revoked dev1 {ed}\n", "dev1", 22, &["ed"]),
    ("another one revoked", "@revoked dev1 {ed2}\ndev1 {ed}\n", "dev1", 22, &["ed"]),
    ("a wrong key of the port, the right one of the host", "[dev1]:2222 {ed2}\ndev1 {ed}\n", "dev1", 2222, &["ed"]),
    ("a wrong key of a pattern", "dev* {ed2}\n", "dev1", 22, &["ed"]),
    ("the right key of a pattern", "dev* {ed}\n", "dev1", 22, &["ed"]),
    ("a pattern with one character", "d?v1 {ed}\n", "dev1", 22, &["ed"]),
    ("a pattern that rules the host out", "dev*,!dev1 {ed}\n", "dev1", 22, &["ed"]),
    ("a pattern that rules another out", "!dev2,dev* {ed}\n", "dev1", 22, &["ed"]),
    ("junk before the right key", "junk\ndev1 {ed}\n", "dev1", 22, &["ed"]),
    ("junk before a wrong key", "junk\ndev1 {ed2}\n", "dev1", 22, &["ed"]),
    ("only RSA known, three keys there", "dev1 {rsa}\n", "dev1", 22, &["ed", "rsa", "ec"]),
    ("only RSA known, no RSA there", "dev1 {rsa}\n", "dev1", 22, &["ed"]),
    ("only ECDSA known, three keys there", "dev1 {ec}\n", "dev1", 22, &["ed", "rsa", "ec"]),
    ("another key of the host, none of the port", "dev1 {ed2}\n", "dev1", 2222, &["ed"]),
    ("the right key of the host, none of the port", "dev1 {ed}\n", "dev1", 2222, &["ed"]),
    ("the right key of the port", "[dev1]:2222 {ed}\n", "dev1", 2222, &["ed"]),
    ("a key of the port, asked for the host", "[dev1]:2222 {ed}\n", "dev1", 22, &["ed"]),
    ("upper case in the file", "Dev1 {ed}\n", "dev1", 22, &["ed"]),
    ("upper case asked for", "dev1 {ed}\n", "DEV1", 22, &["ed"]),
    ("lines that end as on Windows", "dev1 {ed}\r\n", "dev1", 22, &["ed"]),
    ("an unknown marker", "@nonsense dev1 {ed}\n", "dev1", 22, &["ed"]),
    ("a key that is cut short", "dev1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\ndev1 {ed}\n", "dev1", 22, &["ed"]),
    ("nobody", "other {ed}\n", "dev1", 22, &["ed"]),
];

/// What OpenSSH's client says, with a real server at the other end of its pipe.
fn openssh(known: &Path, host: &str, port: u16, config: &Path, policy: &str) -> &'static str {
    let output = Command::new("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "PreferredAuthentications=none", "-o", "GlobalKnownHostsFile=/dev/null"])
        .args(["-o", "UpdateHostKeys=no", "-o", "LogLevel=INFO"])
        .args(["-o", &format!("StrictHostKeyChecking={policy}"), "-o", &format!("UserKnownHostsFile={}", known.display())])
        .args(["-o", &format!("ProxyCommand=/usr/sbin/sshd -i -q -f {}", config.display()), "-p", &port.to_string(), host, "true"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match () {
        () if said.contains("REVOKED HOST KEY") => "revoked",
        () if said.contains("IDENTIFICATION HAS CHANGED") => "changed",
        () if said.contains("Permanently added") => "learned",
        () if said.contains("strict checking") || said.contains("Host key verification failed") => "unknown",
        () if said.contains("Permission denied") => "known",
        () => panic!("{host}: {said}"),
    }
}

/// What we would say: the server shows the first of its keys that we ask for.
fn ours(keys: &Keys, known: &Path, host: &str, port: u16, there: &[&str], policy: &str) -> &'static str {
    let known = KnownHosts::read(&[known.into()]).unwrap();
    let preference = known.preference(host, port);
    let shown = preference.split(',').find_map(|algorithm| {
        let kind = algorithm.strip_prefix("rsa-sha2").map_or(algorithm, |_| "ssh-rsa");
        there.iter().map(|name| keys.key(name)).find(|key| key.kind() == kind)
    });
    match known.judge(host, port, &shown.unwrap()) {
        Verdict::Known => "known",
        Verdict::Unknown { .. } if policy == "accept-new" => "learned",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Changed(_) => "changed",
        Verdict::Revoked(_) => "revoked",
    }
}

#[test]
fn every_row_as_the_ssh_program_has_it() {
    if !has_sshd() {
        return;
    }
    let keys = Keys::make();
    let _: Result<_, _> = fs::create_dir("/run/sshd");
    for (index, (name, template, host, port, there)) in ROWS.iter().enumerate() {
        let config = keys.path(&format!("config{index}"));
        let lines: String = there.iter().map(|name| format!("HostKey {}\n", keys.path(name).display())).collect();
        fs::write(
            &config,
            format!("UsePAM no\nPidFile none\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n{lines}"),
        )
        .unwrap();
        for policy in ["yes", "accept-new"] {
            let known = keys.path(&format!("known{index}{policy}"));
            fs::write(&known, keys.fill(template)).unwrap();
            let ours = ours(&keys, &known, host, *port, there, policy);
            assert_eq!(ours, openssh(&known, host, *port, &config, policy), "{name}, {policy}:\n{template}");
        }
    }
    eprintln!("{} rows, two policies each", ROWS.len());
}

/// A line of a known_hosts file, seldom a good one.
fn line(random: &mut fastrand::Rng, keys: &[String]) -> String {
    let name = |random: &mut fastrand::Rng| {
        let mut text = String::new();
        for _ in 0..random.usize(1..4) {
            text += random.choice(["a", "b", "A", "*", "?", "ab", "a.b", "-"]).unwrap();
        }
        match random.u8(0..6) {
            0 => format!("[{text}]:2222"),
            1 => format!("!{text}"),
            2 => format!("[{text}]:*"),
            _ => text,
        }
    };
    let mut names = (0..random.usize(1..4)).map(|_| name(random)).collect::<Vec<_>>().join(random.choice([",", ",", ",,"]).unwrap());
    match random.u8(0..8) {
        0 | 1 => {
            // Hashed, as ssh-keygen -H does it; sometimes not quite.
            let salt: Vec<u8> = (0..20).map(|_| random.u8(..)).collect();
            let plain = random.choice(HOSTS).unwrap();
            let hash = hmac_sha1(&salt, plain.as_bytes());
            names = format!("|1|{}|{}", STANDARD.encode(&salt), STANDARD.encode(hash));
            if random.u8(0..6) == 0 {
                names.truncate(random.usize(1..names.len()));
            }
        }
        2 => names = format!("{}{names}", random.choice(["@revoked ", "@cert-authority ", "@nonsense ", "@revoked @revoked "]).unwrap()),
        3 => names = format!("{}{names}", random.choice(["#", " ", "\t", " #"]).unwrap()),
        _ => {}
    }
    let key = match random.u8(0..8) {
        0 => String::new(),
        1 => "ssh-ed25519".into(),
        2 => "junk junk".into(),
        3 => "# comment".into(),
        _ => random.choice(keys).unwrap().clone(),
    };
    let (gap, end) = (random.choice([" ", " ", "\t", "  ", " \t"]).unwrap(), random.choice(["", "", " a comment", "\r", " "]).unwrap());
    format!("{names}{gap}{key}{end}")
}

fn hmac_sha1(salt: &[u8], text: &[u8]) -> Vec<u8> {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(salt).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Names to look for.
const HOSTS: &[&str] =
    &["a", "b", "ab", "aa", "ba", "a.b", "A", "aB", "[a]:2222", "[ab]:2222", "[A]:2222", "a-b", "aab", "bbb", "[a.b]:22", "c"];

#[test]
fn a_hundred_thousand_lines_as_ssh_keygen_finds_them() {
    const FILES: usize = 32;
    const LINES: usize = 200;
    let keygen = Command::new("ssh-keygen").arg("-?").stderr(Stdio::null()).status();
    if keygen.is_err() {
        eprintln!("SKIPPED: ssh-keygen is missing (Debian: openssh-client)");
        return;
    }
    let keys = Keys::make();
    let lines: Vec<String> = ["ed", "ed2", "rsa", "ec"].iter().map(|name| keys.line(name)).collect();
    let found: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|part| {
                let (keys, lines) = (&keys, &lines);
                scope.spawn(move || {
                    let mut found = 0;
                    for file in (part..FILES).step_by(2) {
                        let mut random = fastrand::Rng::with_seed(file as u64);
                        let text: String = (0..LINES).map(|_| line(&mut random, lines) + "\n").collect();
                        let path = keys.path(&format!("generated{file}"));
                        fs::write(&path, &text).unwrap();
                        let known = KnownHosts::read(std::slice::from_ref(&path)).unwrap();
                        for host in HOSTS {
                            let output =
                                Command::new("ssh-keygen").args(["-F", host, "-f"]).arg(&path).stderr(Stdio::null()).output().unwrap();
                            let theirs: BTreeSet<usize> = String::from_utf8_lossy(&output.stdout)
                                .lines()
                                .filter_map(|line| {
                                    line.strip_prefix("# Host ")?.split_once("found: line ")?.1.split(' ').next()?.parse().ok()
                                })
                                .collect();
                            let ours: BTreeSet<usize> = known.find(host).iter().map(|place| place.line).collect();
                            if let Some(number) = theirs.symmetric_difference(&ours).next() {
                                let line = text.lines().nth(number - 1).unwrap();
                                panic!(
                                    "{host}: {line:?} is found by {}",
                                    if ours.contains(number) { "us alone" } else { "ssh-keygen alone" }
                                );
                            }
                            found += ours.len();
                        }
                    }
                    found
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let pairs = FILES * LINES * HOSTS.len();
    eprintln!("{pairs} pairs of a line and a host, {found} found");
    assert!(pairs >= 100_000 && found > 5_000, "{pairs} {found}");
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let mut random = fastrand::Rng::with_seed(1);
    let keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFzQkSS3jL5JBGStpDWQQV7lZ7MKj0q0Q5C4ydUA6FUn".to_owned()];
    for _ in 0..20_000 {
        let mut text = line(&mut random, &keys).into_bytes();
        for _ in 0..random.usize(0..4) {
            let at = random.usize(0..text.len());
            text[at] = random.u8(..);
        }
        let mut known = KnownHosts::default();
        known.add(Path::new("x"), &text);
        known.judge("a", 2222, &HostKey::new(&text));
        known.preference("a", 22);
    }
}
