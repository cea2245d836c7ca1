//! Broken files and descriptions, each with the error that it must give.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{X, bytes, spec};
use edge_format::*;
use proptest::prelude::*;

/// Offsets in the file of [`common::spec`].
const TENSORS: usize = 100;
const OPS: usize = TENSORS + 10 * 56;
const WORDS: usize = OPS + 2 * 12;
const INPUT: usize = WORDS + 11 * 4;
const OUTPUT: usize = INPUT + 40;
const STRINGS: usize = OUTPUT + 40;

/// Parses the file after `change`, sealed again.
fn after(change: impl FnOnce(&mut [u8])) -> FormatError {
    let mut bytes = bytes();
    change(&mut bytes);
    seal(&mut bytes);
    Program::parse(&bytes).unwrap_err()
}

/// Parses the file with another word at `at`, sealed again.
fn with(at: usize, word: u32) -> FormatError {
    after(|bytes| bytes[at..at + 4].copy_from_slice(&word.to_le_bytes()))
}

/// Parses the file with another byte at `at`, sealed again.
fn with_byte(at: usize, byte: u8) -> FormatError {
    after(|bytes| bytes[at] = byte)
}

fn tensor(index: usize, field: usize) -> usize {
    TENSORS + index * 56 + field
}

#[test]
fn envelope() {
    assert_eq!(Program::parse(&AlignedBytes::from(&[][..])).unwrap_err(), FormatError::Truncated { expected: 100, found: 0 });
    assert_eq!(with_byte(0, b'x'), FormatError::Magic { found: *b"xEDGM\r\n\x1a" });
    assert_eq!(with_byte(8, 3), FormatError::FormatVersion { expected: 2, found: 3 });
    assert_eq!(with_byte(10, 9), FormatError::RuntimeAbi { expected: 1, found: 9 });
    let whole = bytes();
    let length = whole.len() as u32;
    let found = u64::from(length) - 4;
    assert_eq!(Program::parse(&whole[..whole.len() - 4]).unwrap_err(), FormatError::Length { expected: length, found });
    assert_eq!(with(20, 1 << 31), FormatError::ArenaSize { limit: i32::MAX as u32, found: 1 << 31 });
}

#[test]
fn sections() {
    let found = TENSORS as u32 + 4;
    assert_eq!(with(28, found), FormatError::SectionOffset { section: Section::Tensors, expected: 100, found });
    let offset = TENSORS as u32;
    assert_eq!(with(24, u32::MAX), FormatError::SectionEnd { section: Section::Tensors, offset, count: u32::MAX });
    let (length, data_length) = (bytes().len() as u32, u32::from_le_bytes(bytes()[72..76].try_into().unwrap()));
    assert_eq!(with(72, data_length - 1), FormatError::TrailingBytes { expected: length - 1, found: length });
    let strings = u32::from_le_bytes(bytes()[64..68].try_into().unwrap());
    let padding = STRINGS as u32 + strings;
    assert!(!padding.is_multiple_of(16), "no padding to damage");
    assert_eq!(with_byte(padding as usize, 3), FormatError::Reserved { offset: padding, found: 3 });
    assert_eq!(with_byte(tensor(4, 3), 3), FormatError::Reserved { offset: tensor(4, 3) as u32, found: 3 });
}

#[test]
fn strings() {
    let limit = u32::from_le_bytes(bytes()[64..68].try_into().unwrap());
    let part = Part::Header;
    assert_eq!(with(80, limit), FormatError::StringExtent { part, offset: limit, length: 5, limit });
    let error = with(88, u32::MAX);
    assert_eq!(error, FormatError::StringExtent { part, offset: u32::MAX, length: 17, limit });
    assert_eq!(with_byte(STRINGS, 0xFF), FormatError::StringUtf8 { offset: 0 });
}

#[test]
fn tensors() {
    assert_eq!(with_byte(tensor(1, 0), 6), FormatError::DType { tensor: 1, found: 6 });
    let part = Part::Tensor(0);
    assert_eq!(with_byte(tensor(0, 1), 7), FormatError::Shape { part, rank: 7, dims: [1, 4, 0, 0, 0, 0] });
    assert_eq!(with_byte(tensor(0, 1), 1), FormatError::Shape { part, rank: 1, dims: [1, 4, 0, 0, 0, 0] });
    assert_eq!(with(tensor(0, 8), 0), FormatError::Shape { part, rank: 2, dims: [1, 0, 0, 0, 0, 0] });
    assert_eq!(with(tensor(0, 8), u32::MAX), FormatError::Shape { part, rank: 2, dims: [1, u32::MAX, 0, 0, 0, 0] });
    assert_eq!(with_byte(tensor(1, 2), 2), FormatError::Place { tensor: 1, found: 2 });
    assert_eq!(with(tensor(0, 32), 5), FormatError::ByteLength { tensor: 0, expected: 4, found: 5 });
    assert_eq!(with(tensor(0, 28), 37), FormatError::Extent { tensor: 0, offset: 37, length: 4, start: 0, end: 40 });
    let error = with(tensor(0, 28), u32::MAX);
    assert_eq!(error, FormatError::Extent { tensor: 0, offset: u32::MAX, length: 4, start: 0, end: 40 });
    assert_eq!(with(tensor(1, 28), 4), FormatError::TensorAlignment { tensor: 1, expected: 16, found: 4 });
    assert_eq!(with(tensor(0, 36), (-1f32).to_bits()), FormatError::Scale { tensor: 0, found: -1.0 });
    assert!(matches!(with(tensor(0, 36), f32::NAN.to_bits()), FormatError::Scale { tensor: 0, .. }));
    assert_eq!(with(tensor(0, 40), 128), FormatError::ZeroPoint { tensor: 0, min: -128, max: 127, found: 128 });
    assert_eq!(with(tensor(2, 40), 1), FormatError::ZeroPoint { tensor: 2, min: 0, max: 0, found: 1 });
    assert_eq!(with(tensor(5, 44), 2), FormatError::WrittenBy { tensor: 5, found: 2, limit: 2 });
    assert_eq!(with(tensor(1, 44), 0), FormatError::WrittenBy { tensor: 1, found: 0, limit: 2 });
}

#[test]
fn ops() {
    assert_eq!(with_byte(OPS, 99), FormatError::OpCode { op: 0, found: 99 });
    assert_eq!(with_byte(OPS + 6, 3), FormatError::ParamWords { op: 0, expected: 2, found: 3 });
    assert_eq!(with_byte(OPS + 12 + 2, 9), FormatError::OpWords { op: 1, first: 8, length: 10, limit: 11 });
    assert_eq!(with(OPS + 12 + 8, 7), FormatError::FirstWord { op: 1, expected: 8, found: 7 });
    assert_eq!(with_byte(OPS + 12 + 2, 1), FormatError::Order { op: 1, tensor: 7, found: u32::MAX });
    assert_eq!(with_byte(OPS + 12 + 4, 0), FormatError::UnusedWords { expected: 10, found: 11 });
    assert_eq!(with(WORDS, 10), FormatError::TensorIndex { part: Part::Op(0), found: 10, limit: 10 });
    // The first op reads what the second writes; then writes what is the second's; then what nobody writes.
    assert_eq!(with(WORDS, 8), FormatError::Order { op: 0, tensor: 8, found: 1 });
    assert_eq!(with(WORDS + 20, 8), FormatError::Order { op: 0, tensor: 8, found: 1 });
    assert_eq!(with(WORDS + 20, X), FormatError::Order { op: 0, tensor: X, found: u32::MAX });
}

#[test]
fn inputs_and_outputs() {
    assert_eq!(with(INPUT, 10), FormatError::TensorIndex { part: Part::Input(0), found: 10, limit: 10 });
    assert_eq!(with(INPUT, 1), FormatError::IoTensor { part: Part::Input(0), tensor: 1 });
    assert_eq!(with(INPUT, 8), FormatError::IoTensor { part: Part::Input(0), tensor: 8 });
    assert_eq!(with(OUTPUT, 7), FormatError::IoTensor { part: Part::Output(0), tensor: 7 });
    assert_eq!(with(OUTPUT + 12, 4), FormatError::IoShape { part: Part::Output(0), expected: 3, found: 4 });
    let part = Part::Input(0);
    assert_eq!(with(INPUT + 4, 8), FormatError::Shape { part, rank: 8, dims: [1, 4, 1, 0, 0, 0] });
}

#[test]
fn errors_say_what_where_expected_and_found() {
    let text = with(tensor(0, 28), 37).to_string();
    assert_eq!(text, "tensor 0: 4 bytes at 37 lie outside of 0..40");
    assert_eq!(with_byte(8, 3).to_string(), "format version 3, this reader knows 2");
    let magic = with_byte(0, b'x').to_string();
    assert_eq!(magic, "not an edgm program: it begins with [78, 45, 44, 47, 4d, 0d, 0a, 1a]");
}

#[test]
fn descriptions_that_cannot_be_written() {
    let refused = |change: fn(&mut ProgramSpec)| {
        let mut spec = spec();
        change(&mut spec);
        write(&spec).unwrap_err()
    };
    let error = refused(|spec| spec.tensors[0].shape = vec![1; 7]);
    assert_eq!(error, WriteError::Rank { name: "x".into(), shape: vec![1; 7] });
    let error = refused(|spec| spec.ops[0].inputs = vec![0; 70_000]);
    assert_eq!(error, WriteError::Operands { op: 0, found: 70_000 });
    let error = refused(|spec| spec.ops[0].outputs = vec![10]);
    assert_eq!(error, WriteError::TensorIndex { op: 0, found: 10, limit: 10 });
    let error = refused(|spec| spec.inputs.clear());
    assert_eq!(error, WriteError::Undefined { tensor: 0, name: "x".into() });
    let error = refused(|spec| spec.ops[1].outputs = vec![5]);
    assert_eq!(error, WriteError::WrittenTwice { tensor: 5, name: "hidden".into(), op: 1 });
    let error = refused(|spec| spec.tensors[1].place = PlaceSpec::Data(vec![1; 11]));
    assert_eq!(error, WriteError::Format(FormatError::ByteLength { tensor: 1, expected: 12, found: 11 }));
    let error = refused(|spec| spec.arena_bytes = 18);
    assert_eq!(error, WriteError::Format(FormatError::Extent { tensor: 5, offset: 16, length: 3, start: 0, end: 18 }));
}

/// Everything that a program offers, for a panic or an index that does not exist to show.
fn use_all(program: &Program) {
    for tensor in program.tensors() {
        assert!(tensor.byte_length >= 1 && tensor.shape.rank() <= MAX_RANK);
        if let Place::Arena { offset } = tensor.place {
            assert!(offset + tensor.byte_length <= program.arena_bytes());
        }
        let _ = (tensor.constant_i8(), tensor.constant_i32());
    }
    for op in program.ops() {
        assert!(op.any_params().is_some());
        assert!(op.inputs().chain(op.outputs()).all(|tensor| program.tensor(tensor).is_some()));
    }
    assert_eq!(program.ops().count(), program.op_count() as usize);
    assert!(program.inputs().chain(program.outputs()).all(|io| program.tensor(io.tensor).is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_refused_or_safe(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = bytes();
        let length = bytes.len();
        for (index, byte) in changes {
            bytes[index.index(length)] = byte;
        }
        seal(&mut bytes);
        if let Ok(program) = Program::parse(&bytes) {
            use_all(&program);
        }
    }

    #[test]
    fn cut_files_are_refused(cut: prop::sample::Index) {
        let whole = bytes();
        let mut cut = AlignedBytes::from(&whole[..cut.index(whole.len())]);
        prop_assert!(Program::parse(&cut).is_err());
        seal(&mut cut);
        prop_assert!(Program::parse(&cut).is_err());
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Program::parse(&AlignedBytes::from(&noise[..])).is_err());
    }
}
