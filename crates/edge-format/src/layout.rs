//! Where things are in the file: the numbers of the diagram in the crate's documentation.

use crate::crc::crc32;

/// First eight bytes of every program. The high bit and the line ends reveal a transfer that was not binary.
pub const MAGIC: [u8; 8] = *b"\x89EDGM\r\n\x1a";

/// Version of the layout.
pub const FORMAT_VERSION: u16 = 2;

/// Version of the meaning: op codes, parameters and the arithmetic behind them.
pub const RUNTIME_ABI: u16 = 1;

/// Alignment in bytes that a program's first byte must have in memory.
pub const BASE_ALIGNMENT: usize = 4;

/// Alignment in bytes of each constant, counted from the start of the file.
pub const DATA_ALIGNMENT: usize = 16;

/// Greatest length of the file and of the arena.
pub(crate) const MAX_BYTES: u32 = i32::MAX as u32;

/// "Written by" of a tensor that no op writes.
pub(crate) const NO_OP: u32 = u32::MAX;

pub(crate) const HEADER_BYTES: usize = 100;
pub(crate) const TENSOR_BYTES: usize = 56;
pub(crate) const OP_BYTES: usize = 12;
pub(crate) const WORD_BYTES: usize = 4;
pub(crate) const IO_BYTES: usize = 40;

/// Offsets of the header's fields.
pub(crate) mod header {
    pub(crate) const VERSION: usize = 8;
    pub(crate) const ABI: usize = 10;
    pub(crate) const LENGTH: usize = 12;
    pub(crate) const CHECKSUM: usize = 16;
    pub(crate) const ARENA: usize = 20;
    /// First of seven `{ count, offset }`, in the order of [`crate::Section`].
    pub(crate) const SECTIONS: usize = 24;
    pub(crate) const NAME: usize = 80;
    pub(crate) const PRODUCER: usize = 88;
    pub(crate) const STATE: usize = 96;
}

/// Codes of a tensor's place, but for those of [`Packing`](crate::Packing).
pub(crate) mod place {
    pub(crate) const ARENA: u8 = 0;
    pub(crate) const DATA: u8 = 1;
    pub(crate) const STATE: u8 = 128;
}

/// The little-endian `u16` at byte `at` of a record; 0 beyond the end, which a record of fixed size does not have.
#[cfg_attr(not(target_os = "none"), inline)]
pub(crate) fn u16_at(record: &[u32], at: usize) -> u16 {
    (u32_at(record, at) >> (at % WORD_BYTES * 8)) as u16
}

/// The little-endian `u32` that holds byte `at` of a record; 0 beyond the end, which a record of fixed size does not have.
#[cfg_attr(not(target_os = "none"), inline)]
pub(crate) fn u32_at(record: &[u32], at: usize) -> u32 {
    record.get(at / WORD_BYTES).copied().map_or(0, u32::from_le)
}

/// CRC-32 of a file without its checksum field.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let before = bytes.get(..header::CHECKSUM).unwrap_or(bytes);
    let after = bytes.get(header::CHECKSUM + 4..).unwrap_or_default();
    crc32(&[before, after])
}

/// Stores length and checksum in the header of bytes that are otherwise complete.
///
/// The writer's last step, and a test's way to change a file without being stopped by its checksum. Bytes too
/// short for a header are left as they are.
pub fn seal(bytes: &mut [u8]) {
    let length = bytes.len() as u32;
    if let Some(field) = bytes.get_mut(header::LENGTH..header::LENGTH + 4) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    let checksum = checksum(bytes);
    if let Some(field) = bytes.get_mut(header::CHECKSUM..header::CHECKSUM + 4) {
        field.copy_from_slice(&checksum.to_le_bytes());
    }
}
