//! Removes temporary files when the process is told to stop; and lets work that can be taken up again stop by itself first.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tempfile::NamedTempFile;

/// Every temporary file that this process has made. A path stays in the list when its file has been renamed: the name is unique.
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(vec![]);

/// Nothing is interrupted while the guard lives.
pub(super) fn hold() -> MutexGuard<'static, Vec<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a temporary file that an interrupt removes.
pub(super) fn tracked(create: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
    started()?;
    let mut files = hold();
    let file = create()?;
    files.push(file.path().to_owned());
    Ok(file)
}

/// Whether somebody looks for the first signal.
static DEFERRED: AtomicUsize = AtomicUsize::new(0);
/// Whether a signal came that is not yet obeyed.
static PENDING: AtomicBool = AtomicBool::new(false);

/// While it lives, the first signal only says that the work should stop; a second one ends the process as ever.
#[derive(Debug)]
pub(crate) struct Interrupts(());

impl Interrupts {
    /// Takes the first signal upon itself.
    pub(crate) fn defer() -> io::Result<Interrupts> {
        started()?;
        DEFERRED.fetch_add(1, Ordering::SeqCst);
        Ok(Interrupts(()))
    }

    /// Whether the work should stop.
    pub(crate) fn pending(&self) -> bool {
        PENDING.load(Ordering::SeqCst)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        DEFERRED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Starts the thread that waits for signals, once.
fn started() -> io::Result<()> {
    static HANDLER: OnceLock<Result<(), io::ErrorKind>> = OnceLock::new();
    HANDLER.get_or_init(|| start().map_err(|error| error.kind())).map_err(io::Error::from)
}

/// Waits for signals on a thread of its own, which ends the process as each signal would have done.
#[cfg(unix)]
fn start() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if DEFERRED.load(Ordering::SeqCst) > 0 && !PENDING.swap(true, Ordering::SeqCst) {
                continue;
            }
            let files = hold();
            for path in &*files {
                drop(fs::remove_file(path));
            }
            drop(emulate_default_handler(signal));
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn start() -> io::Result<()> {
    Ok(())
}
