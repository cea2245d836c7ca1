//! What lies in the flash of an ESP32: boot loader, partition table, application, and where the model goes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use edge_device::memory_map::{ESP32, MemoryMap};
use edge_format::Program;
use edgectl_esp::{Chip, PartitionTable, Region, image};
use edgectl_profile::{MemoryRole, Profile};

use super::{Args, PackageError, read};

/// The flash of one kind of board, without the model.
pub(super) struct Flash {
    chip: Chip,
    bytes: u32,
    table: PartitionTable,
    parts: Vec<Region>,
    firmware: String,
    /// In the user's own table.
    program_offset: Option<u32>,
}

impl Flash {
    /// That of a profile; `None` where it is no ESP32, or where there is no firmware for it.
    pub(super) fn of(profile: &Profile, program: &Program<'_>, program_bytes: usize, args: &Args) -> Result<Option<Flash>> {
        let Some(chip) = Chip::from_name(&profile.soc) else {
            return match &args.content.firmware {
                Some(_) => Err(PackageError::NoEsp { found: profile.name.clone() }.into()),
                None => Ok(None),
            };
        };
        let shipped = edgectl_firmware::for_chip(chip.name()).filter(|firmware| firmware.runs(program));
        let (elf, firmware, bytes) = match (&args.content.firmware, shipped) {
            (Some(path), _) => (read(path)?, path.display().to_string(), flash_bytes(profile)),
            (None, Some(firmware)) => (firmware.elf.to_vec(), format!("{} {}", firmware.chip, firmware.version), firmware.map.flash_bytes),
            (None, None) => return Ok(None),
        };
        let table = match &args.content.partition_table {
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                PartitionTable::from_csv(&text).with_context(|| format!("cannot use {}", path.display()))?
            }
            None => PartitionTable::from_csv(edgectl_firmware::ESP32_PARTITIONS)?,
        };
        let parts = image::parts(chip, &elf, &table, bytes).with_context(|| format!("cannot make an image of {firmware}"))?;
        let program_offset = match &args.content.partition_table {
            Some(path) => Some(model_offset(path, &table, program_bytes)?),
            None => None,
        };
        Ok(Some(Flash { chip, bytes, table, parts, firmware, program_offset }))
    }

    pub(super) fn chip(&self) -> Chip {
        self.chip
    }

    pub(super) fn firmware(&self) -> &str {
        &self.firmware
    }

    pub(super) fn flash_bytes(&self) -> u32 {
        self.bytes
    }

    /// By offset.
    pub(super) fn parts(&self) -> &[Region] {
        &self.parts
    }

    /// Where the program itself lies; `None` where it lies in a slot, as part of an image.
    pub(super) fn program_offset(&self) -> Option<u32> {
        self.program_offset
    }

    /// The whole flash with a model in it: the program in its partition, or an image in the first slot.
    pub(super) fn merged(&self, program: &[u8], image: &[u8]) -> Result<Vec<u8>> {
        let (offset, bytes) = match self.program_offset {
            Some(offset) => (offset, program),
            None => {
                let [slot, _] = slots(&self.table)?.layout.slots;
                ensure!(image.len() <= slot.bytes as usize, "the model's image has {} bytes, its slot {}", image.len(), slot.bytes);
                (slot.offset, image)
            }
        };
        let model = Region { name: "model".into(), offset, bytes: bytes.to_vec() };
        Ok(image::merge(&[&self.parts[..], &[model]].concat()))
    }
}

/// Where edgectl's own firmware has its slots, which is what the table says.
fn slots(table: &PartitionTable) -> Result<MemoryMap> {
    let at = |name: &str| table.find(name).map(|partition| partition.offset);
    let [first, second] = ESP32.layout.slots;
    let agree = at("model_0") == Some(first.offset) && at("model_1") == Some(second.offset);
    agree.then_some(ESP32).context("the partition table has no slots where the firmware has them")
}

/// Bytes of flash that the profile's board has.
fn flash_bytes(profile: &Profile) -> u32 {
    let bytes = profile.memory.values().filter(|memory| memory.role == MemoryRole::Flash).map(|memory| memory.bytes).max();
    bytes.and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(ESP32.flash_bytes)
}

fn model_offset(path: &Path, table: &PartitionTable, needed: usize) -> Result<u32, PackageError> {
    let refuse = |problem: String| PackageError::NoModel { path: PathBuf::from(path), problem };
    let partition = table.find("model").ok_or_else(|| refuse("it has no partition `model`".into()))?;
    match needed <= partition.bytes as usize {
        true => Ok(partition.offset),
        false => Err(refuse(format!("`model` has {} bytes, the program {needed}", partition.bytes))),
    }
}
