//! From a target to a session: name, route, host key, and only then authentication.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use ssh2::{MethodType, Session};

use super::config::HostConfig;
use super::error::SshError;
use super::known_hosts::{HostKey, KnownHosts, Verdict};
use crate::target::SshTarget;

/// The longest route.
const MAX_HOPS: usize = 8;
/// How many keys are tried; servers end the connection after about as many.
const MAX_KEYS: usize = 6;

/// What to do with a host whose key is not known. There is no way to accept a changed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Refuse.
    #[default]
    Strict,
    /// Remember its key. For a person who can compare the fingerprint, not for pipelines.
    AcceptNew,
}

/// How to reach devices.
#[derive(Clone, Debug)]
pub struct SshOptions {
    /// The account's folder.
    pub home: PathBuf,
    /// The account on this machine.
    pub local_user: String,
    /// The file of options; `None` reads none.
    pub config: Option<PathBuf>,
    /// Keys to try first.
    pub identities: Vec<PathBuf>,
    /// Files of known hosts, instead of OpenSSH's.
    pub known_hosts: Vec<PathBuf>,
    /// What to do with a host whose key is not known.
    pub policy: HostKeyPolicy,
    /// The only key that the device may have, as `SHA256:…`.
    pub pinned: Option<String>,
    /// How long to wait for any answer.
    pub timeout: Duration,
}

impl SshOptions {
    /// As OpenSSH would do it for this account.
    pub fn for_home(home: PathBuf, local_user: String) -> SshOptions {
        SshOptions {
            config: Some(home.join(".ssh/config")),
            home,
            local_user,
            identities: vec![],
            known_hosts: vec![],
            policy: HostKeyPolicy::Strict,
            pinned: None,
            timeout: Duration::from_secs(15),
        }
    }
}

/// A connection whose other end has proven who it is, and which has proven who we are.
pub struct Connection {
    /// The session.
    pub session: Session,
    /// The key that the host has shown.
    pub host_key: HostKey,
    /// Whether the key was not known before.
    pub learned: bool,
    /// Options of the configuration that would apply and were not used.
    pub ignored: Vec<String>,
    /// The account there.
    pub user: String,
    socket: Socket,
    /// Sessions on the way, the last one first.
    route: Vec<Connection>,
}

enum Socket {
    Tcp(TcpStream),
    Tunnel(UnixStream),
}

impl Drop for Connection {
    fn drop(&mut self) {
        // libssh2 would wait for answers when its handles are dropped; without a socket there is nothing to wait for.
        let _: io::Result<()> = match &self.socket {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Socket::Tunnel(stream) => stream.shutdown(Shutdown::Both),
        };
        self.route.clear();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("user", &self.user).field("host_key", &self.host_key).finish_non_exhaustive()
    }
}

impl Connection {
    /// Ends the connection at once, so that nothing waits for it.
    pub fn abort(&self) {
        let _: io::Result<()> = match &self.socket {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Socket::Tunnel(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

/// Reaches a device.
///
/// # Errors
///
/// Where it cannot be reached, is not the right one, or does not let us in.
pub fn connect(target: &SshTarget, options: &SshOptions) -> Result<Connection, SshError> {
    hop(target, options, 0)
}

fn hop(target: &SshTarget, options: &SshOptions, depth: usize) -> Result<Connection, SshError> {
    let config = match &options.config {
        Some(path) => {
            HostConfig::read(path, &target.host, &options.home).map_err(|source| SshError::File { path: path.clone(), source })?
        }
        None => HostConfig::default(),
    };
    if depth >= MAX_HOPS {
        return Err(SshError::Route { host: target.host.clone(), hops: MAX_HOPS });
    }
    let host = config.host_name.clone().unwrap_or_else(|| target.host.clone());
    let port = target.port.or(config.port).unwrap_or(22);
    let user = target.user.clone().or_else(|| config.user.clone()).unwrap_or_else(|| options.local_user.clone());
    let ignored = config.ignored.iter().cloned().collect();

    let (socket, route) = match config.proxy_jump.last() {
        None => (Socket::Tcp(tcp(&host, port, options.timeout)?), vec![]),
        Some(last) => {
            let jump: SshTarget = match format!("ssh://{last}").parse() {
                Ok(crate::target::Target::Ssh(jump)) => jump,
                _ => return Err(SshError::Jump { hop: last.clone() }),
            };
            // Pinned keys are of devices, not of hosts on the way; a chain of hops is the last one's route.
            let mut through = SshOptions { pinned: None, ..options.clone() };
            if jump.host == target.host {
                through.config = None;
            }
            let before = hop(&jump, &through, depth + 1)?;
            (Socket::Tunnel(tunnel(&before, &host, port, options.timeout)?), vec![before])
        }
    };

    let known = known_hosts(&config, options)?;
    let mut session = Session::new().map_err(|error| SshError::session(&host, &error))?;
    let failed = |error: ssh2::Error| SshError::session(&host, &error);
    session.set_timeout(u32::try_from(options.timeout.as_millis()).unwrap_or(u32::MAX));
    session.method_pref(MethodType::HostKey, &known.preference(&host, port)).map_err(failed)?;
    match &socket {
        Socket::Tcp(stream) => session.set_tcp_stream(stream.try_clone().map_err(|source| SshError::unreachable(&host, port, source))?),
        Socket::Tunnel(stream) => session.set_tcp_stream(stream.try_clone().map_err(|source| SshError::unreachable(&host, port, source))?),
    }
    let mut connection = Connection { session, host_key: HostKey::new(&[]), learned: false, ignored, user: user.clone(), socket, route };
    connection.session.handshake().map_err(failed)?;
    connection.host_key =
        connection.session.host_key().map(|(key, _)| HostKey::new(key)).ok_or(SshError::NoHostKey { host: host.clone() })?;
    connection.learned = expect_known(&connection.host_key, &known, &host, port, &config, options)?;
    super::auth::authenticate(&connection.session, &user, &host, &config, options, MAX_KEYS)?;
    Ok(connection)
}

fn known_hosts(config: &HostConfig, options: &SshOptions) -> Result<KnownHosts, SshError> {
    KnownHosts::read(&known_hosts_files(config, options)).map_err(|(path, source)| SshError::File { path, source })
}

fn known_hosts_files(config: &HostConfig, options: &SshOptions) -> Vec<PathBuf> {
    if !options.known_hosts.is_empty() {
        return options.known_hosts.clone();
    }
    let mut files = config.known_hosts.clone();
    if files.is_empty() {
        files = [".ssh/known_hosts", ".ssh/known_hosts2"].map(|name| options.home.join(name)).into();
    }
    files.extend(["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from));
    files
}

/// Refuses hosts that are not the right ones. Returns whether the key is new.
fn expect_known(
    key: &HostKey,
    known: &KnownHosts,
    host: &str,
    port: u16,
    config: &HostConfig,
    options: &SshOptions,
) -> Result<bool, SshError> {
    let (host, fingerprint) = (host.to_owned(), key.fingerprint());
    let verdict = known.judge(&host, port, key);
    if let Verdict::Revoked(place) = verdict {
        return Err(SshError::HostKeyRevoked { host, fingerprint, place });
    }
    if let Some(pinned) = &options.pinned {
        return match pinned.trim_end_matches('=') == fingerprint {
            true => Ok(false),
            false => Err(SshError::HostKeyPinned { host, expected: pinned.clone(), found: fingerprint }),
        };
    }
    match verdict {
        Verdict::Known => Ok(false),
        Verdict::Changed(place) => Err(SshError::HostKeyChanged { host, fingerprint, place }),
        Verdict::Unknown { authority: false } if options.policy == HostKeyPolicy::AcceptNew => {
            let file = known_hosts_files(config, options).into_iter().next().unwrap_or_default();
            remember(&file, &super::known_hosts::name(&host.to_ascii_lowercase(), port), key)
                .map_err(|source| SshError::File { path: file, source })?;
            Ok(true)
        }
        Verdict::Unknown { authority: true } => Err(SshError::Authority { host }),
        _ => Err(SshError::HostKeyUnknown { host, port, kind: key.kind().into(), fingerprint }),
    }
}

/// Appends a line to a file of known hosts.
fn remember(path: &std::path::Path, name: &str, key: &HostKey) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let before = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
        before => before?,
    };
    let begin = if before.last().is_none_or(|&byte| byte == b'\n') { "" } else { "\n" };
    let mut file = std::fs::File::options().create(true).append(true).open(path)?;
    file.write_all(format!("{begin}{name} {}\n", key.line()).as_bytes())?;
    file.sync_all()
}

fn tcp(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, SshError> {
    let unreachable = |source| SshError::unreachable(host, port, source);
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unreachable)?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(unreachable)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// A socket whose other end is a port that the host before can reach.
fn tunnel(before: &Connection, host: &str, port: u16, timeout: Duration) -> Result<UnixStream, SshError> {
    let unreachable = |source| SshError::unreachable(host, port, source);
    let channel = before.session.channel_direct_tcpip(host, port, None).map_err(|error| SshError::session(host, &error))?;
    let (ours, theirs) = UnixStream::pair().map_err(unreachable)?;
    theirs.set_nonblocking(true).map_err(unreachable)?;
    before.session.set_blocking(false);
    let session = before.session.clone();
    thread::spawn(move || {
        pump(channel, theirs);
        session.set_blocking(true);
        session.set_timeout(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
    });
    Ok(ours)
}

/// Carries bytes both ways until one side is done.
fn pump(mut channel: ssh2::Channel, mut socket: UnixStream) {
    let (mut down, mut up) = (vec![0; 32 << 10], vec![0; 32 << 10]);
    let (mut down_range, mut up_range) = (0..0, 0..0);
    let waits = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    loop {
        let mut moved = false;
        if down_range.is_empty() {
            match channel.read(&mut down) {
                Ok(0) if channel.eof() => break,
                Ok(count) => down_range = 0..count,
                Err(error) if waits(&error) => {}
                Err(_) => break,
            }
        }
        if !down_range.is_empty() {
            match socket.write(&down[down_range.clone()]) {
                Ok(count) => (down_range.start, moved) = (down_range.start + count, true),
                Err(error) if waits(&error) => {}
                Err(_) => break,
            }
        }
        if up_range.is_empty() {
            match socket.read(&mut up) {
                Ok(0) => break,
                Ok(count) => up_range = 0..count,
                Err(error) if waits(&error) => {}
                Err(_) => break,
            }
        }
        if !up_range.is_empty() {
            match channel.write(&up[up_range.clone()]) {
                Ok(count) => (up_range.start, moved) = (up_range.start + count, true),
                Err(error) if waits(&error) => {}
                Err(_) => break,
            }
        }
        if !moved {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let _: io::Result<()> = socket.shutdown(Shutdown::Both);
}
