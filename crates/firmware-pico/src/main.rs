//! Raspberry Pi Pico: runs the `.edgm` program in its flash and answers `edge-device` requests over USB and UART0 (GPIO 0 and 1,
//! 115,200 baud), each on the line that it came over.
//!
//! Programs lie in the two slots of [`chip::MAP`], written there apart from this firmware, and are run from there: nothing of them is copied. What RAM
//! the firmware leaves is the arena, but for the stack.

#![no_std]
#![no_main]

mod chip;
mod fault;
mod flash;
mod kernels;
#[cfg(feature = "dual-core")]
mod second_core;
mod ticks;
mod usb;
mod watchdog;

use cortex_m::peripheral::Peripherals as CorePeripherals;
use edge_device::fault::{FaultKind, FaultRecord};
use edge_device::server::{self, About, Board, Buffers, MAX_COSTS, Setup};

use chip::hal;
use hal::Clock;
use hal::clocks::init_clocks_and_plls;
use hal::fugit::RateExtU32;
use hal::gpio::Pins;
use hal::pac::Peripherals;
use hal::sio::Sio;
use hal::uart::{DataBits, Enabled, StopBits, UartConfig, UartDevice, UartPeripheral, ValidUartPinout};

use flash::Flash;
use ticks::Ticks;

/// Frequency of the crystal.
const CRYSTAL_HZ: u32 = 12_000_000;

const BAUD: u32 = 115_200;

/// How long a host on USB may keep an answer waiting before the rest of it is dropped.
const USB_PATIENCE_US: u64 = 500_000;

const UART: usize = 0;
const USB: usize = 1;

#[repr(align(16))]
struct Arena([u8; chip::ARENA_BYTES]);

#[hal::entry]
fn main() -> ! {
    let (Some(mut peripherals), Some(core)) = (Peripherals::take(), CorePeripherals::take()) else { hal::reset() };
    let mut watchdog = hal::Watchdog::new(peripherals.WATCHDOG);
    let clocks = init_clocks_and_plls(
        CRYSTAL_HZ,
        peripherals.XOSC,
        peripherals.CLOCKS,
        peripherals.PLL_SYS,
        peripherals.PLL_USB,
        &mut peripherals.RESETS,
        &mut watchdog,
    );
    let Ok(clocks) = clocks else { hal::reset() };
    if watchdog::start(&mut watchdog) {
        // SAFETY: nobody else has it yet.
        unsafe { fault::record() }.set(FaultKind::Watchdog, 0, 0, format_args!(""));
    }
    #[cfg_attr(not(feature = "dual-core"), expect(unused_mut, reason = "its mailboxes start the second core"))]
    let mut sio = Sio::new(peripherals.SIO);
    #[cfg(feature = "dual-core")]
    second_core::start(&mut peripherals.PSM, &mut peripherals.PPB, &mut sio.fifo);
    let pins = Pins::new(peripherals.IO_BANK0, peripherals.PADS_BANK0, sio.gpio_bank0, &mut peripherals.RESETS);
    let clock_hz = clocks.system_clock.freq().to_Hz();
    let uart = UartPeripheral::new(peripherals.UART0, (pins.gpio0.into_function(), pins.gpio1.into_function()), &mut peripherals.RESETS)
        .enable(UartConfig::new(BAUD.Hz(), DataBits::Eight, None, StopBits::One), clocks.peripheral_clock.freq());
    let Ok(uart) = uart else { hal::reset() };
    #[cfg(feature = "rp2040")]
    let (timer, registers) = (peripherals.TIMER, (peripherals.USBCTRL_REGS, peripherals.USBCTRL_DPRAM));
    #[cfg(feature = "rp2350")]
    let (timer, registers) = (peripherals.TIMER0, (peripherals.USB, peripherals.USB_DPRAM));
    let timer = chip::timer(timer, &mut peripherals.RESETS, &clocks);
    let ticks = Ticks::new(core.SYST, move || timer.get_counter().ticks(), clock_hz);

    let id = chip::board();
    let Some(name) = cortex_m::singleton!(: [u8; 16] = hex(id)) else { hal::reset() };
    let Ok(name) = core::str::from_utf8(name) else { hal::reset() };
    usb::start(chip::usb(registers, clocks.usb_clock, &mut peripherals.RESETS), name);

    let Some(Arena(arena)) = cortex_m::singleton!(: Arena = Arena([0; chip::ARENA_BYTES])) else { hal::reset() };
    let Some(costs) = cortex_m::singleton!(: [u32; MAX_COSTS] = [0; MAX_COSTS]) else { hal::reset() };
    let Some(buffers) = cortex_m::singleton!(: Buffers = Buffers::EMPTY) else { hal::reset() };
    let mut pico = Pico { uart, ticks, pending: [0; 64], length: 0, next: 0 };
    let setup = Setup {
        about: About { chip: chip::NAME, firmware: concat!("firmware-pico ", env!("CARGO_PKG_VERSION")), board: id, clock_hz },
        // SAFETY: it is the only one, and slots lie behind the firmware.
        flash: unsafe { Flash::new() },
        layout: chip::MAP.layout,
        arena,
        resolver: kernels::RESOLVER,
        costs,
    };
    server::run(setup, &mut pico, UART, buffers);
    hal::reset()
}

/// As the USB descriptor and the host print it.
fn hex(id: [u8; 8]) -> [u8; 16] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'A' + value - 10 };
    let mut text = [0; 16];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(id) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    text
}

/// What the server needs of the chip.
struct Pico<D: UartDevice, P: ValidUartPinout<D>, T> {
    uart: UartPeripheral<Enabled, D, P>,
    ticks: Ticks<T>,
    /// What has come over USB.
    pending: [u8; 64],
    length: usize,
    next: usize,
}

impl<D: UartDevice, P: ValidUartPinout<D>, T: Fn() -> u64> Board for Pico<D, P, T> {
    fn read(&mut self) -> Option<(usize, u8)> {
        loop {
            watchdog::feed();
            let mut byte = [0];
            if self.uart.read_raw(&mut byte).is_ok_and(|read| read > 0) {
                let [byte] = byte;
                return Some((UART, byte));
            }
            if let Some(&byte) = self.pending.get(..self.length).and_then(|pending| pending.get(self.next)) {
                self.next += 1;
                return Some((USB, byte));
            }
            (self.length, self.next) = (usb::read(&mut self.pending), 0);
        }
    }

    fn write(&mut self, line: usize, mut bytes: &[u8]) {
        if line == UART {
            self.uart.write_full_blocking(bytes);
            return;
        }
        let mut since = self.ticks.us();
        while !bytes.is_empty() && self.ticks.us() - since < USB_PATIENCE_US {
            watchdog::feed();
            let Some(written) = usb::write(bytes) else { return };
            if written > 0 {
                since = self.ticks.us();
            }
            bytes = bytes.get(written..).unwrap_or_default();
        }
    }

    fn cycles(&mut self) -> u64 {
        self.ticks.cycles()
    }

    fn feed(&mut self) {
        watchdog::feed();
    }

    fn fault(&mut self) -> &mut FaultRecord {
        // SAFETY: nobody else asks for it but what ends everything.
        unsafe { fault::record() }
    }

    fn reset(&mut self) {
        hal::reset()
    }
}
