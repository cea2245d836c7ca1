//! What is written is what is read.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{bytes, spec};
use edge_format::*;

#[test]
fn everything_comes_back() {
    let spec = spec();
    let bytes = bytes();
    let program = Program::parse(&bytes).unwrap();
    assert_eq!(program.name(), spec.name);
    assert_eq!(program.producer(), spec.producer);
    assert_eq!(program.arena_bytes(), spec.arena_bytes);
    assert_eq!(program.op_count() as usize, spec.ops.len());
    assert_eq!(program.tensors().count(), spec.tensors.len());
    for (read, written) in program.tensors().zip(&spec.tensors) {
        assert_eq!(read.name, written.name);
        assert_eq!(read.dtype, written.dtype);
        assert_eq!(read.shape.dims(), written.shape);
        assert_eq!((read.scale, read.zero_point), (written.scale, written.zero_point));
        match (&written.place, read.place) {
            (PlaceSpec::Arena { offset: written }, Place::Arena { offset }) => assert_eq!(offset, *written),
            (PlaceSpec::State { offset: written }, Place::State { offset }) => assert_eq!(offset, *written),
            (PlaceSpec::Data(written), Place::Data(bytes)) => assert_eq!(bytes, written),
            (written, read) => panic!("{written:?} became {read:?}"),
        }
    }
    assert_eq!(program.tensor(2).unwrap().constant_i32(), Some(&[5, -6, 7][..]));
    assert_eq!(program.tensor(2).unwrap().constant_i8(), None);
    for (read, written) in program.ops().zip(&spec.ops) {
        assert!(read.inputs().eq(written.inputs.iter().copied()));
        assert!(read.outputs().eq(written.outputs.iter().copied()));
        assert_eq!(read.any_params(), Some(written.params));
    }
    let (inputs, outputs): (Vec<Io>, Vec<Io>) = (program.inputs().collect(), program.outputs().collect());
    for (read, written) in inputs.iter().zip(&spec.inputs).chain(outputs.iter().zip(&spec.outputs)) {
        assert_eq!((read.name, read.tensor), (&written.name[..], written.tensor));
        assert_eq!(read.shape.dims(), written.shape);
    }
    assert_eq!((inputs.len(), outputs.len()), (1, 1));
}

#[test]
fn a_program_is_written_again_as_it_was() {
    let bytes = bytes();
    let again = ProgramSpec::from(&Program::parse(&bytes).unwrap());
    assert_eq!(again, spec());
    assert_eq!(write(&again).unwrap(), bytes[..]);
}

#[test]
fn parameters_are_read_only_as_what_they_are() {
    let bytes = bytes();
    let op = Program::parse(&bytes).unwrap().op(0).unwrap();
    let expected = FullyConnectedParams { activation_min: -128, activation_max: 127 };
    assert_eq!(op.params::<FullyConnectedParams>(), Some(expected));
    assert_eq!(op.params::<Conv2dParams>(), None);
}

#[test]
fn every_operator_has_one_code_one_name_and_as_many_words_as_it_states() {
    for (index, &op) in OpCode::ALL.iter().enumerate() {
        assert_eq!(OpCode::from_code(op as u16), Some(op));
        assert!(OpCode::ALL[..index].iter().all(|other| other.name() != op.name()));
        let words: Vec<u32> = (1..=op.param_words() as u32).collect();
        let params = Params::decode(op, &words).unwrap();
        let mut encoded = Vec::new();
        params.encode(&mut |word| encoded.push(word));
        assert_eq!((params.op_code(), &encoded), (op, &words));
        let too_few = op.param_words().saturating_sub(1);
        let short = Params::decode(op, &words[..too_few]);
        assert_eq!(short.is_none(), op.param_words() > 0);
    }
}

#[test]
fn equal_descriptions_give_equal_bytes_and_equal_constants_are_stored_once() {
    let mut spec = spec();
    let bytes = write(&spec).unwrap();
    assert_eq!(bytes, write(&spec).unwrap());
    let length = |spec: &ProgramSpec| write(spec).unwrap().len();
    let shared = length(&spec);
    spec.tensors[9].place = PlaceSpec::Data(vec![9; 12]);
    assert_eq!(length(&spec), shared + 12);
}

#[test]
fn an_empty_program_is_one() {
    let bytes = write(&ProgramSpec::default()).unwrap();
    let bytes = AlignedBytes::from(&bytes[..]);
    assert_eq!(Program::parse(&bytes).unwrap().op_count(), 0);
}
