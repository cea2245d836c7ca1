//! The board's registers, by the manuals and by Espressif's emulator: each of these is a way in which a firmware would fail on a chip.

use crate::board::{Board, FILL};
use crate::chip::{Chip, Function};
use crate::flash::Flash;
use crate::rom;
use crate::xtensa::{Bus, Core};

const PAGE: usize = 64 << 10;

fn board(chip: Chip) -> Board {
    let mut flash = vec![0xff; 4 << 20];
    flash[9 * PAGE] = 9;
    Board::new(chip, Flash::new(flash), 0, 0)
}

fn call(board: &mut Board, function: Function, arguments: &[u32]) -> Result<u32, &'static str> {
    let mut core = Core::new(0, 0x4000_0000, 64);
    // As `callx8` leaves it.
    core.call(0x4000_1000, 0x3ffe_3000);
    for (register, &argument) in (10..).zip(arguments) {
        core.set(register, argument);
    }
    rom::call(function, &mut core, board, 1).map(|_| core.get(10))
}

const TABLE: u32 = 0x3ff1_0000;
const WINDOW: u32 = 0x3f40_0000;
const SPI: u32 = 0x3ff4_2000;

#[test]
fn flash_is_seen_as_the_cache_has_it() {
    let mut board = board(Chip::Esp32);
    let address = WINDOW + 9 * PAGE as u32;
    assert!(board.load(address, 1, 0).is_err(), "the cache is off");
    board.store(TABLE + 9 * 4, 4, 9, 0).unwrap();
    call(&mut board, Function::CacheOn, &[0]).unwrap();
    assert_eq!(board.load(address, 1, 0), Ok(9));
    assert!(board.load(address + PAGE as u32, 1, 0).is_err(), "it is not mapped");
    assert!(board.store(TABLE + 10 * 4, 4, 10, 0).is_err(), "mapped while the cache is on");
    // Changed behind its back.
    call(&mut board, Function::CacheOff, &[0]).unwrap();
    board.flash.program(9 * PAGE, &[8], 0).unwrap();
    board.clock.skip(0, 1_000_000_000);
    call(&mut board, Function::CacheOn, &[0]).unwrap();
    assert_eq!(board.load(address, 1, 0), Ok(9));
    call(&mut board, Function::CacheEmpty, &[0]).unwrap();
    assert_eq!(board.load(address, 1, 0), Ok(8));
    assert!(board.store(address, 4, 0, 0).is_err(), "it can only be read");
}

#[test]
fn a_command_takes_what_was_set_up_for_it() {
    let mut board = board(Chip::Esp32);
    let set =
        |board: &mut Board, registers: &[(u32, u32)]| registers.iter().try_for_each(|&(at, value)| board.store(SPI + at, 4, value, 0));
    // With the 28 bits of address that the boot loader's last read has left, it would go to another place.
    assert!(set(&mut board, &[(0x04, 0xa_0000), (0x00, 1 << 24)]).is_err(), "a command of the controller's own");
    let allow = [(0x1c, 1 << 31), (0x24, 7 << 28 | 0x06), (0x00, 1 << 18)];
    let erase = [(0x1c, 3 << 30), (0x20, 23 << 26), (0x24, 7 << 28 | 0x20), (0x04, 0x9_0000 << 8), (0x00, 1 << 18)];
    assert!(set(&mut board, &erase).is_err(), "it was not allowed to");
    set(&mut board, &allow).unwrap();
    set(&mut board, &erase).unwrap();
    assert_eq!((board.flash.bytes[9 * PAGE], board.flash.work), (0xff, (1, 0)));
    assert!(set(&mut board, &allow).is_err(), "it is busy");
    assert!(call(&mut board, Function::CacheOn, &[0]).is_err(), "it is busy");
}

#[test]
fn the_uart_has_a_speed_and_loses_what_does_not_fit() {
    let mut board = board(Chip::Esp32);
    let at = |register: u32| 0x3ff4_0000 + register;
    assert!(board.store(0x3ff4_8070, 4, 0, 0).is_err(), "the boot loader's words are on the line");
    call(&mut board, Function::WaitUntilSent, &[0]).unwrap();
    board.store(0x3ff4_8070, 4, 0, 0).unwrap();
    assert!(board.store(at(0), 4, 0x55, 0).is_err(), "half the clock, half the speed");
    board.store(at(0x14), 4, 347 | 4 << 20, 0).unwrap();
    board.store(at(0), 4, 0x55, 0).unwrap();
    board.uart.come(&[7; 200], board.clock.now(0));
    board.clock.skip(0, board.clock.now(0) + 1_000_000_000);
    assert_eq!(board.load(at(0x1c), 4, 0), Ok(128));
    assert_eq!((board.load(at(0), 4, 0), board.uart.lost), (Ok(7), 72));
}

#[test]
fn watchdogs_bite() {
    let bitten = |board: &Board, ms: u64| board.watchdogs.iter().position(|watchdog| watchdog.bites(ms * 1_000_000));
    let mut board = board(Chip::Esp32);
    assert_eq!(bitten(&board, 300), None);
    assert_eq!(bitten(&board, 400), Some(1), "that of the first timer group runs from a reset on");
    // Without the key, with it.
    board.store(0x3ff5_f048, 4, 0, 0).unwrap();
    assert_eq!(bitten(&board, 400), Some(1));
    board.store(0x3ff5_f064, 4, 0x50d8_3aa1, 0).unwrap();
    board.store(0x3ff5_f048, 4, 0, 0).unwrap();
    assert_eq!((bitten(&board, 8_999), bitten(&board, 9_001)), (None, Some(0)), "the boot loader's");
}

#[test]
fn memory_of_the_boot_rom_and_of_code_is_left_alone() {
    let mut board = board(Chip::Esp32);
    assert_eq!(board.load(0x3ffb_0000, 1, 0), Ok(FILL.into()));
    assert!(board.store(0x3ffa_e270, 4, 0, 0).is_err());
    assert!(board.store(0x4008_0400, 1, 0, 0).is_err());
    assert!(board.load(0x4008_0400, 2, 0).is_err());
    assert!(board.load(0x3ff4_4000, 4, 0).is_err(), "a register that is not here");
    let mut board = self::board(Chip::Esp32S3);
    board.store(0x3fc8_9000, 4, 0x1234_5678, 0).unwrap();
    assert_eq!((board.load(0x4037_9000, 4, 0), board.load(0x4037_9000, 1, 0).is_err()), (Ok(0x1234_5678), true));
}

#[test]
fn a_reset_wants_the_clock_that_the_boot_rom_expects() {
    let mut board = board(Chip::Esp32);
    assert!(call(&mut board, Function::Reset, &[]).is_err());
    assert!(call(&mut board, Function::WriteAnalog, &[0x66, 4, 3, 28]).is_err(), "the processor runs from the PLL");
    call(&mut board, Function::WaitUntilSent, &[0]).unwrap();
    board.store(0x3ff4_8070, 4, 0, 0).unwrap();
    assert!(call(&mut board, Function::Reset, &[]).is_ok());
    // 240 MHz from a PLL that still has 320.
    board.store(0x3ff0_003c, 4, 2, 0).unwrap();
    assert!(board.store(0x3ff4_8070, 4, 1 << 27, 0).is_err());
}
