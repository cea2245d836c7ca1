//! The host's side of UART0.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// How long somebody who does not read keeps the chip waiting.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Where the host is.
pub(crate) enum Line {
    /// Whoever has connected last.
    Port { listener: TcpListener, connection: Option<TcpStream> },
    /// Whoever opens it. This keeps the other end open, so that hosts can come and go.
    Terminal { chip: OwnedFd, _host: OwnedFd },
}

impl Line {
    /// A port of this machine, and its number.
    pub(crate) fn port() -> io::Result<(Self, u16)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok((Self::Port { listener, connection: None }, port))
    }

    /// A pseudo-terminal, and where it is.
    pub(crate) fn terminal() -> io::Result<(Self, PathBuf)> {
        let chip = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&chip)?;
        unlockpt(&chip)?;
        let path = PathBuf::from(ptsname(&chip, vec![])?.into_string().map_err(io::Error::other)?);
        let host = OwnedFd::from(std::fs::OpenOptions::new().read(true).write(true).open(&path)?);
        let mut settings = tcgetattr(&host)?;
        settings.make_raw();
        tcsetattr(&host, OptionalActions::Now, &settings)?;
        Ok((Self::Terminal { chip, _host: host }, path))
    }

    /// Sends. What is sent to nobody stays there until somebody comes.
    pub(crate) fn send(&mut self, bytes: &mut Vec<u8>) {
        match self {
            Self::Port { listener, connection } => {
                if let Ok((new, _)) = listener.accept() {
                    *connection = new.set_nodelay(true).and_then(|()| new.set_nonblocking(false)).is_ok().then_some(new);
                }
                let Some(stream) = connection else { return };
                if stream.write_all(&std::mem::take(bytes)).is_err() {
                    *connection = None;
                }
            }
            Self::Terminal { chip, .. } => {
                while !bytes.is_empty() {
                    let mut fds = [PollFd::from_borrowed_fd(chip.as_fd(), PollFlags::OUT)];
                    let written = match poll(&mut fds, Some(&PATIENCE)) {
                        Ok(1..) => rustix::io::write(&*chip, &bytes[..bytes.len().min(2048)]).ok(),
                        _ => None,
                    };
                    bytes.drain(..written.unwrap_or(bytes.len()));
                }
            }
        }
    }

    /// What has come. It waits for it, if it is to.
    pub(crate) fn receive(&mut self, wait: Duration) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let length = match self {
            Self::Port { connection: None, .. } => {
                std::thread::sleep(wait);
                0
            }
            Self::Port { connection: found @ Some(_), .. } => {
                let read = found.as_mut().map_or(Ok(0), |stream| {
                    stream.set_nonblocking(wait.is_zero())?;
                    stream.set_read_timeout((!wait.is_zero()).then_some(wait))?;
                    let read = stream.read(&mut buffer);
                    stream.set_nonblocking(false)?;
                    read
                });
                match read {
                    Ok(length @ 1..) => length,
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
                    _ => {
                        *found = None;
                        0
                    }
                }
            }
            Self::Terminal { chip, .. } => {
                let timeout = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
                match poll(&mut [PollFd::new(&*chip, PollFlags::IN)], Some(&timeout)) {
                    Ok(1..) => rustix::io::read(&*chip, &mut buffer).unwrap_or(0),
                    _ => 0,
                }
            }
        };
        buffer.truncate(length);
        buffer
    }
}
