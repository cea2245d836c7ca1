//! The chips that edgectl knows of those that espflash flashes.

use espflash::target::Chip as Espflash;

/// A kind of chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Chip {
    /// ESP32: Xtensa LX6.
    Esp32,
    /// ESP32-C3: RISC-V.
    Esp32C3,
    /// ESP32-C6: RISC-V.
    Esp32C6,
    /// ESP32-H2: RISC-V.
    Esp32H2,
    /// ESP32-P4: RISC-V.
    Esp32P4,
    /// ESP32-S2: Xtensa LX7.
    Esp32S2,
    /// ESP32-S3: Xtensa LX7.
    Esp32S3,
}

impl Chip {
    /// All of them.
    pub const ALL: [Chip; 7] = [Chip::Esp32, Chip::Esp32C3, Chip::Esp32C6, Chip::Esp32H2, Chip::Esp32P4, Chip::Esp32S2, Chip::Esp32S3];

    /// As esptool's `--chip` names it, and as our firmware names itself.
    pub fn name(self) -> &'static str {
        match self {
            Chip::Esp32 => "esp32",
            Chip::Esp32C3 => "esp32c3",
            Chip::Esp32C6 => "esp32c6",
            Chip::Esp32H2 => "esp32h2",
            Chip::Esp32P4 => "esp32p4",
            Chip::Esp32S2 => "esp32s2",
            Chip::Esp32S3 => "esp32s3",
        }
    }

    /// The chip of a name, in esptool's form or in the data sheet's: `ESP32-C3`.
    pub fn from_name(name: &str) -> Option<Chip> {
        let plain = name.replace('-', "").to_ascii_lowercase();
        Chip::ALL.into_iter().find(|chip| chip.name() == plain)
    }

    /// Its number in image headers.
    pub fn id(self) -> u16 {
        self.espflash().id()
    }

    /// The name for a number in an image header.
    pub(crate) fn name_of(id: u16) -> String {
        Chip::ALL.into_iter().find(|chip| chip.id() == id).map_or_else(|| format!("chip number {id}"), |chip| chip.name().into())
    }

    /// Where the second-stage boot loader begins in flash.
    pub fn boot_offset(self) -> u32 {
        self.espflash().boot_address()
    }

    /// `e_machine` of ELF files for it.
    pub(crate) fn elf_machine(self) -> u16 {
        const XTENSA: u16 = 94;
        const RISC_V: u16 = 243;
        match self {
            Chip::Esp32 | Chip::Esp32S2 | Chip::Esp32S3 => XTENSA,
            Chip::Esp32C3 | Chip::Esp32C6 | Chip::Esp32H2 | Chip::Esp32P4 => RISC_V,
        }
    }

    pub(crate) fn espflash(self) -> Espflash {
        match self {
            Chip::Esp32 => Espflash::Esp32,
            Chip::Esp32C3 => Espflash::Esp32c3,
            Chip::Esp32C6 => Espflash::Esp32c6,
            Chip::Esp32H2 => Espflash::Esp32h2,
            Chip::Esp32P4 => Espflash::Esp32p4,
            Chip::Esp32S2 => Espflash::Esp32s2,
            Chip::Esp32S3 => Espflash::Esp32s3,
        }
    }
}
