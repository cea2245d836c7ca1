//! What is refused, with the exact message.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::path::Path;

use common::Value::{F32, I32, U8};
use common::{FLOAT32, Operator, Spec, Tensor};
use edgectl_tflite::{import, read};

/// One int8 operator of one input.
fn unary(code: i32, options: &[(u16, common::Value)]) -> Spec {
    let tensors = vec![Tensor::int8("x", &[1, 4, 4, 2], 0.5, 3), Tensor::int8("y", &[1, 4, 4, 2], 0.5, 3)];
    Spec::new(tensors, vec![Operator::new(code, &[0], &[1], options)], &[0], &[1])
}

/// A fully connected int8 layer.
fn dense() -> Spec {
    let tensors = vec![
        Tensor::int8("x", &[1, 2], 0.5, 3),
        Tensor { data: Some(vec![1; 6]), ..Tensor::int8("w", &[3, 2], 0.5, 0) },
        Tensor { scales: vec![0.25], ..Tensor::int32s("b", &[3], &[1, 2, 3]) },
        Tensor::int8("y", &[1, 3], 0.5, 3),
    ];
    Spec::new(tensors, vec![Operator::new(9, &[0, 1, 2], &[3], &[])], &[0], &[3])
}

#[test]
fn files_of_another_kind_say_what_they_are() {
    for (bytes, found) in [
        (&b""[..], "an empty file"),
        (b"TFL3", "text"),
        (b"\x89HDF\r\n\x1a\n....", "an HDF5 file (Keras uses these)"),
        (b"PK\x03\x04......", "a zip archive (Keras and PyTorch use these)"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        (b"\x1c\0\0\0TFL2\0\0\0\0", "another version of its schema"),
        (b"\x1c\0\0\0XXXX\0\0\0\0", "bytes without the identifier \"TFL3\""),
    ] {
        assert_eq!(import(bytes).unwrap_err().to_string(), format!("not a TensorFlow Lite model: found {found}"));
    }
    let error = read(Path::new("no/such.tflite")).unwrap_err().to_string();
    assert_eq!(error, "no/such.tflite: No such file or directory (os error 2)");
}

#[test]
fn truncated_files_say_so() {
    let bytes = dense().bytes();
    assert_eq!(
        import(&bytes[..8]).unwrap_err().to_string(),
        format!("the TensorFlow Lite model is truncated or damaged: the root table ends at byte {}, the file at byte 8", bytes[0] + 4)
    );
    for len in 8..bytes.len() - 8 {
        let error = import(&bytes[..len]).unwrap_err().to_string();
        assert!(error.starts_with("the TensorFlow Lite model is truncated or damaged: "), "{len}: {error}");
    }
}

#[test]
fn envelopes() {
    let version = Spec { version: 2, ..dense() };
    assert_eq!(version.error(), "version 2 of the TensorFlow Lite schema is not supported: expected 3");
    for found in [0, 2] {
        let spec = Spec { subgraphs: found, ..dense() };
        let error = format!("the TensorFlow Lite model has {found} subgraphs: expected 1 (control flow is not supported)");
        assert_eq!(spec.error(), error);
    }
    let mut spec = dense();
    spec.operators[0].inputs[1] = 4;
    assert_eq!(spec.error(), "malformed TensorFlow Lite model: an operator's inputs 4: expected less than 4");
    let mut spec = dense();
    spec.tensors[0].shape[1] = -2;
    assert_eq!(spec.error(), "tensor \"x\": expected dimensions that are not negative, found [1, -2]");
}

#[test]
fn ranks_have_a_limit() {
    let mut spec = dense();
    spec.tensors[0].shape = vec![1; 17];
    assert_eq!(spec.error(), "tensor \"x\": expected at most 16 dimensions, found 17");
}

#[test]
fn operators_without_an_int8_form_are_named() {
    let refused = |spec: &Spec| spec.error().replace(" (which computes \"y\") is not supported in int8 models", ":");
    assert_eq!(unary(16, &[]).error(), "operator LSTM (which computes \"y\") is not supported in int8 models");
    assert_eq!(refused(&unary(999, &[])), "operator number 999:");
    let mut custom = unary(32, &[]);
    custom.operators[0].custom = Some("Detect".into());
    assert_eq!(refused(&custom), "operator Detect:");
    assert_eq!(refused(&unary(25, &[(0, F32(0.5))])), "operator SOFTMAX:: its beta is 0.5, not 1");
    let pool = [(1, I32(1)), (2, I32(1)), (3, I32(1)), (4, I32(1))];
    assert_eq!(refused(&unary(1, &[&pool[..], &[(5, U8(4))]].concat())), "operator AVERAGE_POOL_2D:: the activation TANH is fused into it");
    assert_eq!(refused(&unary(1, &[&pool[..3], &[(4, I32(0))]].concat())), "operator AVERAGE_POOL_2D:: a pooling's window is 0");
    assert_eq!(refused(&unary(1, &[&pool[..], &[(0, U8(7))]].concat())), "operator AVERAGE_POOL_2D:: its padding mode is 7");
    let mut relu6 = unary(21, &[]);
    relu6.tensors[1].scales = vec![0.25];
    assert_eq!(refused(&relu6), "operator RELU6:: its input and output differ in scale or zero point");
}

#[test]
fn weights() {
    let mut computed = dense();
    computed.tensors[1].data = None;
    computed.inputs.push(1);
    assert!(computed.error().ends_with(": its weights \"w\" are no constant of rank 2"), "{}", computed.error());
    let mut asymmetric = dense();
    asymmetric.tensors[1].zero_points = vec![1];
    assert!(asymmetric.error().ends_with(": its weights \"w\" have a zero point other than 0"), "{}", asymmetric.error());
    let mut axis = dense();
    axis.tensors[1] = Tensor { scales: vec![1.0; 2], zero_points: vec![0; 2], axis: 1, ..axis.tensors[1].clone() };
    assert_eq!(axis.error(), "tensor \"w\": expected scales along dimension 0, found along 1");
    let mut float = dense();
    float.tensors[1] = Tensor::f32s("w", &[3, 2], &[1.0; 6]);
    assert_eq!(float.error(), "tensor \"w\": expected int8, found float32");
    let mut short = dense();
    short.tensors[1].data = Some(vec![1; 5]);
    assert_eq!(short.error(), "tensor \"w\": expected the elements of int8[3, 2], found 5 bytes");
    let mut bare = dense();
    bare.tensors[2].scales.clear();
    assert!(bare.error().ends_with(": its bias \"b\" is int32 without a scale"), "{}", bare.error());
}

#[test]
fn tensors_must_fit_their_operators() {
    let mut shape = unary(19, &[]);
    shape.tensors[1].shape = vec![1, 4, 4, 3];
    assert_eq!(shape.error(), "operator RELU computes \"y\" of shape [1,4,4,2], but the model says [1,4,4,3]");
    let mut scales = unary(19, &[]);
    scales.tensors[1].scales = vec![0.5, 0.5];
    assert_eq!(scales.error(), "tensor \"y\": expected one scale and one zero point in -128..=127, found 2 scales and zero points [3]");
    let mut negative = unary(19, &[]);
    negative.tensors[1].scales = vec![-1.0];
    assert_eq!(negative.error(), "tensor \"y\": expected a positive, finite scale, found -1");
    let mut uint8 = unary(19, &[]);
    uint8.tensors.iter_mut().for_each(|tensor| tensor.ty = 3);
    assert_eq!(uint8.error(), "tensor \"x\" is quantized as uint8: expected int8");
    let mut order = unary(19, &[]);
    order.operators[0].inputs = vec![1];
    order.operators[0].outputs = vec![0];
    order.outputs = vec![0];
    order.inputs = vec![];
    assert_eq!(order.error(), "tensor \"y\" is read, but nothing before that computes it");
    let mut twice = unary(19, &[]);
    twice.operators.push(twice.operators[0].clone());
    assert_eq!(twice.error(), "tensor \"y\" is already defined, but an operator defines it again");
    let mut alone = dense();
    alone.operators[0].inputs = vec![];
    assert_eq!(alone.error(), "operator FULLY_CONNECTED at \"y\": expected another input, found 0 inputs");
}

#[test]
fn poolings_keep_their_scale() {
    let mut pool = unary(17, &[(1, I32(1)), (2, I32(1)), (3, I32(1)), (4, I32(1))]);
    pool.tensors[1].scales = vec![0.25];
    assert_eq!(pool.error(), "node \"y/nchw\" (MaxPool): expected the parameters of \"x/nchw\" and \"y/nchw\" to be equal");
}

#[test]
fn conversions_within_an_int8_model_are_refused() {
    let tensors = vec![
        Tensor::int8("x", &[1, 4], 0.5, 3),
        Tensor::new("f", FLOAT32, &[1, 4]),
        Tensor::int8("q", &[1, 4], 0.25, 3),
        Tensor::int8("y", &[1, 4], 0.25, 3),
    ];
    let operators = vec![Operator::new(6, &[0], &[1], &[]), Operator::new(114, &[1], &[2], &[]), Operator::new(19, &[2], &[3], &[])];
    let error = "operator DEQUANTIZE (which computes \"f\") is not supported in int8 models: it is within the model, and not at its end";
    assert_eq!(Spec::new(tensors, operators, &[0], &[3]).error(), error);
}
