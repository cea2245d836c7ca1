//! UF2 files: 512-byte blocks, each with where its 256 bytes belong in flash.
//!
//! ```text
//! offset size  (little-endian)
//!      0    4  magic            55 46 32 0A   ("UF2\n")
//!      4    4  magic            57 51 5D 9E
//!      8    4  flags            2000: the family is there; 1: not for flash; 1000: file container; 4000: MD5; 8000: tags
//!     12    4  address          of the first byte
//!     16    4  payload length   256
//!     20    4  block number     from 0 on
//!     24    4  blocks           in this file
//!     28    4  family           of the chip
//!     32  476  payload, then zeros
//!    508    4  magic            30 6F B1 0A
//! ```
//!
//! (github.com/microsoft/uf2.) A boot ROM takes blocks as they come, wraps addresses that are too high, and on the RP2040 leaves sectors
//! half erased that a file does not fill (erratum RP2040-E14). So a file is checked as a whole before its first byte is sent, by rules that are
//! stricter than those of the format: one block after the other, whole sectors, in ascending order, within the flash.

use std::ops::Range;

use thiserror::Error;

/// Length of a block.
pub const BLOCK: usize = 512;
/// Bytes of flash in a block: a page.
pub const PAYLOAD: usize = 256;

const MAGIC: [u32; 3] = [0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30];
const FAMILY_PRESENT: u32 = 0x2000;
const NOT_MAIN_FLASH: u32 = 0x0001;
const FILE_CONTAINER: u32 = 0x1000;
const MD5_PRESENT: u32 = 0x4000;
const TAGS_PRESENT: u32 = 0x8000;
/// What the Raspberry Pi tools put in front of files for the RP2350, so that its erratum E10 does no harm: a block of another family, for a
/// page that is not there, full of EF.
const ABSOLUTE: u32 = 0xE48B_FF57;
const ABSOLUTE_FILL: u8 = 0xEF;

/// A chip's family, as the registry of the format numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// RP2040.
    Rp2040,
    /// RP2350, secure Arm image.
    Rp2350,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 2] = [Family::Rp2040, Family::Rp2350];

    /// The number in the file.
    pub fn id(self) -> u32 {
        match self {
            Family::Rp2040 => 0xE48B_FF56,
            Family::Rp2350 => 0xE48B_FF59,
        }
    }

    /// The chip's name, as the device protocol has it.
    pub fn chip(self) -> &'static str {
        match self {
            Family::Rp2040 => "rp2040",
            Family::Rp2350 => "rp2350",
        }
    }

    /// What `Board-ID` of `INFO_UF2.TXT` is on a board with this chip.
    pub fn board_id(self) -> &'static str {
        match self {
            Family::Rp2040 => "RPI-RP2",
            Family::Rp2350 => "RP2350",
        }
    }
}

/// A chip and its flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Which.
    pub family: Family,
    /// Address of the flash's first byte.
    pub base: u32,
    /// Bytes of flash.
    pub flash_bytes: u32,
    /// What is erased at once.
    pub sector_bytes: u32,
}

/// Why bytes are no file for a chip.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Uf2Error {
    /// A field of a block.
    #[error("UF2 block {block}: {what} is {found:#x}: expected {expected:#x}")]
    Field {
        /// Which block, counted from 0.
        block: usize,
        /// Which field.
        what: &'static str,
        /// What is there.
        found: u32,
        /// What should be.
        expected: u32,
    },
    /// A block of another family: for another chip.
    #[error("UF2 block {block}: it is for {}: expected {}", family_name(*.found), .expected.chip())]
    Family {
        /// Which block.
        block: usize,
        /// Its family.
        found: u32,
        /// That of the chip.
        expected: Family,
    },
    /// No blocks.
    #[error("not a UF2 file: it is empty")]
    Empty,
    /// Not a whole number of blocks.
    #[error("not a UF2 file, or one that is cut off: {found} bytes are no multiple of 512")]
    Length {
        /// Bytes.
        found: usize,
    },
    /// Other blocks than the file says that it has.
    #[error("UF2 file: {found} blocks: expected {expected}, as its first block says")]
    Count {
        /// Blocks that are there.
        found: usize,
        /// What the first block says.
        expected: u32,
    },
    /// Something after the payload.
    #[error("UF2 block {block}: something follows its payload: expected zeros")]
    Padding {
        /// Which block.
        block: usize,
    },
    /// An address where there is no flash, or that flash cannot be written at.
    #[error("UF2 block {block}: address {found:#010x}: expected {expected}")]
    Address {
        /// Which block.
        block: usize,
        /// Its address.
        found: u32,
        /// What it should be.
        expected: &'static str,
    },
    /// A sector that the file fills in part only.
    #[error("UF2 file: it fills the sector at {sector:#010x} in part only, and the boot ROM would leave the rest undefined")]
    Sector {
        /// Its address.
        sector: u32,
    },
    /// What is to be written does not lie in the flash as it should.
    #[error("{length} bytes at {offset:#x} of the flash: expected {expected}")]
    Segment {
        /// From the flash's beginning.
        offset: u32,
        /// Bytes.
        length: usize,
        /// What it should be.
        expected: &'static str,
    },
}

fn family_name(id: u32) -> String {
    Family::ALL.iter().find(|family| family.id() == id).map_or_else(|| format!("family {id:#010x}"), |family| family.chip().into())
}

/// Bytes and where they belong, from the flash's beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// From the flash's beginning; a multiple of a sector.
    pub offset: u32,
    /// What is to be there; the rest of the last sector becomes FF.
    pub bytes: &'a [u8],
}

/// Writes a file of these segments, which lie in ascending order in sectors of their own.
///
/// # Errors
/// [`Uf2Error::Segment`].
pub fn write(chip: &Chip, segments: &[Segment<'_>]) -> Result<Vec<u8>, Uf2Error> {
    let sector = chip.sector_bytes as usize;
    let (mut pages, mut end): (Vec<(u32, Vec<u8>)>, usize) = (vec![], 0);
    for segment in segments {
        let refuse = |expected| Uf2Error::Segment { offset: segment.offset, length: segment.bytes.len(), expected };
        let offset = segment.offset as usize;
        if segment.bytes.is_empty() || !offset.is_multiple_of(sector) {
            return Err(refuse("one or more bytes at the beginning of a sector"));
        }
        if offset < end {
            return Err(refuse("segments in ascending order, in sectors of their own"));
        }
        let bytes = segment.bytes.len().next_multiple_of(sector);
        end = offset.saturating_add(bytes);
        if end > chip.flash_bytes as usize {
            return Err(refuse("an end within the flash"));
        }
        for at in (0..bytes).step_by(PAYLOAD) {
            let mut page = segment.bytes.get(at..).unwrap_or_default().to_vec();
            page.resize(PAYLOAD.max(page.len()), 0xFF);
            page.truncate(PAYLOAD);
            pages.push((chip.base + segment.offset + at as u32, page));
        }
    }
    let count = pages.len() as u32;
    let mut file = vec![];
    if chip.family == Family::Rp2350 {
        // As picotool does: the last page of the flash that the chip could address.
        let page = [ABSOLUTE_FILL; PAYLOAD];
        block(&mut file, chip.base + 0xFF_FF00, 0, 2, ABSOLUTE, &page);
    }
    for (number, (address, page)) in (0..).zip(&pages) {
        block(&mut file, *address, number, count, chip.family.id(), page);
    }
    Ok(file)
}

fn block(file: &mut Vec<u8>, address: u32, number: u32, count: u32, family: u32, page: &[u8]) {
    let end = file.len() + BLOCK;
    for word in [MAGIC[0], MAGIC[1], FAMILY_PRESENT, address, PAYLOAD as u32, number, count, family] {
        file.extend(word.to_le_bytes());
    }
    file.extend(page);
    file.resize(end - 4, 0);
    file.extend(MAGIC[2].to_le_bytes());
}

/// Checks a file as a whole: what it puts into flash, as offsets from the flash's beginning and bytes, joined where they touch.
///
/// # Errors
/// [`Uf2Error`].
pub fn parse(bytes: &[u8], chip: &Chip) -> Result<Vec<(u32, Vec<u8>)>, Uf2Error> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    if !rest.is_empty() {
        return Err(Uf2Error::Length { found: bytes.len() });
    }
    let first = usize::from(chip.family == Family::Rp2350 && blocks.first().is_some_and(is_absolute));
    let blocks = blocks.get(first..).unwrap_or_default();
    let expected = word(blocks.first().ok_or(Uf2Error::Empty)?, 24);
    let mut pages: Vec<(u32, &[u8])> = vec![];
    for (number, block) in blocks.iter().enumerate() {
        pages.push(page(first + number, number as u32, expected, block, chip)?);
    }
    if blocks.len() != expected as usize {
        return Err(Uf2Error::Count { found: blocks.len(), expected });
    }
    let mut segments: Vec<(u32, Vec<u8>)> = vec![];
    for (number, &(offset, page)) in pages.iter().enumerate() {
        match segments.last_mut() {
            Some((start, bytes)) if *start + bytes.len() as u32 == offset => bytes.extend(page),
            Some((start, bytes)) if offset < *start + bytes.len() as u32 => {
                let found = chip.base + offset;
                return Err(Uf2Error::Address { block: first + number, found, expected: "pages in ascending order, each once" });
            }
            _ => segments.push((offset, page.to_vec())),
        }
    }
    for (start, bytes) in &segments {
        let edges: Range<u32> = *start..*start + bytes.len() as u32;
        for edge in [edges.start, edges.end] {
            if !edge.is_multiple_of(chip.sector_bytes) {
                return Err(Uf2Error::Sector { sector: chip.base + edge / chip.sector_bytes * chip.sector_bytes });
            }
        }
    }
    Ok(segments)
}

/// The offset and content of a block's page.
fn page<'b>(at: usize, number: u32, count: u32, block: &'b [u8; BLOCK], chip: &Chip) -> Result<(u32, &'b [u8]), Uf2Error> {
    let field = |what, offset, expected| match word(block, offset) {
        found if found == expected => Ok(()),
        found => Err(Uf2Error::Field { block: at, what, found, expected }),
    };
    field("first magic number", 0, MAGIC[0])?;
    field("second magic number", 4, MAGIC[1])?;
    field("last magic number", 508, MAGIC[2])?;
    let flags = word(block, 8);
    let refused = [(NOT_MAIN_FLASH, "flag \"not for flash\""), (FILE_CONTAINER, "flag \"file container\""), (MD5_PRESENT, "flag \"MD5\"")];
    for (flag, what) in refused.into_iter().chain([(TAGS_PRESENT, "flag \"tags\"")]) {
        if flags & flag != 0 {
            return Err(Uf2Error::Field { block: at, what, found: flags & flag, expected: 0 });
        }
    }
    field("flags", 8, FAMILY_PRESENT)?;
    let family = word(block, 28);
    if family != chip.family.id() {
        return Err(Uf2Error::Family { block: at, found: family, expected: chip.family });
    }
    field("payload length", 16, PAYLOAD as u32)?;
    field("number of the block", 20, number)?;
    field("number of blocks", 24, count)?;
    let address = word(block, 12);
    let refuse = |expected| Uf2Error::Address { block: at, found: address, expected };
    let offset = address.checked_sub(chip.base).filter(|offset| *offset < chip.flash_bytes).ok_or(refuse("one within the flash"))?;
    if !offset.is_multiple_of(PAYLOAD as u32) {
        return Err(refuse("a multiple of 256"));
    }
    let (payload, padding) = block.get(32..508).and_then(|data| data.split_at_checked(PAYLOAD)).unwrap_or_default();
    if padding.iter().any(|&byte| byte != 0) {
        return Err(Uf2Error::Padding { block: at });
    }
    Ok((offset, payload))
}

/// Whether this is the block that keeps erratum RP2350-E10 away.
fn is_absolute(block: &[u8; BLOCK]) -> bool {
    let fields =
        [(0, MAGIC[0]), (4, MAGIC[1]), (8, FAMILY_PRESENT), (16, PAYLOAD as u32), (20, 0), (24, 2), (28, ABSOLUTE), (508, MAGIC[2])];
    let (payload, padding) = block.get(32..508).and_then(|data| data.split_at_checked(PAYLOAD)).unwrap_or_default();
    fields.into_iter().all(|(offset, expected)| word(block, offset) == expected)
        && payload.iter().all(|&byte| byte == ABSOLUTE_FILL)
        && padding.iter().all(|&byte| byte == 0)
}

fn word(block: &[u8; BLOCK], offset: usize) -> u32 {
    block.get(offset..).and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u32::from_le_bytes)
}
