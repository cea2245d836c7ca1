//! `~/.ssh/config`: what of it is used, and what is not.
//!
//! Used are `Host`, `HostName`, `Port`, `User`, `IdentityFile`, `IdentitiesOnly`, `ProxyJump` and `UserKnownHostsFile`, with OpenSSH's
//! rule that the first value counts (of `IdentityFile`, all). Anything else that would apply to the host is named, so that nobody is surprised.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::known_hosts::matches_pattern;

/// The largest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// What the file says of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostConfig {
    /// The name or address to connect to.
    pub host_name: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// The account.
    pub user: Option<String>,
    /// Keys.
    pub identity_files: Vec<PathBuf>,
    /// Whether the agent's keys are not to be tried.
    pub identities_only: bool,
    /// Hosts on the way, in order: `[user@]host[:port]`.
    pub proxy_jump: Vec<String>,
    /// Files of known hosts, instead of those of the account.
    pub known_hosts: Vec<PathBuf>,
    /// Options that apply to the host and are ignored, in the file's spelling.
    pub ignored: BTreeSet<String>,
}

impl HostConfig {
    /// Reads what a file says of a host; nothing where there is no file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn read(path: &Path, host: &str, home: &Path) -> io::Result<HostConfig> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HostConfig::default()),
            Ok(found) if found.len() > MAX_FILE => return Err(io::Error::other(format!("larger than {MAX_FILE} bytes"))),
            _ => {}
        }
        Ok(HostConfig::parse(&String::from_utf8_lossy(&fs::read(path)?), host, home))
    }

    /// Understands a file's text.
    pub fn parse(text: &str, host: &str, home: &Path) -> HostConfig {
        let mut config = HostConfig::default();
        let mut applies = true;
        for line in text.lines() {
            let Some((keyword, values)) = words(line) else { continue };
            let first = values.first().cloned().unwrap_or_default();
            match keyword.to_ascii_lowercase().as_str() {
                "host" => applies = matches_host(host, &values),
                // Its conditions are not judged, so what it says is not used.
                "match" => {
                    applies = false;
                    config.ignored.insert(keyword);
                }
                _ if !applies => {}
                "hostname" => set(&mut config.host_name, first.replace("%h", host)),
                "port" => match first.parse() {
                    Ok(port) => set(&mut config.port, port),
                    Err(_) => drop(config.ignored.insert(keyword)),
                },
                "user" => set(&mut config.user, first),
                "identityfile" => config.identity_files.push(expand(&first, home)),
                "identitiesonly" => config.identities_only |= first.eq_ignore_ascii_case("yes"),
                "proxyjump" if config.proxy_jump.is_empty() => config.proxy_jump = first.split(',').map(str::to_owned).collect(),
                "proxyjump" => {}
                "userknownhostsfile" if config.known_hosts.is_empty() => {
                    config.known_hosts = values.iter().map(|path| expand(path, home)).collect();
                }
                "userknownhostsfile" => {}
                _ => drop(config.ignored.insert(keyword)),
            }
        }
        config.proxy_jump.retain(|hop| !hop.eq_ignore_ascii_case("none"));
        config
    }
}

/// The first value counts.
fn set<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

/// `~` and `%d` are the account's folder.
fn expand(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix("~/").or_else(|| path.strip_prefix("%d/")) {
        Some(rest) => home.join(rest),
        None => path.into(),
    }
}

fn matches_host(host: &str, patterns: &[String]) -> bool {
    let mut matched = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches_pattern(host.as_bytes(), pattern.as_bytes()) => return false,
            Some(_) => {}
            None => matched |= matches_pattern(host.as_bytes(), pattern.as_bytes()),
        }
    }
    matched
}

/// A keyword and its values: words, in quotes or not, after blanks or an equals sign.
fn words(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let mut rest = rest.trim_start();
    rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let mut values = vec![];
    while !rest.is_empty() && !rest.starts_with('#') {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        values.push(value.to_owned());
        rest = after.trim_start();
    }
    Some((keyword.into(), values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts() {
        let text = "Port 2200\nHost kitchen* !kitchen9\n  HostName %h.local\n User pi\n IdentityFile ~/.ssh/a\n IdentityFile \"/k/b c\"\n\
                    Host *\n User other\n Port=22\n IdentityFile=/k/d\n StrictHostKeyChecking no\n ProxyJump a@b:1,c\nMatch all\n User x\n";
        let config = HostConfig::parse(text, "kitchen1", Path::new("/home/me"));
        assert_eq!(config.host_name.as_deref(), Some("kitchen1.local"));
        assert_eq!((config.port, config.user.as_deref()), (Some(2200), Some("pi")));
        assert_eq!(config.identity_files, ["/home/me/.ssh/a", "/k/b c", "/k/d"].map(PathBuf::from));
        assert_eq!(config.proxy_jump, ["a@b:1", "c"]);
        assert_eq!(config.ignored, ["Match", "StrictHostKeyChecking"].map(String::from).into());
        let other = HostConfig::parse(text, "kitchen9", Path::new("/home/me"));
        assert_eq!((other.host_name, other.user.as_deref()), (None, Some("other")));
    }
}
