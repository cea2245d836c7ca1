//! The header is where and what the crate's documentation says.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{bytes, spec};
use edge_format::*;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn fields_are_where_the_diagram_shows_them() {
    let (bytes, spec) = (bytes(), spec());
    assert_eq!(bytes[..8], [0x89, 0x45, 0x44, 0x47, 0x4D, 0x0D, 0x0A, 0x1A]);
    assert_eq!(bytes[8..12], [2, 0, 1, 0]);
    assert_eq!(u32_at(&bytes, 12) as usize, bytes.len());
    assert_eq!(u32_at(&bytes, 20), spec.arena_bytes);
    let section = |at| (u32_at(&bytes, at) as usize, u32_at(&bytes, at + 4) as usize);
    let (tensors, tensors_at) = section(24);
    assert_eq!((tensors, tensors_at), (spec.tensors.len(), 100));
    let (ops, ops_at) = section(32);
    assert_eq!((ops, ops_at), (spec.ops.len(), tensors_at + 56 * tensors));
    let (words, words_at) = section(40);
    // Operands of both ops, and two parameters of the first.
    assert_eq!((words, words_at), (6 + 2 + 3, ops_at + 12 * ops));
    let (inputs, inputs_at) = section(48);
    assert_eq!((inputs, inputs_at), (1, words_at + 4 * words));
    let (outputs, outputs_at) = section(56);
    assert_eq!((outputs, outputs_at), (1, inputs_at + 40));
    let (strings, strings_at) = section(64);
    assert_eq!(strings_at, outputs_at + 40);
    let (data, data_at) = section(72);
    assert_eq!((data_at, data_at + data), ((strings_at + strings).next_multiple_of(16), bytes.len()));
    let (length, offset) = (u32_at(&bytes, 84) as usize, u32_at(&bytes, 80) as usize);
    assert_eq!(&bytes[strings_at + offset..][..length], b"small");
    assert_eq!(u32_at(&bytes, 96), spec.state_bytes);
}

#[test]
fn a_tensor_is_laid_out_as_the_diagram_shows() {
    let bytes = bytes();
    let x = &bytes[100..100 + 56];
    assert_eq!(x[..4], [0, 2, 0, 0]);
    assert_eq!([4, 8, 12].map(|at| u32_at(x, at)), [1, 4, 0]);
    assert_eq!([28, 32].map(|at| u32_at(x, at)), [0, 4]);
    assert_eq!((f32::from_bits(u32_at(x, 36)), u32_at(x, 40).cast_signed()), (0.5, -3));
    assert_eq!(u32_at(x, 44), u32::MAX);
    // The view of what op 0 wrote says so.
    assert_eq!(u32_at(&bytes[100 + 6 * 56..], 44), 0);
}

#[test]
fn the_checksum_is_that_of_everything_but_itself() {
    let mut bytes = bytes();
    let checksum = u32_at(&bytes, 16);
    bytes[16..20].fill(0);
    seal(&mut bytes);
    assert_eq!(u32_at(&bytes, 16), checksum);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let error = Program::parse(&bytes).unwrap_err();
    assert!(matches!(error, FormatError::Checksum { expected, .. } if expected == checksum), "{error}");
}

#[test]
fn sealing_too_few_bytes_does_nothing() {
    let mut bytes = [7; 13];
    seal(&mut bytes);
    assert_eq!(bytes, [7; 13]);
}
