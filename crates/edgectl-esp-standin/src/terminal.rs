//! A pseudo-terminal, and a device's end of it.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// How long a host that does not read keeps the device waiting.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The device's end. It keeps the other end open, so that hosts can come and go.
pub struct Terminal {
    device: OwnedFd,
    host: OwnedFd,
    path: PathBuf,
}

impl Terminal {
    /// A new one, which passes bytes on as they are.
    ///
    /// # Errors
    /// Where this system gives none.
    pub fn open() -> io::Result<Terminal> {
        let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&device)?;
        unlockpt(&device)?;
        let path = PathBuf::from(ptsname(&device, vec![])?.into_string().map_err(io::Error::other)?);
        let host = OwnedFd::from(OpenOptions::new().read(true).write(true).open(&path)?);
        let mut settings = tcgetattr(&host)?;
        settings.make_raw();
        tcsetattr(&host, OptionalActions::Now, &settings)?;
        Ok(Terminal { device, host, path })
    }

    /// What hosts open.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The speed that the host has set, in bits per second.
    pub fn speed(&self) -> u32 {
        tcgetattr(&self.host).map_or(115_200, |settings| settings.output_speed())
    }

    /// How many bytes have come, waiting for the first of them; 0 after less than a second without any.
    pub fn receive(&self, buffer: &mut [u8], wait: Duration) -> usize {
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.as_nanos().min(999_999_999) as _ };
        match poll(&mut [PollFd::new(&self.device, PollFlags::IN)], Some(&timeout)) {
            Ok(1..) => rustix::io::read(&self.device, buffer).unwrap_or(0),
            _ => 0,
        }
    }

    /// Sends as much as the host takes in time; one that does not read loses the rest.
    pub fn send(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut fds = [PollFd::from_borrowed_fd(self.device.as_fd(), PollFlags::OUT)];
            let Ok(1..) = poll(&mut fds, Some(&PATIENCE)) else { return };
            match rustix::io::write(&self.device, bytes.get(..bytes.len().min(2048)).unwrap_or_default()) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(_) => return,
            }
        }
    }
}
