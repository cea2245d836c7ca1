//! Noise and changes of class are found where they were put.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use edgectl_explain::{ExplainError, Explanation, Origin, Runner, Sample, explain};
use edgectl_graph::{Activation, Fact, Graph, Literal, Op, QuantGraph, Shape, TensorId};
use edgectl_quantize::{Calibration, Calibrator, QuantizeError, Recipe};

/// Runs graphs of dense layers, by definition.
fn prepare(graph: &Graph, observe: &[TensorId]) -> Result<Runner<ExplainError>, ExplainError> {
    let (graph, observe) = (graph.clone(), observe.to_vec());
    Ok(Box::new(move |inputs| {
        let mut values: HashMap<TensorId, Vec<f32>> = graph.inputs().iter().copied().zip(inputs.iter().map(|x| x.to_vec())).collect();
        for node in graph.nodes() {
            let Op::Dense { activation } = node.op else { panic!("{}", node.op.name()) };
            let x = &values[&node.input(0).unwrap()];
            let weights = graph.literal(node.input(1).unwrap()).unwrap().as_f32().unwrap();
            let y = weights.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>());
            values.insert(node.output().unwrap(), y.map(|y| y.clamp(activation.min, activation.max)).collect());
        }
        Ok(graph.outputs().iter().chain(&observe).map(|id| values[id].clone()).collect())
    }))
}

/// Two layers; the weights of the second are spread 1 : 1000, which one scale for all cannot hold.
fn network() -> Graph {
    let mut graph = Graph::new("network");
    let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 4])));
    let weights = |scale: [f32; 4]| -> Vec<f32> { (0..16).map(|i| ((i * 7 % 11) as f32 / 5.0 - 1.0) * scale[i / 4]).collect() };
    let first = graph.add_constant("w1", Literal::f32([4, 4], weights([1.0; 4])).unwrap());
    let second = graph.add_constant("w2", Literal::f32([4, 4], weights([1.0, 0.9, 0.001, 0.0011])).unwrap());
    let dense = || Op::Dense { activation: Activation::NONE };
    let h = graph.add_node("first", dense(), vec![Some(x), Some(first)], "h").unwrap();
    let y = graph.add_node("second", dense(), vec![Some(h), Some(second)], "y").unwrap();
    graph.add_output(y);
    graph
}

fn samples(count: usize) -> Vec<Sample> {
    let value = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
    (0..count).map(|index| Sample { index, label: None, inputs: vec![(0..4).map(|i| value(index * 4 + i)).collect()] }).collect()
}

fn quantized(per_channel: bool) -> QuantGraph {
    let mut recipe = Recipe { calibrator: Calibrator::MinMax, methods: vec![], ..Recipe::default() };
    (recipe.options.per_channel_conv, recipe.options.per_channel_dense) = (per_channel, per_channel);
    let show = |graph: &Graph, seen: &mut Calibration| -> Result<(), QuantizeError> {
        let observed: Vec<TensorId> = seen.observed().collect();
        // The input is observed as well; it is what is shown.
        let inner: Vec<TensorId> = observed.iter().copied().filter(|id| !graph.inputs().contains(id)).collect();
        let runner = prepare(graph, &inner).unwrap();
        for sample in samples(64) {
            let outputs = runner(&[&sample.inputs[0]]).unwrap();
            let mut computed = outputs[graph.outputs().len()..].iter();
            let shown: Vec<&[f32]> = observed
                .iter()
                .map(|id| if graph.inputs().contains(id) { &sample.inputs[0][..] } else { computed.next().unwrap() })
                .collect();
            seen.observe(shown.into_iter())?;
        }
        Ok(())
    };
    recipe.apply(network(), show).unwrap().graph
}

fn explained(per_channel: bool) -> Explanation {
    explain::<ExplainError>(&quantized(per_channel), &samples(200), true, &prepare, &|| {}).unwrap()
}

#[test]
fn the_noise_is_found_at_the_node_that_makes_it() {
    let (tensor, channel) = (explained(false), explained(true));
    assert_eq!(tensor.nodes.iter().map(|node| node.node.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    let snr = |found: &Explanation, node: usize| found.nodes[node].local_snr_db.unwrap();
    assert!((25.0..70.0).contains(&snr(&channel, 0)), "{}", snr(&channel, 0));
    assert!(snr(&tensor, 1) <= snr(&channel, 1) + 0.5, "one scale for all is no better");
    for found in [&tensor, &channel] {
        let shares: f64 = found.nodes.iter().map(|node| node.output_noise_share.unwrap()).sum::<f64>() + found.input_noise_share.unwrap();
        assert!((shares - 1.0).abs() < 1e-9);
        assert!(found.nodes[1].accumulated_snr_db.unwrap() < found.nodes[1].local_snr_db.unwrap());
        assert!(found.nodes[1].weights.as_ref().unwrap().spread() > 500.0);
        assert_eq!(found.nodes[0].histogram.total(), 800);
    }
    assert!(channel.nodes[1].weights.as_ref().unwrap().per_channel && !tensor.nodes[1].weights.as_ref().unwrap().per_channel);
}

#[test]
fn every_change_of_class_has_a_place_where_it_begins() {
    let found = explained(false);
    let outputs = |sample: usize| prepare(&network(), &[]).unwrap()(&[&samples(200)[sample].inputs[0]]).unwrap().remove(0);
    for change in &found.changes {
        let float = outputs(change.sample);
        assert!(float.iter().all(|&y| y <= float[change.float_class]), "{change:?}");
        assert_ne!(change.float_class, change.int8_class);
        assert!(change.margin >= 0.0 && change.origin <= Origin::Node(1), "{change:?}");
        assert_eq!(change.departures.len(), 2);
    }
    assert_eq!(found.samples + found.changes.len(), 200, "at most 32 are followed: {}", found.changes.len());
}

#[test]
fn the_same_figures_come_of_any_number_of_threads() {
    let on = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| explained(false));
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(4), one);
}
