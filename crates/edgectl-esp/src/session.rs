//! A chip that waits in its loader: who it is, whether it is locked, and how to get back to it when the line breaks.
//!
//! espflash resets it into the ROM, finds out which chip it is and loads the stub. A line without DTR and RTS cannot reset anything: there
//! the chip must wait already.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use espflash::Error as Espflash;
use espflash::connection::{Connection, Port, ResetAfterOperation, ResetBeforeOperation};
use espflash::flasher::Flasher;
use md5::{Digest, Md5};
use serialport::{SerialPort, SerialPortType, UsbPortInfo};

use crate::chip::Chip;
use crate::error::{EspError, State};
use crate::image::{in_words, quietly};
use crate::loader::{Loader, LoaderError};
use crate::plan::Region;

/// What every loader begins with.
const BAUD: u32 = 115_200;
/// Between two looks for a port that is to come back.
const POLL: Duration = Duration::from_millis(20);
/// Espressif's own USB port, in the chip: reset by other signals.
const USB_SERIAL_JTAG: u16 = 0x1001;
/// ESP32: the fuses that other chips tell of in their security information.
const ESP32_ABS_DONE: u32 = 0x3FF5_A018;
const ESP32_CRYPT_COUNT: u32 = 0x3FF5_A000;

/// Where a chip is, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Where {
    /// The serial port.
    pub port: String,
    /// The chip that is expected: never any.
    pub chip: Chip,
    /// The address that is expected, in lower-case hexadecimal with colons; `None`: any.
    pub mac: Option<String>,
    /// Bits in a second, once the stub runs; `None`: as it begins.
    pub baud: Option<u32>,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For an answer that needs no flash.
    pub answer: Duration,
    /// For flash, beside that: for each MiB that is erased, written or read.
    pub flash_per_mib: Duration,
    /// Until a port that went away is back.
    pub port: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        // Erasing and writing take less than 40 s per MiB, by esptool's experience.
        let seconds = Duration::from_secs;
        Patience { answer: seconds(3), flash_per_mib: seconds(40), port: seconds(30) }
    }
}

impl Patience {
    /// For so many bytes of flash.
    pub(crate) fn for_flash(&self, bytes: usize) -> Duration {
        self.answer + self.flash_per_mib.mul_f64(bytes as f64 / f64::from(1 << 20))
    }
}

/// What locks a chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// It starts signed boot loaders only.
    pub secure_boot: bool,
    /// It decrypts what it reads.
    pub encryption: bool,
    /// Its loader writes, and does nothing else.
    pub download_only: bool,
}

/// Who a chip is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its kind.
    pub chip: Chip,
    /// Its silicon, major × 100 + minor; `None` where it does not say.
    pub revision: Option<u32>,
    /// Its address; `None` where it does not say.
    pub mac: Option<String>,
    /// Bytes of flash; `None` where it does not say.
    pub flash_bytes: Option<u32>,
    /// What locks it.
    pub security: Security,
    /// Whether espflash's stub runs on it, or else its ROM answers.
    pub stub: bool,
}

/// A chip that waits in its loader.
pub struct Session {
    place: Where,
    pub(crate) patience: Patience,
    facts: Facts,
    usb: UsbPortInfo,
    pub(crate) loader: Option<Loader>,
}

impl Session {
    /// Resets the chip into its loader and finds out who it is. Nothing is written.
    ///
    /// # Errors
    /// [`EspError`].
    pub fn open(place: Where, patience: Patience) -> Result<Session, EspError> {
        let usb = usb(&place.port);
        let (loader, facts) = connect(&place, &usb, &patience)?;
        if let (Some(expected), Some(found)) = (&place.mac, &facts.mac)
            && expected != found
        {
            return Err(EspError::Mac { found: found.clone(), expected: expected.clone() });
        }
        Ok(Session { place, patience, facts, usb, loader: Some(loader) })
    }

    /// Who the chip is.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where it is.
    pub fn place(&self) -> &Where {
        &self.place
    }

    /// Reads a part of the flash.
    ///
    /// # Errors
    /// [`EspError`].
    pub fn read(&mut self, offset: u32, bytes: u32) -> Result<Vec<u8>, EspError> {
        let patience = self.patience.for_flash(bytes as usize);
        let mut last = None;
        for _ in 0..3 {
            match self.loader()?.read_flash(offset, bytes, patience) {
                Ok(read) => return Ok(read),
                Err(error) => last = Some(error),
            }
            self.recover()?;
        }
        Err(self.error("read flash", last))
    }

    /// Whether a part is in flash already, by the chip's digest.
    ///
    /// # Errors
    /// [`EspError`].
    pub fn holds(&mut self, region: &Region) -> Result<bool, EspError> {
        let patience = self.patience.for_flash(region.bytes.len());
        let mut last = None;
        for _ in 0..3 {
            match self.loader()?.md5(region.offset, region.bytes.len() as u32, patience) {
                Ok(found) => return Ok(found == Md5::digest(&region.bytes).as_slice()),
                Err(error) => last = Some(error),
            }
            self.recover()?;
        }
        Err(self.error("compare", last))
    }

    pub(crate) fn loader(&mut self) -> Result<&mut Loader, EspError> {
        let port = self.place.port.clone();
        let gone = || EspError::Gone { port, state: State::Untouched, source: io::ErrorKind::NotConnected.into() };
        self.loader.as_mut().ok_or_else(gone)
    }

    /// After something went wrong: makes sure that the same loader listens, or comes back to the chip as at the beginning.
    pub(crate) fn recover(&mut self) -> Result<(), EspError> {
        let quick = self.patience.answer.min(Duration::from_millis(300));
        if let Some(loader) = &mut self.loader {
            let expected = loader.stub;
            // An answer that is late could be taken for another one, if it were not for the second.
            if (0..3).any(|_| loader.sync(quick).is_ok_and(|stub| stub == expected)) {
                return Ok(());
            }
        }
        self.loader = None;
        // A speed that does not work is not tried again.
        self.place.baud = None;
        let begin = Instant::now();
        let (loader, facts) = loop {
            match connect(&self.place, &self.usb, &self.patience) {
                Err(EspError::Open { .. }) if begin.elapsed() < self.patience.port => {
                    std::thread::sleep(POLL);
                    self.place.port = same_board(&self.place.port, &self.usb);
                }
                connected => break connected?,
            }
        };
        if let (Some(before), Some(now)) = (&self.facts.mac, &facts.mac)
            && before != now
        {
            return Err(EspError::Mac { found: now.clone(), expected: before.clone() });
        }
        (self.loader, self.facts.stub) = (Some(loader), facts.stub);
        Ok(())
    }

    /// Starts what lies in flash, and lets go of the port.
    ///
    /// # Errors
    /// [`EspError::Reset`].
    pub fn reset(self) -> Result<(), EspError> {
        let Some(mut loader) = self.loader else { return Ok(()) };
        // Where there is no RTS to reset it with, the loader is asked to.
        let rts = loader.reset_by_rts(&self.usb);
        if rts.is_ok() {
            return Ok(());
        }
        loader.reboot(self.patience.answer).map_err(|_| EspError::Reset { why: "neither RTS nor its loader resets it".into() })
    }

    /// What an error on the line means.
    pub(crate) fn error(&self, what: &str, error: Option<LoaderError>) -> EspError {
        let (what, state) = (what.to_owned(), State::Untouched);
        match error {
            Some(LoaderError::Line(source)) => EspError::Gone { port: self.place.port.clone(), state, source },
            Some(LoaderError::Refused { op, code }) => EspError::Refused { what: format!("{what} (command {op:#04x})"), code, state },
            Some(LoaderError::Silent { op, after }) => {
                EspError::Silent { what: format!("{what} (command {op:#04x})"), seconds: after.as_secs_f32(), state }
            }
            None => EspError::Silent { what, seconds: 0.0, state },
        }
    }
}

/// Whether a chip waits in its loader already, without having been reset. Whoever else is there gets some bytes that mean nothing to it.
pub fn waits(port: &str) -> bool {
    let quick = Duration::from_millis(100);
    let open = serialport::new(port, BAUD).timeout(quick).open_native();
    open.is_ok_and(|port| {
        let mut loader = Loader::new(port, false);
        (0..2).any(|_| loader.sync(quick).is_ok())
    })
}

/// An address with colons between its bytes.
pub fn with_colons(digits: &str) -> String {
    let bytes: Vec<String> = digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
    bytes.join(":")
}

impl Loader {
    fn reset_by_rts(&mut self, usb: &UsbPortInfo) -> io::Result<()> {
        let long = Duration::from_millis(100);
        let port = self.port_mut();
        if usb.pid == USB_SERIAL_JTAG {
            port.write_data_terminal_ready(false)?;
            std::thread::sleep(long);
        }
        port.write_request_to_send(true)?;
        std::thread::sleep(long);
        Ok(port.write_request_to_send(false)?)
    }
}

/// What USB says of a port; zeros where it is none of USB.
fn usb(port: &str) -> UsbPortInfo {
    let resolved = std::fs::canonicalize(port).map_or_else(|_| port.into(), |path| path.to_string_lossy().into_owned());
    let ports = serialport::available_ports().unwrap_or_default();
    let found = ports.into_iter().find(|found| Path::new(&found.port_name) == Path::new(&resolved));
    match found.map(|port| port.port_type) {
        Some(SerialPortType::UsbPort(usb)) => usb,
        _ => UsbPortInfo { vid: 0, pid: 0, serial_number: None, manufacturer: None, product: None },
    }
}

/// The port that a board has now: USB gives it another name when it comes back too early.
fn same_board(port: &str, usb: &UsbPortInfo) -> String {
    let Some(number) = &usb.serial_number else { return port.into() };
    let ports = serialport::available_ports().unwrap_or_default();
    let found = ports.into_iter().find(|found| match &found.port_type {
        SerialPortType::UsbPort(other) => (other.vid, other.pid, &other.serial_number) == (usb.vid, usb.pid, &Some(number.clone())),
        _ => false,
    });
    found.map_or_else(|| port.into(), |found| found.port_name)
}

fn connect(place: &Where, usb: &UsbPortInfo, patience: &Patience) -> Result<(Loader, Facts), EspError> {
    let open = serialport::new(&place.port, BAUD).timeout(patience.answer).open_native();
    let port = open.map_err(|error| EspError::Open { port: place.port.clone(), source: error.into() })?;
    // Whoever answers here is no firmware: nothing is sent to one that runs but by a reset.
    let no_loader = |why: String| EspError::NoLoader { port: place.port.clone(), why };
    let connected = quietly(|| talk(place, usb, port));
    connected.unwrap_or_else(|| Err(no_loader("its answers make no sense".into())))
}

fn connection(port: Port, usb: &UsbPortInfo, before: ResetBeforeOperation) -> Connection {
    Connection::new(port, usb.clone(), ResetAfterOperation::NoResetNoStub, before, BAUD)
}

/// What espflash found wrong.
fn failed(place: &Where, error: &Espflash) -> EspError {
    match error {
        Espflash::ChipMismatch(_, found) => EspError::Chip { found: found.clone(), expected: place.chip },
        error => EspError::NoLoader { port: place.port.clone(), why: in_words(error) },
    }
}

fn talk(place: &Where, usb: &UsbPortInfo, port: Port) -> Result<(Loader, Facts), EspError> {
    let chip = Some(place.chip.espflash());
    let fail = |error: &Espflash| failed(place, error);
    let tried = Flasher::try_connect(connection(port, usb, ResetBeforeOperation::DefaultReset), false, true, false, chip, None);
    let tried = match tried {
        // There may be no DTR and RTS; a chip that waits in its loader answers without them.
        Err(failure) if !matches!(failure.0, Espflash::ChipMismatch(..)) => {
            let mut loader = Loader::new(failure.1.into_serial(), false);
            match loader.sync(Duration::from_millis(200)).or_else(|_| loader.sync(Duration::from_millis(200))) {
                Ok(true) => return with_stub(place, usb, loader),
                Ok(false) => {}
                Err(_) => return Err(fail(&failure.0)),
            }
            Flasher::try_connect(connection(loader.into_port(), usb, ResetBeforeOperation::NoReset), false, true, false, chip, None)
        }
        tried => tried,
    };
    let mut flasher = tried.map_err(|failure| fail(&failure.0))?;
    let mut facts = facts(place, &mut flasher).map_err(|error| fail(&error))?;
    if facts.security.download_only || facts.security.secure_boot {
        // A locked chip starts no stub, or none that could be told from others.
        flasher.disable_watchdog().map_err(|error| fail(&error))?;
        return Ok((Loader::new(flasher.into_connection().into_serial(), false), facts));
    }
    // The stub is loaded only now that it is known that the chip takes one.
    let connection = connection(flasher.into_connection().into_serial(), usb, ResetBeforeOperation::NoReset);
    match Flasher::try_connect(connection, true, true, false, chip, place.baud) {
        Ok(mut flasher) => {
            // Behind the USB port in the chip, a watchdog would end it; nothing but this switches it off, whichever loader runs.
            flasher.disable_watchdog().map_err(|error| fail(&error))?;
            facts.stub = true;
            Ok((Loader::new(flasher.into_connection().into_serial(), true), facts))
        }
        Err(failure) => {
            let mut loader = Loader::new(failure.1.into_serial(), false);
            loader.set_speed(BAUD).map_err(|error| fail(&Espflash::from(error)))?;
            // The ROM does all that is needed, slowly.
            match loader.sync(Duration::from_millis(300)).or_else(|_| loader.sync(Duration::from_millis(300))) {
                Ok(stub) => {
                    (loader.stub, facts.stub) = (stub, stub);
                    Ok((loader, facts))
                }
                Err(_) => Err(fail(&failure.0)),
            }
        }
    }
}

/// The stub of somebody who was here before runs still.
fn with_stub(place: &Where, usb: &UsbPortInfo, loader: Loader) -> Result<(Loader, Facts), EspError> {
    let chip = Some(place.chip.espflash());
    let fail = |error: &Espflash| failed(place, error);
    let connection = connection(loader.into_port(), usb, ResetBeforeOperation::NoResetNoSync);
    let mut flasher = Flasher::try_connect(connection, true, true, false, chip, None).map_err(|failure| fail(&failure.0))?;
    let found = flasher.connection().detect_chip(true).map_err(|error| fail(&error))?;
    if found != place.chip.espflash() {
        return Err(EspError::Chip { found: found.to_string(), expected: place.chip });
    }
    let facts = facts(place, &mut flasher).map_err(|error| fail(&error))?;
    Ok((Loader::new(flasher.into_connection().into_serial(), true), Facts { stub: true, ..facts }))
}

fn facts(place: &Where, flasher: &mut Flasher) -> Result<Facts, Espflash> {
    let chip = place.chip;
    let security = security(chip, flasher)?;
    let mut facts = Facts { chip, revision: None, mac: None, flash_bytes: None, security, stub: false };
    if !security.download_only {
        let (major, minor) = chip.espflash().revision(flasher.connection())?;
        facts.revision = Some(major * 100 + minor);
        facts.mac = Some(chip.espflash().mac_address(flasher.connection())?);
        facts.flash_bytes = flasher.flash_detect()?.map(|size| size.size());
    }
    Ok(facts)
}

fn security(chip: Chip, flasher: &mut Flasher) -> Result<Security, Espflash> {
    let download_only = flasher.secure_download_mode();
    if chip == Chip::Esp32 {
        if download_only {
            return Ok(Security { secure_boot: true, encryption: true, download_only });
        }
        let done = flasher.connection().read_reg(ESP32_ABS_DONE)?;
        let count = flasher.connection().read_reg(ESP32_CRYPT_COUNT)? >> 20 & 0x7F;
        return Ok(Security { secure_boot: done & 0x30 != 0, encryption: !count.count_ones().is_multiple_of(2), download_only });
    }
    let info = flasher.security_info()?;
    let encryption = !info.flash_crypt_cnt.count_ones().is_multiple_of(2);
    Ok(Security { secure_boot: info.flags & 1 != 0, encryption, download_only: download_only || info.flags & 4 != 0 })
}
