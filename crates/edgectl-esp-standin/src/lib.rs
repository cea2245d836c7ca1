//! Stands in for an ESP32 in tests: a pseudo-terminal behind which there is the chip's loader, as its ROM and as a stub, and what lies in
//! its flash once it has started. esptool, which we did not write, takes it for a chip (`tests/interop/esp.sh`).
//!
//! It shows what a host does with the protocol, with files and with faults. It shows nothing of electricity, of the time that flash takes,
//! or of what a compiler made of a firmware.
//!
//! | module | role |
//! |---|---|
//! | `model` | the chips |
//! | `loader` | commands and answers, flash |
//! | [`fault`] | what goes wrong |
//! | `boot` | what the ROM and the second-stage boot loader look at before they start something |
//! | `firmware` | what runs then: a program for people, or `edge-device`'s server |
//! | `slip` | frames |
//! | `terminal` | the pseudo-terminal, which `edgectl-esp-emulator` has as well |
//! | [`elf`] | ELF files for tests |

pub mod elf;
pub mod fault;

mod boot;
mod firmware;
mod loader;
mod model;
mod slip;
mod terminal;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use edge_device::simulation::Flash;
use edge_device::slots::Layout;

pub use model::{MODELS, Model, model};
pub use terminal::Terminal;

use fault::{Always, At};
use firmware::Firmware;
use loader::{Loader, Next, Writing};

/// The chip's flash: written in words, erased in sectors of 4 KiB.
pub type ChipFlash = Flash<4, 4096>;

/// What the chip is.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Its kind.
    pub model: Model,
    /// Its address.
    pub mac: [u8; 6],
    /// Its silicon: major, minor.
    pub revision: (u32, u32),
    /// Bytes of flash: a power of two.
    pub flash_bytes: u32,
    /// Bits in a second of the line; `None`: as fast as can be.
    pub line: Option<u32>,
    /// Where our firmware has its model slots; without it, what is started only prints its log.
    pub slots: Option<Layout>,
}

impl Setup {
    /// A chip with 4 MiB of flash.
    ///
    /// # Panics
    /// Where there is no such chip.
    pub fn new(name: &str) -> Setup {
        let model = model(name).unwrap_or_else(|| panic!("no chip {name}"));
        Setup { model, mac: [0x60, 0x55, 0xF9, 1, 2, 3], revision: model.revision, flash_bytes: 4 << 20, line: None, slots: None }
    }
}

/// What runs.
enum Running {
    /// The loader.
    Loader,
    /// What lies in flash.
    Firmware(Firmware),
    /// Nothing, after a start that failed.
    Nothing,
}

struct Chip {
    setup: Setup,
    loader: Loader,
    running: Running,
    faults: BTreeMap<u32, At>,
    /// Blocks since the faults were set.
    blocks: u32,
    silent: bool,
    /// Since when the log has no end.
    babbling: bool,
    unplugged: Option<Instant>,
    late: Vec<(Instant, Vec<u8>)>,
    said: u64,
    commands: BTreeMap<u8, u32>,
    /// What is to be sent without having been asked.
    outgoing: Vec<u8>,
}

/// A chip behind a pseudo-terminal, until it is dropped.
pub struct StandIn {
    chip: Arc<Mutex<Chip>>,
    port: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl StandIn {
    /// Connects a chip that waits in its ROM for a host.
    ///
    /// # Errors
    /// Where this system gives no pseudo-terminal.
    pub fn start(setup: Setup) -> io::Result<StandIn> {
        let folder = tempfile::tempdir()?;
        let port = folder.path().join("tty");
        let flash = ChipFlash::new((0..setup.flash_bytes / loader::SECTOR).map(|_| loader::SECTOR));
        let loader = Loader::new(setup.model, flash, setup.flash_bytes, setup.mac, setup.revision);
        let chip = Chip {
            setup,
            loader,
            running: Running::Loader,
            faults: BTreeMap::new(),
            blocks: 0,
            silent: false,
            babbling: false,
            unplugged: None,
            late: vec![],
            said: 0,
            commands: BTreeMap::new(),
            outgoing: vec![],
        };
        let chip = Arc::new(Mutex::new(chip));
        let stop = Arc::new(AtomicBool::new(false));
        let terminal = plug_in(&port)?;
        let thread = {
            let (chip, stop, port) = (chip.clone(), stop.clone(), port.clone());
            std::thread::spawn(move || serve(&chip, &stop, &port, terminal))
        };
        Ok(StandIn { chip, port, stop, thread: Some(thread), _folder: folder })
    }

    fn chip(&self) -> MutexGuard<'_, Chip> {
        lock(&self.chip)
    }

    /// The serial port.
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// What lies in flash.
    pub fn flash(&self) -> Vec<u8> {
        self.chip().loader.flash.contents()
    }

    /// Puts bytes into flash, past everything.
    pub fn put(&self, at: u32, bytes: &[u8]) {
        self.chip().loader.flash.put(at, bytes);
    }

    /// Has something go wrong at a block, counted from the next one.
    pub fn fail_at(&self, block: u32, fault: At) {
        let mut chip = self.chip();
        let block = chip.blocks + block;
        chip.faults.insert(block, fault);
    }

    /// Has something be wrong from now on.
    pub fn fail_always(&self, fault: Always) {
        self.chip().loader.always.push(fault);
    }

    /// Takes all faults away, and resets the chip into its loader: as somebody who holds the button.
    pub fn repair(&self) {
        let mut chip = self.chip();
        chip.faults.clear();
        chip.late.clear();
        chip.loader.heal();
        chip.reset();
    }

    /// Resets the chip into its loader.
    pub fn reset_to_loader(&self) {
        self.chip().reset();
    }

    /// Resets the chip, so that it starts what lies in flash.
    pub fn reset(&self) {
        let mut chip = self.chip();
        chip.reset();
        chip.boot();
    }

    /// How often each command has come.
    pub fn commands(&self) -> BTreeMap<u8, u32> {
        self.chip().commands.clone()
    }

    /// Whether our firmware runs.
    pub fn is_running(&self) -> bool {
        matches!(self.chip().running, Running::Firmware(_))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock(chip: &Mutex<Chip>) -> MutexGuard<'_, Chip> {
    chip.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chip {
    fn reset(&mut self) {
        self.loader.reset();
        (self.silent, self.babbling) = (false, false);
        self.running = Running::Loader;
        self.outgoing.clear();
    }

    fn boot(&mut self) {
        let flash = self.loader.flash.contents();
        let (log, app) = boot::boot(&self.loader.model, &flash);
        self.outgoing.extend(log.as_bytes());
        self.running = match (app, self.setup.slots) {
            (Some(app), Some(layout)) if app.is_ours() => {
                Running::Firmware(Firmware::start(&self.setup, self.loader.flash.clone(), layout))
            }
            (Some(_), _) => {
                self.outgoing.extend(b"I (31) app: hello\r\n");
                Running::Nothing
            }
            (None, _) => Running::Nothing,
        };
    }

    /// Takes a frame; what is to be sent.
    fn take(&mut self, frame: &[u8], speed: u32) -> Vec<u8> {
        if let Some(&op) = frame.get(1).filter(|_| frame.len() >= 8) {
            *self.commands.entry(op).or_default() += 1;
        }
        let fault = match Loader::is_block(frame) {
            true => {
                self.blocks += 1;
                self.faults.remove(&(self.blocks - 1))
            }
            false => None,
        };
        if self.silent || self.babbling {
            return vec![];
        }
        let mut frame = frame.to_vec();
        let mut writing = Writing::default();
        match fault {
            Some(At::BlockLost) => return vec![],
            Some(At::BlockGarbled) => {
                let middle = frame.len() / 2;
                frame[middle] ^= 4;
            }
            Some(At::Refused(code)) => return slip::frame(&self.loader.refuse(&frame, code)),
            Some(fault @ At::RefusedAlways(code)) => {
                self.faults.insert(self.blocks, fault);
                return slip::frame(&self.loader.refuse(&frame, code));
            }
            Some(At::Unplugged(time)) => {
                self.unplugged = Some(Instant::now() + time);
                self.reset();
                return vec![];
            }
            Some(At::PowerBefore) => {
                self.reset();
                return vec![];
            }
            Some(At::PowerTorn) => writing.torn = true,
            Some(At::BitFlipped) => writing.flip = true,
            Some(At::NotWritten) => writing.nothing = true,
            Some(At::BitStuck) => writing.stick = true,
            _ => {}
        }
        let (frames, next) = self.loader.take(&frame, speed, writing);
        let mut bytes: Vec<u8> = frames.iter().flat_map(|frame| slip::frame(frame)).collect();
        match fault {
            Some(At::PowerTorn | At::PowerAfter) => {
                self.reset();
                return vec![];
            }
            Some(At::AnswerLost) => return vec![],
            Some(At::Silent) => {
                self.silent = true;
                return vec![];
            }
            Some(At::LogWithoutEnd) => {
                self.babbling = true;
                return vec![];
            }
            Some(At::AnswerGarbled) => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x20;
            }
            Some(At::AnswerCut) => bytes.truncate(bytes.len() / 2),
            Some(At::AnswerTwice) => bytes.extend(bytes.clone()),
            Some(At::AnswerLate(time)) => {
                self.late.push((Instant::now() + time, bytes));
                return vec![];
            }
            Some(At::AnswerToAnother) => bytes = slip::frame(&self.loader.refuse(&[0, 0x0A], 0)),
            Some(At::Noise) => {
                bytes.splice(0..0, *b"rst:0x1 (POWERON_RESET),boot:0x13\r\n\xc0\x01\x03half");
            }
            _ => {}
        }
        if next == Next::Boot {
            self.loader.reset();
            self.boot();
            bytes.append(&mut self.outgoing);
        }
        bytes
    }
}

/// A terminal that hosts find at `port`.
fn plug_in(port: &Path) -> io::Result<Terminal> {
    let terminal = Terminal::open()?;
    std::os::unix::fs::symlink(terminal.path(), port)?;
    Ok(terminal)
}

const LOG: &[u8] = b"I (4711) app: temperature 21.5, all is well\r\n";

fn serve(chip: &Mutex<Chip>, stop: &AtomicBool, port: &Path, terminal: Terminal) {
    let mut plugged = Some(terminal);
    let mut decoder = slip::Decoder::default();
    let mut buffer = vec![0; 1 << 16];
    while !stop.load(Ordering::SeqCst) {
        let Some(line) = &plugged else {
            std::thread::sleep(Duration::from_millis(5));
            let mut chip = lock(chip);
            if chip.unplugged.is_some_and(|until| Instant::now() >= until) {
                chip.unplugged = None;
                plugged = plug_in(port).ok();
            }
            continue;
        };
        let received = line.receive(&mut buffer, Duration::from_millis(5));
        let speed = line.speed();
        let mut guard = lock(chip);
        let mut out = std::mem::take(&mut guard.outgoing);
        if guard.babbling {
            out.extend(LOG.repeat(4));
        }
        let now = Instant::now();
        let (due, late) = std::mem::take(&mut guard.late).into_iter().partition(|(at, _)| *at <= now);
        guard.late = late;
        let due: Vec<(Instant, Vec<u8>)> = due;
        out.extend(due.into_iter().flat_map(|(_, bytes)| bytes));
        for &byte in buffer.get(..received).unwrap_or_default() {
            if let Running::Firmware(firmware) = &guard.running {
                firmware.send(byte);
                continue;
            }
            let Some(frame) = decoder.push(byte) else { continue };
            if matches!(guard.running, Running::Loader) {
                out.extend(guard.take(&frame, speed));
            }
            if guard.unplugged.is_some() {
                break;
            }
        }
        if let Running::Firmware(firmware) = &guard.running {
            out.extend(firmware.receive());
        }
        if guard.loader.always.contains(&Always::LineBad) {
            for byte in &mut out {
                guard.said += 1;
                *byte ^= u8::from(guard.said.is_multiple_of(1000));
            }
        }
        let (pace, unplugged) = (guard.setup.line, guard.unplugged.is_some());
        drop(guard);
        if let Some(pace) = pace {
            // A byte has ten bits.
            std::thread::sleep(Duration::from_secs_f64((received + out.len()) as f64 * 10.0 / f64::from(pace)));
        }
        line.send(&out);
        if unplugged {
            plugged = None;
            drop(std::fs::remove_file(port));
        }
    }
}
