//! The emulated board as a process: its lines and its controls are ports of this machine.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use edge_device::client::Link;
use edgectl_firmware::Firmware;

use super::EmulatorError;

const SCRIPT: &str = include_str!("../../../firmware-pico/emulator/rp2040.mjs");

/// An emulated Raspberry Pi Pico. It ends with this value.
pub struct Emulator {
    process: Child,
    /// While it is open, the process runs.
    _input: ChildStdin,
    ports: Ports,
    control: Mutex<BufReader<TcpStream>>,
    /// What it had to say.
    complaints: PathBuf,
    /// Deleted with the process.
    _files: tempfile::TempDir,
}

/// Ports of 127.0.0.1.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
struct Ports {
    uart: u16,
    usb: Option<u16>,
    control: u16,
}

/// Seen from an operation of the flash, when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before it has begun.
    Before,
    /// In the middle.
    Torn,
    /// As soon as it is done.
    After,
}

impl Emulator {
    /// Starts the emulator that is in `folder`, its flash filled with a firmware, and then with these bytes at these offsets.
    /// `usb`: whether it is connected to a host by USB, which disturbs what it does.
    ///
    /// # Errors
    /// [`EmulatorError::NotInstalled`], [`EmulatorError::Start`].
    pub fn start(folder: &Path, firmware: &Firmware, contents: &[(u32, &[u8])], usb: bool) -> Result<Self, EmulatorError> {
        if !folder.join("node_modules/rp2040js").is_dir() {
            return Err(EmulatorError::NotInstalled { folder: folder.into() });
        }
        let failed = |program| move |source| EmulatorError::Start { program, source };
        let files = tempfile::tempdir().map_err(failed("temporary files"))?;
        let flash = |(index, (offset, bytes)): (usize, &(u32, &[u8]))| -> io::Result<String> {
            let path = files.path().join(index.to_string());
            std::fs::write(&path, bytes)?;
            Ok(format!("{}@{:x}", path.display(), firmware.map.base + offset))
        };
        let contents: Vec<_> = [(0, firmware.image)].into_iter().chain(contents.iter().copied()).collect();
        let flashed = contents.iter().enumerate().map(flash).collect::<io::Result<Vec<_>>>().map_err(failed("temporary files"))?;
        let complaints = files.path().join("stderr");
        let stderr = File::create(&complaints).map_err(failed("temporary files"))?;
        // As text, it finds the package in the working directory.
        let mut process = Command::new("node")
            .args(["--input-type=module", "--eval", SCRIPT, "--"])
            .args(usb.then_some("--usb"))
            .args(flashed)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(failed("node"))?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed("node")(io::ErrorKind::BrokenPipe.into()));
        };
        let ports = (|| {
            let mut line = String::new();
            BufReader::new(output).take(1024).read_line(&mut line)?;
            let ports: Ports = serde_json::from_str(&line).map_err(|_| ended(&complaints))?;
            Ok((ports, BufReader::new(connect(ports.control)?)))
        })();
        match ports {
            Ok((ports, control)) => Ok(Self { process, _input: input, ports, control: Mutex::new(control), complaints, _files: files }),
            Err(source) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(failed("node")(source))
            }
        }
    }

    /// UART0. Who connects last has it.
    ///
    /// # Errors
    /// Where the process has ended.
    pub fn uart(&self) -> io::Result<Line> {
        self.line(self.ports.uart)
    }

    /// The serial port behind USB, where that is connected.
    ///
    /// # Errors
    /// Where it is not, or the process has ended.
    pub fn usb(&self) -> io::Result<Line> {
        self.line(self.ports.usb.ok_or(io::ErrorKind::NotConnected)?)
    }

    fn line(&self, port: u16) -> io::Result<Line> {
        Ok(Line { stream: connect(port)?, complaints: self.complaints.clone() })
    }

    /// The port of 127.0.0.1 that is UART0.
    pub fn uart_port(&self) -> u16 {
        self.ports.uart
    }

    /// Gives one of the commands that the emulator's script lists: its answer.
    ///
    /// # Errors
    /// Where it refuses or has ended.
    pub fn control(&self, command: &str) -> io::Result<String> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        control.get_mut().write_all(format!("{command}\n").as_bytes())?;
        let mut answer = String::new();
        control.read_line(&mut answer)?;
        match answer.trim_end().split_once(' ') {
            Some(("ok", answer)) => Ok(answer.to_owned()),
            Some(("error", error)) => Err(io::Error::other(format!("{command}: {error}"))),
            _ if answer.trim_end() == "ok" => Ok(String::new()),
            _ => Err(ended(&self.complaints)),
        }
    }

    /// Bytes of the flash.
    ///
    /// # Errors
    /// As of [`Emulator::control`].
    pub fn read_flash(&self, offset: u32, length: u32) -> io::Result<Vec<u8>> {
        let text = self.control(&format!("read {offset} {length}"))?;
        let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes = text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<_>>>();
        bytes.filter(|bytes| bytes.len() as u32 == length).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Puts bytes into flash, as the boot loader does.
    ///
    /// # Errors
    /// As of [`Emulator::control`].
    pub fn write_flash(&self, offset: u32, bytes: &[u8]) -> io::Result<()> {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.control(&format!("write {offset} {hex}")).map(drop)
    }

    /// Lets the power fail at an operation of the flash, counted from now.
    ///
    /// # Errors
    /// As of [`Emulator::control`].
    pub fn cut(&self, operation: u64, moment: Moment) -> io::Result<()> {
        let moment = match moment {
            Moment::Before => "before",
            Moment::Torn => "torn",
            Moment::After => "after",
        };
        self.control(&format!("cut {operation} {moment}")).map(drop)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell otherwise.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A line to the emulated board.
pub struct Line {
    stream: TcpStream,
    complaints: PathBuf,
}

impl Link for Line {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        match self.stream.read(buffer) {
            Ok(0) => Err(ended(&self.complaints)),
            Ok(length) => Ok(length),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Why the emulator does not answer any more.
fn ended(complaints: &Path) -> io::Error {
    let said = std::fs::read_to_string(complaints).unwrap_or_default();
    let error = said.lines().find(|line| line.contains("Error")).unwrap_or("the emulator has ended");
    io::Error::new(io::ErrorKind::UnexpectedEof, error)
}
