//! What is left of the models that exporters write, after all passes.

use edgectl_graph::pass::CANONICAL;
use edgectl_graph::{Activation, Binary, Data, Dim, Fact, Graph, Literal, Op, Shape, TensorId, Window, run_all};

use crate::support::{Build, assert_same_values, binary, clip, conv, nodes, relu, reshape, transpose};

fn assert_canonical(before: &Graph, expected: &[&str]) {
    let mut after = before.clone();
    run_all(&mut after, CANONICAL).unwrap();
    assert_eq!(nodes(&after), expected);
    if before.require_deployable().is_ok() {
        assert_same_values(before, &after, "canonical");
    }
}

/// What Keras leaves of convolution, batch normalization and activation.
fn block(b: &mut Build, name: &str, x: TensorId, filter: &[usize], groups: usize, activation: Op) -> TensorId {
    let a = b.conv(&format!("{name}_conv"), x, filter, groups);
    let scale = b.constant(&format!("{name}_scale"), &[1, filter[0], 1, 1]);
    let shift = b.constant(&format!("{name}_shift"), &[1, filter[0], 1, 1]);
    let scaled = b.node(&format!("{name}_mul"), binary(Binary::Mul), &[a, scale]);
    let shifted = b.node(&format!("{name}_add"), binary(Binary::Add), &[scaled, shift]);
    b.node(name, activation, &[shifted])
}

#[test]
fn a_separable_network_of_keras() {
    let mut b = Build::new(&[1, 9, 7, 1]);
    let image = b.node("image", reshape(&[1, 1, 9, 7]), &[b.x]);
    let first = block(&mut b, "first", image, &[4, 1, 3, 3], 1, relu());
    let depth = block(&mut b, "depth", first, &[4, 1, 3, 3], 4, clip(0.0, 6.0));
    let mut window = Window::new(&[4, 3]);
    window.strides = vec![4, 3];
    let pooled = b.node("pooled", Op::AveragePool { pool: window, include_pad: false }, &[depth]);
    let flat = b.node("flat", reshape(&[1, 4]), &[pooled]);
    let (w, c) = (b.constant("w", &[4, 3]), b.constant("c", &[3]));
    let logits = b.node("logits", Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }, &[flat, w, c]);
    let y = b.node("y", Op::Softmax { axis: 1 }, &[logits]);
    assert_canonical(
        &b.finish(&[y]),
        &[
            "image: f32[1,1,9,7] = Reshape(x)",
            "first: f32[1,4,7,5] = Conv {kernel=3x3 strides=1x1 relu}(image, first_conv_w, first_conv_w_bias)",
            "depth: f32[1,4,5,3] = Conv {kernel=3x3 strides=1x1 groups=4 relu6}(first, depth_conv_w, depth_conv_w_bias)",
            // Its window leaves out a row: no global pool.
            "pooled: f32[1,4,1,1] = AveragePool {kernel=4x3 strides=4x3}(depth)",
            "flat: f32[1,4] = Reshape(pooled)",
            "logits: f32[1,3] = Dense(flat, w, c)",
            "y: f32[1,3] = Softmax {axis=1}(logits)",
        ],
    );
}

#[test]
fn a_multilayer_perceptron_with_a_symbolic_batch() {
    let mut b = Build::new(&[1]);
    b.graph = Graph::new("mlp");
    let mut x = b.graph.add_input("x", Fact::f32(Shape::from(vec![Dim::symbol("n"), Dim::Fixed(8)])));
    for (layer, [inner, out]) in [[8, 5], [5, 3]].into_iter().enumerate() {
        let (w, bias) = (b.constant(&format!("w{layer}"), &[inner, out]), b.constant(&format!("b{layer}"), &[out]));
        let product = b.node(&format!("product{layer}"), Op::MatMul, &[x, w]);
        let sum = b.node(&format!("sum{layer}"), binary(Binary::Add), &[product, bias]);
        x = b.node(&format!("y{layer}"), relu(), &[sum]);
    }
    let mut graph = b.finish(&[x]);
    let dense =
        |n| [format!("y0: f32[{n},5] = Dense {{relu}}(x, w0, w0_bias)"), format!("y1: f32[{n},3] = Dense {{relu}}(y0, w1, w1_bias)")];
    assert_canonical(&graph, &dense("n").each_ref().map(String::as_str));
    graph.bind_batch(2).unwrap();
    assert_canonical(&graph, &dense("2").each_ref().map(String::as_str));
}

#[test]
fn a_channels_last_network_with_explicit_padding() {
    let mut b = Build::new(&[1, 6, 6, 3]);
    let x = b.node("x_nchw", transpose(&[0, 3, 1, 2]), &[b.x]);
    let frame = Op::Pad { before: vec![0, 0, 0, 0], after: vec![0, 0, 1, 1], value: 0.0 };
    let padded = b.node("padded", frame, &[x]);
    let mut window = Window::new(&[3, 3]);
    window.strides = vec![2, 2];
    let w = b.constant("w", &[4, 3, 3, 3]);
    let a = b.node("a", conv(window, 1), &[padded, w]);
    let a_nhwc = b.node("a_nhwc", transpose(&[0, 2, 3, 1]), &[a]);
    let bias = b.constant("bias", &[4]);
    let sum = b.node("sum", binary(Binary::Add), &[a_nhwc, bias]);
    let active = b.node("active", relu(), &[sum]);
    let back = b.node("back", transpose(&[0, 3, 1, 2]), &[active]);
    let c = b.conv("c", back, &[2, 4, 1, 1], 1);
    let bn = b.batch_norm("bn", c, 2);
    let mean = b.node("mean", Op::ReduceMean { axes: vec![2, 3], keep_dims: true }, &[bn]);
    let mean_nhwc = b.node("mean_nhwc", transpose(&[0, 2, 3, 1]), &[mean]);
    let y = b.node("y", reshape(&[1, 2]), &[mean_nhwc]);
    assert_canonical(
        &b.finish(&[y]),
        &[
            "x_nchw: f32[1,3,6,6] = Transpose {perm=[0, 3, 1, 2]}(x)",
            "sum: f32[1,4,3,3] = Conv {kernel=3x3 strides=2x2 pads=0x0:1x1 relu}(x_nchw, w, w_bias)",
            "bn: f32[1,2,3,3] = Conv {kernel=1x1 strides=1x1}(sum, c_w, c_w_bias)",
            "mean: f32[1,2,1,1] = GlobalAveragePool(bn)",
            "y: f32[1,2] = Reshape(mean)",
        ],
    );
}

#[test]
fn a_hybrid_network_gets_float_weights() {
    let mut b = Build::new(&[1, 2, 4]);
    let values: Vec<i8> = (-6..6).collect();
    let q = b.graph.add_constant("q", Literal::new([2, 2, 3], Data::I8(values.into())).unwrap());
    let scale = b.values("scale", &[], &[0.25]);
    let zero_point = b.graph.add_constant("zero_point", Literal::new([], Data::I8([1].into())).unwrap());
    let w = b.node("w", Op::Dequantize { axis: 0 }, &[q, scale, zero_point]);
    let a = b.node("a", conv(Window::new(&[3]), 1), &[b.x, w]);
    let three = b.values("three", &[], &[3.0]);
    let sum = b.node("sum", binary(Binary::Add), &[a, three]);
    let clipped = b.node("clipped", clip(0.0, 6.0), &[sum]);
    let product = b.node("product", binary(Binary::Mul), &[clipped, a]);
    let six = b.values("six", &[1, 1, 1], &[6.0]);
    let y = b.node("y", Op::Binary { op: Binary::Div, activation: Activation::NONE }, &[product, six]);
    assert_canonical(&b.finish(&[y]), &["a: f32[1,2,2] = Conv {kernel=3 strides=1}(x, w)", "y: f32[1,2,2] = HardSwish(a)"]);
}
