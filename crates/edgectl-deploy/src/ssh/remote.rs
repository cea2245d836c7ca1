//! What is done on the device over a connection: commands, uploads, and a conversation with its agent.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use edge_agent::protocol::{ErrorCode, Request, Response};
use sha2::{Digest, Sha256};
use ssh2::{Channel, ExtendedData, OpenFlags, OpenType, Sftp};

use super::connect::Connection;
use super::error::SshError;
use crate::release::ReleaseFile;

/// What is kept of a command's output; a device may send more.
const MAX_OUTPUT: u64 = 1 << 20;
/// The largest answer of the agent.
const MAX_ANSWER: u64 = 4 << 20;
/// How much is written at once: libssh2 keeps as many packets of it on the way.
const CHUNK: usize = 1 << 20;
/// How often the agent hears from us during uploads.
const PING: Duration = Duration::from_secs(5);
/// What servers say that do not know a request.
const SFTP_UNSUPPORTED: i32 = 8;

/// A device at the other end of a connection.
#[derive(Debug)]
pub struct Remote {
    host: String,
    connection: Connection,
    timeout: Duration,
}

impl Remote {
    /// Over a connection. `host` is its name in messages.
    pub fn new(host: &str, connection: Connection, timeout: Duration) -> Remote {
        Remote { host: host.into(), connection, timeout }
    }

    /// The name in messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    fn ssh(&self, error: &ssh2::Error) -> SshError {
        self.lost(SshError::session(&self.host, error))
    }

    fn io(&self, error: &io::Error) -> SshError {
        self.lost(SshError::io(&self.host, error))
    }

    /// Ends a connection that has shown to be of no use: what is dropped later would wait for it.
    fn lost(&self, error: SshError) -> SshError {
        if error.is_lost() {
            self.connection.abort();
        }
        error
    }

    fn channel(&self, command: &str) -> Result<Channel, SshError> {
        let mut channel = self.connection.session.channel_session().map_err(|error| self.ssh(&error))?;
        // Two streams that nobody reads at once could fill up and stop each other.
        channel.handle_extended_data(ExtendedData::Ignore).map_err(|error| self.ssh(&error))?;
        channel.exec(command).map_err(|error| self.ssh(&error))?;
        Ok(channel)
    }

    /// Runs a command: its status and output, without characters that a terminal would act upon.
    ///
    /// # Errors
    ///
    /// Where the connection is lost.
    pub fn run(&self, command: &str) -> Result<(i32, String), SshError> {
        let mut channel = self.connection.session.channel_session().map_err(|error| self.ssh(&error))?;
        channel.handle_extended_data(ExtendedData::Merge).map_err(|error| self.ssh(&error))?;
        channel.exec(command).map_err(|error| self.ssh(&error))?;
        let mut output = vec![];
        (&mut channel).take(MAX_OUTPUT).read_to_end(&mut output).map_err(|error| self.io(&error))?;
        channel.close().and_then(|()| channel.wait_close()).map_err(|error| self.ssh(&error))?;
        let mut status = channel.exit_status().map_err(|error| self.ssh(&error))?;
        // A process that a signal has ended has status 0.
        if status == 0 && channel.exit_signal().is_ok_and(|signal| signal.exit_signal.is_some()) {
            status = -1;
        }
        Ok((status, plain(&String::from_utf8_lossy(&output))))
    }

    /// Runs a command that must succeed.
    ///
    /// # Errors
    ///
    /// Where it does not.
    pub fn must(&self, command: &str) -> Result<String, SshError> {
        match self.run(command)? {
            (0, output) => Ok(output),
            (status, output) => Err(SshError::Command {
                host: self.host.clone(),
                command: command.into(),
                status,
                output: output.trim().chars().take(500).collect(),
            }),
        }
    }

    /// Opens the device's file transfer.
    ///
    /// # Errors
    ///
    /// Where it has none.
    pub fn sftp(&self) -> Result<Sftp, SshError> {
        self.connection.session.sftp().map_err(|error| match error.code() {
            ssh2::ErrorCode::Session(-22 | -21 | -31) => SshError::Device { host: self.host.clone(), message: "it has no SFTP".into() },
            _ => self.ssh(&error),
        })
    }

    /// Writes a file from an offset on. Nothing is believed of what arrives: the device compares digests afterwards.
    ///
    /// # Errors
    ///
    /// Where the connection is lost, or the device cannot write.
    pub fn upload(
        &self,
        sftp: &Sftp,
        file: &ReleaseFile,
        path: &str,
        offset: u64,
        progress: &mut dyn FnMut(u64),
        alive: &mut dyn FnMut() -> Result<(), SshError>,
    ) -> Result<(), SshError> {
        let failed = |error: ssh2::Error| match error.code() {
            ssh2::ErrorCode::SFTP(code) => {
                SshError::Device { host: self.host.clone(), message: format!("cannot write {path}: {}", sftp_text(code)) }
            }
            _ => self.ssh(&error),
        };
        let mut flags = OpenFlags::WRITE | OpenFlags::CREATE;
        if offset == 0 {
            flags |= OpenFlags::TRUNCATE;
        }
        let mut remote = sftp.open_mode(Path::new(path), flags, 0o644, OpenType::File).map_err(failed)?;
        remote.seek(SeekFrom::Start(offset)).map_err(|error| self.io(&error))?;
        let (mut at, mut buffer, mut spoken) = (offset, vec![0; CHUNK], Instant::now());
        while at < file.size {
            let wanted = usize::try_from(file.size - at).unwrap_or(CHUNK).min(CHUNK);
            let read = (file.content)(at, &mut buffer[..wanted]);
            let count = match read {
                Ok(count @ 1..) => count,
                Ok(_) => return Err(SshError::File { path: file.path.clone().into(), source: io::ErrorKind::UnexpectedEof.into() }),
                Err(source) => return Err(SshError::File { path: file.path.clone().into(), source }),
            };
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                match remote.write(rest) {
                    Ok(written) => {
                        rest = &rest[written..];
                        at += written as u64;
                        progress(written as u64);
                    }
                    Err(error) => return Err(self.sftp_io(path, &error)),
                }
            }
            if spoken.elapsed() > PING {
                alive()?;
                spoken = Instant::now();
            }
        }
        match remote.fsync() {
            Ok(()) => {}
            Err(error) if error.code() == ssh2::ErrorCode::SFTP(SFTP_UNSUPPORTED) => {}
            Err(error) => return Err(failed(error)),
        }
        remote.close().map_err(failed)
    }

    /// ssh2 makes one kind of error of all that a server says.
    fn sftp_io(&self, path: &str, error: &io::Error) -> SshError {
        match ssh2::Error::last_session_error(&self.connection.session).map(|error| error.code()) {
            Some(ssh2::ErrorCode::Session(-31)) => {
                SshError::Device { host: self.host.clone(), message: format!("cannot write {path}: {error}") }
            }
            Some(code @ ssh2::ErrorCode::Session(_)) => self.ssh(&ssh2::Error::new(code, "the transfer broke off")),
            _ => self.io(error),
        }
    }

    /// The SHA-256 of a file there, by the device's `sha256sum` or, where it has none, by reading it back.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn sha256(&self, sftp: &Sftp, path: &str) -> Result<String, SshError> {
        let (status, output) = self.run(&format!("sha256sum < {}", quote(path)))?;
        let word = output.split_whitespace().next().unwrap_or_default();
        if status == 0 && word.len() == 64 {
            return Ok(word.into());
        }
        let mut file = sftp.open(path).map_err(|error| self.ssh(&error))?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            match file.read(&mut buffer).map_err(|error| self.io(&error))? {
                0 => return Ok(crate::hex(&hash.finalize())),
                count => hash.update(&buffer[..count]),
            }
        }
    }

    /// Starts the agent.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn agent(&self, binary: &str, root: &str, arguments: &str) -> Result<Agent<'_>, SshError> {
        let channel = self.channel(&format!("{} session --root {}{arguments}", quote(binary), quote(root)))?;
        Ok(Agent { remote: self, channel, pending: vec![] })
    }
}

/// A conversation with the device's agent.
pub struct Agent<'r> {
    remote: &'r Remote,
    channel: Channel,
    pending: Vec<u8>,
}

impl std::fmt::Debug for Agent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("remote", self.remote).finish_non_exhaustive()
    }
}

impl Agent<'_> {
    /// Asks, and waits for the answer as long as the agent says that it is at work, though not longer than `patience` beyond the time for any
    /// answer. Errors of the device are errors.
    ///
    /// # Errors
    ///
    /// Where it has one, or the connection is lost.
    pub fn ask(&mut self, request: &Request, patience: Duration) -> Result<Response, SshError> {
        let host = self.remote.host.clone();
        let mut line = serde_json::to_vec(request).map_err(|error| SshError::Device { host: host.clone(), message: error.to_string() })?;
        line.push(b'\n');
        self.channel.write_all(&line).and_then(|()| self.channel.flush()).map_err(|error| self.remote.io(&error))?;
        let begin = Instant::now();
        let response = loop {
            let line = self.line()?;
            match serde_json::from_slice(&line) {
                Ok(Response::Working) if begin.elapsed() < patience + self.remote.timeout => {}
                Ok(Response::Working) => return Err(self.remote.lost(SshError::Timeout { host })),
                Ok(response) => break response,
                Err(_) => {
                    let said = plain(&String::from_utf8_lossy(&line[..line.len().min(200)]));
                    return Err(SshError::Device { host, message: format!("its agent says what cannot be understood: {said}") });
                }
            }
        };
        let Response::Error { code, message } = response else { return Ok(response) };
        let message = plain(&message);
        Err(match code {
            ErrorCode::Locked => SshError::Locked { host, holder: message },
            ErrorCode::Refused => SshError::Refused { host, message },
            ErrorCode::Permission => SshError::Permission { host, message },
            ErrorCode::NoSpace => SshError::NoSpace { host, message },
            ErrorCode::Io | ErrorCode::State | ErrorCode::Protocol => SshError::Device { host, message },
        })
    }

    /// Tells the agent that there will be no more.
    pub fn end(mut self) {
        // The device ends the session by itself where this does not reach it.
        let _: Result<_, _> = self.channel.send_eof().and_then(|()| self.channel.close());
    }

    fn line(&mut self) -> Result<Vec<u8>, SshError> {
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                return Ok(self.pending.drain(..=end).collect());
            }
            if self.pending.len() as u64 > MAX_ANSWER {
                return Err(SshError::Device { host: self.remote.host.clone(), message: "its agent's answer has no end".into() });
            }
            match self.channel.read(&mut buffer) {
                Ok(0) => return Err(self.remote.lost(SshError::Gone { host: self.remote.host.clone() })),
                Ok(count) => self.pending.extend(&buffer[..count]),
                Err(error) => return Err(self.remote.io(&error)),
            }
        }
    }
}

fn sftp_text(code: i32) -> &'static str {
    match code {
        2 => "no such folder",
        3 => "permission denied",
        4 => "the device failed to do it",
        _ => "refused",
    }
}

/// A word for a POSIX shell, whatever is in it.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Text without characters that a terminal would act upon.
pub fn plain(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || c == '\t' || !c.is_control()).collect()
}
