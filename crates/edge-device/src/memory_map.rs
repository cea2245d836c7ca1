//! Where the boards that there is a firmware for have what in flash. Firmware and host read it here, so that they cannot disagree.

use crate::slots::{Layout, Region};

/// The flash of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    /// Address at which the chip maps its flash; 0 where it maps what the firmware asks for.
    pub base: u32,
    /// Length of the flash.
    pub flash_bytes: u32,
    /// Unit in which it is written.
    pub write_bytes: u32,
    /// Unit in which it is erased.
    pub erase_bytes: u32,
    /// Where the firmware begins.
    pub firmware_offset: u32,
    /// Longest firmware.
    pub firmware_bytes: u32,
    /// Offsets from the beginning of the flash.
    pub layout: Layout,
}

const fn region(offset: u32, bytes: u32, erase_bytes: u32) -> Region {
    Region { offset, bytes, erase_bytes }
}

impl MemoryMap {
    /// A firmware at the beginning, the journal's two sectors behind it, and two slots of what is left.
    const fn new(base: u32, flash_bytes: u32, write_bytes: u32, erase_bytes: u32, firmware_bytes: u32) -> Self {
        let slots = firmware_bytes + 2 * erase_bytes;
        let slot_bytes = (flash_bytes - slots) / 2 / erase_bytes * erase_bytes;
        let layout = Layout {
            journal: [region(firmware_bytes, erase_bytes, erase_bytes), region(firmware_bytes + erase_bytes, erase_bytes, erase_bytes)],
            slots: [region(slots, slot_bytes, erase_bytes), region(slots + slot_bytes, slot_bytes, erase_bytes)],
        };
        assert!(layout.is_valid(write_bytes as usize, erase_bytes as usize, flash_bytes));
        Self { base, flash_bytes, write_bytes, erase_bytes, firmware_offset: 0, firmware_bytes, layout }
    }
}

/// The Raspberry Pi Pico: 2 MiB. The firmware has 160 KiB, each slot 940 KiB.
pub const PICO: MemoryMap = MemoryMap::new(0x1000_0000, 2 << 20, 256, 4096, 160 << 10);

/// The Raspberry Pi Pico 2: 4 MiB. The firmware has 160 KiB, each slot 1,964 KiB.
pub const PICO2: MemoryMap = MemoryMap::new(0x1000_0000, 4 << 20, 256, 4096, 160 << 10);

/// An ESP32 of any kind with 4 MiB, as `firmware-esp32/partitions.csv` divides it: each of two places for firmware has 256 KiB, each slot
/// 1,728 KiB. Both slots and the journal begin pages of the memory management unit.
pub const ESP32: MemoryMap = {
    const SECTOR: u32 = 4096;
    let layout = Layout {
        journal: [region(0x9_0000, SECTOR, SECTOR), region(0x9_0000 + SECTOR, SECTOR, SECTOR)],
        slots: [region(0xa_0000, 0x1b_0000, SECTOR), region(0x25_0000, 0x1b_0000, SECTOR)],
    };
    let (flash_bytes, write_bytes) = (4 << 20, 4);
    assert!(layout.is_valid(write_bytes as usize, SECTOR as usize, flash_bytes));
    MemoryMap { base: 0, flash_bytes, write_bytes, erase_bytes: SECTOR, firmware_offset: 0x1_0000, firmware_bytes: 0x4_0000, layout }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_as_long_as_the_page_says() {
        assert_eq!((PICO.layout.slot_bytes(), PICO2.layout.slot_bytes()), (940 << 10, 1964 << 10));
        assert_eq!(ESP32.layout.slot_bytes(), 1728 << 10);
        assert_eq!(PICO.layout.slots.map(|slot| slot.offset), [0x2a000, 0x2a000 + (940 << 10)]);
    }
}
