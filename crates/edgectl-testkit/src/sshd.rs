//! A real OpenSSH server on loopback, as a device, and a proxy before it that loses connections.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Where Debian has the server.
const SSHD: &str = "/usr/sbin/sshd";

/// A running server, its keys, and the files that a client needs.
#[derive(Debug)]
pub struct Sshd {
    folder: TempDir,
    port: u16,
    server: Child,
}

/// Whether there is a server to run. Where there is none, and nobody insists with `EDGECTL_REQUIRE_SSHD`, tests say that they are skipped.
#[allow(clippy::print_stderr)]
pub fn has_sshd() -> bool {
    let has = Path::new(SSHD).exists();
    assert!(has || std::env::var_os("EDGECTL_REQUIRE_SSHD").is_none(), "{SSHD} is missing");
    if !has {
        eprintln!("SKIPPED: {SSHD} is missing (Debian: openssh-server)");
    }
    has
}

/// Makes a key pair without a passphrase: `path` and `path.pub`.
///
/// # Errors
///
/// Where `ssh-keygen` fails.
pub fn ssh_keygen(path: &Path, kind: &str) -> Result<()> {
    let status = Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "test", "-t", kind, "-f"]).arg(path).status();
    if !status.context("ssh-keygen")?.success() {
        bail!("ssh-keygen failed");
    }
    Ok(())
}

impl Sshd {
    /// Starts a server with these kinds of host keys, further lines of configuration, and one accepted key.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn start(kinds: &[&str], lines: &str) -> Result<Sshd> {
        let folder = tempfile::Builder::new().prefix("sshd").tempdir()?;
        let at = |name: &str| folder.path().join(name);
        ssh_keygen(&at("id"), "ed25519")?;
        fs::copy(at("id.pub"), at("authorized_keys"))?;
        // SHLVL: bash reads no start-up files for a shell within a shell; those of this machine's account may be slow.
        let mut config = format!(
            "ListenAddress 127.0.0.1\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n\
             PasswordAuthentication no\nSetEnv SHLVL=2\nSubsystem sftp internal-sftp\nMaxStartups 2000\nMaxSessions 100\nUseDNS no\nLogLevel ERROR\n{lines}\n",
            at("authorized_keys").display()
        );
        let mut known = String::new();
        let port = free_port()?;
        for kind in kinds {
            let path = at(&format!("host_{kind}"));
            ssh_keygen(&path, kind)?;
            config += &format!("HostKey {}\n", path.display());
            let public = fs::read_to_string(path.with_extension("pub"))?;
            known += &format!("[127.0.0.1]:{port} {public}");
        }
        config += &format!("Port {port}\n");
        fs::write(at("config"), config)?;
        fs::write(at("known_hosts"), known)?;
        if fs::metadata("/run/sshd").is_err() {
            // Where root runs it, it wants this folder; others do not need it.
            let _: io::Result<()> = fs::create_dir("/run/sshd");
        }
        let log = fs::File::create(at("log"))?;
        // A test that ends without dropping this closes the pipe, and with it the server.
        let script = "\"$0\" -D -e -f \"$1/config\" & server=$!; echo $server >\"$1/pid\"; cat >/dev/null; kill $server; rm -rf \"$1\"";
        let server = Command::new("sh")
            .args(["-c", script, SSHD])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut sshd = Sshd { folder, port, server };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = sshd.server.try_wait()?.is_some();
            if ended || begin.elapsed() > Duration::from_secs(20) {
                bail!("sshd does not start: {}", fs::read_to_string(sshd.path("log"))?);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(sshd)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A file of its folder: `id` (the accepted key), `known_hosts`, `log`, `host_<kind>.pub`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends every session, and leaves the server.
    pub fn kill_sessions(&self) {
        let server = fs::read_to_string(self.path("pid")).unwrap_or_default();
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.trim())).unwrap_or_default();
        for child in children.split_whitespace() {
            let _: io::Result<_> = Command::new("kill").args(["-KILL", child]).status();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _: io::Result<_> = self.server.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// How a proxy loses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Both sides hear that it has ended.
    Cut,
    /// Neither side hears anything any more.
    Stall,
}

/// A TCP proxy on loopback that loses connections when it is told to.
#[derive(Clone, Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes towards the server until the loss; negative is never.
    fuel: AtomicI64,
    loss: Mutex<Loss>,
    /// No connections at all.
    down: AtomicBool,
    sent: AtomicU64,
    losses: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Before a port of loopback.
    ///
    /// # Errors
    ///
    /// Where no port is free.
    pub fn start(to: u16) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            fuel: AtomicI64::new(-1),
            loss: Mutex::new(Loss::Cut),
            down: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.down.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", to)) {
                    let _: io::Result<()> = carry(client, server, &shared);
                }
            }
        });
        Ok(Proxy { port, state })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Loses the connection after so many more bytes towards the server.
    pub fn lose_after(&self, bytes: u64, loss: Loss) {
        *self.state.loss.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = loss;
        self.state.fuel.store(bytes.try_into().unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Loses nothing any more.
    pub fn heal(&self) {
        self.state.fuel.store(-1, Ordering::SeqCst);
        self.state.down.store(false, Ordering::SeqCst);
    }

    /// Loses all connections now, and takes no new ones.
    pub fn go_down(&self, loss: Loss) {
        self.state.down.store(true, Ordering::SeqCst);
        *self.state.loss.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = loss;
        self.state.fuel.store(0, Ordering::SeqCst);
        if loss == Loss::Cut {
            self.state.cut();
        }
    }

    /// Bytes towards the server so far.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// How many connections were lost.
    pub fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::SeqCst)
    }
}

impl State {
    fn cut(&self) {
        for stream in self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..) {
            let _: io::Result<()> = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes bytes off the fuel; how many still pass, and whether that was the end.
    fn pass(&self, bytes: usize) -> (usize, bool) {
        let fuel = self.fuel.load(Ordering::SeqCst);
        if fuel < 0 {
            return (bytes, false);
        }
        let passing = bytes.min(usize::try_from(fuel).unwrap_or(usize::MAX));
        let left = fuel - passing as i64;
        self.fuel.store(left, Ordering::SeqCst);
        (passing, passing < bytes || left == 0)
    }
}

fn carry(client: TcpStream, server: TcpStream, state: &Arc<State>) -> io::Result<()> {
    let silent = Arc::new(AtomicBool::new(false));
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    state.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend([client.try_clone()?, server.try_clone()?]);
    for (mut from, mut to, up) in [(client.try_clone()?, server.try_clone()?, true), (server, client, false)] {
        let (state, silent) = (state.clone(), silent.clone());
        thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let (passing, end) = if up { state.pass(count) } else { (count, state.fuel.load(Ordering::SeqCst) == 0) };
                if silent.load(Ordering::SeqCst) {
                    continue;
                }
                if up {
                    state.sent.fetch_add(passing as u64, Ordering::SeqCst);
                }
                if to.write_all(buffer.get(..passing).unwrap_or_default()).is_err() {
                    break;
                }
                if end {
                    state.losses.fetch_add(1, Ordering::SeqCst);
                    if *state.loss.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == Loss::Stall {
                        silent.store(true, Ordering::SeqCst);
                        continue;
                    }
                    // The connection is lost once; the next one lasts.
                    state.fuel.store(-1, Ordering::SeqCst);
                    state.cut();
                    break;
                }
            }
            if !silent.load(Ordering::SeqCst) {
                let _: io::Result<()> = from.shutdown(Shutdown::Both);
                let _: io::Result<()> = to.shutdown(Shutdown::Both);
            }
        });
    }
    Ok(())
}
