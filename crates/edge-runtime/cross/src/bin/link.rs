//! Loads and invokes a program with the kernels that `EDGE_OPS` names, as little else as a firmware can have.
//!
//! It is linked and never run. Its panic handler calls a function that does not exist, so it links only if no panic can be
//! reached from load and invoke. Its size is that of the runtime.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::slice::{from_raw_parts, from_raw_parts_mut};

use edge_runtime::{Interpreter, Program, Registration, Resolver};

unsafe extern "C" {
    fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the function does not exist; whatever could call it does not link.
    unsafe { a_panic_can_be_reached() }
}

/// Names of operators, separated by commas; `all` for every one, nothing for none.
const OPS: &[u8] = env!("EDGE_OPS").as_bytes();

/// Whether `name` is one of [`OPS`].
const fn is_named(name: &[u8]) -> bool {
    let mut start = 0;
    while start < OPS.len() {
        let mut end = start;
        while end < OPS.len() && OPS[end] != b',' {
            end += 1;
        }
        if equal(name, start, end) {
            return true;
        }
        start = end + 1;
    }
    false
}

/// Whether [`OPS`] has `name` from `start` to `end`.
const fn equal(name: &[u8], start: usize, end: usize) -> bool {
    let mut index = 0;
    while index < name.len() && start + index < end && name[index] == OPS[start + index] {
        index += 1;
    }
    index == name.len() && start + index == end
}

const ALL: &[Registration] = edge_runtime_cross::kernels().kernels();

const fn count() -> usize {
    let (mut count, mut index) = (0, 0);
    while index < ALL.len() {
        count += (is_named(b"all") || is_named(ALL[index].op.name().as_bytes())) as usize;
        index += 1;
    }
    count
}

#[unsafe(no_mangle)]
static KERNELS: [Registration; count()] = {
    let mut kernels = [ALL[0]; count()];
    let (mut count, mut index) = (0, 0);
    while index < ALL.len() {
        if is_named(b"all") || is_named(ALL[index].op.name().as_bytes()) {
            kernels[count] = ALL[index];
            count += 1;
        }
        index += 1;
    }
    kernels
};

/// Everything that a firmware asks of the runtime, with its errors told apart and not printed.
fn run(program: &[u8], arena: &mut [u8]) -> Option<i8> {
    let program = Program::parse(program).ok()?;
    let mut interpreter = Interpreter::new(program, arena, Resolver::new(&KERNELS)).ok()?;
    interpreter.input_mut(0).ok()?.fill(1);
    interpreter.invoke().ok()?;
    interpreter.output(0).ok()?.first().copied()
}

/// The entry point: program and arena come from outside, so that no compiler can know them.
#[unsafe(no_mangle)]
extern "C" fn load_and_invoke(program: *const u8, program_bytes: usize, arena: *mut u8, arena_bytes: usize) -> i32 {
    // SAFETY: never executed; linked only.
    let (program, arena) = unsafe { (from_raw_parts(program, program_bytes), from_raw_parts_mut(arena, arena_bytes)) };
    run(program, arena).map_or(i32::MIN, i32::from)
}
