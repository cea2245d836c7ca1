//! Every kernel against TensorFlow Lite Micro's reference kernels: equality of bytes.
//!
//! `vectors/generate.py` makes the cases. Each one goes the whole way: parameters from scales, written, parsed, run.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Case, cases};
use edge_format::{AlignedBytes, DType, OpCode, PlaceSpec, write};
use edge_runtime::{Interpreter, Program, Resolver};

/// Least number of cases per operator.
const ENOUGH: usize = if cfg!(miri) { common::CASES_IN_MIRI } else { 20 };

/// Numbers in the type of their tensor.
fn elements<T: TryFrom<i64>>(data: &[i64]) -> Vec<T> {
    data.iter().map(|&q| T::try_from(q).unwrap_or_else(|_| panic!("{q} is too large"))).collect()
}

fn run(case: &Case, spec: &edge_format::ProgramSpec) -> Vec<i64> {
    let bytes = AlignedBytes::from(&write(spec).unwrap()[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = AlignedBytes::from(&vec![0x55; program.arena_bytes() as usize][..]);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let mut output = Vec::new();
    // One invocation after the other.
    while output.len() < case.output.data.len() {
        let invocation = output.len() / interpreter.program().outputs().next().unwrap().shape.elements() as usize;
        for (index, input) in case.activations().iter().enumerate() {
            let length = input.elements();
            let data = &input.data[invocation * length..][..length];
            match input.dtype() {
                DType::I16 => interpreter.input_mut_of::<i16>(index).unwrap().copy_from_slice(&elements(data)),
                _ => interpreter.input_mut(index).unwrap().copy_from_slice(&elements(data)),
            }
        }
        interpreter.invoke().unwrap();
        match case.output.dtype() {
            DType::I16 => output.extend(interpreter.output_of::<i16>(0).unwrap().iter().map(|&q| i64::from(q))),
            DType::I32 => output.extend(interpreter.output_of::<i32>(0).unwrap().iter().map(|&q| i64::from(q))),
            _ => output.extend(interpreter.output(0).unwrap().iter().map(|&q| i64::from(q))),
        }
    }
    output
}

fn replay(op: &str) {
    let cases = cases(op);
    assert!(cases.len() >= ENOUGH, "{} cases of {op}", cases.len());
    let mut failures = Vec::new();
    for case in &cases {
        let spec = case.program();
        let (expected, found) = (&case.output.data, run(case, &spec));
        let wrong = expected.iter().zip(&found).filter(|(expected, found)| expected != found);
        if let Some((expected, found)) = wrong.clone().next() {
            let count = wrong.count();
            failures.push(format!("{}: {count} of {} elements differ, as {found} for {expected}", case.name, case.output.data.len()));
        }
        assert_eq!(expected.len(), found.len(), "{}", case.name);
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

macro_rules! golden {
    ($($op:ident)*) => {$(
        #[test]
        fn $op() {
            replay(stringify!($op));
        }
    )*};
}

golden! {
    abs add arg_max arg_min average_pool2d batch_matmul concat conv2d conv_transpose2d depthwise_conv2d div elu exp fully_connected gather hard_swish leaky_relu log log_softmax logistic lstm max_pool2d maximum mean minimum mul
    pad prelu quantize reduce_max reduce_min relu relu6 resize_bilinear resize_nearest softmax strided_slice sub sum tanh top_k_indices top_k_values transpose

    abs_i16 add_i16 average_pool2d_i16 concat_i16 conv2d_i16 depthwise_conv2d_i16 exp_i16 fully_connected_i16 gather_i16 leaky_relu_i16
    logistic_i16 max_pool2d_i16 maximum_i16 mean_i16 minimum_i16 mul_i16 pad_i16 quantize_i16 reduce_max_i16 reduce_min_i16 relu_i16
    relu6_i16 resize_nearest_i16 softmax_i16 strided_slice_i16 sub_i16 sum_i16 tanh_i16 transpose_i16
}

/// Where an op may run in place it gives the same bytes there.
#[test]
#[cfg_attr(miri, ignore = "the same accesses as in the other tests")]
fn in_place_changes_nothing() {
    let mut tried = 0;
    let int8 = ["add", "div", "prelu", "sub", "maximum", "minimum", "mul", "tanh"].into_iter();
    let int16 = ["add_i16", "maximum_i16", "mul_i16", "tanh_i16", "exp_i16", "relu_i16"];
    for case in int8.chain(int16).flat_map(cases) {
        for input in 0..case.activations().len() {
            let mut spec = case.program();
            let output = spec.ops[0].outputs[0] as usize;
            assert!(spec.ops[0].params.op_code().in_place());
            if spec.tensors[input].shape != spec.tensors[output].shape {
                continue;
            }
            let PlaceSpec::Arena { offset } = spec.tensors[input].place else { panic!("{}", case.name) };
            spec.tensors[output].place = PlaceSpec::Arena { offset };
            assert_eq!(run(&case, &spec), case.output.data, "{} in the place of input {input}", case.name);
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried} cases");
}

#[test]
fn every_operator_has_a_kernel() {
    for &op in OpCode::ALL {
        assert_eq!(Resolver::all().find(op).map(|kernel| kernel.op), Some(op));
    }
}
