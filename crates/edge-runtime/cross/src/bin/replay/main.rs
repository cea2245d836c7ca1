//! Replays a pack that the emulator has put into memory, and tells what each program took.
//!
//! One line per program on standard output: `name,load instructions,load stack,invoke instructions,invoke stack`, or `name,` and what went wrong.
//! Instructions are counted where the emulator lets time pass by one nanosecond per instruction (`-icount shift=0`), on Xtensa by 128 (`shift=7`).

#![no_std]
#![no_main]

#[cfg(target_arch = "xtensa")]
mod xtensa;

#[cfg(not(target_arch = "xtensa"))]
use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::slice::{from_raw_parts, from_raw_parts_mut};

use edge_runtime_cross::{Cost, Pack, replay};
#[cfg(not(target_arch = "xtensa"))]
use semihosting::{println, process::exit};
#[cfg(target_arch = "xtensa")]
use xtensa::{exit, println};

// Named by the linker scripts in `ld/`.
unsafe extern "C" {
    static stack_bottom: u8;
    static arena: UnsafeCell<u8>;
    static arena_end: UnsafeCell<u8>;
    static pack: u8;
    static pack_end: u8;
}

/// What unused stack is filled with.
const PAINT: u32 = 0x5AA5_C33C;

#[cfg(target_arch = "arm")]
global_asm!(".section .vectors, \"a\"", ".word stack_top, reset", ".text", ".global reset", ".thumb_func", "reset:");
// Coprocessors 10 and 11 are the floating point unit, which is off at reset.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
global_asm!("ldr r0, =0xE000ED88", "ldr r1, =0xF00000", "str r1, [r0]", "dsb", "isb");
#[cfg(target_arch = "arm")]
global_asm!("bl main");

#[cfg(target_arch = "riscv32")]
global_asm!(".section .vectors, \"ax\"", ".global reset", "reset:", "la sp, stack_top", "call main");

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(101)
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    clock::start();
    // SAFETY: the linker scripts set these regions aside; nothing else uses them, and any bytes are valid there.
    let (program_bytes, arena_bytes) = unsafe {
        (
            from_raw_parts(&raw const pack, (&raw const pack_end).addr() - (&raw const pack).addr()),
            from_raw_parts_mut(arena.get(), arena_end.get().addr() - arena.get().addr()),
        )
    };
    let mut failed = 0;
    for record in Pack(program_bytes) {
        match replay(&record, arena_bytes, measure) {
            Ok([load, invoke]) => {
                println!("{},{},{},{},{}", record.name, load.instructions, load.stack_bytes, invoke.instructions, invoke.stack_bytes)
            }
            Err(why) => {
                println!("{},{why}", record.name);
                failed = 1;
            }
        }
    }
    exit(failed)
}

/// Fills the stack below, calls, and sees how far down it was used.
#[inline(never)]
fn measure(call: &mut dyn FnMut()) -> Cost {
    let marker = UnsafeCell::new(PAINT);
    let here = marker.get().addr();
    // Above is what this function itself uses in the meantime.
    let (bottom, top) = ((&raw const stack_bottom).addr(), here - 256);
    let words = || (bottom..top).step_by(4).map(|address| address as *mut u32);
    // SAFETY: between the stack's bottom and its pointer nothing lives.
    words().for_each(|word| unsafe { word.write_volatile(PAINT) });
    let start = clock::now();
    call();
    let instructions = clock::since(start);
    // SAFETY: as above.
    let used = words().find(|&word| unsafe { word.read_volatile() } != PAINT).map_or(top, |word| word.addr());
    Cost { instructions, stack_bytes: here - used }
}

/// A timer of the board: 32 bits, counting down at 25 MHz. (Every Cortex-M has one of 24 bits, which large models outlast.)
#[cfg(target_arch = "arm")]
mod clock {
    const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
    const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
    const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
    const NANOSECONDS_PER_TICK: u64 = 40;

    pub(super) fn start() {
        // SAFETY: registers of the timer, which nothing else uses.
        unsafe {
            RELOAD.write_volatile(u32::MAX);
            VALUE.write_volatile(u32::MAX);
            CONTROL.write_volatile(1);
        }
    }

    pub(super) fn now() -> u32 {
        // SAFETY: as above.
        unsafe { VALUE.read_volatile() }
    }

    /// At most 171 s.
    pub(super) fn since(start: u32) -> u64 {
        u64::from(start.wrapping_sub(now())) * NANOSECONDS_PER_TICK
    }
}

/// The counter of executed instructions.
#[cfg(target_arch = "riscv32")]
mod clock {
    pub(super) fn start() {}

    pub(super) fn now() -> u32 {
        let count;
        // SAFETY: reads a counter.
        unsafe { core::arch::asm!("csrr {}, minstret", out(reg) count) };
        count
    }

    pub(super) fn since(start: u32) -> u64 {
        now().wrapping_sub(start).into()
    }
}

/// The counter of cycles, which the emulator derives from time.
#[cfg(target_arch = "xtensa")]
mod clock {
    /// Of the core, in MHz.
    const MHZ: u64 = 10;
    const NANOSECONDS_PER_INSTRUCTION: u64 = 128;

    pub(super) fn start() {}

    pub(super) fn now() -> u32 {
        super::xtensa::ccount()
    }

    /// At most 3.3 billion.
    pub(super) fn since(start: u32) -> u64 {
        u64::from(now().wrapping_sub(start)) * 1000 / (MHZ * NANOSECONDS_PER_INSTRUCTION)
    }
}
