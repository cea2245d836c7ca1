//! Runs whole flash images for the ESP32 and the ESP32-S3, in tests: every instruction of the application, with what it uses of the chip around it.
//!
//! | module | role |
//! |---|---|
//! | [`xtensa`] | the core; `cargo xtask emulate` holds it against QEMU's |
//! | `chip` | addresses, by the manuals |
//! | `board` | which register does what |
//! | `memory`, `cache` | RAM, and flash as the core sees it |
//! | `flash`, `spi` | the flash chip, and the controller that sends it commands |
//! | `uart`, `watchdog`, `clock` | those |
//! | `machine`, `line` | a run of it, and the host at the other end of UART0 |
//! | `boot`, `rom` | what ESP-IDF's boot loader and the boot ROM's functions do |
//!
//! Registers behave as the technical reference manuals and Espressif's own emulator have them. Whatever a program does that a chip would not forgive, or
//! that is not known here, ends the run with a [`Fault`]: a register that is not modelled, flash that is read while the cache is off, a speed of the UART
//! that is another than the host's, a changed clock while something is being sent.
//!
//! Time is emulated: an instruction takes a cycle of the clock that the registers give, and where a program can only wait, the wait is skipped. So it tells
//! nothing of how fast a chip is.

pub mod xtensa;

mod board;
mod boot;
mod cache;
mod chip;
mod clock;
mod flash;
mod line;
mod machine;
mod memory;
mod rom;
mod spi;
mod uart;
mod watchdog;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use chip::Chip;
pub use machine::{Emulator, Fault, Report};
