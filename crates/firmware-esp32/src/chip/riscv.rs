//! The RISC-V cores: start, trap, counter.

use core::arch::{asm, global_asm};

// The boot loader jumps here. The core knows no other way than a table for its traps, of which it enters the beginning; the table is aligned to 256.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global start",
    "start:",
    "la sp, _stack_top",
    "la t0, trap",
    "ori t0, t0, 1",
    "csrw mtvec, t0",
    "j {begin}",
    ".section .iram.trap, \"ax\"",
    ".balign 256",
    "trap:",
    "csrr a0, mcause",
    "csrr a1, mepc",
    "mv a2, ra",
    "la sp, _stack_top",
    "la t0, {trapped}",
    "jr t0",
    begin = sym crate::begin,
    trapped = sym crate::fault::trapped,
);

/// Nothing more than what is above.
pub fn catch_traps() {}

/// Lets the core's counter count its cycles.
pub fn start_counter() {
    // SAFETY: registers of the counter alone: what it counts, and that it does (ESP32-C3 technical reference manual, 1.4, mpcer and mpcmr).
    unsafe { asm!("csrwi 0x7e0, 1", "csrwi 0x7e1, 1", options(nomem, nostack)) };
}

/// Cycles, of which 32 bits are left.
pub fn cycles() -> u32 {
    let count;
    // SAFETY: it reads the counter (mpccr).
    unsafe { asm!("csrr {}, 0x7e2", out(reg) count, options(nomem, nostack)) };
    count
}
