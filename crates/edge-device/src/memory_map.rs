//! Where the boards that there is a firmware for have what in flash. Firmware and host read it here, so that they cannot disagree.

use crate::slots::{Layout, Region};

/// The flash of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    /// Address at which the chip maps its flash.
    pub base: u32,
    /// Length of the flash.
    pub flash_bytes: u32,
    /// Unit in which it is written.
    pub write_bytes: u32,
    /// Unit in which it is erased.
    pub erase_bytes: u32,
    /// Longest firmware; it begins the flash.
    pub firmware_bytes: u32,
    /// Offsets from the beginning of the flash.
    pub layout: Layout,
}

impl MemoryMap {
    /// A firmware at the beginning, the journal's two sectors behind it, and two slots of what is left.
    const fn new(base: u32, flash_bytes: u32, write_bytes: u32, erase_bytes: u32, firmware_bytes: u32) -> Self {
        const fn region(offset: u32, bytes: u32, erase_bytes: u32) -> Region {
            Region { offset, bytes, erase_bytes }
        }
        let slots = firmware_bytes + 2 * erase_bytes;
        let slot_bytes = (flash_bytes - slots) / 2 / erase_bytes * erase_bytes;
        let layout = Layout {
            journal: [region(firmware_bytes, erase_bytes, erase_bytes), region(firmware_bytes + erase_bytes, erase_bytes, erase_bytes)],
            slots: [region(slots, slot_bytes, erase_bytes), region(slots + slot_bytes, slot_bytes, erase_bytes)],
        };
        assert!(layout.is_valid(write_bytes as usize, erase_bytes as usize, flash_bytes));
        Self { base, flash_bytes, write_bytes, erase_bytes, firmware_bytes, layout }
    }
}

/// The Raspberry Pi Pico: 2 MiB. The firmware has 160 KiB, each slot 940 KiB.
pub const PICO: MemoryMap = MemoryMap::new(0x1000_0000, 2 << 20, 256, 4096, 160 << 10);

/// The Raspberry Pi Pico 2: 4 MiB. The firmware has 160 KiB, each slot 1,964 KiB.
pub const PICO2: MemoryMap = MemoryMap::new(0x1000_0000, 4 << 20, 256, 4096, 160 << 10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_as_long_as_the_page_says() {
        assert_eq!((PICO.layout.slot_bytes(), PICO2.layout.slot_bytes()), (940 << 10, 1964 << 10));
        assert_eq!(PICO.layout.slots.map(|slot| slot.offset), [0x2a000, 0x2a000 + (940 << 10)]);
    }
}
