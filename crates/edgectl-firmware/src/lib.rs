//! The firmware images and the Linux agents that are shipped, so that owners of a board need no cross toolchain.
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

#[cfg(test)]
mod tests {
    use edge_device::memory_map::ESP32;

    use super::*;

    #[test]
    fn the_partition_table_says_what_the_memory_map_says() {
        let number = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_default();
        let rows = ESP32_PARTITIONS.lines().filter(|line| !line.starts_with('#'));
        let fields = rows.map(|row| row.split(',').map(str::trim).collect::<Vec<_>>());
        let places: Vec<_> = fields.map(|fields| (fields[0], number(fields[3]), number(fields[4]))).collect();
        let place = |name| places.iter().find(|place| place.0 == name).map(|place| (place.1, place.2));
        let [first, second] = ESP32.layout.slots;
        assert_eq!(place("model_0"), Some((first.offset, first.bytes)));
        assert_eq!(place("model_1"), Some((second.offset, second.bytes)));
        assert_eq!(place("ota_0"), Some((ESP32.firmware_offset, ESP32.firmware_bytes)));
        let (record, bytes) = place("record").unwrap_or_default();
        assert!(ESP32.layout.journal.iter().all(|area| area.offset >= record && area.offset + area.bytes <= record + bytes));
        // Each begins where the last one ends, after the table itself, which has one sector.
        let ends = places.iter().scan(0x9000, |end, &(_, offset, bytes)| Some((std::mem::replace(end, offset + bytes), offset)));
        assert!(ends.into_iter().all(|(end, offset)| end == offset));
        assert_eq!(places.last().map(|&(_, offset, bytes)| offset + bytes), Some(ESP32.flash_bytes));
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
