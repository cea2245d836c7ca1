//! Damaged programs: whatever passes the checks runs, without a panic and in bounded time.
//!
//! Valid programs of every operator are changed in a few words and sealed again, so that no checksum stops them. `EDGE_MUTATIONS` is how many;
//! CI tries a million.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::cases;
use edge_format::{AlignedBytes, seal, write};
use edge_runtime::{Interpreter, Program, Resolver, work};

/// Programs that need more memory or work than this are not run: they are legal, and only large.
const MAX_ARENA_BYTES: u32 = 1 << 16;
const MAX_WORK: u64 = 1 << 18;

/// One program in so many, at least, is to run, or the changes are too crude to reach the kernels.
const ENOUGH: u64 = 50;

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Changes up to three words. Constants are at the end; what is before them decides, and two changes in three go there.
fn damage(bytes: &mut [u8], tables: usize, random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let limit = if random.below(3) == 0 { bytes.len() } else { tables };
        let at = random.below(limit / 4) * 4;
        let word: &mut [u8; 4] = (&mut bytes[at..at + 4]).try_into().unwrap();
        let old = u32::from_le_bytes(*word);
        let new = match random.below(10) {
            0..3 => old.wrapping_add_signed(random.below(7) as i32 - 3),
            3..5 => random.below(9) as u32,
            5 => random.next() as u32,
            6 => 1 << random.below(32),
            7 => (1 << random.below(32)) - 1,
            _ => old & !(0xFF << (8 * random.below(4))) | (random.next() as u32 & 0xFF) << (8 * random.below(4)),
        };
        *word = new.to_le_bytes();
    }
    seal(bytes);
}

/// Whether a program was accepted; if so, it has run.
fn runs(bytes: &[u8], arena: &mut AlignedBytes) -> bool {
    let small = |program: &Program<'_>| program.arena_bytes() <= MAX_ARENA_BYTES && work(*program) <= MAX_WORK;
    let Some(program) = Program::parse(bytes).ok().filter(small) else { return false };
    arena.fill(0x7f);
    let Ok(mut interpreter) = Interpreter::new(program, arena, Resolver::all()) else { return false };
    interpreter.invoke().unwrap();
    for (index, _) in program.outputs().enumerate() {
        assert!(
            interpreter.output(index).is_ok() || interpreter.output_of::<i16>(index).is_ok() || interpreter.output_of::<i32>(index).is_ok()
        );
    }
    true
}

/// Damages the programs of an operator, so many times; gives how often that ran.
fn hammer(op: &str, times: u64) -> u64 {
    let programs: Vec<Vec<u8>> = cases(op).iter().map(|case| write(&case.program()).unwrap()).collect();
    let mut arena = AlignedBytes::from(&[0; MAX_ARENA_BYTES as usize][..]);
    let mut ran = 0;
    for seed in 1..=times {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut bytes = AlignedBytes::from(&programs[random.below(programs.len())][..]);
        let tables = Program::parse(&bytes).map_or(0, |program| bytes.len() - program.data().len());
        damage(&mut bytes, tables, &mut random);
        match catch_unwind(AssertUnwindSafe(|| runs(&bytes, &mut arena))) {
            Ok(has_run) => ran += u64::from(has_run),
            Err(panic) => {
                let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                panic!("{op}, seed {seed}: {}", why.unwrap_or_default());
            }
        }
    }
    ran
}

#[test]
fn damaged_programs_run_without_a_panic() {
    let mutations: u64 = std::env::var("EDGE_MUTATIONS").map_or(100_000, |number| number.parse().unwrap());
    let ops: Vec<&str> = common::ops().collect();
    let times = mutations.div_ceil(ops.len() as u64);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(op) = ops.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ran = hammer(op, times);
            assert!(ran >= times / ENOUGH, "{ran} of {times} programs of {op} ran");
        }
    };
    std::thread::scope(|scope| (0..std::thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(worker))));
}
