//! What a quantized graph refuses.

use std::collections::BTreeMap;

use edgectl_graph::{Activation, Binary, Graph, Op, QuantConst, QuantError, QuantGraph, QuantParams, TensorId, Unary};

use crate::support::{Build, binary};

/// A graph with its parameters, before they are put together.
#[derive(Clone)]
struct Parts {
    graph: Graph,
    activations: BTreeMap<TensorId, QuantParams>,
    constants: BTreeMap<TensorId, QuantConst>,
}

const PARAMS: QuantParams = QuantParams::int8(0.5, 3);

/// `Dense -> Softmax`, quantized as it should be.
fn valid() -> Parts {
    let mut b = Build::new(&[1, 3]);
    let (w, bias) = (b.constant("w", &[2, 3]), b.constant("b", &[2]));
    let a = b.node("a", Op::Dense { activation: Activation::NONE }, &[b.x, w, bias]);
    let y = b.node("y", Op::Softmax { axis: 1 }, &[a]);
    let x = b.x;
    let unit = QuantParams::int8(1.0 / 256.0, -128);
    let constants = [
        (w, QuantConst::Weights { values: [1, 2, 3, -127, 0, 127].into(), scales: [0.1, 0.2].into() }),
        (bias, QuantConst::Bias { values: [7, -7].into() }),
    ];
    Parts { graph: b.finish(&[y]), activations: [(x, PARAMS), (a, PARAMS), (y, unit)].into(), constants: constants.into() }
}

fn error(change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = valid();
    change(&mut parts);
    QuantGraph::new(parts.graph, parts.activations, parts.constants).unwrap_err().to_string()
}

#[test]
fn a_consistent_graph_is_accepted() {
    let parts = valid();
    let quantized = QuantGraph::new(parts.graph.clone(), parts.activations, parts.constants).unwrap();
    let find = |name| parts.graph.find(name).unwrap();
    assert_eq!(quantized.params(find("a")), Some(PARAMS));
    assert_eq!(quantized.params(find("w")), None);
    assert_eq!(quantized.constants().count(), 2);
    assert_eq!((PARAMS.min(), PARAMS.max()), (-65.5, 62.0));
}

#[test]
fn activations_need_usable_parameters() {
    let id = |parts: &Parts, name: &str| parts.graph.find(name).unwrap();
    let missing = error(|parts| parts.activations.retain(|&key, _| key != id(&valid(), "a")));
    assert_eq!(missing, r#"tensor "a": expected a scale and a zero point, found none"#);
    let with_scale = |scale| error(|parts| parts.activations.extend([(id(&valid(), "x"), QuantParams::int8(scale, 0))]));
    for (scale, found) in [(0.0, "0"), (-1.0, "-1"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        assert_eq!(with_scale(scale), format!("tensor \"x\": expected a positive, finite scale, found {found}"));
    }
    assert_eq!(with_scale(1e-40), r#"tensor "x": expected a scale of at least 1.1754944e-38, found 1e-40"#);
}

/// A graph of one node, whose input has these parameters.
fn of_one_node(shape: &[usize], op: Op, x: QuantParams, y: QuantParams) -> Result<QuantGraph, QuantError> {
    let mut b = Build::new(shape);
    let output = b.node("y", op, &[b.x]);
    let input = b.x;
    QuantGraph::new(b.finish(&[output]), [(input, x), (output, y)].into(), BTreeMap::new())
}

#[test]
fn sums_of_too_many_elements_are_refused() {
    let terms = |result: Result<QuantGraph, QuantError>| match result {
        Ok(_) => None,
        Err(QuantError::Terms { node, terms, most, .. }) if node == "y" => Some((terms, most)),
        Err(error) => panic!("{error}"),
    };
    let mean = |elements, x| {
        let op = Op::ReduceMean { axes: vec![1], keep_dims: true };
        terms(of_one_node(&[1, elements], op, x, QuantParams { scale: 1.0, ..x }))
    };
    // 2^31 / 255, and 2^31 / 128 where the zero point is in the middle.
    let most = 8_421_504;
    assert_eq!([mean(most, QuantParams::int8(1.0, -128)), mean(most + 1, QuantParams::int8(1.0, -128))], [None, Some((most + 1, most))]);
    assert_eq!(
        [mean(most + 1, QuantParams::int8(1.0, 0)), mean(1 << 24, QuantParams::int8(1.0, 0))],
        [None, Some((1 << 24, (1 << 24) - 1))]
    );
    assert_eq!([mean(65_535, QuantParams::int16(1.0)), mean(65_536, QuantParams::int16(1.0))], [None, Some((65_536, 65_535))]);

    let softmax = |elements, x, y| terms(of_one_node(&[1, elements], Op::Softmax { axis: 1 }, x, y));
    let unit = QuantParams::int8(1.0 / 256.0, -128);
    assert_eq!([softmax(4095, PARAMS, unit), softmax(4096, PARAMS, unit)], [None, Some((4096, 4095))]);
    let (wide, wide_unit) = (QuantParams::int16(1.0), QuantParams::int16(1.0 / 32768.0));
    assert_eq!([softmax(65_535, wide, wide_unit), softmax(65_536, wide, wide_unit)], [None, Some((65_536, 65_535))]);
}

#[test]
fn a_layer_whose_sums_have_no_scale_is_refused() {
    let scaled = |input: f32, weights: [f32; 2]| {
        let mut parts = valid();
        let (x, w) = (parts.graph.find("x").unwrap(), parts.graph.find("w").unwrap());
        parts.activations.insert(x, QuantParams::int8(input, 0));
        parts.constants.insert(w, QuantConst::Weights { values: [1, 2, 3, -127, 0, 127].into(), scales: weights.into() });
        QuantGraph::new(parts.graph, parts.activations, parts.constants).map(drop).map_err(|error| error.to_string())
    };
    // A dead channel may have any scale.
    assert_eq!(scaled(1e-10, [1e-30, 1e-3]), Ok(()));
    let expected =
        "node \"a\" (Dense): expected the scales of input and weights to multiply to at least 1.1754944e-38, found 1e-25 times 1e-20";
    assert_eq!(scaled(1e-25, [1e-30, 1e-20]), Err(expected.into()));
}

#[test]
fn a_tensor_without_elements_is_refused() {
    let error = of_one_node(&[1, 0], Op::Identity, PARAMS, PARAMS).unwrap_err();
    assert_eq!(error.to_string(), r#"tensor "x" has the shape [1,0]; expected at least one element"#);
}

#[test]
fn constants_need_the_form_of_their_operator() {
    let set = |name: &'static str, constant: QuantConst| {
        error(move |parts| {
            let id = parts.graph.find(name).unwrap();
            parts.constants.insert(id, constant);
        })
    };
    let weights = |values: &[i8], scales: &[f32]| QuantConst::Weights { values: values.into(), scales: scales.into() };
    assert_eq!(set("w", weights(&[0; 6], &[0.1; 3])), r#"tensor "w": expected one scale or one per output channel, found 3 scales"#);
    assert_eq!(set("w", weights(&[0; 6], &[0.1, 0.0])), r#"tensor "w": expected a positive, finite scale, found 0"#);
    assert_eq!(set("w", weights(&[-128; 6], &[0.1])), r#"tensor "w": expected weights in -127..=127, found -128"#);
    assert_eq!(set("w", weights(&[0; 5], &[0.1])), r#"tensor "w": expected as many values as the float constant has, found 5"#);
    let bias = QuantConst::Bias { values: [0; 6].into() };
    assert_eq!(set("w", bias), r#"node "a": operator Dense with computed weights has no int8 form"#);
    assert_eq!(set("b", weights(&[0; 2], &[0.1])), r#"node "a": operator Dense with computed weights has no int8 form"#);
    assert_eq!(set("x", QuantConst::Bias { values: [0].into() }), r#"tensor "x": expected a float constant, found none"#);
}

#[test]
fn operators_bind_the_parameters_of_their_output() {
    let fixed = error(|parts| {
        let y = parts.graph.find("y").unwrap();
        parts.activations.insert(y, PARAMS);
    });
    assert_eq!(fixed, r#"node "y" (Softmax): expected the parameters of "a" and "y" to be as the operator fixes them"#);

    let mut b = Build::new(&[1, 3]);
    let c = b.constant("c", &[1, 2]);
    let y = b.node("y", Op::Concat { axis: 1 }, &[b.x, c]);
    let x = b.x;
    let graph = b.finish(&[y]);
    let operand = |params| BTreeMap::from([(c, QuantConst::Operand { values: [1, 2].into(), params })]);
    let activations = BTreeMap::from([(x, PARAMS), (y, PARAMS)]);
    QuantGraph::new(graph.clone(), activations.clone(), operand(PARAMS)).unwrap();
    let other = QuantParams { scale: 0.25, ..PARAMS };
    let error = QuantGraph::new(graph.clone(), activations.clone(), operand(other)).unwrap_err();
    assert!(matches!(error, QuantError::Sharing { ref input, rule: "equal", .. } if input == "c"), "{error}");
    let error = QuantGraph::new(graph, activations, BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), r#"tensor "c": expected a scale and a zero point, found none"#);
}

#[test]
fn only_int8_operators_of_fixed_shape_can_be_quantized() {
    let mut b = Build::new(&[2, 2]);
    let w = b.constant("w", &[2, 2]);
    let gemm = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };
    let product = b.node("product", gemm, &[b.x, w]);
    let sum = b.node("sum", binary(Binary::Add), &[product, b.x]);
    let y = b.node("y", Op::Unary(Unary::Sigmoid), &[sum]);
    let (x, graph) = (b.x, b.finish(&[y]));
    let activations: BTreeMap<_, _> = [x, product, sum, y].map(|id| (id, PARAMS)).into();
    let error = QuantGraph::new(graph, activations, BTreeMap::new()).unwrap_err();
    assert_eq!(error, QuantError::NoInt8 { node: "product".into(), op: "Gemm".into() });
}

#[test]
fn what_only_opaque_operators_have_to_do_with_stays_real() {
    let opaque =
        |name: &str| edgectl_graph::Opaque { domain: String::new(), op_type: name.into(), reason: String::new(), payload: [].into() };
    let fact = || Some(edgectl_graph::Fact::f32(edgectl_graph::Shape::new([1usize, 2])));
    let mut parts = valid();
    let y = parts.graph.find("y").unwrap();
    parts.graph.add_opaque("first", opaque("CumSum"), vec![Some(y)], vec![], vec![Some(("s".into(), fact()))]);
    let s = parts.graph.find("s").unwrap();
    parts.graph.add_opaque("second", opaque("CumSum"), vec![Some(s)], vec![], vec![Some(("t".into(), fact()))]);
    let t = parts.graph.find("t").unwrap();
    assert!(parts.graph.opaque_tensors().iter().copied().eq([s, t]));
    assert!(QuantGraph::new(parts.graph.clone(), parts.activations.clone(), parts.constants.clone()).is_ok());

    let z = parts.graph.add_node("z", Op::Unary(Unary::Relu), vec![Some(t)], "z").unwrap();
    parts.activations.insert(z, PARAMS);
    let error = QuantGraph::new(parts.graph, parts.activations, parts.constants).unwrap_err();
    assert_eq!(error.to_string(), r#"tensor "t": expected a scale and a zero point, found none"#);
}

#[test]
fn a_node_reads_and_writes_one_type_unless_it_is_an_identity() {
    let wide = QuantParams::int16(1.0 / 32768.0);
    assert_eq!((wide.min(), wide.max()), (-1.0, 32767.0 / 32768.0));
    let with = |parts: &mut Parts, values: [QuantParams; 3]| {
        for (name, params) in ["x", "a", "y"].into_iter().zip(values) {
            let id = parts.graph.find(name).unwrap();
            parts.activations.insert(id, params);
        }
    };
    let mut parts = valid();
    with(&mut parts, [wide; 3]);
    let bias = parts.graph.find("b").unwrap();
    QuantGraph::new(parts.graph.clone(), parts.activations.clone(), parts.constants.clone()).unwrap();
    parts.constants.insert(bias, QuantConst::WideBias { values: [1 << 40, 0].into() });
    QuantGraph::new(parts.graph, parts.activations, parts.constants.clone()).unwrap();

    let types = error(|parts| with(parts, [PARAMS, wide, wide]));
    assert_eq!(types, r#"node "a" (Dense): expected "x" to be int16 as the output is, found int8"#);
    let types = error(|parts| with(parts, [wide, PARAMS, QuantParams::int8(1.0 / 256.0, -128)]));
    assert_eq!(types, r#"node "a" (Dense): expected "x" to be int8 as the output is, found int16"#);
    let unit = error(|parts| with(parts, [wide, wide, QuantParams::int16(1.0 / 256.0)]));
    assert_eq!(unit, r#"node "y" (Softmax): expected the parameters of "a" and "y" to be as the operator fixes them"#);
    let narrow = error(|parts| {
        parts.constants.insert(bias, QuantConst::WideBias { values: [0, 0].into() });
    });
    assert_eq!(narrow, r#"node "a": operator Dense with computed weights has no int8 form"#);
    let asymmetric = error(|parts| with(parts, [QuantParams { zero_point: 1, ..wide }, wide, wide]));
    assert_eq!(asymmetric, r#"tensor "x": expected a zero point of 0 with int16, found 1"#);

    let mut b = Build::new(&[1, 3]);
    let y = b.node("y", Op::Identity, &[b.x]);
    let x = b.x;
    QuantGraph::new(b.finish(&[y]), [(x, PARAMS), (y, wide)].into(), BTreeMap::new()).unwrap();
    let mut b = Build::new(&[1, 3]);
    let y = b.node("y", binary(Binary::Div), &[b.x, b.x]);
    let x = b.x;
    let error = QuantGraph::new(b.finish(&[y]), [(x, wide), (y, wide)].into(), BTreeMap::new()).unwrap_err();
    assert_eq!(error, QuantError::NoInt16 { node: "y".into(), op: "Div".into() });
}
