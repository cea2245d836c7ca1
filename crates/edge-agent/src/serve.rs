//! The service: executes the current release's program behind a Unix socket, and tells systemd how it is.
//!
//! `GET /health` says how it is; `POST /infer` takes lines of JSON and answers each with one. The program runs in one thread, which owns
//! its memory; a watchdog asks it for a golden vector, so that a service that answers but does not compute is not taken for a healthy one.

use std::fs;
use std::io::{self, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::http;
use crate::model::{Model, ModelError, SelfTest};

/// The socket, in the application's folder.
const SOCKET: &str = "run/agent.sock";
/// How many connections are served at once; more wait.
const CONNECTIONS: usize = 16;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// How long the program may take to answer the watchdog.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the service says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether the last golden vector had the right bytes.
    pub ok: bool,
    /// The release's folder.
    pub release: String,
    /// The service's process.
    pub pid: u32,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: u64,
    /// How many inferences it has answered.
    pub inferences: u64,
    /// What came of the golden vectors when it started.
    pub self_test: SelfTest,
}

/// What the thread that owns the program is asked.
enum Job {
    Infer(Vec<u8>, SyncSender<Result<Vec<u8>, String>>),
    Check(SyncSender<bool>),
}

/// Where the socket is. A path that is too long for a socket is reached through the folder's descriptor.
fn with_socket<R>(root: &Path, work: impl FnOnce(&Path) -> io::Result<R>) -> io::Result<R> {
    let folder = fs::File::open(root.join("run"))?;
    work(&PathBuf::from(format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), &SOCKET[4..])))
}

/// Asks the service how it is.
///
/// # Errors
///
/// Where it does not answer, or not as one of ours.
pub fn health(root: &Path, timeout: Duration) -> io::Result<Health> {
    let stream = with_socket(root, |path| UnixStream::connect(path))?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let (_, body) = http::get(stream, "/health")?;
    Ok(serde_json::from_slice(&body)?)
}

/// Executes the current release until the process is ended.
///
/// # Errors
///
/// Where there is no release, its golden vectors do not agree, or the socket cannot be made.
pub fn run(root: &Path, account: Option<&str>) -> Result<(), ModelError> {
    crate::guard::leave_session();
    let io = |path: PathBuf| move |source| ModelError::Io { path, source };
    let link = root.join("current");
    let target = fs::read_link(&link).map_err(io(link))?;
    let release = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let model = Model::of_release(&root.join("releases").join(&release))?;
    let socket = root.join(SOCKET);
    let listener = with_socket(root, |path| {
        let _: io::Result<()> = fs::remove_file(path);
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
        Ok(listener)
    });
    let listener = listener.map_err(io(socket))?;
    if let Some(account) = account {
        // Threads have the rights of the one that starts them: no other is there yet.
        crate::account::become_account(account).map_err(io(PathBuf::from("/etc/passwd")))?;
    }
    model.with(|ready| {
        let self_test = ready.self_test(usize::MAX)?;
        if self_test.mismatches > 0 {
            let first = self_test.first.unwrap_or_default();
            return Err(ModelError::Golden(format!("{} of {} have other bytes, first {first}", self_test.mismatches, self_test.vectors)));
        }
        let (jobs, work) = sync_channel(CONNECTIONS);
        let state = State { begin: Instant::now(), release, self_test, inferences: AtomicU64::new(0), busy: AtomicUsize::new(0) };
        thread::scope(|scope| {
            let watchdog = jobs.clone();
            scope.spawn(move || watch(&watchdog));
            scope.spawn(|| accept(scope, &listener, &jobs, &state));
            notify("READY=1");
            execute(ready, &work);
        });
        Ok(())
    })
}

struct State {
    begin: Instant,
    release: String,
    self_test: SelfTest,
    inferences: AtomicU64,
    busy: AtomicUsize,
}

/// The thread that owns the program.
fn execute(ready: &mut crate::model::Ready<'_, '_>, work: &Receiver<Job>) {
    while let Ok(job) = work.recv() {
        // Nobody may wait for the answer any more.
        match job {
            Job::Check(answer) => drop(answer.try_send(ready.self_test(1).is_ok_and(|found| found.mismatches == 0))),
            Job::Infer(body, answer) => {
                let mut output = vec![];
                let done = ready.infer_lines(&mut &body[..], &mut output);
                drop(answer.try_send(done.map(|_| output).map_err(|error| error.to_string())));
            }
        }
    }
}

fn accept<'s>(scope: &'s thread::Scope<'s, '_>, listener: &'s UnixListener, jobs: &'s SyncSender<Job>, state: &'s State) {
    for stream in listener.incoming().flatten() {
        while state.busy.load(Ordering::Acquire) >= CONNECTIONS {
            thread::sleep(Duration::from_millis(1));
        }
        state.busy.fetch_add(1, Ordering::AcqRel);
        scope.spawn(move || {
            // A connection that breaks concerns nobody else.
            let _: io::Result<()> = serve(&stream, jobs, state);
            state.busy.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

fn serve(stream: &UnixStream, jobs: &SyncSender<Job>, state: &State) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let Some(request) = http::read_request(&mut BufReader::new(stream))? else { return Ok(()) };
    let mut stream = stream;
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/health") => {
            let health = Health {
                ok: check(jobs),
                release: state.release.clone(),
                pid: std::process::id(),
                uptime_ms: u64::try_from(state.begin.elapsed().as_millis()).unwrap_or(u64::MAX),
                inferences: state.inferences.load(Ordering::Relaxed),
                self_test: state.self_test.clone(),
            };
            http::write_response(&mut stream, if health.ok { 200 } else { 503 }, &serde_json::to_vec(&health)?)
        }
        ("POST", "/infer") => {
            let (answer, done) = sync_channel(1);
            let sent = jobs.send(Job::Infer(request.body, answer)).is_ok();
            match done.recv() {
                Ok(Ok(output)) if sent => {
                    state.inferences.fetch_add(output.iter().filter(|&&byte| byte == b'\n').count() as u64, Ordering::Relaxed);
                    http::write_response(&mut stream, 200, &output)
                }
                Ok(Err(problem)) => http::write_response(&mut stream, 400, &serde_json::to_vec(&serde_json::json!({ "error": problem }))?),
                _ => http::write_response(&mut stream, 503, b"{}"),
            }
        }
        _ => http::write_response(&mut stream, 404, b"{\"error\":\"expected GET /health or POST /infer\"}"),
    }
}

/// Whether the program computes what it must, in time.
fn check(jobs: &SyncSender<Job>) -> bool {
    let (answer, done) = sync_channel(1);
    jobs.send(Job::Check(answer)).is_ok() && done.recv_timeout(PATIENCE).unwrap_or(false)
}

/// Tells systemd that all is well as often as it wants to hear it, for as long as it is true.
fn watch(jobs: &SyncSender<Job>) {
    let micros = std::env::var("WATCHDOG_USEC").ok().and_then(|micros| micros.parse::<u64>().ok());
    let Some(micros) = micros.filter(|&micros| micros > 0) else { return };
    loop {
        thread::sleep(Duration::from_micros(micros / 3));
        if check(jobs) {
            notify("WATCHDOG=1");
        }
    }
}

/// `sd_notify(3)`: nothing where systemd did not start this process.
fn notify(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let path = path.to_string_lossy().into_owned();
    let address = match path.strip_prefix('@') {
        Some(name) => std::os::unix::net::SocketAddr::from_abstract_name(name),
        None => std::os::unix::net::SocketAddr::from_pathname(&path),
    };
    // Nobody to tell where that fails.
    if let (Ok(socket), Ok(address)) = (UnixDatagram::unbound(), address) {
        let _: io::Result<_> = socket.send_to_addr(state.as_bytes(), &address);
    }
}
