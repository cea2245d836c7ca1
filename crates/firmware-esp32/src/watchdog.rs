//! Resets the chip if nothing is heard from the code for long. Of the chip's several watchdogs, that is the one of the always-on domain; the others
//! are off.

use crate::chip;
use crate::register::Register;

/// Longer than any op takes.
const PERIOD_S: u32 = 30;

/// Opens the registers for writing.
const KEY: u32 = 0x50d8_3aa1;

// SAFETY: registers of the watchdog; it may reset the chip and does nothing else.
const CONTROL: Register = unsafe { Register::at(chip::WATCHDOG) };
// SAFETY: as above.
const TIMEOUT: Register = unsafe { Register::at(chip::WATCHDOG + 4) };
// SAFETY: as above.
const FEED: Register = unsafe { Register::at(chip::WATCHDOG + 0x14) };
// SAFETY: as above.
const PROTECTION: Register = unsafe { Register::at(chip::WATCHDOG + 0x18) };

/// Once its time is over, the first stage resets the system, which leaves the memory of the always-on domain alone.
const ENABLE: u32 = 1 << 31;
const RESET_SYSTEM: u32 = 3 << 28;

/// Starts it, and ends the others. Whether one has just reset the chip.
pub fn start() -> bool {
    for group in chip::TIMER_GROUPS {
        // SAFETY: registers of the group's watchdog, which does nothing from here on.
        let (control, protection) = unsafe { (Register::at(group + 0x48), Register::at(group + 0x64)) };
        protection.write(KEY);
        control.write(chip::TIMER_GROUP_UPDATE);
        protection.write(0);
    }
    if let Some((key, automatic)) = chip::SUPER_WATCHDOG {
        // SAFETY: registers of the super watchdog, which the hardware feeds from here on.
        let (control, protection) = unsafe { (Register::at(chip::WATCHDOG + 0x1c), Register::at(chip::WATCHDOG + 0x20)) };
        protection.write(key);
        control.modify(0, automatic);
        protection.write(0);
    }
    PROTECTION.write(KEY);
    FEED.write(1 << 31);
    CONTROL.write(0);
    TIMEOUT.write(PERIOD_S * chip::WATCHDOG_HZ);
    CONTROL.write(ENABLE | RESET_SYSTEM | chip::WATCHDOG_RESET_LENGTHS);
    PROTECTION.write(0);
    // SAFETY: it reads a register.
    let reason = unsafe { chip::rom::rtc_get_reset_reason(0) };
    // The timer groups', the always-on domain's and the super watchdog: rom/rtc.h, the same numbers on every chip.
    matches!(reason, 7..=9 | 11 | 13 | 16 | 18)
}

/// Says that the code is alive.
pub fn feed() {
    PROTECTION.write(KEY);
    FEED.write(1 << 31);
    PROTECTION.write(0);
}
