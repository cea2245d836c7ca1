//! Nodes with int16 activations: which tensors become int16, and where identities requantize.
#![allow(clippy::unwrap_used)]

use edgectl_graph::{Activation, Fact, Graph, Literal, Op, QuantConst, QuantType, Shape, Unary};
use edgectl_quantize::{Calibrated, Calibrator, Int16, QuantizeError, Recipe};

/// `x -> first -> relu -> reshape -> second `, seen once.
fn calibrated() -> Calibrated {
    let mut graph = Graph::new("chain");
    let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 2])));
    let dense = |graph: &mut Graph, name: &str, x| {
        let w = graph.add_constant(format!("{name}.w"), Literal::f32([2, 2], vec![1.0, 0.5, -0.25, 1.0]).unwrap());
        let b = graph.add_constant(format!("{name}.b"), Literal::f32([2], vec![0.1, -0.1]).unwrap());
        graph.add_node(name, Op::Dense { activation: Activation::NONE }, vec![Some(x), Some(w), Some(b)], name).unwrap()
    };
    let first = dense(&mut graph, "first", x);
    let relu = graph.add_node("relu", Op::Unary(Unary::Relu), vec![Some(first)], "relu").unwrap();
    let flat = graph.add_node("flat", Op::Reshape { shape: Shape::new([1usize, 2]) }, vec![Some(relu)], "flat").unwrap();
    let second = dense(&mut graph, "second", flat);
    graph.add_output(second);
    let recipe = Recipe { calibrator: Calibrator::MinMax, methods: vec![], ..Recipe::default() };
    let show = |_: &Graph, seen: &mut edgectl_quantize::Calibration| {
        let values = vec![[-1.0f32, 2.0]; seen.observed().count()];
        seen.observe(values.iter().map(|values| &values[..]))
    };
    recipe.calibrate(graph, show).unwrap()
}

/// The names of the int16 tensors that nodes write or callers fill.
fn wide(int16: &Int16) -> Vec<String> {
    let quantized = calibrated().quantize(int16).unwrap().graph;
    let graph = quantized.graph();
    let is_wide = |id| quantized.params(id).is_some_and(|params| params.ty == QuantType::I16);
    let ids = graph.inputs().iter().copied().chain(graph.nodes().iter().filter_map(|node| node.output()));
    ids.filter(|&id| is_wide(id)).map(|id| graph.tensor(id).name.clone()).collect()
}

fn nodes(names: &[&str]) -> Int16 {
    Int16::Nodes(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn inputs_and_layout_follow_and_identities_stand_between() {
    assert_eq!(wide(&Int16::None), [""; 0]);
    assert_eq!(wide(&Int16::All), ["x", "first", "relu", "flat", "second"]);
    assert_eq!(wide(&nodes(&["first"])), ["x", "first"]);
    assert_eq!(wide(&nodes(&["relu"])), ["first/int16", "relu", "flat"]);
    assert_eq!(wide(&nodes(&["second"])), ["flat/int16", "second"]);
}

#[test]
fn int16_is_symmetric_with_headroom_and_sums_in_32_bits_where_that_is_proven() {
    let quantized = calibrated().quantize(&Int16::All).unwrap().graph;
    let params = quantized.params(quantized.graph().find("relu").unwrap()).unwrap();
    assert_eq!((params.ty, params.zero_point), (QuantType::I16, 0));
    assert!((params.scale - 2.0 * 2.0 / 32767.0).abs() < 1e-9, "{params:?}");
    let bias = quantized.constant(quantized.graph().find("first.b").unwrap());
    assert!(matches!(bias, Some(QuantConst::Bias { .. })), "{bias:?}");
}

#[test]
fn names_must_be_those_of_nodes() {
    let error = calibrated().quantize(&nodes(&["third"])).unwrap_err();
    assert!(matches!(error, QuantizeError::NoSuchNode { ref node } if node == "third"), "{error}");
    assert_eq!(calibrated().int16_candidates(), ["first", "relu", "second"]);
}

#[test]
fn the_ranking_puts_first_what_costs_most() {
    let calibrated = calibrated();
    // As if all that counted were whether "second" is int16.
    let ranking = calibrated.rank_int16(|quantized| -> Result<f64, QuantizeError> {
        let id = quantized.graph.graph().find("second").unwrap();
        Ok(if quantized.graph.params(id).unwrap().ty == QuantType::I16 { 60.0 } else { 40.0 })
    });
    let ranking = ranking.unwrap();
    assert_eq!((ranking[0].node.as_str(), ranking[0].loss, ranking.len()), ("second", 20.0, 3));
}
