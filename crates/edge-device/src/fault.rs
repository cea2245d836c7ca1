//! The last words of a firmware: written to memory that a reset leaves alone, and read after it.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use edge_format::crc32;
use serde::{Deserialize, Serialize};

/// What ended the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultKind {
    /// The code found itself in a state that cannot be.
    Panic,
    /// The processor: an address, an instruction or an alignment that it does not know.
    HardFault,
    /// Nothing was heard from the code for too long.
    Watchdog,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Panic => "panic",
            FaultKind::HardFault => "hard fault",
            FaultKind::Watchdog => "watchdog",
        })
    }
}

/// Longest text that is kept, in bytes.
pub const TEXT_BYTES: usize = 112;

/// A fault as it is told to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault<'a> {
    /// What it was.
    pub kind: FaultKind,
    /// Where the code was, 0 where that is not known.
    pub pc: u32,
    /// From where it had been called, 0 where that is not known.
    pub lr: u32,
    /// How many resets in a row ended in a fault before the host said anything.
    pub in_a_row: u8,
    /// A panic's message and place.
    pub text: &'a str,
}

const MAGIC: u32 = u32::from_le_bytes(*b"EDGF");

/// What lies in the memory that survives. It is made of integers, so any bytes are one: whether they mean anything, a checksum tells.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FaultRecord {
    magic: u32,
    kind: u32,
    pc: u32,
    lr: u32,
    in_a_row: u32,
    length: u32,
    text: [u8; TEXT_BYTES],
    checksum: u32,
}

impl FaultRecord {
    /// No fault.
    pub const EMPTY: Self = Self { magic: 0, kind: 0, pc: 0, lr: 0, in_a_row: 0, length: 0, text: [0; TEXT_BYTES], checksum: 0 };

    /// Keeps a fault. A text too long loses its end.
    pub fn set(&mut self, kind: FaultKind, pc: u32, lr: u32, text: fmt::Arguments<'_>) {
        let in_a_row = self.in_a_row().saturating_add(1);
        let mut writer = Writer { text: [0; TEXT_BYTES], length: 0 };
        // It takes what it has room for.
        let _ = writer.write_fmt(text);
        let Writer { text, length } = writer;
        *self = Self { magic: MAGIC, kind: kind as u32, pc, lr, in_a_row: in_a_row.into(), length: length as u32, text, checksum: 0 };
        self.checksum = self.sum();
    }

    /// Keeps a panic, with its place.
    pub fn panic(&mut self, info: &PanicInfo<'_>) {
        match info.location() {
            Some(place) => self.set(FaultKind::Panic, 0, 0, format_args!("{}:{}: {}", place.file(), place.line(), info.message())),
            None => self.set(FaultKind::Panic, 0, 0, format_args!("{}", info.message())),
        }
    }

    /// The fault that is kept, if any.
    pub fn fault(&self) -> Option<Fault<'_>> {
        if self.magic != MAGIC || self.checksum != self.sum() {
            return None;
        }
        let kind = [FaultKind::Panic, FaultKind::HardFault, FaultKind::Watchdog].into_iter().find(|&kind| kind as u32 == self.kind)?;
        let bytes = self.text.get(..self.length as usize)?;
        let text = core::str::from_utf8(bytes).ok()?;
        Some(Fault { kind, pc: self.pc, lr: self.lr, in_a_row: self.in_a_row.try_into().ok()?, text })
    }

    /// Begins to count anew, but keeps the fault: the device is well enough to talk.
    pub fn settle(&mut self) {
        if self.in_a_row() > 0 {
            self.in_a_row = 0;
            self.checksum = self.sum();
        }
    }

    /// Forgets it.
    pub fn clear(&mut self) {
        *self = Self::EMPTY;
    }

    /// How many resets in a row ended in a fault.
    pub fn in_a_row(&self) -> u8 {
        self.fault().map_or(0, |fault| fault.in_a_row)
    }

    fn sum(&self) -> u32 {
        let words = [self.magic, self.kind, self.pc, self.lr, self.in_a_row, self.length].map(u32::to_le_bytes);
        crc32(&[words.as_flattened(), &self.text])
    }
}

struct Writer {
    text: [u8; TEXT_BYTES],
    length: usize,
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.length + character.len_utf8();
            let place = self.text.get_mut(self.length..end).ok_or(fmt::Error)?;
            character.encode_utf8(place);
            self.length = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_fault_survives_and_noise_is_none() {
        let mut record = FaultRecord { magic: MAGIC, length: u32::MAX, checksum: 0xa5a5_a5a5, ..FaultRecord::EMPTY };
        assert_eq!(record.fault(), None);
        record.set(FaultKind::Panic, 1, 2, format_args!("at {}", 3));
        assert_eq!(record.fault(), Some(Fault { kind: FaultKind::Panic, pc: 1, lr: 2, in_a_row: 1, text: "at 3" }));
        record.set(FaultKind::HardFault, 4, 5, format_args!(""));
        assert_eq!(record.in_a_row(), 2);
        record.text[0] = 1;
        assert_eq!(record.fault(), None);
        record.clear();
        assert_eq!(record.fault(), None);
    }

    #[test]
    fn a_long_text_loses_its_end_between_characters() {
        let mut record = FaultRecord::EMPTY;
        record.set(FaultKind::Panic, 0, 0, format_args!("{:ä<200}", 'x'));
        let text = record.fault().unwrap().text;
        assert!(text.len() > TEXT_BYTES - 2 && text.starts_with("xää"));
    }
}
