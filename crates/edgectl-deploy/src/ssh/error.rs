//! What goes wrong on the way to a device.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::known_hosts::Place;
use crate::receipt::Code;

/// What goes wrong on the way to a device, or there.
#[derive(Debug, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SshError {
    #[error("cannot use {path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot reach {host} port {port}: {source}")]
    Unreachable { host: String, port: u16, source: io::Error },
    #[error("{host} does not answer as it should: {message}")]
    Session { host: String, message: String },
    #[error("{host} did not answer in time")]
    Timeout { host: String },
    #[error("the connection to {host} was lost")]
    Gone { host: String },
    #[error("{host}: more than {hops} hosts on the way")]
    Route { host: String, hops: usize },
    #[error("ProxyJump: `{hop}` is no host")]
    Jump { hop: String },
    #[error("{host} has shown no key")]
    NoHostKey { host: String },
    #[error("{host} port {port} is not known: it has shown the {kind} key {fingerprint}")]
    HostKeyUnknown { host: String, port: u16, kind: String, fingerprint: String },
    #[error("{host} is known only by a certificate authority, which cannot be asked here")]
    Authority { host: String },
    #[error("the key of {host} has changed: it has shown {fingerprint}, and {place} has another")]
    HostKeyChanged { host: String, fingerprint: String, place: Place },
    #[error("the key of {host} was revoked in {place}: {fingerprint}")]
    HostKeyRevoked { host: String, fingerprint: String, place: Place },
    #[error("the key of {host} is not the one that is pinned: expected {expected}, found {found}")]
    HostKeyPinned { host: String, expected: String, found: String },
    #[error("{host} accepts no key for {user}{}", list(tried))]
    Auth { host: String, user: String, tried: Vec<String> },
    #[error("{host}: `{command}` failed with status {status}: {output}")]
    Command { host: String, command: String, status: i32, output: String },
    #[error("{host}: {message}")]
    Permission { host: String, message: String },
    #[error("{host}: another deployment is at work: {holder}")]
    Locked { host: String, holder: String },
    #[error("{host} has no space: {message}")]
    NoSpace { host: String, message: String },
    #[error("{host} refuses the release: {message}")]
    Refused { host: String, message: String },
    #[error("{host}: {message}")]
    Device { host: String, message: String },
    #[error("{host}: {path} arrived with other bytes twice")]
    Damaged { host: String, path: String },
    #[error("{host}: somebody must look: {message}")]
    Broken { host: String, message: String },
    #[error("{host} was switched to the new release, and then: {cause}; unless it was committed, it goes back by itself within {}", seconds(*within))]
    Unknown { host: String, cause: String, within: Duration },
}

fn list(tried: &[String]) -> String {
    if tried.is_empty() { " (there was none to try)".into() } else { format!(" ({})", tried.join("; ")) }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// libssh2's code for an answer that did not come in time.
const LIBSSH2_TIMEOUT: i32 = -9;
/// libssh2's codes for connections that have ended.
const LIBSSH2_GONE: [i32; 5] = [-7, -13, -43, -27, -26];

impl SshError {
    pub(super) fn session(host: &str, error: &ssh2::Error) -> SshError {
        let host = host.to_owned();
        match error.code() {
            ssh2::ErrorCode::Session(LIBSSH2_TIMEOUT | -30) => SshError::Timeout { host },
            ssh2::ErrorCode::Session(code) if LIBSSH2_GONE.contains(&code) => SshError::Gone { host },
            _ => SshError::Session { host, message: error.message().into() },
        }
    }

    pub(super) fn io(host: &str, error: &io::Error) -> SshError {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => SshError::Timeout { host: host.into() },
            io::ErrorKind::Other => SshError::Session { host: host.into(), message: error.to_string() },
            _ => SshError::Gone { host: host.into() },
        }
    }

    pub(super) fn unreachable(host: &str, port: u16, source: io::Error) -> SshError {
        SshError::Unreachable { host: host.into(), port, source }
    }

    /// Whether the connection was lost, so that another one may do better.
    pub fn is_lost(&self) -> bool {
        matches!(self, SshError::Timeout { .. } | SshError::Gone { .. } | SshError::Session { .. })
    }

    /// The code of this end.
    pub fn code(&self) -> Code {
        match self {
            SshError::Unreachable { .. } | SshError::Session { .. } | SshError::Timeout { .. } | SshError::Gone { .. } => Code::Unreachable,
            SshError::NoHostKey { .. }
            | SshError::HostKeyUnknown { .. }
            | SshError::Authority { .. }
            | SshError::HostKeyChanged { .. }
            | SshError::HostKeyRevoked { .. }
            | SshError::HostKeyPinned { .. } => Code::HostKey,
            SshError::Auth { .. } | SshError::Permission { .. } => Code::Permission,
            SshError::Locked { .. } => Code::Locked,
            SshError::NoSpace { .. } => Code::NoSpace,
            SshError::Refused { .. } => Code::Refused,
            SshError::Unknown { .. } | SshError::Broken { .. } => Code::Unknown,
            _ => Code::Failed,
        }
    }
}
