//! ESP32-C3: RISC-V (RV32IMC) at 160 MHz.

use crate::register::Register;

pub const NAME: &str = "esp32c3";

pub const UART: u32 = 0x6000_0000;
/// The crystal.
pub const UART_CLOCK_HZ: u32 = 40_000_000;
pub const USB: u32 = 0x6004_3000;
/// Timer groups, for their watchdogs, and the bit with which a new setting takes effect.
pub const TIMER_GROUPS: [u32; 2] = [0x6001_f000, 0x6002_0000];
pub const TIMER_GROUP_UPDATE: u32 = 1 << 22;
/// The watchdog of the always-on domain.
pub const WATCHDOG: u32 = 0x6000_8090;
/// Where its settings have the lengths of resets.
pub const WATCHDOG_RESET_LENGTHS: u32 = 7 << 13 | 7 << 16;
/// Ticks of its clock in a second, about; the hardware doubles what it is told.
pub const WATCHDOG_HZ: u32 = 136_000 / 2;
/// The key to the super watchdog, and the bit with which the hardware feeds it.
pub const SUPER_WATCHDOG: Option<(u32, u32)> = Some((0x8f1d_312a, 1 << 31));
/// Two words with the MAC address, the lower one first.
pub const MAC: u32 = 0x6000_8844;

/// Where flash is mapped, from its beginning.
pub const WINDOW: u32 = 0x3c00_0000;
const PAGE_TABLE: u32 = 0x600c_5000;

rom_functions! {
    fn rtc_get_reset_reason(cpu: i32) -> i32 = 0x4000_0018;
    fn ets_update_cpu_frequency(mhz: u32) = 0x4000_0588;
    fn uart_tx_wait_idle(uart: u8) = 0x4000_0084;
    fn software_reset() = 0x4000_0090;
    fn erase_sector(sector: u32) -> i32 = 0x4000_0128;
    fn program(offset: u32, words: *const u32, bytes: u32) -> i32 = 0x4000_012c;
    fn cache_disable_icache() -> u32 = 0x4000_051c;
    fn cache_enable_icache(autoload: u32) = 0x4000_0520;
}

// SAFETY: registers of the system's clocks.
const CPU_CLOCK: Register = unsafe { Register::at(0x600c_0008) };
// SAFETY: as above.
const SYSTEM_CLOCK: Register = unsafe { Register::at(0x600c_0058) };

/// Lets the processor run at 160 MHz, whatever the boot loader has chosen: it has started the 480 MHz PLL. Hertz.
pub fn start_clock() -> u32 {
    // Of the PLL of 480 MHz, a third.
    CPU_CLOCK.modify(3, 1 << 2 | 1);
    // The PLL, undivided.
    SYSTEM_CLOCK.modify(0x3ff | 3 << 10, 1 << 10);
    // SAFETY: it keeps a number for delays.
    unsafe { rom::ets_update_cpu_frequency(160) };
    super::core::start_counter();
    160_000_000
}

pub use rom::{erase_sector, program};

/// A reset does with the clocks what there is to do.
pub fn before_reset() {}

pub fn cycles() -> u32 {
    super::core::cycles()
}

// SAFETY: a register of UART0.
const UART_CLOCK: Register = unsafe { Register::at(UART + 0x78) };
// SAFETY: as above.
const UART_ID: Register = unsafe { Register::at(UART + 0x80) };

/// Gives the UART the crystal's clock, undivided, and has it take over what was written.
pub fn update_uart() {
    UART_CLOCK.modify(0xf_ffff | 3 << 20, 3 << 20 | 1 << 22 | 1 << 24 | 1 << 25);
    UART_ID.modify(0, 1 << 31);
}

/// Whether a byte has come, by the UART's status.
pub fn uart_has_received(status: u32) -> bool {
    status & 0x3ff != 0
}

/// Stops the use of flash through the cache. What to start it with.
///
/// # Safety
/// The caller, and what it calls until [`start_cache`], must not be in flash, nor use anything there.
#[inline(always)]
pub unsafe fn stop_cache() -> u32 {
    // SAFETY: as the caller promises.
    unsafe { rom::cache_disable_icache() }
}

/// Goes on, with an empty cache.
///
/// # Safety
/// `before` is what [`stop_cache`] has given.
#[inline(always)]
pub unsafe fn start_cache(before: u32) {
    // SAFETY: as the caller promises.
    unsafe { rom::cache_enable_icache(before) }
}

/// An entry that maps nothing.
const NO_PAGE: u32 = 1 << 8;

/// Maps a page of flash where it lies in the window, anew if it was.
///
/// # Safety
/// The cache must be stopped, and nothing else be mapped there.
#[inline(always)]
pub unsafe fn map(page: u32) {
    // SAFETY: an entry of the table.
    let entry = unsafe { Register::at(PAGE_TABLE + 4 * page) };
    entry.write(NO_PAGE);
    // A number without other bits is a page of flash.
    entry.write(page);
}
