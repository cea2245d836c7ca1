//! A chip that runs, in a thread.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;

use crate::board::{Board, FILL};
use crate::boot::boot;
use crate::chip::Chip;
use crate::flash::Flash;
use crate::line::Line;
use crate::rom::{self, Next};
use crate::xtensa::{Core, Stop};

/// Cycles between two looks at what comes from outside.
const SLICE: u64 = 50_000;

/// Looks at the UART without anything to do, after which the chip waits for the host.
const IDLE: u32 = 100;

/// How long.
const PATIENCE: Duration = Duration::from_millis(2);

/// What the program has done that it may not.
#[derive(Debug, Error)]
#[error("{chip}: {why}: address {address:#x}, in the code at {pc:#x}")]
pub struct Fault {
    chip: &'static str,
    why: &'static str,
    address: u32,
    pc: u32,
}

/// What a run has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cycles that were executed.
    pub cycles: u64,
    /// Reasons of resets, in order: 3 by the program.
    pub resets: Vec<u32>,
    /// Bytes that the UART has lost.
    pub lost: u64,
    /// The deepest stack, of what the boot loader has left.
    pub stack_bytes: u32,
    /// What the stack has.
    pub stack_limit: u32,
    /// Sectors erased and pages written.
    pub flash: (u64, u64),
}

/// A chip that runs until this is dropped.
pub struct Emulator {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Report, Fault>>>,
}

impl Emulator {
    /// Starts a chip with this in its flash, its UART0 on a port of this machine: its number.
    ///
    /// # Errors
    /// Where no port can be opened.
    pub fn on_port(chip: Chip, flash: Vec<u8>) -> io::Result<(Self, u16)> {
        let (line, port) = Line::port()?;
        Ok((Self::start(chip, flash, line), port))
    }

    /// Starts a chip with this in its flash, its UART0 on a pseudo-terminal: its path.
    ///
    /// # Errors
    /// Where no pseudo-terminal can be opened.
    pub fn on_terminal(chip: Chip, flash: Vec<u8>) -> io::Result<(Self, PathBuf)> {
        let (line, path) = Line::terminal()?;
        Ok((Self::start(chip, flash, line), path))
    }

    fn start(chip: Chip, flash: Vec<u8>, line: Line) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        Self { stop, thread: Some(std::thread::spawn(move || run(chip, flash, line, &stopped))) }
    }

    /// Ends it. `None` if it was ended before.
    ///
    /// # Errors
    /// [`Fault`], which has ended it.
    pub fn stop(&mut self) -> Result<Option<Report>, Fault> {
        self.stop.store(true, Ordering::Relaxed);
        let report = self.thread.take().and_then(|thread| thread.join().ok());
        report.transpose()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Whoever wants to know has asked.
        let _ = self.stop();
    }
}

fn run(chip: Chip, flash: Vec<u8>, mut line: Line, stop: &AtomicBool) -> Result<Report, Fault> {
    let facts = chip.facts();
    let fault = |why, address, pc| Fault { chip: facts.name, why, address, pc };
    let mut board = Board::new(chip, Flash::new(flash), 0, 0);
    let mut core = Core::new(0, 0x4000_0000, 64);
    let mut report = Report { stack_limit: facts.stack.1 - facts.stack.0, ..Report::default() };
    let mut reason = 1;
    loop {
        let entry = boot(&mut board).map_err(|why| fault(why, 0, 0))?;
        core.call(entry, facts.stack.1);
        // Where a caller's registers are saved: the boot loader's own frame, whose stack begins a little above.
        let frame = board.memory.slice(facts.stack.1 - 12, 4).ok_or_else(|| fault("no memory for the stack", facts.stack.1, 0))?;
        frame.copy_from_slice(&(facts.stack.1 + 64).to_le_bytes());
        let next = loop {
            let stopped = core.run(&mut board, core.cycles + SLICE);
            let now = board.clock.now(core.cycles);
            board.uart.advance(now);
            match stopped {
                Stop::Native => {
                    let function = board.function(core.pc).ok_or_else(|| fault("no such function of the boot ROM", core.pc, core.pc))?;
                    let (pc, link) = (core.pc, core.caller());
                    if let Next::Reset(reason) = rom::call(function, &mut core, &mut board, reason).map_err(|why| fault(why, pc, link))? {
                        break Some(reason);
                    }
                }
                Stop::Fault { pc, why, address } => return Err(fault(why, address, pc)),
                Stop::Simcall => return Err(fault("a call of a simulator", 0, core.pc)),
                Stop::Budget => {
                    let wait = if board.uart.idle > IDLE && board.uart.is_quiet() { PATIENCE } else { Duration::ZERO };
                    exchange(&mut line, &mut board, now, wait);
                    if stop.load(Ordering::Relaxed) {
                        break None;
                    }
                }
            }
            if let Some(watchdog) = board.watchdogs.iter().find(|watchdog| watchdog.bites(board.clock.now(core.cycles))) {
                break Some(watchdog.reason);
            }
        };
        let stack = board.memory.bytes(board.data);
        let [bottom, top] = [facts.stack.0, facts.stack.1].map(|address| (address - facts.data.0) as usize);
        let used = stack[bottom..top].iter().position(|&byte| byte != FILL).map_or(0, |first| top - bottom - first);
        report.stack_bytes = report.stack_bytes.max(used as u32);
        let Some(next) = next else {
            let (_, lost) = board.uart.keep();
            return Ok(Report { cycles: core.cycles, lost, flash: board.flash.work, ..report });
        };
        report.resets.push(next);
        reason = next;
        // What a reset leaves: flash, memory of the always-on domain, what is on the line.
        let (now, kept) = (board.clock.now(core.cycles), board.memory.bytes(board.kept).to_vec());
        exchange(&mut line, &mut board, now, Duration::ZERO);
        let coming = board.uart.keep();
        board = Board::new(chip, board.flash, core.cycles, now);
        board.memory.bytes_mut(board.kept).copy_from_slice(&kept);
        board.uart.take(coming);
    }
}

/// Sends what has left the UART, and takes what has come, for which it may wait.
fn exchange(line: &mut Line, board: &mut Board, now: u64, wait: Duration) {
    line.send(&mut board.uart.sent);
    let bytes = line.receive(wait);
    if !bytes.is_empty() {
        board.uart.come(&bytes, now);
        board.uart.idle = 0;
    }
}
