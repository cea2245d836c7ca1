//! A device without a chip: flash that loses its power in the middle of things, and a thread that serves from it.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edge_format::AlignedBytes;
use edge_runtime::Resolver;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_read, check_write};

use crate::client::Link;
use crate::fault::FaultRecord;
use crate::server::{About, Board, Buffers, MAX_COSTS, ProgramFlash, Server, Setup};
use crate::slots::{Layout, Region};

/// When the power fails, seen from one operation of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before it has begun.
    Before,
    /// In the middle: some of it is done, and a byte half.
    Torn,
    /// As soon as it is done.
    After,
}

impl Cut {
    /// Every moment.
    pub const ALL: [Cut; 3] = [Cut::Before, Cut::Torn, Cut::After];
}

struct State {
    bytes: Vec<u8>,
    /// Where sectors begin, and the end of the last.
    sectors: Vec<u32>,
    operations: u64,
    cut: Option<(u64, Cut)>,
    dead: bool,
}

/// NOR flash, writable in units of `WRITE` bytes, erasable in sectors of multiples of `ERASE`. What a real one would not forgive panics: writing
/// what is not blank, and ranges that are not whole units or sectors.
///
/// Handles are clones: the flash outlives what runs from it.
#[derive(Clone)]
pub struct Flash<const WRITE: usize, const ERASE: usize>(Arc<Mutex<State>>);

impl<const WRITE: usize, const ERASE: usize> Flash<WRITE, ERASE> {
    /// Blank flash with sectors of these lengths.
    pub fn new(sectors: impl IntoIterator<Item = u32>) -> Self {
        let mut ends = vec![0];
        for length in sectors {
            assert!(length > 0 && (length as usize).is_multiple_of(ERASE), "a sector of {length} bytes");
            ends.push(ends.last().copied().unwrap_or_default() + length);
        }
        let bytes = vec![0xff; ends.last().copied().unwrap_or_default() as usize];
        Self(Arc::new(Mutex::new(State { bytes, sectors: ends, operations: 0, cut: None, dead: false })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Who panicked has not left it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another flash with the same contents.
    pub fn duplicate(&self) -> Self {
        let state = self.state();
        let (bytes, sectors) = (state.bytes.clone(), state.sectors.clone());
        Self(Arc::new(Mutex::new(State { bytes, sectors, operations: 0, cut: None, dead: false })))
    }

    /// What lies there.
    pub fn contents(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// Puts bytes there, as a boot loader does, past everything that counts.
    pub fn put(&self, offset: u32, bytes: &[u8]) {
        let at = offset as usize;
        self.state().bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Units written and sectors erased so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets the power fail at an operation, counted from the next one.
    pub fn cut(&self, operation: u64, cut: Cut) {
        let mut state = self.state();
        state.cut = Some((state.operations + operation, cut));
    }

    /// Whether the power has failed: nothing works until it is back.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Gives the power back, for good.
    pub fn power_on(&self) {
        let mut state = self.state();
        (state.dead, state.cut) = (false, None);
    }
}

impl State {
    /// Does one operation on `length` bytes, as far as there is power: `change` is given a byte and its place.
    fn operate(&mut self, offset: usize, length: usize, change: impl Fn(usize, u8) -> u8) -> Result<(), NorFlashErrorKind> {
        if self.dead {
            return Err(NorFlashErrorKind::Other);
        }
        let cut = self.cut.filter(|(operation, _)| *operation == self.operations).map(|(_, cut)| cut);
        self.operations += 1;
        let done = match cut {
            Some(Cut::Before) => 0,
            Some(Cut::Torn) => length / 2,
            Some(Cut::After) | None => length,
        };
        // Of what is torn, now the beginning is done and now the end.
        let backwards = self.operations.is_multiple_of(2);
        for step in 0..length {
            let place = if backwards { length - 1 - step } else { step };
            let byte = &mut self.bytes[offset + place];
            let changed = change(place, *byte);
            if step < done {
                *byte = changed;
            } else if step == done && cut == Some(Cut::Torn) {
                // Half of the bits.
                *byte = (*byte & 0x0f) | (changed & 0xf0);
            }
        }
        self.dead = cut.is_some();
        if self.dead { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Flash<WRITE, ERASE> {
    type Error = NorFlashErrorKind;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Flash<WRITE, ERASE> {
    const READ_SIZE: usize = if WRITE < 4 { WRITE } else { 4 };

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len())?;
        let state = self.state();
        if state.dead {
            return Err(NorFlashErrorKind::Other);
        }
        bytes.copy_from_slice(&state.bytes[offset as usize..offset as usize + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.state().bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Flash<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let mut state = self.state();
        let whole = from < to && state.sectors.contains(&from) && state.sectors.contains(&to);
        assert!(whole || state.dead, "erases {from:#x} to {to:#x}, which are not whole sectors");
        let sectors: Vec<_> =
            state.sectors.windows(2).map(|pair| (pair[0], pair[1])).filter(|pair| pair.0 >= from && pair.1 <= to).collect();
        sectors.into_iter().try_for_each(|(from, to)| state.operate(from as usize, (to - from) as usize, |_, _| 0xff))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let fits = check_write(self, offset, bytes.len());
        let mut state = self.state();
        assert!(fits.is_ok() || state.dead, "writes {} bytes at {offset:#x}, which are not whole units", bytes.len());
        bytes.chunks(WRITE).enumerate().try_for_each(|(index, unit)| {
            let at = offset as usize + index * WRITE;
            let blank = state.bytes.get(at..at + WRITE).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0xff));
            assert!(blank || state.dead, "writes at {at:#x} what is not blank");
            state.operate(at, WRITE, |place, old| old & unit[place])
        })
    }
}

impl<const WRITE: usize, const ERASE: usize> ProgramFlash<'static> for Flash<WRITE, ERASE> {
    /// A copy, of which the memory is never given back: as good as flash for as long as a test runs.
    fn mapped(&self, offset: u32, length: u32) -> &'static [u8] {
        let bytes = self.state().bytes[offset as usize..offset as usize + length as usize].to_vec();
        Box::leak(Box::new(AlignedBytes::from(&bytes[..])))
    }
}

/// The flash of a [`Device`]: with the geometry of the Raspberry Pi Pico's.
pub type DeviceFlash = Flash<256, 4096>;

/// Where a [`Device`] has what.
pub const LAYOUT: Layout = {
    const fn region(offset: u32, bytes: u32) -> Region {
        Region { offset, bytes, erase_bytes: 4096 }
    }
    Layout { journal: [region(0, 4096), region(4096, 4096)], slots: [region(8192, 60 << 10), region(8192 + (60 << 10), 60 << 10)] }
};

/// Blank flash for a [`Device`]: 128 KiB.
pub fn device_flash() -> DeviceFlash {
    Flash::new([4096; 32])
}

/// A board that is a thread, and serves from its flash as firmwares do. It stops when the flash loses its power, or its line is dropped.
#[derive(Clone, Copy)]
pub struct Device {
    /// What it says of itself.
    pub about: About<'static>,
    /// Memory for activations.
    pub arena_bytes: usize,
    /// Kernels.
    pub resolver: Resolver<'static>,
}

impl Default for Device {
    fn default() -> Self {
        let about = About { chip: "simulation", firmware: "simulation 1", board: [7; 8], clock_hz: 1_000_000 };
        Self { about, arena_bytes: 64 << 10, resolver: Resolver::all() }
    }
}

impl Device {
    /// Gives it power, and the host's end of its line.
    pub fn start(self, flash: DeviceFlash) -> Line {
        let (to_device, incoming) = channel();
        let (outgoing, from_device) = channel();
        std::thread::spawn(move || {
            let mut wire =
                Wire { incoming, pending: vec![].into_iter(), outgoing, cycles: 0, flash, fault: FaultRecord::EMPTY, again: true };
            let mut arena = AlignedBytes::zeroed(self.arena_bytes);
            let mut buffers = Buffers::EMPTY;
            while core::mem::take(&mut wire.again) {
                let Self { about, resolver, .. } = self;
                let mut costs = [0; MAX_COSTS];
                let setup = Setup { about, flash: wire.flash.clone(), layout: LAYOUT, arena: &mut arena, resolver, costs: &mut costs };
                let mut server = Server::start(setup, &mut wire);
                wire.write(0, server.greeting().to_string().as_bytes());
                server.serve(&mut wire, &mut buffers);
            }
        });
        Line { to_device, from_device, pending: vec![], lost_every: 0, random: 1 }
    }
}

/// The host's end of a line to a [`Device`].
pub struct Line {
    to_device: Sender<Vec<u8>>,
    from_device: Receiver<Vec<u8>>,
    pending: Vec<u8>,
    /// One of so many pieces is lost, in both directions; 0: none.
    pub lost_every: u32,
    random: u32,
}

impl Line {
    fn lost(&mut self) -> bool {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.lost_every != 0 && (self.random >> 16).is_multiple_of(self.lost_every)
    }
}

impl Link for Line {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.lost() {
            self.to_device.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        if self.pending.is_empty() {
            match self.from_device.recv_timeout(timeout) {
                Ok(_) if self.lost() => return Ok(0),
                Ok(bytes) => self.pending = bytes,
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        let length = self.pending.len().min(buffer.len());
        buffer.iter_mut().zip(self.pending.drain(..length)).for_each(|(place, byte)| *place = byte);
        Ok(length)
    }
}

/// The device's end.
struct Wire {
    incoming: Receiver<Vec<u8>>,
    pending: std::vec::IntoIter<u8>,
    outgoing: Sender<Vec<u8>>,
    cycles: u64,
    flash: DeviceFlash,
    fault: FaultRecord,
    again: bool,
}

impl Board for Wire {
    fn read(&mut self) -> Option<(usize, u8)> {
        loop {
            if self.flash.is_dead() {
                return None;
            }
            if let Some(byte) = self.pending.next() {
                return Some((0, byte));
            }
            self.pending = self.incoming.recv().ok()?.into_iter();
        }
    }

    fn write(&mut self, _: usize, bytes: &[u8]) {
        if !self.flash.is_dead() {
            // As a serial line delivers them: in pieces.
            bytes.chunks(200).for_each(|bytes| drop(self.outgoing.send(bytes.to_vec())));
        }
    }

    fn cycles(&mut self) -> u64 {
        self.cycles += 100;
        self.cycles
    }

    fn feed(&mut self) {}

    fn fault(&mut self) -> &mut FaultRecord {
        &mut self.fault
    }

    fn reset(&mut self) {
        self.again = true;
    }
}
