//! What is around the core: memory, and registers by their addresses.

use std::collections::BTreeMap;

use crate::cache::Cache;
use crate::chip::{Chip, Facts, Function};
use crate::clock::Clock;
use crate::flash::Flash;
use crate::memory::{Access, Memory, Place};
use crate::spi::{LATE_CYCLES, Spi};
use crate::uart::{Clocking, Uart};
use crate::watchdog::{Register, Watchdog};
use crate::xtensa::{Bus, NoCode, Refused};

/// What memory holds that nobody has written to.
pub(crate) const FILL: u8 = 0xa5;

/// Where the boot ROM's functions lie, behind its vectors.
const ROM: (u32, u32) = (0x4000_0400, 0x6_fc00);

/// The MAC address, as two words of fuses.
const MAC: [u32; 2] = [0xc3d4_e5f6, 0x0000_a1b2];

/// A register that does more than to hold a value.
#[derive(Clone, Copy)]
enum Device {
    Uart(u32),
    Spi(u32),
    Watchdog(usize, Register),
    Page(usize),
    ClockSource,
    ClockDivider,
    /// One that holds a value.
    Plain,
}

/// It.
pub(crate) struct Board {
    pub(crate) chip: Chip,
    pub(crate) facts: &'static Facts,
    pub(crate) memory: Memory,
    /// The area with data and the stack.
    pub(crate) data: usize,
    pub(crate) kept: usize,
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) flash: Flash,
    pub(crate) uart: Uart,
    /// In the order of [`watchdogs`].
    pub(crate) watchdogs: [Watchdog; 3],
    spi: Spi,
    plain: BTreeMap<u32, u32>,
}

impl Board {
    /// After a reset.
    pub(crate) fn new(chip: Chip, flash: Flash, cycles: u64, now: u64) -> Self {
        let facts = chip.facts();
        let mut memory = Memory::new();
        let cache = Cache::new(&mut memory, &facts.windows, facts.entries, facts.nothing);
        let data = memory.add(facts.data.0, facts.data.1, Access::Data, FILL);
        if facts.code_is_data {
            memory.add_view(facts.code.0, facts.code.1, data);
        } else {
            memory.add(facts.code.0, facts.code.1, Access::Words, FILL);
        }
        let kept = memory.add(facts.kept.0, facts.kept.1, Access::Data, FILL);
        let vectors = memory.add(0x4000_0000, 0x1000, Access::Code, 0);
        crate::rom::put_vectors(memory.bytes_mut(vectors));
        facts.registers.iter().for_each(|&(base, length)| memory.add_registers(base, length));
        let (clocking, plain): (_, &[(u32, u32)]) = match chip {
            Chip::Esp32 => {
                // A variable of the boot ROM, set by the boot loader.
                memory.bytes_mut(data)[0x291] = LATE_CYCLES;
                // Power, voltages, the crystal's frequency as the boot loader notes it, fuses.
                let plain = &[
                    (0x3ff4_8000, 0),
                    (0x3ff4_807c, 0),
                    (0x3ff4_80b0, 0x28_0028),
                    (0x3ff5_a004, MAC[0]),
                    (0x3ff5_a008, MAC[1]),
                    (0x3ff5_a014, 0),
                ];
                (Clocking::Bus, plain)
            }
            Chip::Esp32S3 => {
                // The super watchdog, fuses, the USB port without a host.
                let plain =
                    &[(0x6000_80b4, 0), (0x6000_80b8, 0), (0x6000_7044, MAC[0]), (0x6000_7048, MAC[1]), (0x6003_8000, 0), (0x6003_8004, 2)];
                (Clocking::Own, plain)
            }
        };
        let plain = plain.iter().copied().collect();
        let uart = Uart::new(clocking, now);
        Self {
            chip,
            facts,
            memory,
            data,
            kept,
            cache,
            clock: Clock::new(chip, cycles, now),
            flash,
            uart,
            watchdogs: watchdogs(chip, now),
            spi: Spi::new(),
            plain,
        }
    }

    /// The function of the boot ROM at an address.
    pub(crate) fn function(&self, address: u32) -> Option<Function> {
        self.facts.functions.iter().find(|function| function.0 == address).map(|function| function.1)
    }

    fn device(&self, address: u32) -> Device {
        let watchdog = |at: usize, timeout: u32, feed: u32, base: u32| {
            let register = match address.wrapping_sub(base) {
                0 => Register::Settings,
                offset if offset == timeout => Register::Timeout,
                offset if offset == feed => Register::Feed,
                offset if offset == feed + 4 => Register::Key,
                _ => return Device::Plain,
            };
            Device::Watchdog(at, register)
        };
        match (self.chip, address) {
            (Chip::Esp32, 0x3ff0_003c) | (Chip::Esp32S3, 0x600c_0010) => Device::ClockDivider,
            (Chip::Esp32, 0x3ff4_8070) | (Chip::Esp32S3, 0x600c_0060) => Device::ClockSource,
            (Chip::Esp32, 0x3ff1_0000..=0x3ff1_01ff) => Device::Page((address - 0x3ff1_0000) as usize / 4),
            (Chip::Esp32S3, 0x600c_5000..=0x600c_57ff) => Device::Page((address - 0x600c_5000) as usize / 4),
            (Chip::Esp32, 0x3ff4_0000..=0x3ff4_00ff) | (Chip::Esp32S3, 0x6000_0000..=0x6000_00ff) => Device::Uart(address & 0xff),
            (Chip::Esp32, 0x3ff4_2000..=0x3ff4_20ff) => Device::Spi(address & 0xff),
            // The cache's controller: only what it does now, which is nothing.
            (Chip::Esp32, 0x3ff4_30f8) => Device::Spi(0xf8),
            (Chip::Esp32, 0x3ff4_808c..=0x3ff4_80a4) => watchdog(0, 4, 0x14, 0x3ff4_808c),
            (Chip::Esp32S3, 0x6000_8098..=0x6000_80b0) => watchdog(0, 4, 0x14, 0x6000_8098),
            (Chip::Esp32, 0x3ff5_f000..=0x3ff5_ffff) | (Chip::Esp32S3, 0x6001_f000..=0x6001_ffff) => {
                watchdog(1, 8, 0x18, address & !0xfff | 0x48)
            }
            (Chip::Esp32, 0x3ff6_0000..=0x3ff6_0fff) | (Chip::Esp32S3, 0x6002_0000..=0x6002_0fff) => {
                watchdog(2, 8, 0x18, address & !0xfff | 0x48)
            }
            _ => Device::Plain,
        }
    }

    fn load_register(&mut self, address: u32, cycles: u64) -> Result<u32, Refused> {
        match self.device(address) {
            Device::Uart(register) => {
                let value = self.uart.load(register, self.clock.now(cycles), self.clock.of_uart())?;
                if register == 0x1c {
                    self.wait(cycles);
                }
                Ok(value)
            }
            Device::Spi(register) => {
                // Whoever starts a command while the flash is busy asks again until it is not.
                if let Some(until) = self.flash.busy_until(self.clock.now(cycles)).filter(|_| register == 0) {
                    self.clock.skip(cycles, until);
                }
                Ok(self.spi.load(register))
            }
            Device::Watchdog(index, register) => Ok(self.watchdogs[index].load(register)),
            Device::Page(index) => self.cache.entry(index).ok_or("no entry of the table of pages"),
            Device::ClockSource => Ok(self.clock.source),
            Device::ClockDivider => Ok(self.clock.divider),
            Device::Plain => self.plain.get(&address).copied().ok_or("no register that this board has"),
        }
    }

    /// Somebody looks at the UART's status: until something happens there, time passes that does not have to be lived through.
    fn wait(&mut self, cycles: u64) {
        match self.uart.next() {
            Some(next) => self.clock.skip(cycles, next),
            None => self.uart.idle += 1,
        }
    }

    fn store_register(&mut self, address: u32, value: u32, cycles: u64) -> Result<(), Refused> {
        let now = self.clock.now(cycles);
        match self.device(address) {
            Device::Uart(register) => self.uart.store(register, value, now, self.clock.of_uart()),
            Device::Spi(register) => {
                if register == 0 && self.cache.is_on() {
                    return Err("sent a command to the flash while the cache was on");
                }
                self.spi.store(register, value, &mut self.flash, now)
            }
            Device::Watchdog(index, register) => {
                self.watchdogs[index].store(register, value, now);
                Ok(())
            }
            Device::Page(index) => self.cache.map(index, value),
            Device::ClockSource => self.change_clock(cycles, value, self.clock.divider),
            // From the crystal it divides nothing.
            Device::ClockDivider => self.change_clock(cycles, self.clock.source, value),
            Device::Plain => {
                *self.plain.get_mut(&address).ok_or("no register that this board has")? = value;
                Ok(())
            }
        }
    }

    fn change_clock(&mut self, cycles: u64, source: u32, divider: u32) -> Result<(), Refused> {
        let before = self.clock.of_uart();
        self.uart.advance(self.clock.now(cycles));
        (self.clock.source, self.clock.divider) = (source, divider);
        self.clock.update(cycles)?;
        if self.chip == Chip::Esp32 && before != self.clock.of_uart() && !self.uart.is_quiet() {
            return Err("changed the clock of the UART while it was sending");
        }
        Ok(())
    }

    fn is_reserved(&self, address: u32) -> bool {
        self.facts.reserved.iter().any(|&(base, length)| address.wrapping_sub(base) < length)
    }
}

impl Bus for Board {
    #[inline]
    fn fetch(&mut self, address: u32) -> Result<u32, NoCode> {
        if address.wrapping_sub(ROM.0) < ROM.1 {
            let known = self.function(address).map(|_| NoCode::Native);
            return Err(known.unwrap_or(NoCode::Refused("no function of the boot ROM that this board has")));
        }
        self.memory.fetch(address)
    }

    #[inline]
    fn load(&mut self, address: u32, bytes: u32, cycles: u64) -> Result<u32, Refused> {
        match self.memory.at(address) {
            Place::Area { index, offset } => self.memory.load(index, offset, address, bytes),
            Place::Registers if bytes == 4 => self.load_register(address, cycles),
            Place::Registers => Err("loaded a part of a register"),
            Place::Nothing => Err("nothing can be loaded here, or the cache is off"),
        }
    }

    #[inline]
    fn store(&mut self, address: u32, bytes: u32, value: u32, cycles: u64) -> Result<(), Refused> {
        match self.memory.at(address) {
            Place::Area { index, .. } if index == self.data && self.is_reserved(address) => Err("stored to what is the boot ROM's"),
            Place::Area { index, offset } => self.memory.store(index, offset, address, bytes, value),
            Place::Registers if bytes == 4 => self.store_register(address, value, cycles),
            Place::Registers => Err("stored a part of a register"),
            Place::Nothing => Err("nothing can be stored here"),
        }
    }
}

/// That of the always-on domain, as the boot loader leaves it, and those of the timer groups, of which the first runs after a reset.
fn watchdogs(chip: Chip, now: u64) -> [Watchdog; 3] {
    let (hz, factor, boot_bit) = if chip == Chip::Esp32 { (150_000, 1, 1 << 10) } else { (136_000, 2, 1 << 12) };
    let boot_loader = (1 << 31 | 4 << 28, 9 * (hz / factor) as u32);
    let group = |reason, settings| Watchdog::new(80_000_000, 1, 1 << 14, reason, settings, 26_000_000, now);
    [Watchdog::new(hz, factor, boot_bit, 9, boot_loader.0, boot_loader.1, now), group(7, 1 << 14), group(8, 0)]
}
