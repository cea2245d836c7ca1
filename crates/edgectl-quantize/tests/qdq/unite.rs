//! Activations with a scale per channel, which NNCF writes before depthwise convolutions.

use std::collections::BTreeMap;

use edgectl_graph::{Activation, Conv, DType, Data, Fact, Graph, Literal, Op, QuantConst, QuantParams, Shape, TensorId, Unary, Window};
use edgectl_quantize::{FromQdq, QdqError, from_qdq};

const SCALES: [f32; 3] = [0.02, 0.005, 6.0 / 255.0];

struct Builder(Graph);

impl Builder {
    /// A pair with uint8 between its nodes.
    fn pair(&mut self, name: &str, x: TensorId, scales: &[f32], zero_points: &[u8]) -> TensorId {
        let shape: &[usize] = if scales.len() == 1 { &[] } else { &[scales.len()] };
        let scale = self.0.add_constant(format!("{name}.s"), Literal::f32(shape, scales).unwrap());
        let zero_point = self.0.add_constant(format!("{name}.z"), Literal::new(shape, Data::U8(zero_points.into())).unwrap());
        let inputs = |x| vec![Some(x), Some(scale), Some(zero_point)];
        let quantize = Op::Quantize { axis: 1, dtype: DType::U8 };
        let q = self.0.add_node(format!("{name}.q"), quantize, inputs(x), format!("{name}.q")).unwrap();
        self.0.add_node(format!("{name}.dq"), Op::Dequantize { axis: 1 }, inputs(q), format!("{name}.dq")).unwrap()
    }

    fn conv(&mut self, name: &str, x: TensorId, shape: [usize; 4], groups: usize, steps: &[i8], scales: &[f32]) -> TensorId {
        let q = self.0.add_constant(format!("{name}.w.q"), Literal::new(shape, Data::I8(steps.into())).unwrap());
        let scale = self.0.add_constant(format!("{name}.w.s"), Literal::f32([scales.len()], scales).unwrap());
        let w = self.0.add_node(format!("{name}.w"), Op::Dequantize { axis: 0 }, vec![Some(q), Some(scale)], format!("{name}.w")).unwrap();
        let b = self.0.add_constant(format!("{name}.b"), Literal::f32([shape[0]], vec![0.25; shape[0]]).unwrap());
        let conv = Op::Conv(Conv { window: Window::new(&shape[2..]), groups, activation: Activation::NONE });
        self.0.add_node(name, conv, vec![Some(x), Some(w), Some(b)], name).unwrap()
    }
}

/// `x -> conv -> clip -> [pair per channel] -> depthwise -> y`
fn model(ceiling: f32, zero_points: [u8; 3]) -> Result<FromQdq, QdqError> {
    with_readers(ceiling, zero_points, &[[127, 5, -127]])
}

/// As [`model`], with a depthwise convolution for each of these weights.
fn with_readers(ceiling: f32, zero_points: [u8; 3], readers: &[[i8; 3]]) -> Result<FromQdq, QdqError> {
    let mut builder = Builder(Graph::new("per channel"));
    let x = builder.0.add_input("x", Fact::f32(Shape::new([1usize, 2, 3, 3])));
    let x = builder.pair("x", x, &[0.1], &[128]);
    let first = builder.conv("first", x, [3, 2, 1, 1], 1, &[127, -3, 64, 127, -127, 9], &[0.01, 0.02, 0.03]);
    let clip = Op::Unary(Unary::Clip { min: 0.0, max: ceiling });
    let clipped = builder.0.add_node("clip", clip, vec![Some(first)], "clipped").unwrap();
    let between = builder.pair("between", clipped, &SCALES, &zero_points);
    for (i, steps) in readers.iter().enumerate() {
        let second = builder.conv(&format!("second{i}"), between, [3, 1, 1, 1], 3, steps, &[0.01, 0.5, 0.25]);
        let y = builder.pair(&format!("y{i}"), second, &[0.2], &[100]);
        builder.0.add_output(y);
    }
    from_qdq(builder.0, &BTreeMap::new())
}

fn weights(read: &FromQdq, node: usize) -> (Vec<i8>, Vec<f32>, Activation) {
    let graph = read.quantized.graph();
    let node = &graph.nodes()[node];
    let Some(QuantConst::Weights { values, scales }) = read.quantized.constant(node.input(1).unwrap()) else { panic!("{node:?}") };
    (values.to_vec(), scales.to_vec(), node.op.activation().unwrap())
}

#[test]
fn the_scales_of_channels_move_into_the_weights_and_no_integer_changes() {
    let read = model(6.0, [0; 3]).unwrap();
    let between = read.quantized.graph().nodes()[0].output().unwrap();
    let top = SCALES[2];
    assert_eq!(read.quantized.params(between), Some(QuantParams::int8(top, -128)));
    let near = |found: &[f32], wanted: [f32; 3]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6 * b);
    let (steps, scales, activation) = weights(&read, 0);
    assert_eq!((&steps[..], activation), (&[127, -3, 64, 127, -127, 9][..], Activation::RELU));
    assert!(near(&scales, [0.01 * top / SCALES[0], 0.02 * top / SCALES[1], 0.03]), "{scales:?}");
    let (steps, scales, _) = weights(&read, 1);
    assert_eq!(steps, [127, 5, -127]);
    assert!(near(&scales, [0.01 * SCALES[0] / top, 0.5 * SCALES[1] / top, 0.25]), "{scales:?}");
}

#[test]
fn several_layers_may_read_the_channels() {
    let readers = [[127, 5, -127], [-127, 9, 127]];
    let read = with_readers(6.0, [0; 3], &readers).unwrap();
    for (node, steps) in [1, 2].into_iter().zip(readers) {
        let (found, scales, _) = weights(&read, node);
        assert_eq!(found, steps);
        assert!((scales[0] - 0.01 * SCALES[0] / SCALES[2]).abs() < 1e-8, "{scales:?}");
    }
}

#[test]
fn what_one_scale_cannot_hold_is_refused() {
    let expected = "node \"between.q\" (QuantizeLinear): expected one scale for an activation, found 3 scales";
    for (ceiling, zero_points) in [(6.0, [0, 0, 3]), (1.0, [0; 3])] {
        assert_eq!(model(ceiling, zero_points).unwrap_err().to_string(), expected, "{ceiling} {zero_points:?}");
    }
}
