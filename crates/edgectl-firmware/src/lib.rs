//! The firmware images and the Linux agents that are shipped, so that owners of a board need no cross toolchain. Of the firmwares, [`ALL`] are as
//! flash holds them, [`ESP32`] are ELF files, of which espflash makes images.
//!
//! `cargo xtask firmware` and `cargo xtask agent` build them from sources in this repository; the same sources give the same bytes.

mod agent;

use edge_device::image::{Digest, sha256};
use edge_device::memory_map::{MemoryMap, PICO};
use edge_device::operators::CONVOLUTIONAL;
use edge_format::{OpCode, Program};

pub use agent::agent;

/// A firmware image.
#[derive(Clone, Copy, Debug)]
pub struct Firmware {
    /// Name, unique among all.
    pub name: &'static str,
    /// The device profile that it is for.
    pub profile: &'static str,
    /// What it executes, in a few words.
    pub executes: &'static str,
    /// What lies at the beginning of the flash.
    pub image: &'static [u8],
    /// Where it has what.
    pub map: MemoryMap,
    /// The operators that it executes.
    pub operators: &'static [OpCode],
}

impl Firmware {
    /// SHA-256 of the image.
    pub fn digest(&self) -> Digest {
        sha256(self.image)
    }
}

/// How the flash of an ESP32 is divided, as `gen_esp32part.py` and espflash read it: what [`edge_device::memory_map::ESP32`] says to the firmware.
pub const ESP32_PARTITIONS: &str = include_str!("../../firmware-esp32/partitions.csv");

/// All of them; of those for a profile the smallest first.
pub const ALL: &[Firmware] = &[
    Firmware {
        name: "pico",
        profile: "pico",
        executes: "int8 networks of convolutions and dense layers",
        image: include_bytes!("../../firmware-pico/prebuilt/pico.bin"),
        map: PICO,
        operators: &CONVOLUTIONAL,
    },
    Firmware {
        name: "pico-all",
        profile: "pico",
        executes: "every operator",
        image: include_bytes!("../../firmware-pico/prebuilt/pico-all.bin"),
        map: PICO,
        operators: OpCode::ALL,
    },
];

/// The firmwares for a profile, the smallest first.
pub fn for_profile(profile: &str) -> impl Iterator<Item = &'static Firmware> {
    ALL.iter().filter(move |firmware| firmware.profile == profile)
}

/// The smallest firmware for a profile that executes a program; `None` where there is none for the profile.
pub fn for_program(profile: &str, program: &Program<'_>) -> Option<&'static Firmware> {
    for_profile(profile).find(|firmware| program.ops().all(|op| firmware.operators.contains(&op.code)))
}

/// A firmware for a chip of the ESP32 family.
#[derive(Clone, Copy, Debug)]
pub struct Esp32Firmware {
    /// The chip, as espflash and the device itself name it.
    pub chip: &'static str,
    /// The device profile that it is for.
    pub profile: &'static str,
    /// What it executes, in a few words.
    pub executes: &'static str,
    /// The ELF file: what the boot loader loads and maps, with an application descriptor. It has no symbols.
    pub elf: &'static [u8],
    /// Its version.
    pub version: &'static str,
    /// The runtime ABI of the programs that it executes.
    pub abi: u16,
    /// Where it has what, as [`ESP32_PARTITIONS`] says.
    pub map: MemoryMap,
    /// The operators that it executes.
    pub operators: &'static [OpCode],
    /// Whether code for its processor was ever run, if only in an emulator. That for the S3 is the ESP32's, with other addresses.
    pub proven: bool,
}

impl Esp32Firmware {
    /// SHA-256 of the ELF file, which espflash puts into the application descriptor.
    pub fn digest(&self) -> Digest {
        sha256(self.elf)
    }

    /// Whether it executes a program.
    pub fn runs(&self, program: &Program<'_>) -> bool {
        program.ops().all(|op| self.operators.contains(&op.code))
    }
}

const fn esp32(chip: &'static str, profile: &'static str, elf: &'static [u8], proven: bool) -> Esp32Firmware {
    Esp32Firmware {
        chip,
        profile,
        executes: "int8 networks of convolutions and dense layers",
        elf,
        version: "0.1.0",
        abi: edge_format::RUNTIME_ABI,
        map: edge_device::memory_map::ESP32,
        operators: &CONVOLUTIONAL,
        proven,
    }
}

/// Those for the ESP32 family, one for each chip.
pub const ESP32: &[Esp32Firmware] = &[
    esp32("esp32", "esp32", include_bytes!("../../firmware-esp32/prebuilt/esp32.elf"), true),
    esp32("esp32c3", "esp32-c3", include_bytes!("../../firmware-esp32/prebuilt/esp32c3.elf"), true),
    esp32("esp32c6", "esp32-c6", include_bytes!("../../firmware-esp32/prebuilt/esp32c6.elf"), true),
    esp32("esp32s3", "esp32-s3", include_bytes!("../../firmware-esp32/prebuilt/esp32s3.elf"), false),
];

/// The firmware for a chip of the ESP32 family; `None` where there is none.
pub fn for_chip(chip: &str) -> Option<&'static Esp32Firmware> {
    ESP32.iter().find(|firmware| firmware.chip == chip)
}

#[cfg(test)]
mod tests {
    use edge_device::memory_map::ESP32 as MAP;

    use super::*;

    #[test]
    fn elf_files_have_a_descriptor_with_the_version() {
        for firmware in ESP32 {
            assert_eq!(firmware.elf.get(..4), Some(&b"\x7fELF"[..]), "{}", firmware.chip);
            let at = firmware.elf.windows(4).position(|word| word == 0xabcd_5432_u32.to_le_bytes());
            let version = at.and_then(|at| firmware.elf.get(at + 16..at + 48)).unwrap_or_default();
            assert_eq!(version.split(|&byte| byte == 0).next(), Some(firmware.version.as_bytes()), "{}", firmware.chip);
        }
    }

    #[test]
    fn the_partition_table_says_what_the_memory_map_says() {
        let number = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_default();
        let rows = ESP32_PARTITIONS.lines().filter(|line| !line.starts_with('#'));
        let fields = rows.map(|row| row.split(',').map(str::trim).collect::<Vec<_>>());
        let places: Vec<_> = fields.map(|fields| (fields[0], number(fields[3]), number(fields[4]))).collect();
        let place = |name| places.iter().find(|place| place.0 == name).map(|place| (place.1, place.2));
        let [first, second] = MAP.layout.slots;
        assert_eq!(place("model_0"), Some((first.offset, first.bytes)));
        assert_eq!(place("model_1"), Some((second.offset, second.bytes)));
        assert_eq!(place("ota_0"), Some((MAP.firmware_offset, MAP.firmware_bytes)));
        let (record, bytes) = place("record").unwrap_or_default();
        assert!(MAP.layout.journal.iter().all(|area| area.offset >= record && area.offset + area.bytes <= record + bytes));
        // Each begins where the last one ends, after the table itself, which has one sector.
        let ends = places.iter().scan(0x9000, |end, &(_, offset, bytes)| Some((std::mem::replace(end, offset + bytes), offset)));
        assert!(ends.into_iter().all(|(end, offset)| end == offset));
        assert_eq!(places.last().map(|&(_, offset, bytes)| offset + bytes), Some(MAP.flash_bytes));
    }

    #[test]
    fn images_begin_where_the_chip_begins_and_leave_the_slots_alone() {
        for firmware in ALL {
            assert!(firmware.image.len() <= firmware.map.firmware_bytes as usize, "{}", firmware.name);
            // Behind the second stage: the stack's end, and a reset vector in flash.
            let word =
                |at: usize| firmware.image.get(at..at + 4).map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            assert!((0x2000_0000..0x2004_2000).contains(&word(0x100)), "{}", firmware.name);
            let flash = firmware.map.base..firmware.map.base + firmware.map.firmware_bytes;
            assert!(flash.contains(&word(0x104)) && word(0x104) % 2 == 1, "{}", firmware.name);
        }
    }
}
