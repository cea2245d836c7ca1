//! ESP32-C6: RISC-V (RV32IMAC) at 160 MHz.

use crate::register::Register;

pub const NAME: &str = "esp32c6";

pub const UART: u32 = 0x6000_0000;
/// The crystal.
pub const UART_CLOCK_HZ: u32 = 40_000_000;
pub const USB: u32 = 0x6000_f000;
/// Timer groups, for their watchdogs, and the bit with which a new setting takes effect.
pub const TIMER_GROUPS: [u32; 2] = [0x6000_8000, 0x6000_9000];
pub const TIMER_GROUP_UPDATE: u32 = 1 << 22;
/// The watchdog of the low-power domain.
pub const WATCHDOG: u32 = 0x600b_1c00;
/// Where its settings have the lengths of resets.
pub const WATCHDOG_RESET_LENGTHS: u32 = 7 << 13 | 7 << 16;
/// Ticks of its clock in a second, about; the hardware doubles what it is told.
pub const WATCHDOG_HZ: u32 = 136_000 / 2;
/// The key to the super watchdog, and the bit with which the hardware feeds it.
pub const SUPER_WATCHDOG: Option<(u32, u32)> = Some((0x50d8_3aa1, 1 << 18));
/// Two words with the MAC address, the lower one first.
pub const MAC: u32 = 0x600b_0844;

/// Where flash is mapped, from its beginning.
pub const WINDOW: u32 = 0x4200_0000;

rom_functions! {
    fn rtc_get_reset_reason(cpu: i32) -> i32 = 0x4000_0018;
    fn ets_update_cpu_frequency(mhz: u32) = 0x4000_0048;
    fn uart_tx_wait_idle(uart: u8) = 0x4000_0078;
    fn software_reset() = 0x4000_0090;
    fn erase_sector(sector: u32) -> i32 = 0x4000_0144;
    fn program(offset: u32, words: *const u32, bytes: u32) -> i32 = 0x4000_014c;
    fn cache_disable_icache() -> u32 = 0x4000_0690;
    fn cache_enable_icache(autoload: u32) = 0x4000_0694;
}

// SAFETY: registers of the system's clocks.
const CPU_CLOCK: Register = unsafe { Register::at(0x6009_6118) };

/// Lets the processor run at 160 MHz, a third of the PLL that the boot loader has started and chosen. Hertz.
pub fn start_clock() -> u32 {
    // Undivided, and not forced to 120 MHz.
    CPU_CLOCK.modify(0xff << 8 | 1 << 16, 0);
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

// SAFETY: the UART's clock, in the register block of clocks.
const UART_CLOCK: Register = unsafe { Register::at(0x6009_6004) };
// SAFETY: a register of UART0.
const UART_UPDATE: Register = unsafe { Register::at(UART + 0x98) };

/// Gives the UART the crystal's clock, undivided, and has it take over what was written.
pub fn update_uart() {
    UART_CLOCK.modify(0xf_ffff | 3 << 20, 3 << 20 | 1 << 22);
    UART_UPDATE.write(1);
}

/// Whether a byte has come, by the UART's status.
pub fn uart_has_received(status: u32) -> bool {
    status & 0xff != 0
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

// SAFETY: registers of the memory management unit.
const PAGE_INDEX: Register = unsafe { Register::at(0x6000_2380) };
// SAFETY: as above.
const PAGE_CONTENT: Register = unsafe { Register::at(0x6000_237c) };
const PAGE_IS_VALID: u32 = 1 << 9;

/// Maps a page of flash where it lies in the window, anew if it was.
///
/// # Safety
/// The cache must be stopped, and nothing else be mapped there.
#[inline(always)]
pub unsafe fn map(page: u32) {
    PAGE_INDEX.write(page);
    PAGE_CONTENT.write(0);
    PAGE_INDEX.write(page);
    PAGE_CONTENT.write(page | PAGE_IS_VALID);
}
