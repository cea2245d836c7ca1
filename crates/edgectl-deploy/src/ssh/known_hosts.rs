//! `known_hosts` files, with OpenSSH's meaning.
//!
//! libssh2's own matching differs from OpenSSH's in ways that accept what OpenSSH refuses (revoked keys, wrong keys of a port), so this
//! follows `hostfile.c`, `match.c` and `sshconnect.c` of OpenSSH 9: markers, patterns with negation, hashed names, `[host]:port` before
//! `host`, lines that cannot be understood skipped. There is one departure: OpenSSH does not understand a tab after `@revoked`, and accepts
//! the key; here it is revoked. The `ssh` and `ssh-keygen` programs are its oracles (`tests/known_hosts.rs`).

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The largest file that is read.
const MAX_FILE: u64 = 64 << 20;
/// The longest pattern, as OpenSSH bounds it.
const MAX_PATTERN: usize = 1023;
/// The port without brackets.
const DEFAULT_PORT: u16 = 22;

/// Key types, as they stand in the files, and the signature algorithms to ask a server for, in OpenSSH's order of preference.
const TYPES: [(&str, &[&str]); 5] = [
    ("ssh-ed25519", &["ssh-ed25519"]),
    ("ecdsa-sha2-nistp256", &["ecdsa-sha2-nistp256"]),
    ("ecdsa-sha2-nistp384", &["ecdsa-sha2-nistp384"]),
    ("ecdsa-sha2-nistp521", &["ecdsa-sha2-nistp521"]),
    // `ssh-rsa` alone names a signature with SHA-1.
    ("ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256"]),
];
/// Types that OpenSSH understands and libssh2 does not ask for: lines with them count when keys are compared.
const OTHER_TYPES: [&str; 3] = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss"];

/// A public key as it goes over the wire.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostKey(Vec<u8>);

impl HostKey {
    /// From its bytes: a length, the type, and the rest.
    pub fn new(blob: &[u8]) -> HostKey {
        HostKey(blob.into())
    }

    /// The name of its type.
    pub fn kind(&self) -> &str {
        let length = self.0.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
        self.0.get(4..).and_then(|rest| rest.get(..length)).and_then(|kind| std::str::from_utf8(kind).ok()).unwrap_or("unknown")
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD.encode(Sha256::digest(&self.0)).trim_end_matches('='))
    }

    /// As it stands in files.
    pub fn line(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(&self.0))
    }

    /// Whether the parts of the key are all there, and nothing after them.
    fn is_whole(&self) -> bool {
        let mut rest = &self.0[..];
        let mut parts = vec![];
        while !rest.is_empty() {
            let Some((length, after)) = rest.split_first_chunk() else { return false };
            let Some((part, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize) else { return false };
            parts.push(part);
            rest = after;
        }
        // An elliptic curve's name is in the key once more.
        let curve = |name: &str| parts.get(1).is_some_and(|part| *part == name.as_bytes());
        match (self.kind(), &parts[..]) {
            ("ssh-ed25519", [_, key]) => key.len() == 32,
            ("ssh-rsa", [_, exponent, modulus]) => !exponent.is_empty() && modulus.len() >= 128,
            ("ssh-dss", [_, _, _, _, _]) => true,
            ("ecdsa-sha2-nistp256", [_, _, point]) => curve("nistp256") && point.len() == 65,
            ("ecdsa-sha2-nistp384", [_, _, point]) => curve("nistp384") && point.len() == 97,
            ("ecdsa-sha2-nistp521", [_, _, point]) => curve("nistp521") && point.len() == 133,
            ("sk-ssh-ed25519@openssh.com", [_, key, _]) => key.len() == 32,
            ("sk-ecdsa-sha2-nistp256@openssh.com", [_, _, point, _]) => curve("nistp256") && point.len() == 65,
            _ => false,
        }
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.fingerprint())
    }
}

/// What a line says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// It is the host's.
    None,
    /// It signs hosts' certificates.
    Authority,
    /// It is nobody's any more.
    Revoked,
}

/// A line that can be understood.
#[derive(Clone, Debug)]
struct Line {
    number: usize,
    marker: Marker,
    names: String,
    /// `None` where it is no key.
    key: Option<HostKey>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

/// What the files say of a key that a host has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the host's.
    Known,
    /// The host is not known.
    Unknown {
        /// Certificate authorities stand for it, which cannot be asked here.
        authority: bool,
    },
    /// The host has another key.
    Changed(Place),
    /// The key was revoked.
    Revoked(Place),
}

/// The files, as far as they are there.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    files: Vec<(PathBuf, Vec<Line>)>,
}

impl KnownHosts {
    /// Reads files; one that is not there says nothing.
    ///
    /// # Errors
    ///
    /// The path, and why it cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<KnownHosts, (PathBuf, io::Error)> {
        let mut known = KnownHosts::default();
        for path in paths {
            let size = fs::metadata(path).map(|found| found.len());
            if size.as_ref().is_ok_and(|&size| size > MAX_FILE) {
                return Err((path.clone(), io::Error::other(format!("larger than {MAX_FILE} bytes"))));
            }
            match size.and_then(|_| fs::read(path)) {
                Ok(bytes) => known.add(path, &bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err((path.clone(), error)),
            }
        }
        Ok(known)
    }

    /// Adds a file's content.
    pub fn add(&mut self, path: &Path, bytes: &[u8]) {
        let lines = bytes.split(|&byte| byte == b'\n').zip(1..).filter_map(|(line, number)| parse(line, number));
        self.files.push((path.into(), lines.collect()));
    }

    /// The lines whose names match, whatever their keys are: what `ssh-keygen -F NAME` finds. `name` is `host` or `[host]:port`.
    pub fn find(&self, name: &str) -> Vec<Place> {
        let found = self.matching(name).map(|(path, line)| Place { path: path.into(), line: line.number });
        found.collect()
    }

    fn matching<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Path, &'a Line)> {
        let lines = self.files.iter().flat_map(|(path, lines)| lines.iter().map(|line| (path.as_path(), line)));
        lines.filter(move |(_, line)| matches_names(name, &line.names) == Some(true))
    }

    /// What the files say of a key that a host has shown.
    pub fn judge(&self, host: &str, port: u16, key: &HostKey) -> Verdict {
        let host = host.to_ascii_lowercase();
        match self.judge_name(&name(&host, port), key) {
            // A host that is known without its port has that key on every port; another key there means nothing for this one.
            Verdict::Unknown { authority } if port != DEFAULT_PORT => match self.judge_name(&host, key) {
                Verdict::Known => Verdict::Known,
                _ => Verdict::Unknown { authority },
            },
            verdict => verdict,
        }
    }

    fn judge_name(&self, name: &str, key: &HostKey) -> Verdict {
        let mut verdict = Verdict::Unknown { authority: false };
        for (path, line) in self.matching(name) {
            let place = || Place { path: path.into(), line: line.number };
            let Some(known) = &line.key else { continue };
            match line.marker {
                Marker::Revoked if known == key => return Verdict::Revoked(place()),
                Marker::Revoked => {}
                Marker::Authority => {
                    if let Verdict::Unknown { authority } = &mut verdict {
                        *authority = true;
                    }
                }
                Marker::None if verdict == Verdict::Known => {}
                Marker::None if known == key => verdict = Verdict::Known,
                Marker::None => verdict = Verdict::Changed(place()),
            }
        }
        verdict
    }

    /// The signature algorithms to offer, those of known keys first: a server that has several keys then shows one that can be compared.
    pub fn preference(&self, host: &str, port: u16) -> String {
        let name = name(&host.to_ascii_lowercase(), port);
        let keys: Vec<&HostKey> =
            self.matching(&name).filter(|(_, line)| line.marker == Marker::None).filter_map(|(_, line)| line.key.as_ref()).collect();
        let known = |kind: &str| keys.iter().any(|key| key.kind() == kind);
        let first = TYPES.iter().filter(|(kind, _)| known(kind));
        let rest = TYPES.iter().filter(|(kind, _)| !known(kind));
        first.chain(rest).flat_map(|(_, algorithms)| *algorithms).copied().collect::<Vec<_>>().join(",")
    }
}

/// The name under which a host stands in the files.
pub fn name(host: &str, port: u16) -> String {
    if port == DEFAULT_PORT { host.into() } else { format!("[{host}]:{port}") }
}

/// `None` where the line says nothing, or cannot be understood.
fn parse(line: &[u8], number: usize) -> Option<Line> {
    // C strings end at a zero.
    let line = line.split(|&byte| byte == 0).next()?;
    let line = String::from_utf8_lossy(line);
    let blank = |c: char| c == ' ' || c == '\t';
    let mut rest = line.trim_start_matches(blank);
    if rest.is_empty() || rest.starts_with('#') {
        return None;
    }
    let mut marker = Marker::None;
    if rest.starts_with('@') {
        let (word, after) = rest.split_once(blank)?;
        marker = match word {
            "@cert-authority" => Marker::Authority,
            "@revoked" => Marker::Revoked,
            _ => return None,
        };
        rest = after.trim_start_matches(blank);
        if rest.starts_with('@') {
            return None;
        }
    }
    let (names, rest) = rest.split_once(blank)?;
    let rest = rest.trim_start_matches(blank);
    // A type that is known, and something behind it: the rest matters only where keys are compared.
    let (kind, blob) = rest.split_once(blank)?;
    let blob = blob.trim_start_matches(blank);
    if blob.is_empty() || blob.starts_with('#') || !types().any(|known| known == kind) {
        return None;
    }
    let key = key(kind, blob);
    Some(Line { number, marker, names: names.into(), key })
}

/// The names of all types.
fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(kind, _)| *kind).chain(OTHER_TYPES)
}

fn key(kind: &str, blob: &str) -> Option<HostKey> {
    let blob = blob.split([' ', '\t', '\r']).next()?;
    let key = HostKey(STANDARD.decode(blob).ok()?);
    (key.kind() == kind && key.is_whole()).then_some(key)
}

/// Whether a name is among those of a line; `None` where they cannot be understood.
fn matches_names(name: &str, names: &str) -> Option<bool> {
    match names.strip_prefix('|') {
        Some(_) => matches_hashed(name, names),
        None => Some(matches_list(&name.to_ascii_lowercase(), names)),
    }
}

/// `|1|salt|hash`, both in base64: HMAC-SHA1 of the name.
fn matches_hashed(name: &str, names: &str) -> Option<bool> {
    let (salt, hash) = names.strip_prefix("|1|")?.split_once('|')?;
    let salt = STANDARD.decode(salt).ok().filter(|salt| salt.len() == 20)?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).ok()?;
    mac.update(name.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()) == hash)
}

/// Patterns with commas between; one that begins with `!` and matches rules the name out.
fn matches_list(name: &str, patterns: &str) -> bool {
    let mut matched = false;
    for pattern in patterns.split(',') {
        let (negated, pattern) = pattern.strip_prefix('!').map_or((false, pattern), |pattern| (true, pattern));
        if pattern.len() > MAX_PATTERN {
            return false;
        }
        if matches_pattern(name.as_bytes(), pattern.to_ascii_lowercase().as_bytes()) {
            if negated {
                return false;
            }
            matched = true;
        }
    }
    matched
}

/// `*` is any number of characters, `?` is one.
pub(super) fn matches_pattern(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last `*` stood, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match star {
                Some((begin, reach)) => {
                    star = Some((begin, reach + 1));
                    at = reach + 1;
                    in_pattern = begin + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|&byte| byte == b'*')
}
