//! What the executor refuses, and what it shows.
#![allow(clippy::unwrap_used, missing_docs)]

use edge_format::*;
use edge_runtime::kernel::{mul, table};
use edge_runtime::{CheckError, Interpreter, Operand, Resolver, RuntimeError};

fn tensor(shape: &[u32], place: PlaceSpec) -> TensorSpec {
    TensorSpec { name: String::new(), dtype: DType::I8, shape: shape.into(), place, scale: 1.0, zero_point: 0 }
}

/// Negates four numbers, views them as two by two, and swaps the axes.
fn spec() -> ProgramSpec {
    let negation = (0..256).map(|index| (128 - index).min(127) as i8 as u8).collect();
    ProgramSpec {
        arena_bytes: 8,
        tensors: vec![
            tensor(&[4], PlaceSpec::Arena { offset: 0 }),
            tensor(&[256], PlaceSpec::Data(negation)),
            tensor(&[4], PlaceSpec::Arena { offset: 0 }),
            tensor(&[2, 2], PlaceSpec::Arena { offset: 0 }),
            tensor(&[2, 2], PlaceSpec::Arena { offset: 4 }),
        ],
        ops: vec![
            OpSpec { params: TableParams {}.into(), inputs: vec![0, 1], outputs: vec![2] },
            OpSpec { params: TransposeParams { perm: [1, 0, 0, 0, 0, 0] }.into(), inputs: vec![3], outputs: vec![4] },
        ],
        inputs: vec![IoSpec { name: "x".into(), tensor: 0, shape: vec![4] }],
        outputs: vec![IoSpec { name: "y".into(), tensor: 4, shape: vec![2, 2] }],
        ..ProgramSpec::default()
    }
}

/// Builds an interpreter and gives it to `then`.
fn with<T>(spec: &ProgramSpec, resolver: Resolver<'_>, then: impl FnOnce(Result<Interpreter<'_, '_>, RuntimeError>) -> T) -> T {
    let bytes = AlignedBytes::from(&write(spec).unwrap()[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = vec![0; spec.arena_bytes as usize];
    then(Interpreter::new(program, &mut arena, resolver))
}

fn refusal(change: impl FnOnce(&mut ProgramSpec)) -> RuntimeError {
    let mut spec = spec();
    change(&mut spec);
    with(&spec, Resolver::all(), |interpreter| interpreter.err().unwrap())
}

#[test]
fn runs_again_and_again_and_shows_every_op() {
    with(&spec(), Resolver::all(), |interpreter| {
        let mut interpreter = interpreter.unwrap();
        for _ in 0..2 {
            interpreter.input_mut(0).unwrap().copy_from_slice(&[1, -2, 3, -128]);
            let mut seen = Vec::new();
            interpreter.invoke_with(|executed| seen.push((executed.index, executed.op.code, executed.output.to_vec()))).unwrap();
            let expected = [(0, OpCode::Table, vec![-1, 2, -3, 127]), (1, OpCode::Transpose, vec![-1, -3, 2, 127])];
            assert_eq!(seen, expected);
            assert_eq!(interpreter.output(0).unwrap(), [-1, -3, 2, 127]);
        }
        assert_eq!(interpreter.input_mut(1).unwrap_err(), RuntimeError::NoSuchIo { found: 1, count: 1 });
        assert_eq!(interpreter.output(7).unwrap_err(), RuntimeError::NoSuchIo { found: 7, count: 1 });
    });
}

#[test]
fn copy_gives_the_same_bytes_beside_its_input_and_in_its_place() {
    for offset in [4, 0] {
        let mut spec = spec();
        spec.tensors[4].place = PlaceSpec::Arena { offset };
        spec.ops[1].params = CopyParams {}.into();
        with(&spec, Resolver::all(), |interpreter| {
            let mut interpreter = interpreter.unwrap();
            interpreter.input_mut(0).unwrap().copy_from_slice(&[1, -2, 3, -128]);
            interpreter.invoke().unwrap();
            assert_eq!(interpreter.output(0).unwrap(), [-1, 2, -3, 127]);
        });
    }
}

#[test]
fn the_arena_must_be_large_enough() {
    let bytes = AlignedBytes::from(&write(&spec()).unwrap()[..]);
    let program = Program::parse(&bytes).unwrap();
    let refused = Interpreter::new(program, &mut [0; 7], Resolver::all()).err();
    assert_eq!(refused, Some(RuntimeError::ArenaSize { expected: 8, found: 7 }));
    assert!(Interpreter::new(program, &mut [0; 9], Resolver::all()).is_ok());
}

#[test]
fn a_missing_kernel_is_named() {
    let resolver = Resolver::new(&[mul::KERNEL, table::KERNEL]);
    let error = with(&spec(), resolver, |interpreter| interpreter.err().unwrap());
    assert_eq!(error, RuntimeError::NoKernel { op: 1, code: OpCode::Transpose });
    assert_eq!(error.to_string(), "op 1: no kernel for transpose");
}

#[test]
fn an_output_covers_no_input_but_where_the_operator_allows_it() {
    let error = CheckError::Overlap { operand: Operand::Input(0), input_offset: 0, output_offset: 3 };
    let refused = refusal(|spec| spec.tensors[4].place = PlaceSpec::Arena { offset: 3 });
    assert_eq!(refused, RuntimeError::Op { op: 1, code: OpCode::Transpose, error });
    // The very same place is one too, for an operator that cannot run in place.
    let error = CheckError::Overlap { operand: Operand::Input(0), input_offset: 0, output_offset: 0 };
    let refused = refusal(|spec| spec.tensors[4].place = PlaceSpec::Arena { offset: 0 });
    assert_eq!(refused, RuntimeError::Op { op: 1, code: OpCode::Transpose, error });
    // And an operator that can run in place cannot run beside it.
    let error = CheckError::Overlap { operand: Operand::Input(0), input_offset: 0, output_offset: 1 };
    let refused = refusal(|spec| {
        spec.tensors[2].place = PlaceSpec::Arena { offset: 1 };
        spec.tensors[3].place = PlaceSpec::Arena { offset: 1 };
        spec.arena_bytes = 16;
        spec.tensors[4].place = PlaceSpec::Arena { offset: 8 };
    });
    assert_eq!(refused, RuntimeError::Op { op: 0, code: OpCode::Table, error });
}

#[test]
fn kernels_refuse_what_they_cannot_run() {
    let refused = refusal(|spec| spec.ops[1].params = TransposeParams { perm: [1, 1, 0, 0, 0, 0] }.into());
    let error = CheckError::Param { name: "perm", found: 1 };
    assert_eq!(refused, RuntimeError::Op { op: 1, code: OpCode::Transpose, error });
    assert_eq!(refused.to_string(), "op 1 (transpose): perm is 1");
    let refused = refusal(|spec| spec.ops[0].inputs = vec![0]);
    let error = CheckError::InputCount { expected: 2, found: 1 };
    assert_eq!(refused, RuntimeError::Op { op: 0, code: OpCode::Table, error });
    let refused = refusal(|spec| spec.ops[0].inputs = vec![0, 0]);
    let error = CheckError::NotConstant { operand: Operand::Input(1) };
    assert_eq!(refused, RuntimeError::Op { op: 0, code: OpCode::Table, error });
    let refused = refusal(|spec| spec.tensors[3].zero_point = 5);
    let error = CheckError::Affine { operand: Operand::Input(0), scale: 1.0, zero_point: 5 };
    assert_eq!(refused, RuntimeError::Op { op: 1, code: OpCode::Transpose, error });
}

#[test]
fn model_inputs_and_outputs_are_int8() {
    let refused = refusal(|spec| spec.tensors[0].dtype = DType::U8);
    let error = CheckError::DType { operand: Operand::Input(0), expected: DType::I8, found: DType::U8 };
    assert_eq!(refused, RuntimeError::Op { op: 0, code: OpCode::Table, error });
    let refused = refusal(|spec| {
        spec.tensors.push(TensorSpec { dtype: DType::U8, ..tensor(&[4], PlaceSpec::Arena { offset: 0 }) });
        spec.inputs[0].tensor = 5;
    });
    assert_eq!(refused, RuntimeError::IoDType { index: 0, expected: DType::I8, found: DType::U8 });
}
