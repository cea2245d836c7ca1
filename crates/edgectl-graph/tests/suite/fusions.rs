//! Passes that make one operator of several.

use edgectl_graph::{Activation, Binary, Graph, Op, TensorId, Unary, Window};

use crate::support::{Build, assert_keeps, assert_rewrites, binary, clip, relu};

#[test]
fn an_activation_fuses_into_the_operator_before_it() {
    let mut b = Build::new(&[1, 2, 3]);
    let a = b.conv("a", b.x, &[2, 2, 1], 1);
    let r = b.node("r", relu(), &[a]);
    let s = b.node("s", binary(Binary::Add), &[r, b.x]);
    let y = b.node("y", clip(-1.0, 1.0), &[s]);
    let after = assert_rewrites(
        "fuse-activation",
        &b.finish(&[y]),
        &["r: f32[1,2,3] = Conv {kernel=1 strides=1 relu}(x, a_w)", "y: f32[1,2,3] = Add {clip(-1,1)}(r, x)"],
    );
    // The tensor is the activation's, the node is the operator's.
    assert_eq!(after.nodes()[0].name, "a");
}

#[test]
fn clamps_that_meet_are_intersected() {
    let clamped = |first: (f32, f32), second: (f32, f32)| {
        let mut b = Build::new(&[1, 4]);
        let a = b.dense("a", b.x, &[4, 4]);
        let r = b.node("r", clip(first.0, first.1), &[a]);
        let y = b.node("y", clip(second.0, second.1), &[r]);
        b.finish(&[y])
    };
    let line = "y: f32[1,4] = Dense {clip(-0.5,0.5)}(x, a_w)";
    assert_rewrites("fuse-activation", &clamped((-0.5, 1.0), (-1.0, 0.5)), &[line]);
    // Disjoint intervals: the first fuses, the second stays.
    assert_rewrites(
        "fuse-activation",
        &clamped((0.0, 1.0), (2.0, 3.0)),
        &["r: f32[1,4] = Dense {clip(0,1)}(x, a_w)", "y: f32[1,4] = Clip {min=2 max=3}(r)"],
    );
    assert_keeps("fuse-activation", &clamped((1.0, 0.0), (0.0, 1.0)));
}

#[test]
fn an_activation_stays_where_its_input_is_seen() {
    for output in [false, true] {
        let mut b = Build::new(&[1, 4]);
        let a = b.dense("a", b.x, &[4, 4]);
        let y = b.node("y", relu(), &[a]);
        let z = b.node("z", Op::Unary(Unary::Tanh), &[a]);
        assert_keeps("fuse-activation", &b.finish(&if output { [y, a] } else { [y, z] }));
    }
    let mut b = Build::new(&[1, 4]);
    let a = b.node("a", Op::Softmax { axis: 1 }, &[b.x]);
    let y = b.node("y", relu(), &[a]);
    assert_keeps("fuse-activation", &b.finish(&[y]));
}

/// `Clip(x + 3, 0, 6)`, the clip as a node or fused.
fn clipped(b: &mut Build, fused: bool) -> TensorId {
    let x = b.x;
    let three = b.values("three", &[], &[3.0]);
    if fused {
        return b.node("c", Op::Binary { op: Binary::Add, activation: Activation::RELU6 }, &[three, x]);
    }
    let sum = b.node("sum", binary(Binary::Add), &[x, three]);
    b.node("c", clip(0.0, 6.0), &[sum])
}

#[test]
fn hard_swish_is_recognized_in_every_form() {
    let line = "y: f32[1,8] = HardSwish(x)";
    for (op, value) in [(Binary::Div, 6.0), (Binary::Mul, 0.166_667)] {
        for fused in [false, true] {
            // (x * c) / 6
            let mut b = Build::new(&[1, 8]);
            let c = clipped(&mut b, fused);
            let product = b.node("product", binary(Binary::Mul), &[b.x, c]);
            let six = b.values("six", &[1], &[value]);
            let y = b.node("y", binary(op), &[product, six]);
            assert_rewrites("fuse-hard-swish", &b.finish(&[y]), &[line]);
            // x * (c / 6)
            let mut b = Build::new(&[1, 8]);
            let c = clipped(&mut b, fused);
            let six = b.values("six", &[1], &[value]);
            let sixth = b.node("sixth", binary(op), &[c, six]);
            let y = b.node("y", binary(Binary::Mul), &[sixth, b.x]);
            assert_rewrites("fuse-hard-swish", &b.finish(&[y]), &[line]);
            // c / 6
            let mut b = Build::new(&[1, 8]);
            let c = clipped(&mut b, fused);
            let six = b.values("six", &[1], &[value]);
            let y = b.node("y", binary(op), &[c, six]);
            assert_rewrites("fuse-hard-swish", &b.finish(&[y]), &["y: f32[1,8] = HardSigmoid {alpha=0.16666667 beta=0.5}(x)"]);
        }
    }
}

#[test]
fn what_is_no_hard_swish_stays() {
    let gated = |alpha: f32, other: bool, seen: bool| {
        let mut b = Build::new(&[1, 8]);
        let r = b.node("r", relu(), &[b.x]);
        let gate = b.node("gate", Op::Unary(Unary::HardSigmoid { alpha, beta: 0.5 }), &[b.x]);
        let y = b.node("y", binary(Binary::Mul), &[if other { r } else { b.x }, gate]);
        b.finish(&if seen { vec![y, gate] } else { vec![y] })
    };
    assert_rewrites("fuse-hard-swish", &gated(1.0 / 6.0, false, false), &["y: f32[1,8] = HardSwish(x)"]);
    assert_keeps("fuse-hard-swish", &gated(0.2, false, false));
    assert_keeps("fuse-hard-swish", &gated(1.0 / 6.0, true, false));
    assert_keeps("fuse-hard-swish", &gated(1.0 / 6.0, false, true));
    // Shifted by four.
    let mut b = Build::new(&[1, 8]);
    let (four, six) = (b.values("four", &[], &[4.0]), b.values("six", &[], &[6.0]));
    let sum = b.node("sum", binary(Binary::Add), &[b.x, four]);
    let c = b.node("c", clip(0.0, 6.0), &[sum]);
    let y = b.node("y", binary(Binary::Div), &[c, six]);
    assert_keeps("fuse-hard-swish", &b.finish(&[y]));
    // A seventh; six divided; and a constant that broadcasts.
    let cases: [(Binary, f32, &[usize], bool); 3] =
        [(Binary::Div, 7.0, &[], false), (Binary::Div, 6.0, &[], true), (Binary::Div, 6.0, &[2, 8], false)];
    for (op, value, shape, first) in cases {
        let mut b = Build::new(&[1, 8]);
        let c = clipped(&mut b, false);
        let constant = b.values("constant", shape, &vec![value; shape.iter().product()]);
        let y = b.node("y", binary(op), &if first { [constant, c] } else { [c, constant] });
        assert_keeps("fuse-hard-swish", &b.finish(&[y]));
    }
}

#[test]
fn gates_of_their_own_input_are_silu_and_mish() {
    let gated = |gate: &[Unary], other: bool| {
        let mut b = Build::new(&[1, 8]);
        let r = b.node("r", relu(), &[b.x]);
        let gate = gate.iter().enumerate().fold(b.x, |x, (i, &unary)| b.node(&format!("g{i}"), Op::Unary(unary), &[x]));
        let y = b.node("y", binary(Binary::Mul), &[gate, if other { r } else { b.x }]);
        let z = b.node("z", Op::Unary(Unary::Tanh), &[r]);
        b.finish(&[y, z])
    };
    let rest = ["r: f32[1,8] = Relu(x)", "z: f32[1,8] = Tanh(r)"];
    let with = |line| [rest[0], line, rest[1]];
    assert_rewrites("fuse-silu", &gated(&[Unary::Sigmoid], false), &with("y: f32[1,8] = Swish(x)"));
    assert_rewrites("fuse-silu", &gated(&[Unary::Softplus, Unary::Tanh], false), &with("y: f32[1,8] = Mish(x)"));
    assert_keeps("fuse-silu", &gated(&[Unary::Sigmoid], true));
    assert_keeps("fuse-silu", &gated(&[Unary::Tanh], false));
    assert_keeps("fuse-silu", &gated(&[Unary::Softplus, Unary::Sigmoid], false));
}

#[test]
fn a_bound_for_all_elements_is_a_clip() {
    let bounded = |op: Binary, activation: Activation, values: &[f32], shape: &[usize]| {
        let mut b = Build::new(&[1, 2]);
        let bound = b.values("bound", shape, values);
        let y = b.node("y", Op::Binary { op, activation }, &[bound, b.x]);
        b.finish(&[y])
    };
    let none = Activation::NONE;
    for (op, activation, line) in [
        (Binary::Max, none, "y: f32[1,2] = Clip {min=0.5 max=inf}(x)"),
        (Binary::Min, none, "y: f32[1,2] = Clip {min=-inf max=0.5}(x)"),
        (Binary::Max, Activation::RELU6, "y: f32[1,2] = Clip {min=0.5 max=6}(x)"),
        (Binary::Min, Activation { min: 1.0, max: 2.0 }, "y: f32[1,2] = Clip {min=1 max=1}(x)"),
    ] {
        assert_rewrites("min-max-to-clip", &bounded(op, activation, &[0.5, 0.5], &[2]), &[line]);
    }
    assert_keeps("min-max-to-clip", &bounded(Binary::Max, none, &[0.5, 0.25], &[2]));
    assert_keeps("min-max-to-clip", &bounded(Binary::Max, none, &[0.5; 4], &[2, 1, 2]));
    assert_keeps("min-max-to-clip", &bounded(Binary::Add, none, &[0.5], &[]));
}

#[test]
fn gelu_is_recognized_in_every_order() {
    let build = |order: usize, one: f32| {
        let mut b = Build::new(&[1, 8]);
        let (root, one, half) = (b.values("root", &[], &[0.707_106_77]), b.values("one", &[], &[one]), b.values("half", &[], &[0.5]));
        let scaled = b.node("scaled", binary(Binary::Mul), &[b.x, root]);
        let erf = b.node("erf", Op::Unary(Unary::Erf), &[scaled]);
        let sum = b.node("sum", binary(Binary::Add), &[erf, one]);
        let mul = |b: &mut Build, name: &str, x, y| b.node(name, binary(Binary::Mul), &[x, y]);
        let x = b.x;
        let y = match order {
            0 => {
                let product = mul(&mut b, "p", x, sum);
                mul(&mut b, "y", product, half)
            }
            1 => {
                let halved = mul(&mut b, "p", half, x);
                mul(&mut b, "y", halved, sum)
            }
            _ => {
                let halved = mul(&mut b, "p", sum, half);
                mul(&mut b, "y", x, halved)
            }
        };
        b.finish(&[y])
    };
    for order in 0..3 {
        assert_rewrites("fuse-gelu", &build(order, 1.0), &["y: f32[1,8] = Gelu(x)"]);
        assert_keeps("fuse-gelu", &build(order, 1.5));
    }
}

fn pooled(shape: &[usize], op: Op) -> Graph {
    let mut b = Build::new(shape);
    let y = b.node("y", op, &[b.x]);
    b.finish(&[y])
}

#[test]
fn a_mean_over_the_whole_image_is_a_global_pool() {
    let mean = |axes: &[usize], keep_dims| Op::ReduceMean { axes: axes.to_vec(), keep_dims };
    let average = |kernel: &[usize]| Op::AveragePool { pool: Window::new(kernel), include_pad: false };
    let line = "y: f32[2,3,1,1] = GlobalAveragePool(x)";
    assert_rewrites("mean-to-global-pool", &pooled(&[2, 3, 5, 4], mean(&[2, 3], true)), &[line]);
    assert_rewrites("mean-to-global-pool", &pooled(&[2, 3, 5, 4], average(&[5, 4])), &[line]);
    assert_rewrites(
        "mean-to-global-pool",
        &pooled(&[2, 3, 5], mean(&[2], false)),
        &["y_pooled: f32[2,3,1] = GlobalAveragePool(x)", "y: f32[2,3] = Reshape(y_pooled)"],
    );
    assert_keeps("mean-to-global-pool", &pooled(&[2, 3, 5, 4], mean(&[2], true)));
    assert_keeps("mean-to-global-pool", &pooled(&[2, 3, 5, 4], mean(&[1, 2, 3], true)));
    assert_keeps("mean-to-global-pool", &pooled(&[2, 3], mean(&[1], true)));
    // One output, but a window that leaves out the last row.
    let mut window = Window::new(&[24, 5]);
    window.strides = vec![24, 5];
    assert_keeps("mean-to-global-pool", &pooled(&[1, 4, 25, 5], Op::AveragePool { pool: window, include_pad: false }));
    let mut window = Window::new(&[5, 4]);
    window.pads_begin = vec![1, 0];
    assert_keeps("mean-to-global-pool", &pooled(&[2, 3, 5, 4], Op::AveragePool { pool: window, include_pad: false }));
}
