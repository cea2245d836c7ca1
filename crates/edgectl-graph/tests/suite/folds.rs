//! Passes that compute constants.

use edgectl_graph::{Activation, Binary, ConvTranspose, Data, Graph, Literal, Op, Span, Window, run};

use crate::support::{Build, assert_keeps, assert_rewrites, assert_same_values, binary, clip, conv, nodes, pass, relu, reshape, transpose};

/// `x + f(c)` with the constant arithmetic given by `f`.
fn constant_branch(f: impl FnOnce(&mut Build) -> edgectl_graph::TensorId) -> Graph {
    let mut build = Build::new(&[2, 3]);
    let c = f(&mut build);
    let y = build.node("y", binary(Binary::Add), &[build.x, c]);
    build.finish(&[y])
}

#[test]
fn every_operator_of_constants_folds_to_its_value() {
    type Branch = fn(&mut Build) -> edgectl_graph::TensorId;
    let branches: [Branch; 15] = [
        |b| {
            let a = b.constant("a", &[3]);
            b.node("c", Op::Identity, &[a])
        },
        |b| {
            let a = b.constant("a", &[6]);
            b.node("c", reshape(&[2, 3]), &[a])
        },
        |b| {
            let a = b.constant("a", &[3, 2]);
            b.node("c", transpose(&[1, 0]), &[a])
        },
        |b| {
            let a = b.constant("a", &[2, 3]);
            b.node("c", Op::Unary(edgectl_graph::Unary::Tanh), &[a])
        },
        |b| {
            let (a, d) = (b.constant("a", &[2, 1]), b.constant("d", &[3]));
            b.node("c", Op::Binary { op: Binary::Div, activation: Activation::RELU }, &[a, d])
        },
        |b| {
            let parts = ["a", "d", "e"].map(|name| b.constant(name, &[2, 1]));
            b.node("c", Op::Concat { axis: 1 }, &parts)
        },
        |b| {
            let a = b.constant("a", &[1, 2]);
            b.node("c", Op::Pad { before: vec![1, 0], after: vec![0, 1], value: 0.25 }, &[a])
        },
        |b| {
            let (a, d) = (b.constant("a", &[2, 1]), b.constant("d", &[3]));
            b.node("c", binary(Binary::Max), &[a, d])
        },
        |b| {
            let a = b.constant("a", &[5, 4]);
            let spans = vec![Span { axis: 0, start: 4, step: -2, len: 2 }, Span { axis: 1, start: 1, step: 1, len: 3 }];
            b.node("c", Op::Slice { spans }, &[a])
        },
        |b| {
            let a = b.constant("a", &[4, 3]);
            b.node("c", Op::Gather { axis: 0, indices: vec![3, 0], dims: vec![2] }, &[a])
        },
        |b| {
            let a = b.constant("a", &[4, 2, 5, 3]);
            b.node("c", Op::ReduceMean { axes: vec![0, 2], keep_dims: false }, &[a])
        },
        |b| {
            let a = b.constant("a", &[4, 3]);
            b.node("c", Op::ReduceMean { axes: vec![0], keep_dims: true }, &[a])
        },
        |b| {
            let (a, d) = (b.constant("a", &[2, 4]), b.constant("d", &[4, 3]));
            b.node("c", Op::MatMul, &[a, d])
        },
        |b| {
            let (a, d, e) = (b.constant("a", &[4, 2]), b.constant("d", &[3, 4]), b.constant("e", &[2, 1]));
            b.node("c", Op::Gemm { alpha: 0.5, beta: -2.0, trans_a: true, trans_b: true }, &[a, d, e])
        },
        |b| {
            let q = b.graph.add_constant("q", Literal::new([2, 3], Data::I8([-128, -1, 0, 1, 2, 127].into())).unwrap());
            let scale = b.positive("scale", &[]);
            b.node("c", Op::Dequantize { axis: 1 }, &[q, scale])
        },
    ];
    for branch in branches {
        let after = assert_rewrites("constant-fold", &constant_branch(branch), &["y: f32[2,3] = Add(x, c)"]);
        assert_eq!(after.tensors().len(), 3, "{after}");
    }
}

#[test]
fn dequantized_weights_become_float_per_channel() {
    let mut b = Build::new(&[2, 3]);
    let q = b.graph.add_constant("q", Literal::new([2, 3], Data::U8([0, 1, 2, 253, 254, 255].into())).unwrap());
    let scale = b.positive("scale", &[2]);
    let zero_point = b.graph.add_constant("zero_point", Literal::new([2], Data::U8([128, 3].into())).unwrap());
    let w = b.node("w", Op::Dequantize { axis: 0 }, &[q, scale, zero_point]);
    let y = b.node("y", Op::Dense { activation: Activation::NONE }, &[b.x, w]);
    assert_rewrites("constant-fold", &b.finish(&[y]), &["y: f32[2,2] = Dense(x, w)"]);

    // Parameters that fit neither the tensor nor one axis of it.
    let mut b = Build::new(&[2, 3]);
    let q = b.graph.add_constant("q", Literal::new([2, 3], Data::I8([0; 6].into())).unwrap());
    let scale = b.positive("scale", &[3]);
    let w = b.node("w", Op::Dequantize { axis: 0 }, &[q, scale]);
    let y = b.node("y", binary(Binary::Add), &[b.x, w]);
    assert_keeps("constant-fold", &b.finish(&[y]));
}

#[test]
fn constants_that_must_stay_computed_do() {
    // An output of the graph.
    let mut b = Build::new(&[2, 3]);
    let a = b.constant("a", &[3]);
    let c = b.node("c", relu(), &[a]);
    let y = b.node("y", binary(Binary::Add), &[b.x, c]);
    assert_keeps("constant-fold", &b.finish(&[y, c]));
    // A division by zero.
    assert_keeps(
        "constant-fold",
        &constant_branch(|b| {
            let (a, zero) = (b.constant("a", &[3]), b.values("zero", &[], &[0.0]));
            b.node("c", binary(Binary::Div), &[a, zero])
        }),
    );
    // A result that is far larger than what it is made of.
    let mut b = Build::new(&[1, 1]);
    let (rows, columns) = (b.constant("rows", &[1025, 1]), b.constant("columns", &[1, 1024]));
    let c = b.node("c", binary(Binary::Mul), &[rows, columns]);
    let y = b.node("y", binary(Binary::Add), &[b.x, c]);
    assert_keeps("constant-fold", &b.finish(&[y]));
}

#[test]
fn nodes_that_change_nothing_go() {
    let unit = Window::new(&[1, 1]);
    let ops = [
        Op::Identity,
        reshape(&[1, 2, 3, 3]),
        transpose(&[0, 1, 2, 3]),
        Op::Pad { before: vec![0; 4], after: vec![0; 4], value: 1.0 },
        clip(f32::NEG_INFINITY, f32::INFINITY),
        Op::AveragePool { pool: unit.clone(), include_pad: false },
        Op::MaxPool(unit),
        Op::Concat { axis: 1 },
        Op::ReduceMean { axes: vec![0], keep_dims: true },
    ];
    for op in ops {
        let mut b = Build::new(&[1, 2, 3, 3]);
        let a = b.node("a", relu(), &[b.x]);
        let y = b.node("y", op, &[a]);
        // The output keeps its name.
        assert_rewrites("remove-identity", &b.finish(&[y]), &["y: f32[1,2,3,3] = Relu(x)"]);
    }
    for (op, value) in [(Binary::Add, 0.0), (Binary::Sub, 0.0), (Binary::Mul, 1.0), (Binary::Div, 1.0)] {
        let mut b = Build::new(&[1, 2]);
        let a = b.node("a", relu(), &[b.x]);
        let c = b.values("c", &[2], &[value; 2]);
        let y = b.node("y", binary(op), &[a, c]);
        assert_rewrites("remove-identity", &b.finish(&[y]), &["y: f32[1,2] = Relu(x)"]);
    }
}

#[test]
fn nodes_that_look_like_identities_stay() {
    let mut pads = Window::new(&[1, 1]);
    pads.pads_end = vec![1, 1];
    let mut strides = Window::new(&[1, 1]);
    strides.strides = vec![2, 2];
    for op in [
        transpose(&[0, 1, 3, 2]),
        clip(f32::NEG_INFINITY, 6.0),
        Op::MaxPool(pads),
        Op::MaxPool(strides),
        Op::GlobalAveragePool,
        Op::ReduceMean { axes: vec![0], keep_dims: false },
    ] {
        let mut b = Build::new(&[1, 2, 3, 3]);
        let a = b.node("a", relu(), &[b.x]);
        let y = b.node("y", op, &[a]);
        assert_keeps("remove-identity", &b.finish(&[y]));
    }
    // 0 - x, 1 / x; a constant that broadcasts x; a clamp; and x itself, which may not become an output.
    let cases: [(Binary, f32, &[usize], bool, Activation); 4] = [
        (Binary::Sub, 0.0, &[2], true, Activation::NONE),
        (Binary::Div, 1.0, &[2], true, Activation::NONE),
        (Binary::Add, 0.0, &[4, 2], false, Activation::NONE),
        (Binary::Add, 0.0, &[2], false, Activation::RELU),
    ];
    for (op, value, shape, first, activation) in cases {
        let mut b = Build::new(&[1, 2]);
        let a = b.node("a", Op::Unary(edgectl_graph::Unary::Tanh), &[b.x]);
        let c = b.values("c", shape, &vec![value; shape.iter().product()]);
        let y = b.node("y", Op::Binary { op, activation }, &if first { [c, a] } else { [a, c] });
        assert_keeps("remove-identity", &b.finish(&[y]));
    }
    let mut b = Build::new(&[1, 2]);
    let y = b.node("y", Op::Identity, &[b.x]);
    assert_keeps("remove-identity", &b.finish(&[y]));
}

#[test]
fn batch_norm_folds_into_what_is_before_it() {
    let mut b = Build::new(&[2, 4, 5, 5]);
    let a = b.conv("a", b.x, &[6, 2, 3, 3], 2);
    let y = b.batch_norm("y", a, 6);
    assert_rewrites("fold-batch-norm", &b.finish(&[y]), &["y: f32[2,6,3,3] = Conv {kernel=3x3 strides=1x1 groups=2}(x, a_w, a_w_bias)"]);

    let mut b = Build::new(&[2, 4]);
    let a = b.dense("a", b.x, &[3, 4]);
    let y = b.batch_norm("y", a, 3);
    assert_rewrites("fold-batch-norm", &b.finish(&[y]), &["y: f32[2,3] = Dense(x, a_w, a_w_bias)"]);
}

#[test]
fn affine_maps_fold_into_transposed_convolutions() {
    let conv = |b: &mut Build, x, groups: usize| {
        let window = Window { strides: vec![2, 2], pads_begin: vec![1, 0], ..Window::new(&[3, 2]) };
        let op = ConvTranspose { window, output_pads: vec![0, 1], groups, activation: Activation::NONE };
        let w = b.constant("w", &[6, 4 / groups, 3, 2]);
        b.node("a", Op::ConvTranspose(op), &[x, w])
    };
    let mut b = Build::new(&[1, 4, 3, 3]);
    let x = b.x;
    let a = conv(&mut b, x, 2);
    let y = b.batch_norm("y", a, 6);
    let folded = ["y: f32[1,6,6,7] = ConvTranspose {kernel=3x2 strides=2x2 pads=1x0:0x0 output_pads=[0, 1] groups=2}(x, w, w_bias)"];
    assert_rewrites("fold-batch-norm", &b.finish(&[y]), &folded);

    // Outputs see different taps: a scale of the input can go into the weights, a shift cannot go into the bias.
    for (op, folds) in [(Binary::Mul, true), (Binary::Add, false)] {
        let mut b = Build::new(&[1, 4, 3, 3]);
        let c = b.constant("c", &[4, 1, 1]);
        let x = b.node("x_mapped", binary(op), &[b.x, c]);
        let y = conv(&mut b, x, 1);
        let before = b.finish(&[y]);
        if folds {
            let found = "a: f32[1,6,6,7] = ConvTranspose {kernel=3x2 strides=2x2 pads=1x0:0x0 output_pads=[0, 1]}(x, w)";
            assert_rewrites("fold-input-scale", &before, &[found]);
        } else {
            assert_keeps("fold-input-scale", &before);
        }
    }
}

#[test]
fn batch_norm_alone_becomes_mul_and_add() {
    let alone = ["y_scaled: f32[2,4,5,5] = Mul(x, y_scale_1)", "y: f32[2,4,5,5] = Add(y_scaled, y_shift)"];
    let mut b = Build::new(&[2, 4, 5, 5]);
    let y = b.batch_norm("y", b.x, 4);
    // `y_scale` was the name of a parameter of the normalization, and that is gone.
    assert_rewrites("fold-batch-norm", &b.finish(&[y]), &[&alone[0].replace("_1", ""), alone[1]]);

    // The convolution has another reader, or a clamp, or is an output.
    for case in 0..3 {
        let mut b = Build::new(&[1, 2, 3]);
        let mut a = b.conv("a", b.x, &[2, 2, 1], 1);
        if case == 0 {
            a = b.node("r", relu(), &[a]);
        }
        let y = b.batch_norm("y", a, 2);
        let z = b.node("z", relu(), &[a]);
        let before = b.finish(&[y, if case == 1 { z } else { a }]);
        let mut after = before.clone();
        run(&mut after, pass("fold-batch-norm")).unwrap();
        assert!(nodes(&after).iter().any(|line| line.starts_with("y: f32[1,2,3] = Add(")), "{after}");
        assert_same_values(&before, &after, "fold-batch-norm");
    }

    // Channels of the dense layer are on the last axis, those of the normalization on axis 1.
    let mut b = Build::new(&[1, 3, 4]);
    let a = b.dense("a", b.x, &[3, 4]);
    let y = b.batch_norm("y", a, 3);
    assert_rewrites(
        "fold-batch-norm",
        &b.finish(&[y]),
        &["a: f32[1,3,3] = Dense(x, a_w)", "y_scaled: f32[1,3,3] = Mul(a, y_scale)", "y: f32[1,3,3] = Add(y_scaled, y_shift)"],
    );
}

#[test]
fn a_batch_norm_without_finite_constants_stays() {
    let mut b = Build::new(&[1, 2]);
    let parameters: Vec<_> = ["s", "b", "m"].iter().map(|name| b.constant(name, &[2])).collect();
    let variance = b.values("v", &[2], &[1.0, -1.0]);
    let y = b.node("y", Op::BatchNorm { epsilon: 0.0 }, &[b.x, parameters[0], parameters[1], parameters[2], variance]);
    assert_keeps("fold-batch-norm", &b.finish(&[y]));
}

#[test]
fn the_pair_that_keras_leaves_folds() {
    let mut b = Build::new(&[2, 4, 5, 5]);
    let a = b.conv("a", b.x, &[4, 1, 3, 3], 4);
    let scale = b.constant("scale", &[1, 4, 1, 1]);
    let shift = b.constant("shift", &[4, 1, 1]);
    let scaled = b.node("scaled", binary(Binary::Mul), &[a, scale]);
    let y = b.node("y", Op::Binary { op: Binary::Add, activation: Activation::RELU6 }, &[shift, scaled]);
    assert_rewrites(
        "fold-scale-shift",
        &b.finish(&[y]),
        &["y: f32[2,4,5,5] = Conv {kernel=3x3 strides=1x1 groups=4 relu6}(x, a_w, a_w_bias)".replace("5,5", "3,3").as_str()],
    );
}

#[test]
fn each_arithmetic_folds_after_and_before_a_layer() {
    let cases = [(Binary::Add, false), (Binary::Sub, false), (Binary::Sub, true), (Binary::Mul, false), (Binary::Div, false)];
    for (op, first) in cases {
        for shape in [&[][..], &[1], &[3], &[1, 3]] {
            let mut b = Build::new(&[2, 3]);
            let (w, bias) = (b.constant("w", &[3, 3]), b.constant("bias", &[3]));
            let a = b.node("a", Op::Dense { activation: Activation::NONE }, &[b.x, w, bias]);
            let c = b.constant("c", shape);
            let y = b.node("y", binary(op), &if first { [c, a] } else { [a, c] });
            assert_rewrites("fold-scale-shift", &b.finish(&[y]), &["y: f32[2,3] = Dense(x, w, bias)"]);

            let mut b = Build::new(&[2, 3]);
            let (w, bias, c) = (b.constant("w", &[3, 3]), b.constant("bias", &[3]), b.constant("c", shape));
            let a = b.node("a", binary(op), &if first { [c, b.x] } else { [b.x, c] });
            let y = b.node("y", Op::Dense { activation: Activation::RELU }, &[a, w, bias]);
            assert_rewrites("fold-input-scale", &b.finish(&[y]), &["y: f32[2,3] = Dense {relu}(x, w, bias)"]);
        }
    }
}

#[test]
fn arithmetic_that_is_no_map_per_channel_stays() {
    // A constant along another axis, one that broadcasts, a division by the layer.
    let cases: [(Binary, &[usize], bool); 3] =
        [(Binary::Mul, &[1, 1, 3], false), (Binary::Add, &[2, 3, 3], false), (Binary::Div, &[], true)];
    for (op, shape, first) in cases {
        let mut b = Build::new(&[1, 3, 3]);
        let a = b.conv("a", b.x, &[3, 3, 1], 1);
        let c = b.constant("c", shape);
        let y = b.node("y", binary(op), &if first { [c, a] } else { [a, c] });
        assert_keeps("fold-scale-shift", &b.finish(&[y]));
    }
    // A second reader; an output in between; a clamp in between; a sum of two results.
    for case in 0..4 {
        let mut b = Build::new(&[1, 3]);
        let mut a = b.dense("a", b.x, &[3, 3]);
        let mut c = b.constant("c", &[3]);
        if case == 2 {
            a = b.node("r", relu(), &[a]);
        }
        if case == 3 {
            c = b.node("d", relu(), &[b.x]);
        }
        let y = b.node("y", binary(Binary::Add), &[a, c]);
        let z = b.node("z", relu(), &[a]);
        let outputs = [[y, z], [y, a], [y, y], [y, y]][case];
        assert_keeps("fold-scale-shift", &b.finish(&outputs));
    }
    // Factors that are not finite.
    let mut b = Build::new(&[1, 3]);
    let a = b.dense("a", b.x, &[3, 3]);
    let c = b.values("c", &[], &[0.0]);
    let y = b.node("y", binary(Binary::Div), &[a, c]);
    assert_keeps("fold-scale-shift", &b.finish(&[y]));
}

/// `x op c -> Conv` with groups, padded or not.
fn normalized(op: Binary, shape: &[usize], pad: usize) -> Graph {
    let mut b = Build::new(&[1, 4, 5, 5]);
    let c = b.constant("c", shape);
    let a = b.node("a", binary(op), &[b.x, c]);
    let w = b.constant("w", &[6, 2, 3, 3]);
    let mut window = Window::new(&[3, 3]);
    window.pads_begin = vec![pad; 2];
    let y = b.node("y", conv(window, 2), &[a, w]);
    b.finish(&[y])
}

#[test]
fn input_normalization_folds_where_padding_allows() {
    let line = "y: f32[1,6,3,3] = Conv {kernel=3x3 strides=1x1 groups=2}(x, w, w_bias)";
    assert_rewrites("fold-input-scale", &normalized(Binary::Sub, &[4, 1, 1], 0), &[line]);
    let line = "y: f32[1,6,4,4] = Conv {kernel=3x3 strides=1x1 pads=1x1:0x0 groups=2}(x, w)";
    assert_rewrites("fold-input-scale", &normalized(Binary::Div, &[1, 4, 1, 1], 1), &[line]);
    assert_keeps("fold-input-scale", &normalized(Binary::Sub, &[4, 1, 1], 1));
    assert_keeps("fold-input-scale", &normalized(Binary::Mul, &[5, 1], 0));

    // One channel that the constant makes three of.
    let mut b = Build::new(&[1, 1, 4]);
    let c = b.constant("c", &[1, 3, 1]);
    let a = b.node("a", binary(Binary::Mul), &[b.x, c]);
    let y = b.conv("y", a, &[2, 3, 1], 1);
    assert_keeps("fold-input-scale", &b.finish(&[y]));
}

#[test]
fn padding_moves_into_windows() {
    let frame = |value| Op::Pad { before: vec![0, 0, 1, 0], after: vec![0, 0, 1, 2], value };
    let with = |pad: Op, op: Op, weights: bool| {
        let mut b = Build::new(&[1, 2, 5, 5]);
        let a = b.node("a", pad, &[b.x]);
        let w = b.constant("w", &[3, 2, 3, 3]);
        let y = b.node("y", op, &[a, w][..if weights { 2 } else { 1 }]);
        b.finish(&[y])
    };
    let window = Window::new(&[3, 3]);
    let conv = conv(window.clone(), 1);
    let average = |include_pad| Op::AveragePool { pool: window.clone(), include_pad };
    assert_rewrites(
        "fold-pad",
        &with(frame(0.0), conv.clone(), true),
        &["y: f32[1,3,5,5] = Conv {kernel=3x3 strides=1x1 pads=1x0:1x2}(x, w)"],
    );
    for include_pad in [false, true] {
        assert_rewrites(
            "fold-pad",
            &with(frame(0.0), average(include_pad), false),
            &["y: f32[1,2,5,5] = AveragePool {kernel=3x3 strides=1x1 pads=1x0:1x2 include_pad}(x)"],
        );
    }
    assert_keeps("fold-pad", &with(frame(0.5), conv.clone(), true));
    assert_keeps("fold-pad", &with(frame(0.0), Op::MaxPool(window.clone()), false));
    assert_keeps("fold-pad", &with(Op::Pad { before: vec![1, 0, 0, 0], after: vec![0; 4], value: 0.0 }, conv, true));
    assert_keeps("fold-pad", &with(Op::Pad { before: vec![0, 0, 3, 0], after: vec![0; 4], value: 0.0 }, average(true), false));
    let small = Op::Pad { before: vec![0, 0, 1, 0], after: vec![0; 4], value: 0.0 };
    let padded = Window { pads_end: vec![1, 1], ..window };
    let average = |include_pad| Op::AveragePool { pool: padded.clone(), include_pad };
    assert_keeps("fold-pad", &with(small.clone(), average(false), false));
    assert_rewrites(
        "fold-pad",
        &with(small, average(true), false),
        &["y: f32[1,2,5,4] = AveragePool {kernel=3x3 strides=1x1 pads=1x0:1x1 include_pad}(x)"],
    );
}

#[test]
fn products_with_constant_matrices_become_dense() {
    let gemm = |alpha, beta, trans_b| Op::Gemm { alpha, beta, trans_a: false, trans_b };
    for c in [&[][..], &[1], &[3], &[1, 3]] {
        for (op, shape) in [(gemm(1.0, 1.0, true), [3, 4]), (gemm(0.5, -2.0, false), [4, 3])] {
            let mut b = Build::new(&[2, 4]);
            let (w, c) = (b.constant("w", &shape), b.constant("c", c));
            let y = b.node("y", op, &[b.x, w, c]);
            assert_rewrites("to-dense", &b.finish(&[y]), &["y: f32[2,3] = Dense(x, w, c)"]);
        }
    }
    let mut b = Build::new(&[2, 5, 4]);
    let w = b.constant("w", &[4, 3]);
    let y = b.node("y", Op::MatMul, &[b.x, w]);
    assert_rewrites("to-dense", &b.finish(&[y]), &["y: f32[2,5,3] = Dense(x, w)"]);
}

#[test]
fn other_products_stay() {
    let gemm = |trans_a| Op::Gemm { alpha: 1.0, beta: 1.0, trans_a, trans_b: false };
    let mut b = Build::new(&[2, 2]);
    let (w, c) = (b.constant("w", &[2, 2]), b.constant("c", &[2, 1]));
    let columns = b.node("columns", gemm(false), &[b.x, w, c]);
    let transposed = b.node("transposed", gemm(true), &[b.x, w]);
    let square = b.node("square", Op::MatMul, &[b.x, b.x]);
    let left = b.node("left", Op::MatMul, &[w, b.x]);
    assert_keeps("to-dense", &b.finish(&[columns, transposed, square, left]));
}

#[test]
fn division_by_a_constant_becomes_multiplication() {
    let divided = |first: bool, value: f32| {
        let mut b = Build::new(&[2, 3]);
        let c = b.values("c", &[3], &[0.3, 7.0, value]);
        let y = b.node("y", Op::Binary { op: Binary::Div, activation: Activation::RELU }, &if first { [c, b.x] } else { [b.x, c] });
        b.finish(&[y])
    };
    assert_rewrites("div-to-mul", &divided(false, -2.0), &["y: f32[2,3] = Mul {relu}(x, c)"]);
    assert_keeps("div-to-mul", &divided(true, -2.0));
    assert_keeps("div-to-mul", &divided(false, 0.0));
}
