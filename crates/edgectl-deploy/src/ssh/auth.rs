//! Proving who we are: keys that were named, the agent's, and those that OpenSSH would try.

use std::path::{Path, PathBuf};

use ssh2::Session;

use super::config::HostConfig;
use super::connect::SshOptions;
use super::error::SshError;

/// The environment variable with the passphrase of encrypted keys. Never an argument, which others on this machine could see.
pub const PASSPHRASE: &str = "EDGECTL_SSH_PASSPHRASE";

/// Tries keys until one is accepted.
///
/// # Errors
///
/// Where none is: what was tried, and why each failed.
pub fn authenticate(
    session: &Session,
    user: &str,
    host: &str,
    config: &HostConfig,
    options: &SshOptions,
    limit: usize,
) -> Result<(), SshError> {
    let mut tried = vec![];
    let passphrase = std::env::var(PASSPHRASE).ok();
    let file = |path: &Path, tried: &mut Vec<String>| {
        let result = session.userauth_pubkey_file(user, None, path, passphrase.as_deref());
        result.map_err(|error| tried.push(format!("{}: {}", path.display(), reason(path, &error)))).is_ok()
    };
    for path in options.identities.iter().take(limit) {
        if !path.is_file() {
            return Err(SshError::File { path: path.clone(), source: std::io::ErrorKind::NotFound.into() });
        }
        if file(path, &mut tried) {
            return Ok(());
        }
    }
    if !config.identities_only && agent(session, user, limit.saturating_sub(tried.len()), &mut tried) {
        return Ok(());
    }
    for path in default_identities(config, options) {
        if tried.len() >= limit {
            break;
        }
        if path.is_file() && file(&path, &mut tried) {
            return Ok(());
        }
    }
    // The server may have gone instead of refusing.
    if session.last_error_is_socket() {
        return Err(SshError::Gone { host: host.into() });
    }
    Err(SshError::Auth { host: host.into(), user: user.into(), tried })
}

fn agent(session: &Session, user: &str, limit: usize, tried: &mut Vec<String>) -> bool {
    if std::env::var_os("SSH_AUTH_SOCK").is_none() {
        return false;
    }
    let Ok(mut agent) = session.agent() else { return false };
    if let Err(error) = agent.connect().and_then(|()| agent.list_identities()) {
        tried.push(format!("agent: {}", error.message()));
        return false;
    }
    for key in agent.identities().unwrap_or_default().iter().take(limit) {
        match agent.userauth(user, key) {
            Ok(()) => return true,
            Err(error) => tried.push(format!("agent's {}: {}", key.comment(), error.message())),
        }
    }
    false
}

fn default_identities(config: &HostConfig, options: &SshOptions) -> Vec<PathBuf> {
    match config.identity_files.is_empty() {
        false => config.identity_files.clone(),
        true => ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| options.home.join(".ssh").join(name)).into(),
    }
}

/// libssh2 has one message for several reasons.
fn reason(path: &Path, error: &ssh2::Error) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let encrypted = text.contains("ENCRYPTED") || text.contains("OPENSSH PRIVATE KEY") && is_encrypted_openssh(&text);
    match (encrypted, error.code()) {
        (_, ssh2::ErrorCode::Session(-18 | -19)) => "not accepted".into(),
        (true, _) => format!("encrypted; {PASSPHRASE} or an agent can open it"),
        _ => error.message().into(),
    }
}

/// The cipher's name stands at the beginning of the format.
fn is_encrypted_openssh(text: &str) -> bool {
    use base64::Engine;
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    // 36 bytes: the magic, a length, and `none`.
    let head = body.get(..64).and_then(|head| base64::engine::general_purpose::STANDARD.decode(head).ok()).unwrap_or_default();
    head.get(19..23) != Some(b"none")
}

/// Whether the last error was the connection's.
trait LastError {
    fn last_error_is_socket(&self) -> bool;
}

impl LastError for Session {
    fn last_error_is_socket(&self) -> bool {
        let error = ssh2::Error::last_session_error(self);
        matches!(error.map(|error| error.code()), Some(ssh2::ErrorCode::Session(-43 | -13 | -7 | -9 | -30)))
    }
}
