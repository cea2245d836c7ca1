//! ESP32: erases and writes the flash, command by command.
//!
//! ESP-IDF replaces the boot ROM's functions for that, on this chip alone (`esp_rom/patches/esp_rom_spiflash.c`). These are its commands, sent as its
//! boot loader sends its own (`bootloader_flash_execute_command_common`): what a command depends on is set each time, since a read with two or four
//! lines leaves longer addresses behind.

use crate::register::Register;

/// The controller for commands, beside that of the cache.
const SPI1: u32 = 0x3ff4_2000;

// SAFETY: registers of the controller: it starts what is set up in the others.
const START: Register = unsafe { Register::at(SPI1) };
// SAFETY: as above; where the address begins at the highest bit.
const ADDRESS: Register = unsafe { Register::at(SPI1 + 0x04) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(SPI1 + 0x08) };
// SAFETY: as above; which phases a command has.
const PHASES: Register = unsafe { Register::at(SPI1 + 0x1c) };
// SAFETY: as above; how long the address and the pause are, in bits less one.
const LENGTHS: Register = unsafe { Register::at(SPI1 + 0x20) };
// SAFETY: as above; the command and its length, in bits less one.
const COMMAND: Register = unsafe { Register::at(SPI1 + 0x24) };
// SAFETY: as above; in bits less one.
const SENT_BITS: Register = unsafe { Register::at(SPI1 + 0x28) };
// SAFETY: as above; in bits less one.
const RECEIVED_BITS: Register = unsafe { Register::at(SPI1 + 0x2c) };
/// Sixteen words that are sent, or were received.
const DATA: u32 = SPI1 + 0x80;
// SAFETY: as above; what the controller does now.
const STATE: Register = unsafe { Register::at(SPI1 + 0xf8) };
// SAFETY: of the cache's controller, the same.
const CACHE_STATE: Register = unsafe { Register::at(0x3ff4_30f8) };
const BUSY_STATES: u32 = 7;

/// Starts the command.
const USER: u32 = 1 << 18;
/// One line, and that which protects the flash stays high.
const ONE_LINE: u32 = 1 << 21;

const HAS_COMMAND: u32 = 1 << 31;
const HAS_ADDRESS: u32 = 1 << 30;
const HAS_PAUSE: u32 = 1 << 29;
const RECEIVES: u32 = 1 << 28;
const SENDS: u32 = 1 << 27;

const ADDRESS_BITS: u32 = 24;

/// Cycles by which what is received comes later, at the speed that the boot loader has chosen: `g_rom_spiflash_dummy_len_plus`, of this controller.
const LATE_CYCLES: *const u8 = 0x3ffa_e291 as *const u8;

/// Bytes that are sent at a time.
const BLOCK: u32 = 32;
/// Bytes of the flash's own pages, at the end of which it goes on at the beginning.
const FLASH_PAGE: u32 = 256;

// Commands, and bits of the status, on which all makers agree.
const WRITE: u32 = 0x02;
const STATUS: u32 = 0x05;
const ALLOW: u32 = 0x06;
const ERASE: u32 = 0x20;
const IS_BUSY: u32 = 1 << 0;
const IS_ALLOWED: u32 = 1 << 1;

/// Sends a command. It has the `phases`: an address, so many bytes from [`DATA`] that are sent, or one that is received, which this returns.
///
/// # Safety
/// The cache must be stopped. This is in RAM.
#[unsafe(link_section = ".iram.spi.execute")]
#[inline(never)]
unsafe extern "C" fn execute(command: u32, phases: u32, address: u32, sent: u32) -> u32 {
    while (STATE.read() | CACHE_STATE.read()) & BUSY_STATES != 0 {}
    let before = (CONTROL.read(), PHASES.read(), LENGTHS.read(), COMMAND.read());
    // SAFETY: a variable of the boot ROM.
    let late = if phases & RECEIVES == 0 { 0 } else { unsafe { LATE_CYCLES.read_volatile() }.into() };
    let pause = if late == 0 { 0 } else { HAS_PAUSE };
    CONTROL.write(ONE_LINE);
    PHASES.write(before.1 & !(HAS_COMMAND | HAS_ADDRESS | HAS_PAUSE | RECEIVES | SENDS) | HAS_COMMAND | phases | pause);
    LENGTHS.write((ADDRESS_BITS - 1) << 26 | late.max(1) - 1);
    COMMAND.write(7 << 28 | command);
    ADDRESS.write(address << (32 - ADDRESS_BITS));
    SENT_BITS.write(sent.max(1) * 8 - 1);
    RECEIVED_BITS.write(7);
    START.write(USER);
    while START.read() & USER != 0 {}
    CONTROL.write(before.0);
    PHASES.write(before.1);
    LENGTHS.write(before.2);
    COMMAND.write(before.3);
    // SAFETY: a register.
    unsafe { Register::at(DATA) }.read() & 0xff
}

/// Waits for the flash, which the watchdog ends if it takes too long. Its status.
///
/// # Safety
/// As for [`execute`].
#[inline(always)]
unsafe fn ready() -> u32 {
    loop {
        // SAFETY: as the caller promises.
        let status = unsafe { execute(STATUS, RECEIVES, 0, 0) };
        if status & IS_BUSY == 0 {
            return status;
        }
    }
}

/// Lets the next command change the flash. Whether it does.
///
/// # Safety
/// As for [`execute`].
#[inline(always)]
unsafe fn allow() -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        ready();
        execute(ALLOW, 0, 0, 0);
        ready() & IS_ALLOWED != 0
    }
}

/// Erases a sector of 4 KiB. 0 if it did.
///
/// # Safety
/// As for [`execute`].
#[inline(always)]
pub unsafe fn erase_sector(sector: u32) -> i32 {
    // SAFETY: as the caller promises.
    unsafe {
        if !allow() {
            return 1;
        }
        execute(ERASE, HAS_ADDRESS, sector << 12, 0);
        ready();
    }
    0
}

/// Writes whole words. 0 if it did.
///
/// # Safety
/// As for [`execute`]; there must be as many bytes, in RAM.
#[inline(always)]
pub unsafe fn program(mut offset: u32, mut words: *const u32, bytes: u32) -> i32 {
    let end = offset + bytes;
    while offset < end {
        let block = (end - offset).min(FLASH_PAGE - offset % FLASH_PAGE).min(BLOCK);
        // SAFETY: as the caller promises; a block is no longer than the words there are.
        unsafe {
            if !allow() {
                return 1;
            }
            let mut at = 0;
            while at < block {
                Register::at(DATA + at).write(words.read_volatile());
                words = words.add(1);
                at += 4;
            }
            execute(WRITE, HAS_ADDRESS | SENDS, offset, block);
            ready();
        }
        offset += block;
    }
    0
}
