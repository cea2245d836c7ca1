//! Constants can be used in place.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{bytes, spec};
use edge_format::*;

#[test]
fn constants_begin_at_multiples_of_sixteen() {
    let bytes = bytes();
    let program = Program::parse(&bytes).unwrap();
    let constants: Vec<&[u8]> = program.tensors().filter_map(|tensor| tensor.constant()).collect();
    assert_eq!(constants.len(), 6);
    for constant in constants {
        assert_eq!((constant.as_ptr().addr() - bytes.as_ptr().addr()) % DATA_ALIGNMENT, 0);
    }
}

#[test]
fn a_program_must_begin_at_a_multiple_of_four() {
    let bytes = bytes();
    for shift in 1..8 {
        let mut shifted = AlignedBytes::from(&vec![0; bytes.len() + shift][..]);
        shifted[shift..].copy_from_slice(&bytes);
        let found = (shift % BASE_ALIGNMENT) as u32;
        let expected = if found == 0 { None } else { Some(FormatError::BaseAlignment { expected: 4, found }) };
        assert_eq!(Program::parse(&shifted[shift..]).err(), expected);
    }
}

#[test]
fn aligned_bytes_are_aligned_and_the_same() {
    for length in 0..40 {
        let bytes: Vec<u8> = (0..length).collect();
        let aligned = AlignedBytes::from(&bytes[..]);
        assert_eq!(aligned[..], bytes);
        assert_eq!(aligned.as_ptr().addr() % DATA_ALIGNMENT, 0);
    }
}

#[test]
fn tensors_in_the_arena_are_aligned_to_their_type() {
    let mut spec = spec();
    spec.tensors.push(TensorSpec {
        name: "wide".into(),
        dtype: DType::I32,
        shape: vec![2],
        place: PlaceSpec::Arena { offset: 30 },
        scale: 1.0,
        zero_point: 0,
    });
    let expected = FormatError::TensorAlignment { tensor: 10, expected: 4, found: 30 };
    assert_eq!(write(&spec), Err(WriteError::Format(expected)));
    spec.tensors[10].place = PlaceSpec::Arena { offset: 32 };
    write(&spec).unwrap();
}
