//! A watchdog: without being fed it resets the chip.

const KEY: u32 = 0x50d8_3aa1;

/// One of them.
pub(crate) struct Watchdog {
    /// Of its own clock, in a second.
    hz: u64,
    /// What the hardware multiplies a timeout by.
    factor: u64,
    /// The bit that has it run without being set up, as after a reset.
    boot_bit: u32,
    /// Why the chip is reset then.
    pub(crate) reason: u32,
    settings: u32,
    timeout: u32,
    key: u32,
    fed: u64,
}

/// Its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    Settings,
    Timeout,
    Feed,
    Key,
}

impl Watchdog {
    pub(crate) fn new(hz: u64, factor: u64, boot_bit: u32, reason: u32, settings: u32, timeout: u32, now: u64) -> Self {
        Self { hz, factor, boot_bit, reason, settings, timeout, key: 0, fed: now }
    }

    pub(crate) fn load(&self, register: Register) -> u32 {
        match register {
            Register::Settings => self.settings,
            Register::Timeout => self.timeout,
            Register::Feed => 0,
            Register::Key => self.key,
        }
    }

    pub(crate) fn store(&mut self, register: Register, value: u32, now: u64) {
        match register {
            Register::Key => self.key = value,
            _ if self.key != KEY => {}
            Register::Settings => (self.settings, self.fed) = (value, now),
            Register::Timeout => self.timeout = value,
            Register::Feed => self.fed = now,
        }
    }

    /// Whether its time is over.
    pub(crate) fn bites(&self, now: u64) -> bool {
        let runs = self.settings & (1 << 31 | self.boot_bit) != 0;
        let limit = u64::from(self.timeout) * self.factor * 1_000_000_000 / self.hz;
        runs && now.saturating_sub(self.fed) > limit
    }
}
