//! Parts of a graph, put together again, compute what the whole computes.

use std::collections::HashMap;

use edgectl_graph::{Binary, Graph, Op, TensorId, Unary};

use crate::support::eval::{Array, evaluate};
use crate::support::{Build, binary};

/// A residual block with two outputs: one early, one at the end.
fn residual() -> Build {
    let mut build = Build::new(&[1, 3, 4, 4]);
    let first = build.conv("first", build.x, &[3, 3, 1, 1], 1);
    let relu = build.node("relu", Op::Unary(Unary::Relu), &[first]);
    let second = build.conv("second", relu, &[3, 3, 1, 1], 1);
    let sum = build.node("sum", binary(Binary::Add), &[second, relu]);
    let last = build.node("last", Op::Unary(Unary::Tanh), &[sum]);
    build.graph.add_output(relu);
    build.graph.add_output(last);
    build
}

#[test]
fn a_cut_anywhere_gives_two_parts_that_compute_the_whole() {
    let mut build = residual();
    let x = Array { shape: vec![1, 3, 4, 4], values: build.random.values(48).into_iter().map(f64::from).collect() };
    let expected = evaluate(&build.graph, std::slice::from_ref(&x));
    for cut in 0..=build.graph.nodes().len() {
        let (head, tail) = (build.graph.part(0..cut), build.graph.part(cut..usize::MAX));
        let mut known: HashMap<TensorId, Array> = HashMap::from([(build.x, x.clone())]);
        for part in [head, tail] {
            part.graph.check().unwrap();
            let inputs: Vec<Array> = part.inputs.iter().map(|id| known[id].clone()).collect();
            known.extend(part.outputs.iter().copied().zip(evaluate(&part.graph, &inputs)));
        }
        let found: Vec<Array> = build.graph.outputs().iter().map(|id| known[id].clone()).collect();
        assert_eq!(found, expected, "cut before node {cut}");
    }
}

#[test]
fn a_part_keeps_names_and_constants() {
    let build = residual();
    let part = build.graph.part(2..3);
    assert_eq!(part.graph.nodes()[0].name, "second");
    let names = |ids: &[TensorId], graph: &Graph| ids.iter().map(|&id| graph.tensor(id).name.clone()).collect::<Vec<_>>();
    assert_eq!(names(part.graph.inputs(), &part.graph), ["relu"]);
    assert_eq!(names(&part.outputs, &build.graph), ["second"]);
    assert!(part.graph.find("second_w").is_some_and(|id| part.graph.literal(id).is_some()));
}
