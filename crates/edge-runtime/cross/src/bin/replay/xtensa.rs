//! What a program needs on QEMU's machine `sim`, as machine code: rustc has no assembly for Xtensa. Encodings are those of the instruction set
//! architecture reference manual; all instructions but the short ones have three bytes.

use core::fmt;

use super::main;

/// The windows of registers that a call has pushed out are saved by code at fixed places, and restored by others. rustc calls with windows of eight.
#[repr(C, align(64))]
struct Vectors {
    of_four: [[u8; 64]; 2],
    overflow_of_eight: [[u8; 3]; 10],
    _gap: [u8; 34],
    underflow_of_eight: [[u8; 3]; 10],
}

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: Vectors = Vectors {
    of_four: [[0; 64]; 2],
    overflow_of_eight: [
        s32e(0, 9, -16),
        l32e(0, 1, -12),
        s32e(1, 9, -12),
        s32e(2, 9, -8),
        s32e(3, 9, -4),
        s32e(4, 0, -32),
        s32e(5, 0, -28),
        s32e(6, 0, -24),
        s32e(7, 0, -20),
        RFWO,
    ],
    _gap: [0; 34],
    underflow_of_eight: [
        l32e(0, 9, -16),
        l32e(1, 9, -12),
        l32e(2, 9, -8),
        l32e(7, 1, -12),
        l32e(3, 9, -4),
        l32e(4, 7, -32),
        l32e(5, 7, -28),
        l32e(6, 7, -24),
        l32e(7, 7, -20),
        RFWU,
    ],
};

/// Returns from a handler of a window's overflow.
const RFWO: [u8; 3] = [0x00, 0x34, 0x00];
/// Returns from a handler of a window's underflow.
const RFWU: [u8; 3] = [0x00, 0x35, 0x00];

/// Stores register `t` at an offset from register `s`, as handlers of windows do.
const fn s32e(t: u8, s: u8, offset: i8) -> [u8; 3] {
    [t << 4, ((offset / 4 + 16) as u8) << 4 | s, 0x49]
}

/// Loads, likewise.
const fn l32e(t: u8, s: u8, offset: i8) -> [u8; 3] {
    [t << 4, ((offset / 4 + 16) as u8) << 4 | s, 0x09]
}

/// Where the machine starts: a jump over the word that the code behind it loads.
#[repr(C, align(4))]
struct Start {
    jump: [u8; 4],
    main: extern "C" fn() -> !,
    code: [u8; 33],
}

#[unsafe(link_section = ".start")]
#[used]
static START: Start = Start {
    jump: [0x06, 0x01, 0x00, 0x00], // j code
    main,
    code: [
        0x31, 0xff, 0xff, // l32r a3, main
        0x0c, 0x12, // movi.n a2, 1
        0x20, 0x49, 0x13, // wsr.windowstart a2: one window is in use
        0xe0, 0x22, 0x01, // slli a2, a2, 18
        0x20, 0xe6, 0x13, // wsr.ps a2: calls have windows, interrupts may come, and this is no exception
        0x10, 0x20, 0x00, // rsync
        0x0c, 0x11, // movi.n a1, 1
        0xc0, 0x11, 0x01, // slli a1, a1, 20: the stack, below
        0x22, 0xc1, 0xb4, // addi a2, a1, -76
        0x19, 0x02, // s32i.n a1, a2, 0: as if a caller had its frame there
        0x12, 0xc1, 0xc0, // addi a1, a1, -64
        0xe0, 0x03, 0x00, // callx8 a3, which does not return
    ],
};

/// A function's code. It is where functions are.
#[repr(C, align(4))]
struct Code<const N: usize>([u8; N]);

/// `entry a1, 32; simcall; retw.n`: arguments and result are where a function's are.
#[unsafe(link_section = ".text.simcall")]
static SIMCALL: Code<8> = Code([0x36, 0x41, 0x00, 0x00, 0x51, 0x00, 0x1d, 0xf0]);

/// `entry a1, 32; rsr.ccount a2; retw.n`
#[unsafe(link_section = ".text.ccount")]
static CCOUNT: Code<8> = Code([0x36, 0x41, 0x00, 0x20, 0xea, 0x03, 0x1d, 0xf0]);

/// The emulator's calls.
const EXIT: u32 = 1;
const WRITE: u32 = 4;

fn simcall(number: u32, arguments: [u32; 3]) -> u32 {
    // SAFETY: it is the code of a function of this type.
    let call = unsafe { core::mem::transmute::<*const Code<8>, extern "C" fn(u32, u32, u32, u32) -> u32>(&raw const SIMCALL) };
    let [a, b, c] = arguments;
    call(number, a, b, c)
}

pub(super) fn ccount() -> u32 {
    // SAFETY: as above.
    let read = unsafe { core::mem::transmute::<*const Code<8>, extern "C" fn() -> u32>(&raw const CCOUNT) };
    read()
}

pub(super) fn exit(code: i32) -> ! {
    simcall(EXIT, [code as u32, 0, 0]);
    loop {}
}

/// Called by the compiler's own functions; the linker wants it.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    exit(102)
}

/// Standard output.
pub(super) struct Stdout;

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        simcall(WRITE, [1, text.as_ptr() as u32, text.len() as u32]);
        Ok(())
    }
}

macro_rules! println {
    ($($argument:tt)*) => {{
        let _ = core::fmt::Write::write_fmt(&mut crate::xtensa::Stdout, format_args!("{}\n", format_args!($($argument)*)));
    }};
}
pub(super) use println;
