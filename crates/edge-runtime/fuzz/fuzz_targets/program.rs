//! Whatever parses and checks runs, with sums checked: `cargo +nightly fuzz run program`.
//!
//! The checksum is made right first, or nothing would get past it.

#![no_main]

use edge_format::{AlignedBytes, seal};
use edge_runtime::{Interpreter, Program, Resolver, work};
use libfuzzer_sys::fuzz_target;

/// Programs that need more than this are legal, and only large.
const MAX_ARENA_BYTES: u32 = 1 << 20;
const MAX_WORK: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = AlignedBytes::from(bytes);
    seal(&mut bytes);
    let Ok(program) = Program::parse(&bytes) else { return };
    if program.arena_bytes() > MAX_ARENA_BYTES || work(program) > MAX_WORK {
        return;
    }
    let mut arena = AlignedBytes::from(&vec![0x55; program.arena_bytes() as usize][..]);
    if let Ok(mut interpreter) = Interpreter::new(program, &mut arena, Resolver::all()) {
        interpreter.invoke().expect("what was checked runs");
    }
});
