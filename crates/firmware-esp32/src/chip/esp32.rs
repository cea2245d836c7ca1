//! ESP32: two Xtensa LX6 cores, of which one runs, at 240 MHz.

use crate::register::Register;

#[path = "esp32_spi.rs"]
mod spi;

pub use spi::{erase_sector, program};

pub const NAME: &str = "esp32";

/// Through the bus of the processor, where two writes to the same address without anything between them may become one: there is always a look at
/// the status between two bytes.
pub const UART: u32 = 0x3ff4_0000;
/// The bus of peripherals, which has 80 MHz whenever a PLL is the clock.
pub const UART_CLOCK_HZ: u32 = 80_000_000;
/// Timer groups, for their watchdogs, and the bit with which a new setting takes effect.
pub const TIMER_GROUPS: [u32; 2] = [0x3ff5_f000, 0x3ff6_0000];
pub const TIMER_GROUP_UPDATE: u32 = 0;
/// The watchdog of the always-on domain.
pub const WATCHDOG: u32 = 0x3ff4_808c;
/// Where its settings have the lengths of resets.
pub const WATCHDOG_RESET_LENGTHS: u32 = 7 << 11 | 7 << 14;
/// Ticks of its clock in a second, about.
pub const WATCHDOG_HZ: u32 = 150_000;
/// There is none.
pub const SUPER_WATCHDOG: Option<(u32, u32)> = None;
/// Two words with the MAC address, the lower one first.
pub const MAC: u32 = 0x3ff5_a004;

/// Where flash is mapped, from its beginning.
pub const WINDOW: u32 = 0x3f40_0000;
const PAGE_TABLE: u32 = 0x3ff1_0000;

rom_functions! {
    fn rtc_get_reset_reason(cpu: i32) -> i32 = 0x4000_81d4;
    fn ets_update_cpu_frequency(mhz: u32) = 0x4000_8550;
    fn ets_delay_us(us: u32) = 0x4000_8534;
    fn uart_tx_wait_idle(uart: u8) = 0x4000_9278;
    fn software_reset() = 0x4000_824c;
    fn rom_i2c_write_reg(block: u8, host: u8, register: u8, value: u8) = 0x4000_41a4;
    fn cache_read_disable(cpu: u32) = 0x4000_9ab8;
    fn cache_flush(cpu: u32) = 0x4000_9a14;
    fn cache_read_enable(cpu: u32) = 0x4000_9a84;
    fn xthal_get_ccount() -> u32 = 0x4000_c050;
    fn xtos_set_exception_handler(cause: u32, handler: usize) -> usize = 0x4000_074c;
}

// SAFETY: a register of the system's clocks.
const CPU_CLOCK: Register = unsafe { Register::at(0x3ff0_003c) };
// SAFETY: registers of the always-on domain: what is without power, the clock's source, voltages, and where the boot loader notes the crystal's frequency.
const POWER: Register = unsafe { Register::at(0x3ff4_8000) };
// SAFETY: as above.
const CLOCK_SOURCE: Register = unsafe { Register::at(0x3ff4_8070) };
// SAFETY: as above.
const VOLTAGES: Register = unsafe { Register::at(0x3ff4_807c) };
// SAFETY: as above.
const CRYSTAL: Register = unsafe { Register::at(0x3ff4_80b0) };
// SAFETY: fuses, with what of the highest voltage the chip can do without.
const VOLTAGE_FUSE: Register = unsafe { Register::at(0x3ff5_a014) };

/// The source of the clock.
const SOURCE_MASK: u32 = 3 << 27;
const FROM_PLL: u32 = 1 << 27;

/// The PLL and its registers without power.
const PLL_POWER_DOWN: u32 = 1 << 6 | 1 << 8 | 1 << 10;

/// Where the PLL's registers are on the chip's internal bus.
const PLL: (u8, u8) = (0x66, 4);
/// Number and value of its registers: how it calibrates, then 480 MHz from a crystal of 40 MHz; the boot loader has 320 MHz.
const PLL_480_MHZ: [(u8, u8); 10] =
    [(0, 0x18), (1, 0x20), (4, 0x9a), (10, 0), (12, 0), (11, 0xc3), (9, 0x74), (2, 0), (3, 28), (5, 3 << 6 | 6)];

/// Lets the processor run at 240 MHz; at 160 MHz, for which the PLL can stay as it is, if the crystal has not the usual 40 MHz. Hertz.
pub fn start_clock() -> u32 {
    // The lowest bit is another one: that the boot ROM says nothing.
    let crystal_mhz = CRYSTAL.read() & 0x7ffe;
    if crystal_mhz != 40 {
        CPU_CLOCK.modify(3, 1);
        // SAFETY: it keeps a number for delays.
        unsafe { rom::ets_update_cpu_frequency(160) };
        return 160_000_000;
    }
    // The order is ESP-IDF's (rtc_clk.c). From the crystal, while the PLL changes.
    // SAFETY: they wait, and write to registers of the PLL, from which nothing runs.
    unsafe {
        rom::ets_update_cpu_frequency(crystal_mhz);
        CLOCK_SOURCE.modify(SOURCE_MASK, 0);
        rom::ets_delay_us(10);
        POWER.modify(0, PLL_POWER_DOWN);
        POWER.modify(PLL_POWER_DOWN, 0);
        rom::ets_delay_us(10);
        VOLTAGES.modify(7 << 11, (7 - (VOLTAGE_FUSE.read() >> 22 & 3)) << 11);
        rom::ets_delay_us(3);
        for (register, value) in PLL_480_MHZ {
            rom::rom_i2c_write_reg(PLL.0, PLL.1, register, value);
        }
        rom::ets_delay_us(160);
        CPU_CLOCK.modify(3, 2);
        CLOCK_SOURCE.modify(SOURCE_MASK, FROM_PLL);
        rom::ets_update_cpu_frequency(240);
        rom::ets_delay_us(30);
    }
    240_000_000
}

/// Lets the processor run from the crystal, as the boot ROM expects it: a reset changes the divider, and leaves the source as it is.
pub fn before_reset() {
    CLOCK_SOURCE.modify(SOURCE_MASK, 0);
}

pub fn cycles() -> u32 {
    // SAFETY: it reads a register.
    unsafe { rom::xthal_get_ccount() }
}

// SAFETY: a register of UART0.
const UART_CONTROL: Register = unsafe { Register::at(UART + 0x20) };
// SAFETY: as above.
const UART_POINTERS: Register = unsafe { Register::at(UART + 0x60) };

/// Gives the UART the clock of the bus.
pub fn update_uart() {
    UART_CONTROL.modify(0, 1 << 27);
}

/// Whether a byte has come: where the processor's bus reads, the number in the status is not to be trusted, but the pointers are; they are the same
/// when nothing or all is there (ESP32 series SoC errata).
pub fn uart_has_received(status: u32) -> bool {
    let pointers = UART_POINTERS.read();
    pointers >> 2 & 0x7ff != pointers >> 13 & 0x7ff || status & 0xff != 0
}

/// Stops the use of flash through the cache. What to start it with.
///
/// # Safety
/// The caller, and what it calls until [`start_cache`], must not be in flash, nor use anything there.
#[inline(always)]
pub unsafe fn stop_cache() -> u32 {
    // SAFETY: as the caller promises.
    unsafe { rom::cache_read_disable(0) };
    0
}

/// Goes on, with an empty cache.
///
/// # Safety
/// The cache must be stopped.
#[inline(always)]
pub unsafe fn start_cache(_: u32) {
    // SAFETY: as the caller promises.
    unsafe {
        rom::cache_flush(0);
        rom::cache_read_enable(0);
    }
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
