//! Clocks: the processor's, by its registers, and time.

use crate::chip::Chip;

const MHZ: u64 = 1_000_000;
const CRYSTAL_HZ: u64 = 40 * MHZ;

/// Where what is selected, and what the PLL is set to.
pub(crate) struct Clock {
    chip: Chip,
    /// The source, of the register that has it: 0 the crystal, 1 the PLL.
    pub(crate) source: u32,
    /// The register with the divider.
    pub(crate) divider: u32,
    /// ESP32: what was written to the PLL's own registers.
    analog: [u8; 16],
    hz: u64,
    /// A moment: in cycles, and in nanoseconds.
    since: (u64, u64),
    /// What waiting has added since the beginning: cycles.
    pub(crate) skipped: u64,
}

impl Clock {
    /// As ESP-IDF's boot loader leaves it: 80 MHz, from the PLL.
    pub(crate) fn new(chip: Chip, cycles: u64, now: u64) -> Self {
        let divider = if chip == Chip::Esp32 { 0 } else { 1 << 2 };
        let source = if chip == Chip::Esp32 { 1 << 27 } else { 1 << 10 };
        Self { chip, source, divider, analog: [0; 16], hz: 80 * MHZ, since: (cycles, now), skipped: 0 }
    }

    /// Nanoseconds.
    pub(crate) fn now(&self, cycles: u64) -> u64 {
        self.since.1 + (u128::from(cycles - self.since.0) * 1_000_000_000 / u128::from(self.hz)) as u64
    }

    /// Lets time pass until a moment, in which the processor does nothing.
    pub(crate) fn skip(&mut self, cycles: u64, until: u64) {
        let now = self.now(cycles);
        if until > now {
            self.skipped += (u128::from(until - now) * u128::from(self.hz)).div_ceil(1_000_000_000) as u64;
            self.since = (cycles, until);
        }
    }

    fn is_pll(&self) -> bool {
        match self.chip {
            Chip::Esp32 => self.source >> 27 & 3 == 1,
            Chip::Esp32S3 => self.source >> 10 & 3 == 1,
        }
    }

    /// Of the bus, and of the crystal.
    pub(crate) fn of_uart(&self) -> (u64, u64) {
        (if self.is_pll() { 80 * MHZ } else { CRYSTAL_HZ }, CRYSTAL_HZ)
    }

    /// ESP32: a register of the PLL.
    pub(crate) fn write_pll(&mut self, register: u32, value: u32) -> Result<(), &'static str> {
        if self.is_pll() {
            return Err("changed the PLL from which the processor runs");
        }
        *self.analog.get_mut(register as usize).ok_or("no register of the PLL")? = value as u8;
        Ok(())
    }

    /// After a change of registers.
    pub(crate) fn update(&mut self, cycles: u64) -> Result<(), &'static str> {
        let now = self.now(cycles);
        let hz = match self.chip {
            _ if !self.is_pll() => CRYSTAL_HZ,
            Chip::Esp32 => {
                // What ESP-IDF writes for 480 MHz from a crystal of 40 MHz (clk_tree_ll.h); it has 320 MHz before.
                let of_480 = [(2, 0), (3, 28), (5, 0xc6), (9, 0x74), (11, 0xc3)].iter().all(|&(at, value)| self.analog[at] == value);
                match (self.divider & 3, of_480) {
                    (0, false) => 80 * MHZ,
                    (1, false) => 160 * MHZ,
                    (2, true) => 240 * MHZ,
                    _ => return Err("the processor has a clock whose speed nobody knows"),
                }
            }
            Chip::Esp32S3 => match (self.divider & 7, self.source & 0x3ff) {
                (4, 0) => 80 * MHZ,
                (5, 0) => 160 * MHZ,
                _ => return Err("the processor has a clock whose speed nobody knows"),
            },
        };
        (self.since, self.hz) = ((cycles, now), hz);
        Ok(())
    }
}
