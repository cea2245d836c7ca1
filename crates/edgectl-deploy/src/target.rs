//! Where a device is: a URL.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::board::line::Place;

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// `serial:PORT`: a board at a serial port, such as `serial:/dev/ttyUSB0`, `serial:COM3` or `serial:mac:60:55:F9:01:02:03?baud=921600`.
    Serial(String),
    /// `ssh://[user@]host[:port][/folder]`: a Linux device.
    Ssh(SshTarget),
    /// `uf2:PATH`: a board that shows itself as a volume, mounted at this path.
    Uf2(String),
}

/// A Linux device that is reached over SSH. What is `None` is asked of `~/.ssh/config`, then has a default.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SshTarget {
    /// The account.
    pub user: Option<String>,
    /// Host name, address, or a `Host` of `~/.ssh/config`.
    pub host: String,
    /// TCP port.
    pub port: Option<u16>,
    /// The absolute folder on the device under which every application has one of its own.
    pub folder: Option<String>,
}

/// Why a text is no target.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Begins with none of the schemes.
    #[error("`{0}` is no target; expected ssh://user@host:port, serial:PORT or uf2:PATH")]
    Scheme(String),
    /// A password, which is not shown.
    #[error("the target for {host} holds a password; keys and the agent are used, never passwords on a command line")]
    Password {
        /// The host.
        host: String,
    },
    /// A part that is missing or cannot be what it stands for.
    #[error("`{target}` is no target: {part} `{found}` {problem}")]
    Part {
        /// The whole text.
        target: String,
        /// Which part of it.
        part: &'static str,
        /// What it was.
        found: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Target {
    /// The scheme, as the transport table has it.
    pub fn scheme(&self) -> &'static str {
        match self {
            Target::Serial(_) => "serial",
            Target::Ssh(_) => "ssh",
            Target::Uf2(_) => "uf2",
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let part = |part, found: &str, problem| TargetError::Part { target: text.into(), part, found: found.into(), problem };
        let path = |name, found: &str| match found {
            "" => Err(part(name, found, "is empty")),
            _ if found.contains(char::is_control) => Err(part(name, found, "has control characters")),
            _ => Ok(found.to_owned()),
        };
        if let Some(rest) = text.strip_prefix("ssh://") {
            return ssh(rest, part).map(Target::Ssh);
        }
        match text.split_once(':') {
            Some(("serial", port)) => {
                let port = path("port", port)?;
                Place::parse(&port).map_err(|(name, found, problem)| part(name, &found, problem))?;
                Ok(Target::Serial(port))
            }
            Some(("uf2", volume)) => Ok(Target::Uf2(path("path", volume)?)),
            _ => Err(TargetError::Scheme(text.into())),
        }
    }
}

fn ssh(rest: &str, part: impl Fn(&'static str, &str, &'static str) -> TargetError) -> Result<SshTarget, TargetError> {
    let (authority, folder) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(rest[at..].trim_end_matches('/')).filter(|folder| !folder.is_empty())),
        None => (rest, None),
    };
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    let (host, port) = match address.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or_else(|| part("host", address, "lacks a closing bracket"))?;
            match after {
                "" => (host, None),
                _ => (host, Some(after.strip_prefix(':').ok_or_else(|| part("port", after, "does not begin with a colon"))?)),
            }
        }
        None => match address.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(part("host", address, "is an IPv6 address without brackets")),
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    // What an `ssh` program would take for an option, a password or more than one word is refused here, for every program that sees it.
    let word = |name, found: &str| match found {
        "" => Err(part(name, found, "is empty")),
        _ if found.starts_with('-') => Err(part(name, found, "begins with a dash")),
        _ if found.contains(|c: char| c.is_control() || c.is_whitespace() || "'\"`$\\;&<>|(){}*?!".contains(c)) => {
            Err(part(name, found, "has characters that no name has"))
        }
        _ => Ok(found.to_owned()),
    };
    if user.is_some_and(|user| user.contains(':')) {
        // Nobody shall read it in a log, so the target is not repeated.
        return Err(TargetError::Password { host: host.into() });
    }
    let port = port.map(|port| match port.parse::<u16>() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => Err(part("port", port, "is not a number from 1 to 65535")),
    });
    let folder = folder.map(|folder| match folder {
        _ if folder.contains(char::is_control) => Err(part("folder", folder, "has control characters")),
        _ if folder.split('/').any(|name| name == ".." || name == ".") => Err(part("folder", folder, "has `.` or `..` in it")),
        _ => Ok(folder.to_owned()),
    });
    Ok(SshTarget {
        user: user.map(|user| word("user", user)).transpose()?,
        host: word("host", host)?,
        port: port.transpose()?,
        folder: folder.transpose()?,
    })
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Serial(port) => write!(f, "serial:{port}"),
            Target::Ssh(ssh) => write!(f, "ssh://{ssh}"),
            Target::Uf2(path) => write!(f, "uf2:{path}"),
        }
    }
}

impl Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.folder.as_deref().unwrap_or_default())
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn targets_print_as_they_are_written() {
        for text in [
            "ssh://pi@kitchen",
            "ssh://pi@kitchen:2222",
            "ssh://kitchen",
            "ssh://pi@[fe80::1%eth0]:22/opt/edge",
            "ssh://kitchen/srv/a b",
            "serial:/dev/ttyUSB0",
            "serial:COM3",
            "serial:mac:60:55:F9:01:02:03?baud=921600",
            "uf2:/media/RPI-RP2",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("ssh://kitchen/".parse::<Target>().unwrap().to_string(), "ssh://kitchen");
    }

    #[test]
    fn what_is_no_target_is_said() {
        for (text, says) in [
            ("kitchen", "expected ssh://user@host:port"),
            ("http://kitchen", "expected ssh://user@host:port"),
            ("ssh://", "host `` is empty"),
            ("ssh://pi@", "host `` is empty"),
            ("ssh://@kitchen", "user `` is empty"),
            ("ssh://-oProxyCommand=x", "begins with a dash"),
            ("ssh://pi:secret@kitchen", "holds a password"),
            ("ssh://kitchen:0", "is not a number from 1 to 65535"),
            ("ssh://kitchen:65536", "is not a number"),
            ("ssh://kitchen:+22", "is not a number"),
            ("ssh://fe80::1", "without brackets"),
            ("ssh://[fe80::1", "closing bracket"),
            ("ssh://kitchen/../etc", "`.` or `..`"),
            ("ssh://a;b", "characters that no name has"),
            ("serial:", "port `` is empty"),
            ("serial:COM3?baud=x", "speed `x` is not a number"),
            ("serial:mac:12", "address `12` is not six bytes"),
            ("serial:COM3?x", "option `x` is none of"),
            ("uf2:", "path `` is empty"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
