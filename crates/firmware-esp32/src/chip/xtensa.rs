//! The Xtensa cores. rustc knows no assembly for them, and none is needed: the boot loader calls the entry as a function, on the boot ROM's stack,
//! with the boot ROM's vectors in place, which save and restore windows of registers and call what is set here.

use crate::chip::rom;

/// The boot loader calls this.
#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    crate::begin()
}

/// Called by the compiler's own functions; the linker wants it.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    crate::fault::trapped(0, 0, 0)
}

/// Causes of exceptions that end a program: Xtensa instruction set architecture, table 4-64. The others are the boot ROM's.
const CAUSES: [u32; 10] = [0, 2, 3, 6, 8, 9, 20, 28, 29, 30];

/// What the boot ROM has saved, at the beginning: where the exception was, the status, and the registers.
#[repr(C)]
struct Frame {
    pc: u32,
    status: u32,
    registers: [u32; 4],
}

/// Has exceptions end the run with a record of them.
pub fn catch_traps() {
    for cause in CAUSES {
        // SAFETY: it keeps the function, which takes what it is given.
        unsafe { rom::xtos_set_exception_handler(cause, handler as *const () as usize) };
    }
}

extern "C" fn handler(frame: &Frame, cause: u32) {
    crate::fault::trapped(cause, frame.pc, frame.registers[0])
}
