//! Resets the chip if nothing is heard from the code for eight seconds, longer than any op takes.

use crate::chip::hal::Watchdog;
use crate::chip::hal::fugit::ExtU32;
use crate::chip::hal::pac::WATCHDOG;

/// The register holds 24 bits, which the RP2040 counts down twice in a microsecond (erratum E1).
const PERIOD_US: u32 = 8_300_000;

/// Starts it. Whether it has just reset the chip.
pub fn start(watchdog: &mut Watchdog) -> bool {
    // SAFETY: a register that can be read at any time.
    let timed_out = unsafe { (*WATCHDOG::PTR).reason().read().timer().bit_is_set() };
    watchdog.pause_on_debug(true);
    watchdog.start(PERIOD_US.micros());
    LOAD.store(if cfg!(feature = "rp2040") { 2 * PERIOD_US } else { PERIOD_US }, core::sync::atomic::Ordering::Relaxed);
    timed_out
}

static LOAD: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

/// Says that the code is alive.
pub fn feed() {
    // SAFETY: a write to this register does nothing but that, from anywhere.
    unsafe { (*WATCHDOG::PTR).load().write(|w| w.bits(LOAD.load(core::sync::atomic::Ordering::Relaxed))) };
}
