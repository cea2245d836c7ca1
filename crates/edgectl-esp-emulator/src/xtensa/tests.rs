//! What QEMU's core lacks, and what its programs do not use, by the instruction set architecture reference manual.

use super::{Bus, Core, NoCode, Refused, Stop};

/// Code at 0, data behind it.
struct Ram(Vec<u8>);

impl Bus for Ram {
    fn fetch(&mut self, address: u32) -> Result<u32, NoCode> {
        self.load(address, 4, 0).map(|word| word & 0xff_ffff).map_err(NoCode::Refused)
    }

    fn load(&mut self, address: u32, bytes: u32, _: u64) -> Result<u32, Refused> {
        let found = self.0.get(address as usize..(address + bytes) as usize).ok_or("behind the end")?;
        let mut word = [0; 4];
        word[..found.len()].copy_from_slice(found);
        Ok(u32::from_le_bytes(word))
    }

    fn store(&mut self, address: u32, bytes: u32, value: u32, _: u64) -> Result<(), Refused> {
        let place = self.0.get_mut(address as usize..(address + bytes) as usize).ok_or("behind the end")?;
        place.copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
        Ok(())
    }
}

const SIMCALL: [u8; 3] = [0x00, 0x51, 0x00];

/// Executes code that ends with `simcall`, with what registers hold from the second on.
fn run(code: &[[u8; 3]], registers: &[u32]) -> (Core, Ram) {
    let mut ram = Ram([&code.concat()[..], &SIMCALL, &[0; 64]].concat());
    let mut core = Core::new(0, 0x100, 64);
    core.call(0, 0);
    for (register, &value) in (2..).zip(registers) {
        core.set(register, value);
    }
    assert_eq!(core.run(&mut ram, 1000), Stop::Simcall);
    (core, ram)
}

/// An instruction with three registers: `op2 op1 r s t 0`.
fn rrr(op2: u8, op1: u8, r: u8, s: u8, t: u8) -> [u8; 3] {
    [t << 4, r << 4 | s, op2 << 4 | op1]
}

#[test]
fn high_halves_of_products() {
    let values = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0x1234_5678, 0xdead_beef];
    for (a, b) in values.iter().flat_map(|&a| values.map(|b| (a, b))) {
        let (core, _) = run(&[rrr(10, 2, 4, 2, 3), rrr(11, 2, 5, 2, 3)], &[a, b]);
        let signed = (i64::from(a as i32) * i64::from(b as i32)) as u64;
        assert_eq!((core.get(4), core.get(5)), (((u64::from(a) * u64::from(b)) >> 32) as u32, (signed >> 32) as u32), "{a:#x} {b:#x}");
    }
}

#[test]
fn a_loop_costs_nothing_and_ends() {
    // loop a2, 6 bytes behind it; addi a3, a3, 1; slli a4, a3, 1
    let code = [[0x76, 0x82, 5], [0x32, 0xc3, 1], rrr(1, 1, 4, 3, 15)];
    let (core, _) = run(&code, &[10, 0]);
    assert_eq!((core.get(3), core.get(4), core.cycles), (10, 20, 21));
    // loopnez a2: not at all.
    let (core, _) = run(&[[0x76, 0x92, 5], code[1], code[2]], &[0, 0]);
    assert_eq!((core.get(3), core.cycles), (0, 1));
}

#[test]
fn a_word_is_exchanged_if_it_is_what_was_expected() {
    // wsr.scompare1 a4; s32c1i a3, a2, 0
    let code = [[0x40, 0x0c, 0x13], [0x32, 0xe2, 0]];
    for (expected, stored) in [(0, 7), (1, 0)] {
        let (core, ram) = run(&code, &[32, 7, expected]);
        assert_eq!((core.get(3), ram.0[32]), (0, stored));
    }
}

#[test]
fn what_would_be_an_exception_stops_the_core() {
    let stop = |code: [u8; 3], registers: &[u32]| {
        let mut ram = Ram([&code[..], &[0; 64]].concat());
        let mut core = Core::new(0, 0x100, 64);
        for (register, &value) in (2..).zip(registers) {
            core.set(register, value);
        }
        core.run(&mut ram, 10)
    };
    assert!(matches!(stop([0, 0, 0], &[]), Stop::Fault { pc: 0, .. }), "ill");
    assert!(matches!(stop(rrr(12, 2, 4, 2, 3), &[1, 0]), Stop::Fault { why: "divided by zero", .. }), "quou");
    assert!(matches!(stop([0x32, 0x22, 0], &[2]), Stop::Fault { address: 2, .. }), "l32i");
    assert!(matches!(stop([0x32, 0x22, 0], &[0x1000]), Stop::Fault { address: 0x1000, why: "behind the end", .. }), "l32i");
}
