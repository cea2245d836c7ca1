//! A recurrent model: every byte of several invocations equals what TFLite Micro's reference kernels compute (`vectors/keras_lstm.py`).
#![allow(clippy::unwrap_used)]

use std::fs;

use edge_format::{AlignedBytes, Program};
use edge_runtime::{Interpreter, Resolver};
use edgectl_lower::{LowerOptions, lower};
use edgectl_tflite::{Model, import};
use serde::Deserialize;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

#[derive(Deserialize)]
struct Record {
    inputs: Vec<Vec<i8>>,
    outputs: Vec<Vec<i8>>,
}

/// What a program computes for each of these inputs, and the size of its state.
fn run(options: &LowerOptions, inputs: &[Vec<i8>]) -> (Vec<Vec<i8>>, u32) {
    let bytes = fs::read(format!("{VECTORS}/keras_lstm.tflite")).unwrap();
    let Model::Int8(quantized) = import(&bytes).unwrap().model else { panic!("the model is not int8") };
    let bytes = AlignedBytes::from(&lower(&quantized, options).unwrap().program[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = AlignedBytes::from(&vec![0x55; program.arena_bytes() as usize][..]);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap();
    let outputs = inputs.iter().map(|x| {
        interpreter.input_mut(0).unwrap().copy_from_slice(x);
        interpreter.invoke().unwrap();
        interpreter.output(0).unwrap().to_vec()
    });
    (outputs.collect(), program.state_bytes())
}

#[test]
fn a_stateful_program_goes_on_where_it_was_as_tensorflow_lite_micro_does() {
    let record: Record = serde_json::from_slice(&fs::read(format!("{VECTORS}/keras_lstm.json")).unwrap()).unwrap();
    let (outputs, state_bytes) = run(&LowerOptions { stateful: true, ..LowerOptions::default() }, &record.inputs);
    assert_eq!(outputs, record.outputs);
    // Six units: hidden in a byte each, filled up, and cell in two.
    assert_eq!(state_bytes, 8 + 12);
}

#[test]
fn otherwise_each_invocation_begins_anew() {
    let record: Record = serde_json::from_slice(&fs::read(format!("{VECTORS}/keras_lstm.json")).unwrap()).unwrap();
    let (outputs, state_bytes) = run(&LowerOptions::default(), &[&record.inputs[..1], &record.inputs[..2]].concat());
    assert_eq!(state_bytes, 0);
    assert_eq!(outputs[0], record.outputs[0]);
    assert_eq!(outputs[1], record.outputs[0]);
    assert_ne!(outputs[2], record.outputs[1], "a test that cannot tell");
}
