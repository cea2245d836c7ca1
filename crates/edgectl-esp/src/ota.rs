//! The record that chooses among applications: two sectors, each with one of these, of which the valid one with the higher number counts.
//!
//! ```text
//! offset size  (little-endian)
//!      0    4  sequence   number n chooses application (n - 1) modulo their count
//!      4   20  label      FF
//!     24    4  state      FFFFFFFF: nothing is to be confirmed
//!     28    4  CRC-32     of the sequence, with start value 0
//! ```
//!
//! (ESP-IDF, "Over The Air Updates"; `esp_ota_select_entry_t`.) The sector of the older one is replaced, so that a cut leaves the newer.

use crate::table::SECTOR_BYTES;

/// Bytes of a record.
const RECORD_BYTES: usize = 32;

/// What the two sectors say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtaData {
    sequences: [Option<u32>; 2],
}

impl OtaData {
    /// Reads the partition.
    pub fn parse(bytes: &[u8]) -> OtaData {
        let sequence = |at: usize| {
            let record: &[u8; RECORD_BYTES] = bytes.get(at..)?.first_chunk()?;
            let (sequence, sum) = (record.first_chunk::<4>()?, record.last_chunk::<4>()?);
            let number = u32::from_le_bytes(*sequence);
            (u32::from_le_bytes(*sum) == crc32(sequence) && !matches!(number, 0 | u32::MAX)).then_some(number)
        };
        OtaData { sequences: [sequence(0), sequence(SECTOR_BYTES as usize)] }
    }

    fn newest(&self) -> Option<u32> {
        self.sequences.into_iter().flatten().max()
    }

    /// Which of so many applications is chosen; `None` where no record is valid.
    pub fn chosen(&self, apps: u32) -> Option<u32> {
        (apps > 0).then_some(())?;
        self.newest().map(|sequence| (sequence - 1) % apps)
    }

    /// What chooses an application from now on: the offset within the partition of the sector that it replaces, and that sector.
    pub fn choose(&self, app: u32, apps: u32) -> (u32, Vec<u8>) {
        let apps = apps.max(1);
        let newest = self.newest().unwrap_or(0);
        let step = (app % apps + 1 + apps - newest % apps) % apps;
        // Near its end the count begins again, with sectors that are equal: nobody gets there in a flash's life.
        let sequence = newest.saturating_add(if step == 0 { apps } else { step }).min(u32::MAX - 1);
        let older = if self.sequences[0] == Some(newest) { SECTOR_BYTES } else { 0 };
        let mut record = sequence.to_le_bytes().to_vec();
        record.resize(28, 0xFF);
        record.extend(crc32(&sequence.to_le_bytes()).to_le_bytes());
        record.resize(SECTOR_BYTES as usize, 0xFF);
        (older, record)
    }
}

/// As the ROM's `crc32_le(0xFFFFFFFF, …)`.
fn crc32(bytes: &[u8; 4]) -> u32 {
    let mut crc = 0;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_sector_is_replaced_and_the_application_chosen() {
        let mut partition = vec![0xFF; 2 * SECTOR_BYTES as usize];
        assert_eq!(OtaData::parse(&partition).chosen(2), None);
        let mut sectors = vec![];
        for app in [0, 1, 0, 0, 1, 1, 0] {
            let (at, sector) = OtaData::parse(&partition).choose(app, 2);
            partition[at as usize..(at + SECTOR_BYTES) as usize].copy_from_slice(&sector);
            assert_eq!(OtaData::parse(&partition).chosen(2), Some(app));
            sectors.push(at);
        }
        assert_eq!(sectors, [0, 4096, 0, 4096, 0, 4096, 0]);
        assert_eq!(OtaData::parse(&[]).chosen(2), None);
        assert_eq!(OtaData::parse(&partition).chosen(0), None);
    }

    #[test]
    fn a_record_has_the_bytes_of_esp_idf() {
        // What gen_empty_partition.py and otatool.py leave after the first switch to ota_0 (sequence 1): its checksum is 4743989a.
        let (_, sector) = OtaData::parse(&[]).choose(0, 2);
        assert_eq!(sector.get(..4), Some(&[1, 0, 0, 0][..]));
        assert_eq!(sector.get(28..32), Some(&[0x9A, 0x98, 0x43, 0x47][..]));
    }
}
