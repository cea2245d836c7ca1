//! What is to be written, checked as a whole before the first sector is erased: a flash wraps addresses that are too high, and a chip erases
//! what it is told to.

use crate::chip::Chip;
use crate::error::EspError;
use crate::image::{Image, ImageError};
use crate::session::Facts;
use crate::table::{PartitionTable, SECTOR_BYTES, TABLE_BYTES, TABLE_OFFSET};

/// A part of the flash and what is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is, for people.
    pub name: String,
    /// From the beginning of the flash; a multiple of 4 KiB.
    pub offset: u32,
    /// What is to be there. The rest of its last sector becomes FF.
    pub bytes: Vec<u8>,
}

impl Region {
    fn end(&self) -> u64 {
        u64::from(self.offset) + self.bytes.len() as u64
    }
}

/// What is to be written, in this order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The parts, each with whether nothing is started from there now, so that a cut leaves the board as it was. What switches to the new
    /// ones is last.
    pub(crate) regions: Vec<(Region, bool)>,
}

/// What a plan is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    /// The partition table that will be in flash.
    pub table: &'r PartitionTable,
    /// The size of flash, where the chip does not say it.
    pub flash_bytes: u32,
    /// Write to chips that cannot be read back.
    pub allow_unverified: bool,
}

impl Plan {
    /// Checks what is to be written; of each region, `true` says that nothing is started from there now.
    ///
    /// # Errors
    /// [`EspError`] for what the chip must not be given.
    pub fn new(regions: Vec<(Region, bool)>, facts: &Facts, rules: &Rules<'_>) -> Result<Plan, EspError> {
        let flash_bytes = facts.flash_bytes.unwrap_or(rules.flash_bytes);
        if rules.table.end() > flash_bytes {
            let what = ImageError::Table { end: rules.table.end(), flash_bytes };
            return Err(EspError::Image { name: "partition table".into(), source: what });
        }
        for (index, (region, _)) in regions.iter().enumerate() {
            within(region, facts.chip, rules.table, flash_bytes)?;
            let overlaps = |(other, _): &&(Region, bool)| {
                u64::from(region.offset) < other.end().next_multiple_of(SECTOR_BYTES.into())
                    && u64::from(other.offset) < region.end().next_multiple_of(SECTOR_BYTES.into())
            };
            if let Some((other, _)) = regions.iter().take(index).find(overlaps) {
                return Err(bounds(region, format!("no sector of {}", other.name)));
            }
            if is_started(region, facts.chip, rules.table) {
                starts(region, facts)?;
            }
        }
        locks(&regions, facts, rules)?;
        Ok(Plan { regions })
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.regions.iter().map(|(region, _)| region.bytes.len() as u64).sum()
    }
}

fn bounds(region: &Region, expected: String) -> EspError {
    EspError::Bounds { name: region.name.clone(), offset: region.offset, bytes: region.bytes.len(), expected }
}

/// Whether a part lies in one partition, or where boot loader and table do.
fn within(region: &Region, chip: Chip, table: &PartitionTable, flash_bytes: u32) -> Result<(), EspError> {
    if !region.offset.is_multiple_of(SECTOR_BYTES) || region.bytes.is_empty() {
        return Err(bounds(region, format!("at least one byte, at a multiple of {SECTOR_BYTES:#x}")));
    }
    if region.end() > flash_bytes.into() {
        return Err(bounds(region, format!("an end within the flash, {flash_bytes:#x} bytes")));
    }
    let place = match region.offset {
        offset if offset == chip.boot_offset() => Some((offset, TABLE_OFFSET)),
        TABLE_OFFSET => Some((TABLE_OFFSET, TABLE_OFFSET + TABLE_BYTES as u32)),
        offset => table.partitions().iter().find(|part| (part.offset..part.end()).contains(&offset)).map(|part| (part.offset, part.end())),
    };
    match place {
        Some((_, end)) if region.end() <= end.into() => Ok(()),
        Some((begin, end)) => Err(bounds(region, format!("an end within its place, {begin:#x} to {end:#x}"))),
        None => Err(bounds(region, "an offset within a partition".into())),
    }
}

/// Whether a chip starts what begins there: boot loader or application.
fn is_started(region: &Region, chip: Chip, table: &PartitionTable) -> bool {
    let is_app = table.partitions().iter().any(|part| part.is_app() && part.offset == region.offset);
    is_app || region.offset == chip.boot_offset()
}

/// Whether an image is whole, and for this chip and its silicon.
fn starts(region: &Region, facts: &Facts) -> Result<(), EspError> {
    let name = || region.name.clone();
    let image = Image::parse(&region.bytes).and_then(|image| image.is_for(facts.chip).map(|()| image));
    let image = image.map_err(|source| EspError::Image { name: name(), source })?;
    let version = |revision: u32| format!("{}.{}", revision / 100, revision % 100);
    match facts.revision {
        Some(found) if !image.runs_on(found) => {
            let (low, high) = image.revisions;
            Err(EspError::Revision { name: name(), low: version(low.into()), high: version(high.into()), found: version(found) })
        }
        _ => Ok(()),
    }
}

/// What a locked chip takes.
fn locks(regions: &[(Region, bool)], facts: &Facts, rules: &Rules<'_>) -> Result<(), EspError> {
    if facts.security.encryption {
        let why = "it would take what is written here, which is plain, for encrypted; it is updated by its own firmware";
        return Err(EspError::Locked { what: "flash encryption", why });
    }
    let starts = |(region, _): &(Region, bool)| is_started(region, facts.chip, rules.table) || region.offset == TABLE_OFFSET;
    if facts.security.secure_boot && regions.iter().any(starts) {
        let why = "it starts only what is signed with its own key, which these images are not; it would not start again";
        return Err(EspError::Locked { what: "secure boot", why });
    }
    if facts.security.download_only && !rules.allow_unverified {
        return Err(EspError::Unverifiable);
    }
    Ok(())
}
