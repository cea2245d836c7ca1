//! Raspberry Pi Pico: runs the `.edgm` program in its flash and answers `edge-device` requests over UART0 (GPIO 0 and 1, 921,600 baud).
//!
//! The program lies in flash from [`SLOT`] on, written there apart from this firmware, and is run from there: nothing of it is copied. What RAM
//! the firmware leaves is the arena, but for the stack.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use edge_device::message::Identity;
use edge_device::server::{Board, Server};
use edge_runtime::{Core, Resolver};
use rp2040_hal::Clock;
use rp2040_hal::clocks::init_clocks_and_plls;
use rp2040_hal::fugit::RateExtU32;
use rp2040_hal::gpio::Pins;
use rp2040_hal::pac::{CorePeripherals, Peripherals};
use rp2040_hal::sio::Sio;
use rp2040_hal::timer::Timer;
use rp2040_hal::uart::{DataBits, StopBits, UartConfig, UartDevice, UartPeripheral, ValidUartPinout};
use rp2040_hal::watchdog::Watchdog;

/// The second stage of the boot, which sets up the flash that the Pico has.
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// Where the program lies in flash, and how long it may be: `SLOT` of `memory.x`.
const SLOT: *const u8 = 0x1004_0000 as *const u8;
const SLOT_BYTES: usize = 1792 << 10;

/// Frequency of the Pico's crystal.
const CRYSTAL_HZ: u32 = 12_000_000;

const BAUD: u32 = 921_600;

/// Memory for activations. 48 KiB stay for the stack, the server's buffers and the firmware's own data.
const ARENA_BYTES: usize = 216 << 10;

#[repr(align(16))]
struct Arena([u8; ARENA_BYTES]);

#[rp2040_hal::entry]
fn main() -> ! {
    let (Some(mut peripherals), Some(core)) = (Peripherals::take(), CorePeripherals::take()) else { reset() };
    let mut watchdog = Watchdog::new(peripherals.WATCHDOG);
    let clocks = init_clocks_and_plls(
        CRYSTAL_HZ,
        peripherals.XOSC,
        peripherals.CLOCKS,
        peripherals.PLL_SYS,
        peripherals.PLL_USB,
        &mut peripherals.RESETS,
        &mut watchdog,
    );
    let Ok(clocks) = clocks else { reset() };
    let sio = Sio::new(peripherals.SIO);
    let pins = Pins::new(peripherals.IO_BANK0, peripherals.PADS_BANK0, sio.gpio_bank0, &mut peripherals.RESETS);
    let clock_hz = clocks.system_clock.freq().to_Hz();
    let uart = UartPeripheral::new(peripherals.UART0, (pins.gpio0.into_function(), pins.gpio1.into_function()), &mut peripherals.RESETS)
        .enable(UartConfig::new(BAUD.Hz(), DataBits::Eight, None, StopBits::One), clocks.peripheral_clock.freq());
    let Ok(uart) = uart else { reset() };
    let mut pico = Pico { uart, ticks: Ticks::new(core.SYST, Timer::new(peripherals.TIMER, &mut peripherals.RESETS, &clocks), clock_hz) };

    let Some(Arena(arena)) = cortex_m::singleton!(: Arena = Arena([0; ARENA_BYTES])) else { reset() };
    // SAFETY: this is flash, mapped for as long as the chip runs; nothing in this firmware writes to it.
    let slot = unsafe { core::slice::from_raw_parts(SLOT, SLOT_BYTES) };
    let identity = Identity {
        version: 0,
        chip: "rp2040",
        firmware: concat!("firmware-pico ", env!("CARGO_PKG_VERSION")),
        abi: 0,
        board: [0; 8],
        clock_hz,
        arena_bytes: 0,
        slot_bytes: 0,
    };
    Server::new(identity, slot, arena, Resolver::for_core(Core::HERE)).serve(&mut pico);
    reset()
}

/// What the server needs of the chip.
struct Pico<D: UartDevice, P: ValidUartPinout<D>> {
    uart: UartPeripheral<rp2040_hal::uart::Enabled, D, P>,
    ticks: Ticks,
}

impl<D: UartDevice, P: ValidUartPinout<D>> Board for Pico<D, P> {
    fn read(&mut self) -> u8 {
        let mut byte = [0];
        while self.uart.read_raw(&mut byte).unwrap_or(0) == 0 {}
        let [byte] = byte;
        byte
    }

    fn write(&mut self, bytes: &[u8]) {
        self.uart.write_full_blocking(bytes);
    }

    fn cycles(&mut self) -> u64 {
        self.ticks.cycles()
    }

    fn reset(&mut self) {
        reset()
    }
}

/// Counts processor cycles: the core's counter of 24 bits tells them exactly, the microsecond timer how often it has wrapped.
struct Ticks {
    timer: Timer,
    cycles_per_us: u64,
    /// The timer's count when the core's counter was cleared.
    begin_us: u64,
}

impl Ticks {
    /// Values of the core's counter.
    const WRAP: u64 = 1 << 24;

    fn new(mut counter: SYST, timer: Timer, clock_hz: u32) -> Self {
        counter.set_clock_source(SystClkSource::Core);
        counter.set_reload(Self::WRAP as u32 - 1);
        counter.enable_counter();
        counter.clear_current();
        Self { timer, cycles_per_us: u64::from(clock_hz / 1_000_000), begin_us: timer.get_counter().ticks() }
    }

    /// Cycles since the beginning.
    fn cycles(&self) -> u64 {
        let coarse = (self.timer.get_counter().ticks() - self.begin_us) * self.cycles_per_us;
        // It counts down. Both counts stem from one crystal, so they differ by some microseconds at most: far less than half a wrap.
        let exact = (Self::WRAP - u64::from(SYST::get_current())) % Self::WRAP;
        let ahead = exact.wrapping_sub(coarse) % Self::WRAP;
        if ahead < Self::WRAP / 2 { coarse + ahead } else { (coarse + ahead).saturating_sub(Self::WRAP) }
    }
}

fn reset() -> ! {
    SCB::sys_reset()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    reset()
}
