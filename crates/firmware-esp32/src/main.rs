//! ESP32 family: runs the `.edgm` program in its flash and answers `edge-device` requests over UART0 (115,200 baud) and, where the chip has one, the
//! built-in USB port, each on the line that it came over.
//!
//! Programs lie in the two slots of [`MAP`], written there apart from this firmware, and are run from there: nothing of them is copied. What RAM
//! the firmware leaves is the arena, but for the stack.
//!
//! ESP-IDF's boot loader has set up flash, a PLL and the console. There are no interrupts and there is no HAL: see `README.md`.

#![no_std]
#![no_main]

mod app_desc;
mod chip;
mod fault;
mod flash;
mod register;
mod uart;
#[cfg(not(feature = "esp32"))]
mod usb;
mod watchdog;

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::slice;

use edge_device::fault::{FaultKind, FaultRecord};
use edge_device::memory_map::ESP32 as MAP;
use edge_device::operators;
use edge_device::server::{self, About, Board, Buffers, MAX_COSTS, Setup};
use edge_runtime::{Core, Registration, Resolver};

use flash::Flash;
use register::Register;

const UART: usize = 0;
#[cfg(not(feature = "esp32"))]
const USB: usize = 1;

/// How long a host on USB may keep an answer waiting before the rest of it is dropped.
#[cfg(not(feature = "esp32"))]
const USB_PATIENCE_MS: u32 = 500;

static KERNELS: [Registration; operators::CONVOLUTIONAL.len()] =
    operators::select(Resolver::for_core(Core::HERE).kernels(), &operators::CONVOLUTIONAL);

// Named by the linker scripts in `ld/`.
unsafe extern "C" {
    static _bss_start: UnsafeCell<u32>;
    static _bss_end: UnsafeCell<u32>;
    static _arena_start: UnsafeCell<MaybeUninit<u8>>;
    static _arena_end: UnsafeCell<MaybeUninit<u8>>;
}

static mut BUFFERS: Buffers = Buffers::EMPTY;
static mut COSTS: [u32; MAX_COSTS] = [0; MAX_COSTS];

/// What the boot loader starts, by way of `chip::core`.
extern "C" fn begin() -> ! {
    // SAFETY: nothing uses a variable yet; the linker has set these words aside for them.
    unsafe {
        let mut word = _bss_start.get();
        while word < _bss_end.get() {
            word.write_volatile(0);
            word = word.add(1);
        }
    }
    chip::core::catch_traps();
    if watchdog::start() {
        // SAFETY: nobody else has it yet.
        unsafe { fault::record() }.set(FaultKind::Watchdog, 0, 0, format_args!(""));
    }
    // What the boot loader has said goes out at the speed it has.
    uart::flush();
    let clock_hz = chip::start_clock();
    uart::start();
    let about = About { chip: chip::NAME, firmware: concat!("firmware-esp32 ", env!("CARGO_PKG_VERSION")), board: mac(), clock_hz };
    // SAFETY: the linker has set the arena aside, and any bytes are valid there once they were written.
    let arena = unsafe {
        let (start, end) = (_arena_start.get().cast::<u8>(), _arena_end.get().addr());
        start.write_bytes(0, end - start.addr());
        slice::from_raw_parts_mut(start, end - start.addr())
    };
    let (buffers, costs) = (&raw mut BUFFERS, &raw mut COSTS);
    // SAFETY: this function runs once, and nobody else uses them.
    let (buffers, costs) = unsafe { (&mut *buffers, &mut *costs) };
    let setup = Setup {
        about,
        // SAFETY: it is the only one, and slots lie behind the firmware.
        flash: unsafe { Flash::new() },
        layout: MAP.layout,
        arena,
        resolver: Resolver::new(&KERNELS),
        costs,
    };
    let mut board = Esp32 {
        #[cfg(not(feature = "esp32"))]
        usb_patience: clock_hz / 1000 * USB_PATIENCE_MS,
        last: chip::cycles(),
        cycles: 0,
    };
    server::run(setup, &mut board, UART, buffers);
    fault::reset()
}

/// What tells this board from others: its MAC address, and zeros.
fn mac() -> [u8; 8] {
    // SAFETY: fuses, of which only the lower half of the second word is the address.
    let [low, high] = [chip::MAC, chip::MAC + 4].map(|address| unsafe { Register::at(address) }.read().to_be_bytes());
    let ([_, _, first, second], [third, fourth, fifth, sixth]) = (high, low);
    [first, second, third, fourth, fifth, sixth, 0, 0]
}

/// What the server needs of the chip.
struct Esp32 {
    /// In cycles.
    #[cfg(not(feature = "esp32"))]
    usb_patience: u32,
    /// The counter when it was last looked at.
    last: u32,
    cycles: u64,
}

impl Board for Esp32 {
    fn read(&mut self) -> Option<(usize, u8)> {
        loop {
            watchdog::feed();
            if let Some(byte) = uart::read() {
                return Some((UART, byte));
            }
            #[cfg(not(feature = "esp32"))]
            if let Some(byte) = usb::read() {
                return Some((USB, byte));
            }
        }
    }

    fn write(&mut self, line: usize, bytes: &[u8]) {
        watchdog::feed();
        #[cfg(not(feature = "esp32"))]
        if line == USB {
            let begin = chip::cycles();
            return usb::write(bytes, || chip::cycles().wrapping_sub(begin) < self.usb_patience);
        }
        if line == UART {
            uart::write(bytes);
        }
    }

    /// The counter wraps several times a minute: between ops is often enough to see it.
    fn cycles(&mut self) -> u64 {
        let now = chip::cycles();
        self.cycles += u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.cycles
    }

    fn feed(&mut self) {
        watchdog::feed();
        self.cycles();
    }

    fn fault(&mut self) -> &mut FaultRecord {
        // SAFETY: nobody else asks for it but what ends everything.
        unsafe { fault::record() }
    }

    fn reset(&mut self) {
        // The answer is not on the line yet.
        uart::flush();
        fault::reset()
    }
}
