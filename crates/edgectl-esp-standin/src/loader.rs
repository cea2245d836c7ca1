//! The chip's loader: what its ROM answers, and the stub once that was loaded.
//!
//! A command is `00 op length(2) checksum(4) data`, an answer `01 op length(2) value(4) data status`, with two bytes of status from the stub
//! and four from the ROM (esptool's documentation, "Serial Protocol"). The flash is NOR: what is written only clears bits, and whoever has
//! not erased before reads something else.

use std::collections::BTreeMap;

use embedded_storage::nor_flash::ReadNorFlash;
use flate2::{Decompress, FlushDecompress};
use md5::{Digest, Md5};

use crate::ChipFlash;
use crate::fault::Always;
use crate::model::Model;

/// What is erased at once.
pub(crate) const SECTOR: u32 = 4096;

const INVALID: u8 = 0x05;
const FAILED: u8 = 0x06;
const CHECKSUM: u8 = 0x07;
const INFLATE: u8 = 0xC2;
const TOO_MUCH: u8 = 0xC4;

/// What the chip does after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Goes on.
    Stay,
    /// Starts what lies in flash.
    Boot,
}

/// Data on their way into flash.
struct Transfer {
    /// Where the next byte goes.
    at: u32,
    /// Where the last one ends.
    end: u32,
    /// Up to where sectors are erased.
    erased: u32,
    inflate: Option<Decompress>,
}

/// Flash on its way to the host.
struct Reading {
    next: u32,
    begin: u32,
    end: u32,
    block: u32,
    window: u32,
    acknowledged: u32,
    digest: Md5,
}

/// How a block is written, where something is wrong with that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writing {
    /// So many of its bytes only, and the last of them half.
    pub(crate) torn: bool,
    pub(crate) nothing: bool,
    pub(crate) flip: bool,
    pub(crate) stick: bool,
}

pub(crate) struct Loader {
    pub(crate) model: Model,
    pub(crate) flash: ChipFlash,
    pub(crate) flash_bytes: u32,
    pub(crate) always: Vec<Always>,
    registers: BTreeMap<u32, u32>,
    initial: BTreeMap<u32, u32>,
    pub(crate) stub: bool,
    /// `None` until the ROM has measured it on the first frame.
    pub(crate) baud: Option<u32>,
    loaded: usize,
    transfer: Option<Transfer>,
    reading: Option<Reading>,
    wrong_digests: u32,
    /// Bits that are 0 for ever: where, and which are not.
    stuck: BTreeMap<u32, u8>,
}

impl Loader {
    pub(crate) fn new(model: Model, flash: ChipFlash, flash_bytes: u32, mac: [u8; 6], revision: (u32, u32)) -> Loader {
        let initial = model.registers(mac, revision);
        Loader {
            model,
            flash,
            flash_bytes,
            always: vec![],
            registers: initial.clone(),
            initial,
            stub: false,
            baud: None,
            loaded: 0,
            transfer: None,
            reading: None,
            wrong_digests: 0,
            stuck: BTreeMap::new(),
        }
    }

    /// The chip was reset, and waits in its ROM.
    pub(crate) fn reset(&mut self) {
        self.registers = self.initial.clone();
        (self.stub, self.baud, self.loaded, self.transfer, self.reading) = (false, None, 0, None, None);
    }

    pub(crate) fn heal(&mut self) {
        self.always.clear();
        self.stuck.clear();
        self.wrong_digests = 0;
    }

    fn is(&self, fault: Always) -> bool {
        self.always.contains(&fault)
    }

    /// Whether a frame brings data for the flash.
    pub(crate) fn is_block(frame: &[u8]) -> bool {
        matches!(frame, [0, 0x03 | 0x11, ..])
    }

    pub(crate) fn refuse(&self, frame: &[u8], code: u8) -> Vec<u8> {
        self.answer(frame.get(1).copied().unwrap_or_default(), 0, &[], Err(code))
    }

    fn answer(&self, op: u8, value: u32, data: &[u8], status: Result<(), u8>) -> Vec<u8> {
        let status = match status {
            Ok(()) => [0; 4],
            Err(code) => [1, code, 0, 0],
        };
        let status = if self.stub { &status[..2] } else { &status[..] };
        let length = (data.len() + status.len()) as u16;
        [&[1, op], &length.to_le_bytes()[..], &value.to_le_bytes(), data, status].concat()
    }

    /// Takes a frame: the frames that answer it, and what comes then.
    pub(crate) fn take(&mut self, frame: &[u8], speed: u32, writing: Writing) -> (Vec<Vec<u8>>, Next) {
        if self.is(Always::Dead) {
            return (vec![], Next::Stay);
        }
        if let (Some(reading), Ok(done)) = (&mut self.reading, <[u8; 4]>::try_from(frame)) {
            reading.acknowledged = u32::from_le_bytes(done);
            return (self.read_on(), Next::Stay);
        }
        let Some((&[0, op, low, high, a, b, c, d], data)) = frame.split_first_chunk() else { return (vec![], Next::Stay) };
        if usize::from(u16::from_le_bytes([low, high])) != data.len() {
            return (vec![], Next::Stay);
        }
        let baud = *self.baud.get_or_insert(speed);
        if baud != speed || (self.is(Always::SpeedBroken) && baud != 115_200) {
            return (vec![vec![0x55; 3]], Next::Stay);
        }
        self.reading = None;
        let checksum = u32::from_le_bytes([a, b, c, d]);
        let word = |index: usize| data.get(index * 4..).and_then(|data| data.first_chunk()).copied().map_or(0, u32::from_le_bytes);
        let mut next = Next::Stay;
        // In secure download mode the ROM has these left.
        if self.is(Always::SecureDownload) && ![0x02, 0x03, 0x04, 0x08, 0x0B, 0x0D, 0x0F, 0x14].contains(&op) {
            return (vec![self.answer(op, 0, &[], Err(INVALID))], next);
        }
        let plain = |this: &Self, status| vec![this.answer(op, 0, &[], status)];
        let frames = match op {
            0x08 => vec![self.answer(op, if self.stub { 0 } else { 0x2012_0707 }, &[], Ok(())); 8],
            0x0A => vec![self.answer(op, self.register(word(0)), &[], Ok(()))],
            0x09 => {
                self.write_register(word(0), word(1), word(2));
                plain(self, Ok(()))
            }
            0x14 if self.model.security_bytes > 0 => {
                let info = self.security();
                vec![self.answer(op, 0, &info, Ok(()))]
            }
            0x05 if self.is(Always::StubRefused) => plain(self, Err(INVALID)),
            0x05 => plain(self, Ok(())),
            0x07 if sum(data.get(16..).unwrap_or_default()) != checksum => plain(self, Err(CHECKSUM)),
            0x07 => {
                self.loaded += data.len().saturating_sub(16);
                plain(self, Ok(()))
            }
            0x06 => {
                let mut frames = plain(self, Ok(()));
                if word(0) == 0 && self.loaded > 0 {
                    if !self.is(Always::StubSilent) {
                        self.stub = true;
                        frames.push(b"OHAI".to_vec());
                    }
                    self.loaded = 0;
                }
                frames
            }
            0x02 | 0x10 if self.is(Always::BeginRefused) => plain(self, Err(FAILED)),
            0x02 | 0x10 => {
                self.begin(word(0), word(3), op == 0x10);
                plain(self, Ok(()))
            }
            0x03 | 0x11 => {
                let body = data.get(16..).unwrap_or_default();
                let status = match word(0) as usize == body.len() && sum(body) == checksum {
                    true => self.block(body, op == 0x11, writing),
                    false => Err(CHECKSUM),
                };
                plain(self, status)
            }
            0x04 | 0x12 => {
                self.transfer = None;
                if word(0) == 0 || !self.stub {
                    next = Next::Boot;
                }
                plain(self, Ok(()))
            }
            0x13 => self.digest(op, word(0), word(1)),
            0x0F if self.is(Always::SpeedRefused) => plain(self, Err(INVALID)),
            0x0F => {
                let frames = plain(self, Ok(()));
                self.baud = Some(word(0));
                frames
            }
            0x0B | 0x0D => plain(self, Ok(())),
            0x0E if !self.stub => {
                let bytes = self.read(word(0), 64);
                vec![self.answer(op, 0, &bytes, Ok(()))]
            }
            0xD0 if self.stub => {
                self.erase(0, self.flash_bytes);
                plain(self, Ok(()))
            }
            0xD1 if self.stub => {
                self.erase(word(0), word(1));
                plain(self, Ok(()))
            }
            0xD2 if self.stub => {
                let [begin, length, block, window] = [0, 1, 2, 3].map(word);
                let end = begin.saturating_add(length).min(self.flash_bytes);
                let block = block.clamp(1, SECTOR);
                self.reading = Some(Reading { next: begin, begin, end, block, window: window.max(1), acknowledged: 0, digest: Md5::new() });
                let mut frames = plain(self, Ok(()));
                frames.extend(self.read_on());
                frames
            }
            0xD3 if self.stub => {
                next = Next::Boot;
                plain(self, Ok(()))
            }
            _ => plain(self, Err(if self.stub { 0xFF } else { INVALID })),
        };
        (frames, next)
    }

    /// A chip without security information has its fuses in registers.
    fn register(&self, address: u32) -> u32 {
        let fuse = match (self.model.name, address) {
            ("esp32", 0x3FF5_A018) => u32::from(self.is(Always::SecureBoot)) << 4,
            ("esp32", 0x3FF5_A000) => u32::from(self.is(Always::Encryption)) << 20,
            _ => 0,
        };
        self.registers.get(&address).copied().unwrap_or(0) | fuse
    }

    fn security(&self) -> Vec<u8> {
        let flags = u32::from(self.is(Always::SecureBoot)) | u32::from(self.is(Always::SecureDownload)) << 2;
        let mut info = flags.to_le_bytes().to_vec();
        info.push(if self.is(Always::Encryption) { 7 } else { 0 });
        info.extend([0; 7]);
        info.extend(u32::from(self.model.id).to_le_bytes());
        info.extend([0; 4]);
        info.truncate(self.model.security_bytes);
        info
    }

    /// The flash's SPI can be used through its registers.
    fn write_register(&mut self, address: u32, value: u32, mask: u32) {
        const RUN: u32 = 1 << 18;
        let [_, command, result] = self.model.spi_offsets.map(|offset| self.model.spi + offset);
        if address == self.model.spi && value & RUN != 0 {
            // Its identity, or its status: never busy.
            let found = match self.registers.get(&command).copied().unwrap_or(0) & 0xFF {
                0x9F => 0x40EF | (self.flash_bytes.ilog2() + u32::from(self.is(Always::FlashBoasts))) << 16,
                _ => 0,
            };
            self.registers.insert(result, found);
            return;
        }
        let register = self.registers.entry(address).or_default();
        *register = (*register & !mask) | (value & mask);
    }

    fn begin(&mut self, length: u32, at: u32, compressed: bool) {
        let end = at.saturating_add(length);
        let mut erased = at / SECTOR * SECTOR;
        // The ROM erases at once, the stub as it goes.
        if !self.stub {
            self.erase(erased, end - erased);
            erased = end.next_multiple_of(SECTOR);
        }
        self.transfer = Some(Transfer { at, end, erased, inflate: compressed.then(|| Decompress::new(true)) });
    }

    fn block(&mut self, body: &[u8], compressed: bool, writing: Writing) -> Result<(), u8> {
        let mut transfer = self.transfer.take().filter(|transfer| transfer.inflate.is_some() == compressed).ok_or(INVALID)?;
        let inflated;
        let bytes = match &mut transfer.inflate {
            Some(inflate) => {
                let mut out = Vec::with_capacity(1 << 17);
                let mut taken = 0;
                while taken < body.len() {
                    let (before, room) = (inflate.total_in(), out.len());
                    out.reserve(1 << 17);
                    inflate.decompress_vec(body.get(taken..).unwrap_or_default(), &mut out, FlushDecompress::None).map_err(|_| INFLATE)?;
                    let used = (inflate.total_in() - before) as usize;
                    taken += used;
                    if used == 0 && out.len() == room {
                        break;
                    }
                }
                inflated = out;
                &inflated[..]
            }
            None => body,
        };
        let room = (transfer.end - transfer.at) as usize;
        if compressed && bytes.len() > room {
            return Err(TOO_MUCH);
        }
        // The ROM writes whole blocks, also behind what was erased.
        let bytes = if self.stub { bytes.get(..bytes.len().min(room)).unwrap_or_default() } else { bytes };
        if !writing.nothing {
            let end = transfer.at + bytes.len() as u32;
            if end > transfer.erased {
                let until = end.next_multiple_of(SECTOR);
                if self.stub {
                    self.erase(transfer.erased, until - transfer.erased);
                }
                transfer.erased = until;
            }
            self.program(transfer.at, bytes, writing);
        }
        transfer.at += bytes.len() as u32;
        self.transfer = Some(transfer);
        Ok(())
    }

    /// Addresses go around where the flash ends, as they do on a chip.
    fn program(&mut self, at: u32, bytes: &[u8], writing: Writing) {
        let at = at % self.flash_bytes;
        let mut new = self.read(at, bytes.len() as u32);
        let done = if writing.torn { bytes.len() / 2 } else { bytes.len() };
        new.iter_mut().zip(bytes).take(done).for_each(|(place, byte)| *place &= byte);
        if writing.torn
            && let (Some(place), Some(byte)) = (new.get_mut(done), bytes.get(done))
        {
            *place &= byte | 0x0F;
        }
        let middle = bytes.len() / 2;
        if writing.flip
            && let Some(place) = new.get_mut(middle)
        {
            *place ^= 0x10;
        }
        if writing.stick {
            // A bit that is to be 1, or the fault would be none.
            let (index, byte) = bytes.iter().enumerate().find(|(_, byte)| **byte != 0).unwrap_or((0, &0));
            self.stuck.insert(at + index as u32, !(1 << byte.trailing_zeros().min(7)));
        }
        self.put(at, &mut new);
    }

    fn erase(&mut self, at: u32, length: u32) {
        let begin = at / SECTOR * SECTOR % self.flash_bytes;
        let length = length.next_multiple_of(SECTOR).min(self.flash_bytes - begin);
        self.put(begin, &mut vec![0xFF; length as usize]);
    }

    fn put(&mut self, at: u32, bytes: &mut [u8]) {
        for (&place, mask) in self.stuck.range(at..at + bytes.len() as u32) {
            if let Some(byte) = bytes.get_mut((place - at) as usize) {
                *byte &= mask;
            }
        }
        let fits = (self.flash_bytes - at) as usize;
        self.flash.put(at, bytes.get(..bytes.len().min(fits)).unwrap_or_default());
    }

    fn read(&mut self, at: u32, length: u32) -> Vec<u8> {
        let begin = at.min(self.flash_bytes);
        let length = length.min(self.flash_bytes - begin);
        let mut bytes = vec![0; length as usize];
        // In units of the flash, around what is wanted.
        let (from, to) = (begin / 4 * 4, (begin + length).next_multiple_of(4));
        let mut units = vec![0; (to - from) as usize];
        if self.flash.read(from, &mut units).is_ok() {
            let skip = (begin - from) as usize;
            bytes.copy_from_slice(units.get(skip..skip + length as usize).unwrap_or_default());
        }
        bytes
    }

    fn digest(&mut self, op: u8, at: u32, length: u32) -> Vec<Vec<u8>> {
        if self.is(Always::DigestSilent) {
            return vec![];
        }
        let bytes = self.read(at, length);
        let mut digest: [u8; 16] = Md5::digest(bytes).into();
        let wrong = self.always.iter().find_map(|fault| match fault {
            Always::DigestWrong => Some(u32::MAX),
            Always::DigestWrongFor(count) => Some(*count),
            _ => None,
        });
        if wrong.is_some_and(|count| self.wrong_digests < count) {
            self.wrong_digests += 1;
            digest[5] ^= 1;
        }
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        vec![self.answer(op, 0, if self.stub { &digest } else { hex.as_bytes() }, Ok(()))]
    }

    /// The next frames of a reading, as far as the host has acknowledged.
    fn read_on(&mut self) -> Vec<Vec<u8>> {
        let Some(mut reading) = self.reading.take() else { return vec![] };
        let mut frames = vec![];
        while reading.next < reading.end
            && reading.next - reading.begin < reading.acknowledged.saturating_add(reading.window.saturating_mul(reading.block))
        {
            let bytes = self.read(reading.next, reading.block.min(reading.end - reading.next));
            reading.digest.update(&bytes);
            reading.next += bytes.len() as u32;
            frames.push(bytes);
        }
        if reading.next == reading.end && reading.acknowledged >= reading.end - reading.begin {
            frames.push(reading.digest.finalize().to_vec());
        } else {
            self.reading = Some(reading);
        }
        frames
    }
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xEF, |sum, byte| sum ^ u32::from(*byte))
}
