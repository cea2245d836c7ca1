//! What lasts from one invocation to the next.
#![allow(clippy::unwrap_used, missing_docs)]

use edge_format::*;
use edge_runtime::{CheckError, Interpreter, Operand, Resolver, RuntimeError};

fn tensor(shape: &[u32], place: PlaceSpec) -> TensorSpec {
    TensorSpec { name: String::new(), dtype: DType::I8, shape: shape.into(), place, scale: 1.0, zero_point: 7 }
}

/// Remembers the last five pairs of numbers and gives them, transposed.
fn spec() -> ProgramSpec {
    ProgramSpec {
        arena_bytes: 28,
        state_bytes: 10,
        tensors: vec![
            tensor(&[2, 2], PlaceSpec::Arena { offset: 12 }),
            tensor(&[5, 2], PlaceSpec::State { offset: 0 }),
            tensor(&[5, 2], PlaceSpec::State { offset: 0 }),
            tensor(&[2, 5], PlaceSpec::Arena { offset: 16 }),
        ],
        ops: vec![
            OpSpec { params: ShiftParams { axis: 0 }.into(), inputs: vec![0, 1], outputs: vec![2] },
            OpSpec { params: TransposeParams { perm: [1, 0, 0, 0, 0, 0] }.into(), inputs: vec![2], outputs: vec![3] },
        ],
        inputs: vec![IoSpec { name: "x".into(), tensor: 0, shape: vec![2, 2] }],
        outputs: vec![IoSpec { name: "y".into(), tensor: 3, shape: vec![2, 5] }],
        ..ProgramSpec::default()
    }
}

fn with<T>(spec: &ProgramSpec, then: impl FnOnce(Result<Interpreter<'_, '_>, RuntimeError>) -> T) -> T {
    let bytes = AlignedBytes::from(&write(spec).unwrap()[..]);
    let mut arena = vec![99; spec.arena_bytes as usize];
    then(Interpreter::new(Program::parse(&bytes).unwrap(), &mut arena, Resolver::all()))
}

fn refusal(change: impl FnOnce(&mut ProgramSpec)) -> FormatError {
    let mut spec = spec();
    change(&mut spec);
    match write(&spec) {
        Err(WriteError::Format(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_window_keeps_what_it_saw_until_it_is_reset() {
    with(&spec(), |interpreter| {
        let mut interpreter = interpreter.unwrap();
        let show = |interpreter: &mut Interpreter<'_, '_>, x: [i8; 4]| {
            interpreter.input_mut(0).unwrap().copy_from_slice(&x);
            interpreter.invoke().unwrap();
            <[i8; 10]>::try_from(interpreter.output(0).unwrap()).unwrap()
        };
        for _ in 0..2 {
            assert_eq!(show(&mut interpreter, [1, -1, 2, -2]), [7, 7, 7, 1, 2, 7, 7, 7, -1, -2]);
            assert_eq!(show(&mut interpreter, [3, -3, 4, -4]), [7, 1, 2, 3, 4, 7, -1, -2, -3, -4]);
            assert_eq!(show(&mut interpreter, [5, -5, 6, -6]), [2, 3, 4, 5, 6, -2, -3, -4, -5, -6]);
            interpreter.reset();
        }
    });
}

#[test]
fn what_is_remembered_can_be_kept_and_put_back() {
    with(&spec(), |interpreter| {
        let mut interpreter = interpreter.unwrap();
        let step = |interpreter: &mut Interpreter<'_, '_>, x: &[i8]| {
            interpreter.input_mut(0).unwrap().copy_from_slice(x);
            interpreter.invoke().unwrap();
            interpreter.output(0).unwrap().to_vec()
        };
        step(&mut interpreter, &[1, -1, 2, -2]);
        let kept = interpreter.state().to_vec();
        assert_eq!(kept.len(), interpreter.program().state_bytes() as usize);
        let expected = step(&mut interpreter, &[3, -3, 4, -4]);
        step(&mut interpreter, &[9, 9, 9, 9]);
        interpreter.state_mut().copy_from_slice(&kept);
        assert_eq!(step(&mut interpreter, &[3, -3, 4, -4]), expected);
    });
}

#[test]
fn a_window_in_ordinary_memory_starts_from_what_is_there() {
    let mut spec = spec();
    spec.state_bytes = 0;
    spec.tensors[1].place = PlaceSpec::Arena { offset: 0 };
    spec.tensors[2].place = PlaceSpec::Arena { offset: 0 };
    spec.inputs.push(IoSpec { name: "window".into(), tensor: 1, shape: vec![5, 2] });
    with(&spec, |interpreter| {
        let mut interpreter = interpreter.unwrap();
        interpreter.input_mut(0).unwrap().copy_from_slice(&[1, -1, 2, -2]);
        interpreter.input_mut(1).unwrap().copy_from_slice(&[0, 0, 0, 0, 8, -8, 9, -9, 10, -10]);
        interpreter.invoke().unwrap();
        assert_eq!(interpreter.output(0).unwrap(), [8, 9, 10, 1, 2, -8, -9, -10, -1, -2]);
    });
}

#[test]
fn a_state_is_written_only_in_its_own_place_by_an_op_that_updates_it() {
    let error = refusal(|spec| spec.tensors[2].place = PlaceSpec::Arena { offset: 12 });
    assert_eq!(error, FormatError::StateUpdate { op: 0, tensor: 2 });
    let error = refusal(|spec| {
        spec.state_bytes = 30;
        spec.arena_bytes = 50;
        spec.tensors[0].place = PlaceSpec::Arena { offset: 30 };
        spec.tensors[3].place = PlaceSpec::State { offset: 10 };
    });
    assert_eq!(error, FormatError::StateUpdate { op: 1, tensor: 3 });
    let error = refusal(|spec| spec.ops[0].outputs.clear());
    assert_eq!(error, FormatError::StateCount { op: 0, expected: 1, found: 0 });
}

#[test]
fn state_and_activations_lie_apart() {
    let error = refusal(|spec| spec.tensors[0].place = PlaceSpec::Arena { offset: 9 });
    assert_eq!(error, FormatError::Extent { tensor: 0, offset: 9, length: 4, start: 10, end: 28 });
    let error = refusal(|spec| spec.state_bytes = 9);
    assert_eq!(error, FormatError::Extent { tensor: 1, offset: 0, length: 10, start: 0, end: 9 });
    let error = refusal(|spec| spec.state_bytes = 29);
    assert_eq!(error, FormatError::StateSize { limit: 28, found: 29 });
    // An input is what the caller gives for one invocation.
    let error = refusal(|spec| spec.inputs.push(IoSpec { name: "window".into(), tensor: 1, shape: vec![5, 2] }));
    assert_eq!(error, FormatError::IoTensor { part: Part::Input(1), tensor: 1 });
}

#[test]
fn outputs_cover_neither_each_other_nor_foreign_inputs() {
    let mut spec = spec();
    // A shift whose window lies across its input.
    spec.state_bytes = 0;
    spec.tensors[1].place = PlaceSpec::Arena { offset: 4 };
    spec.tensors[2].place = PlaceSpec::Arena { offset: 4 };
    spec.inputs.push(IoSpec { name: "window".into(), tensor: 1, shape: vec![5, 2] });
    let error = CheckError::Overlap { operand: Operand::Input(0), input_offset: 12, output_offset: 4 };
    let refused = with(&spec, |interpreter| interpreter.err().unwrap());
    assert_eq!(refused, RuntimeError::Op { op: 0, code: OpCode::Shift, error });
}
