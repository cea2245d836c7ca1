//! Removes temporary files when the process is told to stop.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tempfile::NamedTempFile;

/// Every temporary file that this process has made. A path stays in the list when its file has been renamed: the name is unique.
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(vec![]);

/// Nothing is interrupted while the guard lives.
pub(super) fn hold() -> MutexGuard<'static, Vec<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a temporary file that an interrupt removes.
pub(super) fn tracked(create: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
    static HANDLER: Once = Once::new();
    let mut started = Ok(());
    HANDLER.call_once(|| started = start());
    started?;
    let mut files = hold();
    let file = create()?;
    files.push(file.path().to_owned());
    Ok(file)
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
