//! UART0 at 115,200 baud, on the pins that the boot ROM has given it.

use crate::chip;
use crate::register::Register;

pub const BAUD: u32 = 115_200;

// SAFETY: the UART's registers are the same on every chip but for their beginning.
const FIFO: Register = unsafe { Register::at(chip::UART) };
// SAFETY: as above.
const CLOCK_DIVIDER: Register = unsafe { Register::at(chip::UART + 0x14) };
// SAFETY: as above.
const STATUS: Register = unsafe { Register::at(chip::UART + 0x1c) };

/// Bytes of the 128 that wait at most.
const FULL: u32 = 120;

/// Sets the speed, in case the boot loader has another. Nothing may be on its way.
pub fn start() {
    let sixteenths = (16 * chip::UART_CLOCK_HZ + BAUD / 2) / BAUD;
    CLOCK_DIVIDER.write(sixteenths >> 4 | (sixteenths & 15) << 20);
    chip::update_uart();
}

/// A byte that has come.
pub fn read() -> Option<u8> {
    chip::uart_has_received(STATUS.read()).then(|| FIFO.read() as u8)
}

/// Sends, and waits until there is room for the last byte.
pub fn write(bytes: &[u8]) {
    for &byte in bytes {
        while STATUS.read() >> 16 & 0xff >= FULL {}
        FIFO.write(byte.into());
    }
}

/// Waits until everything is on the line.
pub fn flush() {
    // SAFETY: it waits for the last bit.
    unsafe { chip::rom::uart_tx_wait_idle(0) };
}
