//! Whatever passes the checks runs without a panic: valid programs of every operator, damaged and sealed again.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::cell::Cell;

use common::cases;
use edge_format::{AlignedBytes, seal, write};
use edge_runtime::{Interpreter, Program, Resolver};
use proptest::prelude::*;

/// Programs that need more memory than this are not run: they are legal, and only slow.
const MAX_ARENA_BYTES: u32 = 1 << 16;

/// Programs tried per operator.
const CASES: u32 = 2000;

/// A change of one word, at a place given as a fraction of the file.
#[derive(Clone, Copy, Debug)]
enum Change {
    Set(u32),
    Add(i32),
    /// To a byte of the word.
    Byte(u8, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (-3i32..=3).prop_map(Change::Add),
        2 => (0u32..9).prop_map(Change::Set),
        1 => any::<u32>().prop_map(Change::Set),
        1 => (0u32..32).prop_map(|bit| Change::Set(1 << bit)),
        1 => (0u32..32).prop_map(|bit| Change::Set((1 << bit) - 1)),
        2 => (0u8..4, any::<u8>()).prop_map(|(index, byte)| Change::Byte(index, byte)),
    ]
}

/// Whether a program was accepted; if so, it has run.
fn runs(bytes: &[u8]) -> bool {
    let Some(program) = Program::parse(bytes).ok().filter(|program| program.arena_bytes() <= MAX_ARENA_BYTES) else {
        return false;
    };
    let mut arena = AlignedBytes::from(&vec![0x7f; program.arena_bytes() as usize][..]);
    let Ok(mut interpreter) = Interpreter::new(program, &mut arena, Resolver::all()) else { return false };
    interpreter.invoke().unwrap();
    for (index, _) in program.outputs().enumerate() {
        let read = interpreter.output(index).map(drop).or_else(|_| interpreter.output_of::<i16>(index).map(drop));
        read.or_else(|_| interpreter.output_of::<i32>(index).map(drop)).unwrap();
    }
    true
}

fn programs(op: &str) -> Vec<AlignedBytes> {
    cases(op).iter().map(|case| AlignedBytes::from(&write(&case.program()).unwrap()[..])).collect()
}

fn damage(op: &str) {
    let programs = programs(op);
    let ran = Cell::new(0);
    let changes = prop::collection::vec((0usize..1 << 16, change()), 1..4);
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let strategy = (prop::sample::select(programs), changes);
    let outcome = runner.run(&strategy, |(mut bytes, changes)| {
        // Constants are at the end: what is before them decides, and two changes in three go there.
        let tables = Program::parse(&bytes).map_or(0, |program| bytes.len() - program.data().len());
        for (place, change) in changes {
            let limit = if place % 3 == 0 { bytes.len() } else { tables };
            let at = place * (limit / 4 - 1) / (1 << 16) * 4;
            let word: &mut [u8; 4] = (&mut bytes[at..at + 4]).try_into().unwrap();
            match change {
                Change::Set(value) => *word = value.to_le_bytes(),
                Change::Add(delta) => *word = u32::from_le_bytes(*word).wrapping_add_signed(delta).to_le_bytes(),
                Change::Byte(index, byte) => word[usize::from(index)] = byte,
            }
        }
        seal(&mut bytes);
        ran.set(ran.get() + u32::from(runs(&bytes)));
        Ok(())
    });
    outcome.unwrap();
    // Otherwise the changes are too crude to reach any kernel.
    assert!(ran.get() > CASES / 40, "{} of {CASES} programs of {op} ran", ran.get());
}

macro_rules! damage {
    ($($op:ident)*) => {$(
        #[test]
        fn $op() {
            damage(stringify!($op));
        }
    )*};
}

damage! { add average_pool2d batch_matmul concat conv2d depthwise_conv2d fully_connected gather lstm max_pool2d maximum mean minimum mul pad reduce_max reduce_min resize_bilinear resize_nearest softmax strided_slice sub tanh transpose

    add_i16 average_pool2d_i16 concat_i16 conv2d_i16 depthwise_conv2d_i16 exp_i16 fully_connected_i16 logistic_i16 max_pool2d_i16
    maximum_i16 mean_i16 minimum_i16 mul_i16 pad_i16 quantize_i16 reduce_max_i16 softmax_i16 sub_i16 tanh_i16 transpose_i16
}
