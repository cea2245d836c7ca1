//! What is known of the slots, in flash, such that power may fail at any moment.
//!
//! Two areas of flash, erased each for itself, take one record after the other. A record is the whole truth: the valid one with the
//! highest number counts, and nothing before it. A record that was torn has a wrong checksum, so the one before it still counts. The next
//! goes to the first blank place behind; where there is none, the other area is erased, in which nothing counts, and begins anew.
//!
//! ```text
//! offset size  record (128 bytes, in a place of as many writable units as it takes), little-endian
//!      0    4  magic              45 44 47 4A   ("EDGJ")
//!      4    2  version            1
//!      6    2  reserved           0
//!      8    4  number             rises by one from record to record
//!     12    4  security floor     the highest security version that was ever confirmed; nothing older runs
//!     16   48  slot 0
//!     64   48  slot 1
//!    112   12  reserved           0
//!    124    4  checksum           CRC-32 of the 124 bytes before
//!
//!              slot (48 bytes)
//!      0    1  state              see `State`
//!      1    1  verdict            why it is rejected, see `Verdict`; else 0
//!      2    1  boots              how often it was started on trial
//!      3    1  found              1 where the image was not received but found in flash; else 0
//!      4    4  age                rises with each activation: of two confirmed images the greater runs
//!      8    4  security version   of the image
//!     12    4  length             of the image
//!     16   32  digest             of the image
//! ```

use edge_format::crc32;
use embedded_storage::nor_flash::NorFlash;

use crate::image::{array, u16_at, u32_at};
use crate::slots::{Region, Slot, State, Verdict};

/// Length of a record.
pub const RECORD_BYTES: usize = 128;

/// Greatest unit in which a flash may be writable.
pub const MAX_WRITE_BYTES: usize = 256;

const MAGIC: [u8; 4] = *b"EDGJ";
const VERSION: u16 = 1;
const SLOT_BYTES: usize = 48;
const SLOTS_OFFSET: usize = 16;
const CHECKSUM_OFFSET: usize = RECORD_BYTES - 4;

/// Number of slots.
pub const SLOTS: usize = 2;

/// What counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Rises from record to record; 0 where there is none yet.
    pub number: u32,
    /// The highest security version that was ever confirmed.
    pub floor: u32,
    /// The slots.
    pub slots: [Slot; SLOTS],
}

impl Record {
    /// As bytes.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 4, &VERSION.to_le_bytes());
        put(&mut bytes, 8, &self.number.to_le_bytes());
        put(&mut bytes, 12, &self.floor.to_le_bytes());
        for (index, slot) in self.slots.iter().enumerate() {
            let at = SLOTS_OFFSET + index * SLOT_BYTES;
            put(&mut bytes, at, &[slot.state as u8, slot.verdict as u8, slot.boots, slot.found.into()]);
            put(&mut bytes, at + 4, &slot.age.to_le_bytes());
            put(&mut bytes, at + 8, &slot.security_version.to_le_bytes());
            put(&mut bytes, at + 12, &slot.length.to_le_bytes());
            put(&mut bytes, at + 16, &slot.digest);
        }
        let checksum = crc32(&[&bytes[..CHECKSUM_OFFSET]]);
        put(&mut bytes, CHECKSUM_OFFSET, &checksum.to_le_bytes());
        bytes
    }

    /// From bytes; `None` where they are no record.
    pub fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let checksum = crc32(&[bytes.get(..CHECKSUM_OFFSET)?]);
        if array(bytes, 0)? != MAGIC || u16_at(bytes, 4)? != VERSION || u32_at(bytes, CHECKSUM_OFFSET)? != checksum {
            return None;
        }
        let slot = |index: usize| {
            let at = SLOTS_OFFSET + index * SLOT_BYTES;
            let [state, verdict, boots, found] = array(bytes, at)?;
            Some(Slot {
                state: State::from_code(state)?,
                verdict: Verdict::from_code(verdict)?,
                boots,
                found: found != 0,
                age: u32_at(bytes, at + 4)?,
                security_version: u32_at(bytes, at + 8)?,
                length: u32_at(bytes, at + 12)?,
                digest: array(bytes, at + 16)?,
            })
        };
        Some(Self { number: u32_at(bytes, 8)?, floor: u32_at(bytes, 12)?, slots: [slot(0)?, slot(1)?] })
    }
}

fn put(bytes: &mut [u8; RECORD_BYTES], offset: usize, value: &[u8]) {
    bytes.iter_mut().skip(offset).zip(value).for_each(|(byte, &value)| *byte = value);
}

/// Where records lie, and where the next one goes.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    areas: [Region; 2],
    /// Area and place of the record that counts; `None` where there is none.
    newest: Option<(usize, u32)>,
}

impl Journal {
    /// Reads the record that counts: the default one where there is none.
    ///
    /// # Errors
    /// Of the flash.
    pub fn open<F: NorFlash>(flash: &mut F, areas: [Region; 2]) -> Result<(Self, Record), F::Error> {
        let mut journal = Self { areas, newest: None };
        let mut newest = Record::default();
        for area in 0..areas.len() {
            for place in 0..journal.places::<F>(area) {
                let mut bytes = [0; RECORD_BYTES];
                flash.read(journal.offset::<F>(area, place), &mut bytes)?;
                let Some(record) = Record::decode(&bytes) else { continue };
                if record.number > newest.number {
                    (journal.newest, newest) = (Some((area, place)), record);
                }
            }
        }
        Ok((journal, newest))
    }

    /// Makes another record count. Until it does, the last one does.
    ///
    /// # Errors
    /// Of the flash.
    pub fn append<F: NorFlash>(&mut self, flash: &mut F, record: &Record) -> Result<(), F::Error> {
        let (area, first) = self.newest.map_or((0, 0), |(area, place)| (area, place + 1));
        let mut free = None;
        for place in first..self.places::<F>(area) {
            if blank(flash, self.offset::<F>(area, place), stride::<F>())? {
                free = Some((area, place));
                break;
            }
        }
        let (area, place) = match free {
            Some(found) => found,
            None => {
                let area = if self.newest.is_some() { 1 - area } else { area };
                let region = self.areas.get(area).copied().unwrap_or_default();
                erase(flash, region, region.bytes)?;
                (area, 0)
            }
        };
        let mut bytes = [0xff; MAX_WRITE_BYTES];
        bytes.iter_mut().zip(record.encode()).for_each(|(byte, value)| *byte = value);
        let offset = self.offset::<F>(area, place);
        flash.write(offset, bytes.get(..stride::<F>() as usize).unwrap_or_default())?;
        self.newest = Some((area, place));
        Ok(())
    }

    fn places<F: NorFlash>(&self, area: usize) -> u32 {
        self.areas.get(area).map_or(0, |region| region.bytes / stride::<F>())
    }

    fn offset<F: NorFlash>(&self, area: usize, place: u32) -> u32 {
        self.areas.get(area).map_or(0, |region| region.offset + place * stride::<F>())
    }
}

/// Bytes from one place to the next.
const fn stride<F: NorFlash>() -> u32 {
    RECORD_BYTES.next_multiple_of(F::WRITE_SIZE) as u32
}

/// Whether so many bytes are as after erasing.
pub(crate) fn blank<F: NorFlash>(flash: &mut F, offset: u32, length: u32) -> Result<bool, F::Error> {
    let mut bytes = [0; MAX_WRITE_BYTES];
    let mut at = 0;
    while at < length {
        let step = (length - at).min(bytes.len() as u32);
        let bytes = bytes.get_mut(..step as usize).unwrap_or_default();
        flash.read(offset + at, bytes)?;
        if bytes.iter().any(|&byte| byte != 0xff) {
            return Ok(false);
        }
        at += step;
    }
    Ok(true)
}

/// Erases the first `length` bytes of a region, one unit after the other.
pub(crate) fn erase<F: NorFlash>(flash: &mut F, region: Region, length: u32) -> Result<(), F::Error> {
    let mut at = 0;
    while at < length {
        flash.erase(region.offset + at, region.offset + at + region.erase_bytes)?;
        at += region.erase_bytes;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_record_survives_its_bytes_and_no_change_of_them() {
        let slot = Slot { state: State::Trial, boots: 1, age: 3, security_version: 4, length: 5, digest: [6; 32], ..Slot::default() };
        let rejected = Slot { state: State::Rejected, verdict: Verdict::SelfTest, found: true, ..slot };
        let record = Record { number: 9, floor: 2, slots: [slot, rejected] };
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Some(record));
        assert_eq!(&bytes[..20], b"EDGJ\x01\0\0\0\x09\0\0\0\x02\0\0\0\x04\0\x01\0");
        for bit in 0..RECORD_BYTES * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&changed), None);
        }
        assert_eq!(Record::decode(&[0xff; RECORD_BYTES]), None);
        assert_eq!(Record::decode(&[0; RECORD_BYTES]), None);
    }
}
