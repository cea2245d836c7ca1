//! KEY: where a signing key is kept. A secret never stands on a command line.
//!
//! | KEY | is |
//! |---|---|
//! | `FILE` | a minisign secret key, encrypted; nobody but its owner may read it |
//! | `env:NAME` | the content of such a file in an environment variable, for pipelines; it may be without encryption |
//! | `agent:` | the only Ed25519 key of the ssh-agent |
//! | `agent:TEXT` | the one with this comment or fingerprint |

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use edgectl_bundle::{PublicKey, SecretKey, SecretKeyError, Signer};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::ui::Ui;

/// The environment variable with the password of secret keys.
pub(crate) const PASSWORD: &str = "EDGECTL_KEY_PASSWORD";

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("the ssh-agent has {found} Ed25519 keys that match {wanted:?}: expected one")]
    Agent { wanted: String, found: usize },
    #[error("no ssh-agent: SSH_AUTH_SOCK is not set")]
    NoAgent,
    #[error("the environment variable {name} is not set, or is no text")]
    NoVariable { name: String },
    #[error("a password is needed, and there is nobody to ask for it")]
    NoPassword,
    #[error("{path} can be read by others: its mode is {mode:03o}, expected 600", path = path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("the passwords differ")]
    PasswordsDiffer,
    #[error("the password is empty")]
    EmptyPassword,
}

/// Where a signing key is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum KeySource {
    Agent(String),
    Environment(String),
    File(PathBuf),
}

impl FromStr for KeySource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<KeySource, Self::Err> {
        Ok(match text.split_once(':') {
            Some(("agent", wanted)) => KeySource::Agent(wanted.into()),
            Some(("env", name)) => KeySource::Environment(name.into()),
            _ => KeySource::File(text.into()),
        })
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeySource::Agent(wanted) => write!(f, "agent:{wanted}"),
            KeySource::Environment(name) => write!(f, "env:{name}"),
            KeySource::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl KeySource {
    /// The key, ready to sign.
    pub(crate) fn open(&self, ui: &Ui) -> Result<Box<dyn Signer>> {
        let open = || -> Result<Box<dyn Signer>> {
            match self {
                KeySource::Agent(wanted) => agent_key(wanted),
                KeySource::Environment(name) => {
                    let unset = |_| KeyError::NoVariable { name: name.clone() };
                    let text = Zeroizing::new(env::var(name).map_err(unset)?);
                    // A variable may lose its line feeds on its way through a pipeline's settings.
                    let text = Zeroizing::new(if text.contains('\n') { text.to_string() } else { format!("\n{}\n", text.trim()) });
                    if SecretKey::is_encrypted(&text) == Some(false) {
                        return Ok(Box::new(SecretKey::open(&text, None)?));
                    }
                    Ok(Box::new(SecretKey::open(&text, Some(&password(ui)?))?))
                }
                KeySource::File(path) => {
                    let text = read_secret(path)?;
                    match SecretKey::is_encrypted(&text) {
                        Some(false) => return Err(SecretKeyError::NotEncrypted.into()),
                        Some(true) => {}
                        // Says what is wrong before anybody is asked for a password.
                        None => drop(SecretKey::open(&text, None)?),
                    }
                    Ok(Box::new(SecretKey::open(&text, Some(&password(ui)?))?))
                }
            }
        };
        open().with_context(|| format!("cannot sign with {self}"))
    }
}

/// A public key: a minisign key file, its second line, or what a secret key of the agent has.
pub(crate) fn public_key(text: &str) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    if let KeySource::Agent(wanted) = text.parse()? {
        return Ok(agent_key(&wanted)?.public().clone());
    }
    let content = fs::read_to_string(text).with_context(|| format!("cannot read the public key {text}"))?;
    content.parse().with_context(|| format!("{text} is no public key"))
}

#[cfg(unix)]
fn agent_key(wanted: &str) -> Result<Box<dyn Signer>> {
    let socket = env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()).ok_or(KeyError::NoAgent)?;
    let mut keys = edgectl_bundle::AgentKey::all(Path::new(&socket)).context("cannot ask the ssh-agent")?;
    keys.retain(|key| wanted.is_empty() || key.comment() == wanted || key.fingerprint() == wanted);
    match (keys.pop(), keys.len()) {
        (Some(key), 0) => Ok(Box::new(key)),
        (key, others) => Err(KeyError::Agent { wanted: wanted.into(), found: others + usize::from(key.is_some()) }.into()),
    }
}

#[cfg(not(unix))]
fn agent_key(_: &str) -> Result<Box<dyn Signer>> {
    Err(KeyError::NoAgent.into())
}

/// The content of a secret key's file, which only its owner may be able to read.
fn read_secret(path: &Path) -> Result<Zeroizing<String>> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Permissions { path: path.into(), mode }.into());
        }
    }
    if !metadata.is_file() || metadata.len() > 4096 {
        return Err(io::Error::other("expected a regular file of at most 4 KiB").into());
    }
    Ok(Zeroizing::new(fs::read_to_string(path)?))
}

/// The password of a key that exists.
fn password(ui: &Ui) -> Result<Zeroizing<String>> {
    match env::var(PASSWORD) {
        Ok(password) => Ok(Zeroizing::new(password)),
        Err(_) => Ok(ui.secret("password of the key: ")?.ok_or(KeyError::NoPassword)?),
    }
}

/// The password of a new key, asked for twice.
pub(crate) fn new_password(ui: &Ui) -> Result<Zeroizing<String>> {
    let password = match env::var(PASSWORD) {
        Ok(password) => Zeroizing::new(password),
        Err(_) => {
            let password = ui.secret("password of the new key: ")?.ok_or(KeyError::NoPassword)?;
            let again = ui.secret("once more: ")?.ok_or(KeyError::NoPassword)?;
            if password != again {
                return Err(KeyError::PasswordsDiffer.into());
            }
            password
        }
    };
    if password.is_empty() { Err(KeyError::EmptyPassword.into()) } else { Ok(password) }
}
