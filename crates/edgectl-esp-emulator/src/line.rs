//! The host's side of UART0.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use edgectl_esp_standin::Terminal;

/// Where the host is.
pub(crate) enum Line {
    /// Whoever has connected last.
    Port { listener: TcpListener, connection: Option<TcpStream> },
    /// Whoever opens it.
    Terminal(Terminal),
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
        let terminal = Terminal::open()?;
        let path = terminal.path().to_owned();
        Ok((Self::Terminal(terminal), path))
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
            Self::Terminal(terminal) => terminal.send(&std::mem::take(bytes)),
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
            Self::Terminal(terminal) => terminal.receive(&mut buffer, wait),
        };
        buffer.truncate(length);
        buffer
    }
}
