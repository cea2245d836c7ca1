//! The chips: what their loaders say of them, and where their registers are. From the technical reference manuals and esptool's own tables.

use std::collections::BTreeMap;

/// A kind of chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// As esptool's `--chip` names it.
    pub name: &'static str,
    /// In image headers and in the security information.
    pub id: u16,
    /// What lies at 0x40001000; it tells the chips apart whose security information has no number.
    pub(crate) magic: u32,
    /// Length of the security information; 0: there is none.
    pub(crate) security_bytes: usize,
    /// First register of the flash's SPI.
    pub(crate) spi: u32,
    /// SPI_USR, SPI_USR2, SPI_W0 from there.
    pub(crate) spi_offsets: [u32; 3],
    /// eFuse words with the MAC address, lower first.
    mac: [u32; 2],
    /// Where the second-stage boot loader begins in flash.
    pub(crate) boot_offset: u32,
    /// Silicon of which many are sold: major, minor.
    pub revision: (u32, u32),
}

const RISC_V: [u32; 3] = [0x18, 0x20, 0x58];

/// All chips.
pub const MODELS: [Model; 6] = [
    Model {
        name: "esp32",
        id: 0,
        magic: 0x00F0_1D83,
        security_bytes: 0,
        spi: 0x3FF4_2000,
        spi_offsets: [0x1C, 0x24, 0x80],
        mac: [0x3FF5_A004, 0x3FF5_A008],
        boot_offset: 0x1000,
        revision: (3, 1),
    },
    Model {
        name: "esp32s2",
        id: 2,
        magic: 0x0000_07C6,
        security_bytes: 12,
        spi: 0x3F40_2000,
        spi_offsets: RISC_V,
        mac: [0x3F41_A044, 0x3F41_A048],
        boot_offset: 0x1000,
        revision: (1, 0),
    },
    Model {
        name: "esp32s3",
        id: 9,
        magic: 9,
        security_bytes: 20,
        spi: 0x6000_2000,
        spi_offsets: RISC_V,
        mac: [0x6000_7044, 0x6000_7048],
        boot_offset: 0,
        revision: (0, 2),
    },
    Model {
        name: "esp32c3",
        id: 5,
        magic: 0x1B31_506F,
        security_bytes: 20,
        spi: 0x6000_2000,
        spi_offsets: RISC_V,
        mac: [0x6000_8844, 0x6000_8848],
        boot_offset: 0,
        revision: (0, 4),
    },
    Model {
        name: "esp32c6",
        id: 13,
        magic: 0x2CE0_806F,
        security_bytes: 20,
        spi: 0x6000_3000,
        spi_offsets: RISC_V,
        mac: [0x600B_0844, 0x600B_0848],
        boot_offset: 0,
        revision: (0, 1),
    },
    Model {
        name: "esp32h2",
        id: 16,
        magic: 0xD7B7_3E80,
        security_bytes: 20,
        spi: 0x6000_3000,
        spi_offsets: RISC_V,
        mac: [0x600B_0844, 0x600B_0848],
        boot_offset: 0,
        revision: (0, 1),
    },
];

/// The chip of this name.
pub fn model(name: &str) -> Option<Model> {
    MODELS.into_iter().find(|model| model.name == name)
}

impl Model {
    /// Registers that are not 0 after a reset.
    pub(crate) fn registers(&self, mac: [u8; 6], revision: (u32, u32)) -> BTreeMap<u32, u32> {
        let [a, b, c, d, e, f] = mac;
        let [low, high] = self.mac;
        let (major, minor) = revision;
        let mut registers =
            BTreeMap::from([(0x4000_1000, self.magic), (low, u32::from_be_bytes([c, d, e, f])), (high, u32::from_be_bytes([0, 0, a, b]))]);
        match self.name {
            "esp32" => {
                // A crystal of 40 MHz, by the divider of 115,200 baud; the revision is spread over three words.
                registers.insert(0x3FF4_0014, 40_000_000 / 115_200);
                let bits = [0, 1, 3, 7].get(major as usize).copied().unwrap_or(7);
                registers.insert(0x3FF5_A00C, (bits & 1) << 15);
                registers.insert(0x3FF5_A014, (bits >> 1 & 1) << 20 | minor << 24);
                registers.insert(0x3FF6_607C, (bits >> 2 & 1) << 31);
            }
            "esp32s2" => {
                registers.insert(low + 12, major << 18 | (minor >> 3) << 20);
                registers.insert(low + 16, (minor & 7) << 4);
            }
            "esp32c6" => {
                registers.insert(low + 12, minor << 18 | major << 22);
            }
            "esp32h2" => {
                registers.insert(low + 12, minor << 18 | major << 21);
            }
            _ => {
                registers.insert(low + 12, (minor & 7) << 18);
                registers.insert(low + 20, (minor >> 3) << 23 | major << 24);
            }
        }
        registers
    }
}
