//! What of the boot ROM a firmware uses: handlers of windows, as code, and functions, which are done here.

use crate::board::Board;
use crate::chip::{Chip, Function};
use crate::xtensa::Core;

/// What becomes of the program that has called a function.
pub(crate) enum Next {
    Goes,
    /// The chip is reset, for this reason.
    Reset(u32),
}

/// Stores register `t` at an offset from register `s`.
const fn s32e(t: u8, s: u8, offset: i8) -> [u8; 3] {
    [t << 4, ((offset / 4 + 16) as u8) << 4 | s, 0x49]
}

/// Loads, likewise.
const fn l32e(t: u8, s: u8, offset: i8) -> [u8; 3] {
    [t << 4, ((offset / 4 + 16) as u8) << 4 | s, 0x09]
}

const RFWO: [u8; 3] = [0x00, 0x34, 0x00];
const RFWU: [u8; 3] = [0x00, 0x35, 0x00];

/// The handlers that save and fetch windows of four, eight and twelve registers: instruction set architecture reference manual, 4.7.1.
pub(crate) fn put_vectors(rom: &mut [u8]) {
    for (index, next) in [5, 9, 13].into_iter().enumerate() {
        let extra = 4 * index as u8;
        let far = |register: u8| -16 * (index as i8 + 1) + 4 * (register as i8 - 4);
        let (mut save, mut fetch) = (vec![s32e(0, next, -16)], vec![l32e(0, next, -16), l32e(1, next, -12), l32e(2, next, -8)]);
        if index > 0 {
            // The caller's stack, from where it is saved.
            save.push(l32e(0, 1, -12));
            fetch.push(l32e(3 + extra, 1, -12));
        }
        save.extend([s32e(1, next, -12), s32e(2, next, -8), s32e(3, next, -4)]);
        fetch.push(l32e(3, next, -4));
        for register in 4..4 + extra {
            save.push(s32e(register, 0, far(register)));
            fetch.push(l32e(register, 3 + extra, far(register)));
        }
        save.push(RFWO);
        fetch.push(RFWU);
        for (at, code) in [(0x80 * index, save), (0x80 * index + 0x40, fetch)] {
            let code: Vec<u8> = code.concat();
            rom[at..at + code.len()].copy_from_slice(&code);
        }
    }
}

/// Does a function that was just called.
pub(crate) fn call(function: Function, core: &mut Core, board: &mut Board, reason: u32) -> Result<Next, &'static str> {
    let cycles = core.cycles;
    let mut value = 0;
    match function {
        Function::ResetReason => value = reason,
        // It only notes how long a microsecond is, which this board knows.
        Function::CpuFrequency => {}
        Function::SetHandler => {}
        Function::Delay => board.clock.skip(cycles, board.clock.now(cycles) + 1000 * u64::from(core.argument(0))),
        Function::WaitUntilSent => {
            board.uart.advance(board.clock.now(cycles));
            if !board.uart.is_quiet() {
                board.clock.skip(cycles, board.uart.quiet_at());
                board.uart.advance(board.clock.now(cycles));
            }
        }
        Function::Reset => {
            if board.chip == Chip::Esp32 && board.clock.source >> 27 & 3 != 0 {
                return Err("reset while the processor runs from the PLL: the boot ROM takes it for the crystal");
            }
            return Ok(Next::Reset(3));
        }
        Function::WriteAnalog => match [core.argument(0), core.argument(1)] {
            [0x66, 4] => board.clock.write_pll(core.argument(2), core.argument(3))?,
            _ => return Err("wrote to something else than the PLL"),
        },
        Function::CycleCount => value = (cycles + board.clock.skipped) as u32,
        Function::EraseSector => {
            ready(board, cycles)?;
            board.flash.erase(core.argument(0) as usize * 4096, board.clock.now(cycles))?;
            ready(board, cycles)?;
        }
        Function::Write => {
            let [offset, source, length] = [0, 1, 2].map(|index| core.argument(index));
            if !(offset | source | length).is_multiple_of(4) {
                return Err("the boot ROM writes whole words");
            }
            let words = board.memory.slice(source, length as usize).ok_or("wrote from where there is no memory")?.to_vec();
            let mut rest = &words[..];
            while !rest.is_empty() {
                ready(board, cycles)?;
                let at = offset as usize + words.len() - rest.len();
                let (page, after) = rest.split_at(rest.len().min(256 - at % 256));
                board.flash.program(at, page, board.clock.now(cycles))?;
                rest = after;
            }
            ready(board, cycles)?;
        }
        Function::CacheOff => switch(board, cycles, &[false, true], false)?,
        Function::CacheOn => switch(board, cycles, &[false, true], true)?,
        Function::CacheEmpty => board.cache.empty(&mut board.memory, &board.flash.bytes),
        Function::SwitchCache { is_code, is_on } => {
            board.cache.empty(&mut board.memory, &board.flash.bytes);
            switch(board, cycles, &[is_code], is_on)?;
        }
    }
    core.answer(value);
    Ok(Next::Goes)
}

fn switch(board: &mut Board, cycles: u64, parts: &[bool], is_on: bool) -> Result<(), &'static str> {
    if is_on && board.flash.busy_until(board.clock.now(cycles)).is_some() {
        return Err("switched the cache on while the flash was busy");
    }
    parts.iter().for_each(|&is_code| board.cache.switch(is_code, is_on, &mut board.memory, &board.flash.bytes));
    Ok(())
}

/// Waits for the flash, as those functions do, with the cache off.
fn ready(board: &mut Board, cycles: u64) -> Result<(), &'static str> {
    if board.cache.is_on() {
        return Err("the flash was to change while the cache was on");
    }
    if let Some(until) = board.flash.busy_until(board.clock.now(cycles)) {
        board.clock.skip(cycles, until);
    }
    Ok(())
}
