//! Scores and plans.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeSet, HashMap};

use common::{Builder, network, sample};
use edgectl_float::FloatModel;
use edgectl_graph::{Activation, Graph, Op};
use edgectl_prune::{Dependencies, Keep, Norm, Plan, PruneError, Scope, Statistics, Taylor, batch_norm_scale, magnitude, reconstruction};

/// `x [1, 4]`, a dense layer of these rows, and one that reads it.
fn dense(rows: &[[f32; 4]], columns: &[f32]) -> Graph {
    let (mut builder, x) = Builder::new(3, &[1, 4]);
    let weights = builder.literal(&[rows.len(), 4], rows.concat());
    let op = || Op::Dense { activation: Activation::NONE };
    let hidden = builder.node(op(), &[x, weights]);
    let reading = builder.literal(&[1, rows.len()], columns.to_vec());
    let y = builder.node(op(), &[hidden, reading]);
    builder.graph.add_output(y);
    builder.graph
}

fn observe(graph: &Graph, dependencies: &Dependencies, samples: usize) -> Statistics {
    let mut statistics = Statistics::new(graph, dependencies);
    let model = FloatModel::from_graph(graph, statistics.observed()).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..samples {
        let values = model.run(&[&sample(graph, &mut random)]).unwrap();
        statistics.observe(&values[graph.outputs().len()..]).unwrap();
    }
    statistics
}

const NONE: Keep = Keep { multiple: 1, share: 0.0 };

#[test]
fn small_weights_go_first() {
    let graph = dense(&[[1.0; 4], [0.1; 4], [0.5; 4]], &[1.0, 1.0, 1.0]);
    let dependencies = Dependencies::of(&graph).unwrap();
    for norm in [Norm::L1, Norm::L2] {
        let order: Vec<usize> = magnitude(&graph, &dependencies, norm).group(0).iter().map(|(unit, _)| *unit).collect();
        assert_eq!(order, [1, 2, 0]);
    }
    assert_eq!(batch_norm_scale(&graph, &dependencies), None);
}

#[test]
fn gradients_count_where_weights_mislead() {
    let graph = dense(&[[1.0; 4], [0.1; 4]], &[1.0, 1.0]);
    let dependencies = Dependencies::of(&graph).unwrap();
    let weights = graph.nodes()[0].input(1).unwrap();
    let mut taylor = Taylor::new(&dependencies);
    taylor.add(&graph, &dependencies, &HashMap::from([(weights, vec![0.0, 0.0, 0.0, 0.01, 1.0, 1.0, 1.0, 1.0])]));
    assert_eq!(taylor.scores(&dependencies).group(0)[0].0, 0);
}

#[test]
fn what_others_can_say_goes_first_and_is_made_up_for() {
    // The first row is the sum of the others, and of the greatest weights.
    let graph = dense(&[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 4.0]], &[1.0, -0.4, 0.7]);
    let dependencies = Dependencies::of(&graph).unwrap();
    let statistics = observe(&graph, &dependencies, 200);
    let scores = reconstruction(&graph, &dependencies, &statistics);
    let first = scores.group(0)[0];
    assert!(first.1 < 1e-2, "{scores:?}");
    let gone = BTreeSet::from([first.0]);
    let cut = dependencies.without_compensated(&graph, &gone, &statistics).unwrap();
    let (before, after) = (FloatModel::from_graph(&graph, &[]).unwrap(), FloatModel::from_graph(&cut, &[]).unwrap());
    for x in [[1.0f32, -1.0, 0.5, 2.0], [0.0, 0.3, -0.7, 0.1]] {
        let (before, after) = (before.run(&[&x]).unwrap()[0][0], after.run(&[&x]).unwrap()[0][0]);
        assert!((before - after).abs() < 0.05, "{before} became {after}");
    }
}

#[test]
fn making_up_for_channels_is_never_worse_on_the_data_it_saw() {
    let (mut better, mut all) = (0, 0);
    for seed in (0..60).filter(|seed| seed % 4 != 3) {
        let graph = network(seed);
        let dependencies = Dependencies::of(&graph).unwrap();
        let gone: BTreeSet<usize> =
            dependencies.groups().iter().filter(|group| group.units.len() > 2).map(|group| group.units[0]).collect();
        if gone.is_empty() || FloatModel::from_graph(&graph, &[]).is_err() {
            continue;
        }
        let statistics = observe(&graph, &dependencies, 16);
        let plain = dependencies.without(&graph, &gone).unwrap();
        let made_up = dependencies.without_compensated(&graph, &gone, &statistics).unwrap();
        assert_eq!(plain.total_cost().macs, made_up.total_cost().macs);
        let distance = |cut: &Graph| {
            let (whole, cut) = (FloatModel::from_graph(&graph, &[]).unwrap(), FloatModel::from_graph(cut, &[]).ok()?);
            let mut random = fastrand::Rng::with_seed(1);
            let samples: Vec<Vec<f32>> = (0..8).map(|_| sample(&graph, &mut random)).collect();
            let squares = |x: &Vec<f32>| {
                let (a, b) = (whole.run(&[x]).unwrap().concat(), cut.run(&[x]).unwrap().concat());
                a.iter().zip(&b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
            };
            Some(samples.iter().map(squares).sum::<f64>())
        };
        let (Some(plain), Some(made_up)) = (distance(&plain), distance(&made_up)) else { continue };
        all += 1;
        better += usize::from(made_up <= plain);
    }
    assert!(better * 10 >= all * 8 && all > 20, "{better} of {all} graphs are nearer");
}

#[test]
fn plans_keep_multiples_and_shares() {
    let (mut builder, x) = Builder::new(9, &[1, 3, 8, 8]);
    let a = builder.conv(x, 19, 3, 1, 1);
    let b = builder.conv(a, 16, 3, 1, 1);
    let pooled = builder.node(Op::GlobalAveragePool, &[b]);
    let flat = builder.reshape(pooled, &[1, 16]);
    let y = builder.dense(flat, 5, Activation::NONE);
    builder.graph.add_output(y);
    let graph = builder.graph;
    let dependencies = Dependencies::of(&graph).unwrap();
    let scores = magnitude(&graph, &dependencies, Norm::L2);
    for scope in [Scope::Global, Scope::PerLayer] {
        let plan = Plan::new(&dependencies, &scores, scope, Keep { multiple: 4, share: 0.2 }, &[]);
        for steps in 0..=plan.len() {
            let cut = dependencies.without(&graph, &plan.units(steps)).unwrap();
            for (node, whole) in [(0, 19), (1, 16)] {
                let channels = cut.fixed_shape(cut.nodes()[node].output().unwrap()).unwrap()[1];
                assert!(channels == whole || channels.is_multiple_of(4), "{channels} of {whole}");
                assert!(channels * 5 >= whole, "{channels} of {whole}");
            }
        }
        assert_eq!(plan.units(plan.len()).len(), 15 + 12);
        let half = graph.total_cost().macs / 2;
        let steps = plan.search(&graph, &dependencies, |cut| Ok::<_, PruneError>(cut.total_cost().macs <= half)).unwrap().unwrap();
        let macs = |steps| dependencies.without(&graph, &plan.units(steps)).unwrap().total_cost().macs;
        assert!(macs(steps) <= half && macs(steps - 1) > half);
        assert_eq!(plan.search(&graph, &dependencies, |_| Ok::<_, PruneError>(false)).unwrap(), None);
    }
    assert!(Plan::new(&dependencies, &scores, Scope::Global, NONE, &[]).units(usize::MAX).len() == 19 + 16 - 2);
}

#[test]
fn what_brings_more_may_cost_more() {
    let (mut builder, x) = Builder::new(9, &[1, 3, 8, 8]);
    let a = builder.conv(x, 8, 3, 1, 1);
    let b = builder.conv(a, 8, 3, 2, 1);
    let c = builder.conv(b, 2, 1, 1, 1);
    builder.graph.add_output(c);
    let dependencies = Dependencies::of(&builder.graph).unwrap();
    let scores = magnitude(&builder.graph, &dependencies, Norm::L2);
    let first = |benefits: &[f64]| {
        let plan = Plan::new(&dependencies, &scores, Scope::Global, NONE, benefits);
        plan.units(7).iter().filter(|&&unit| dependencies.units()[unit].group == 0).count()
    };
    assert_eq!((first(&[100.0, 1.0]), first(&[1.0, 100.0])), (7, 0));
    assert!((1..7).contains(&first(&[])));
    assert_eq!(dependencies.example(0, 3).unwrap().len(), 3);
    assert_eq!(dependencies.example(0, 99).unwrap().len(), 7);
}

#[test]
fn what_must_stay_is_named() {
    let (mut builder, x) = Builder::new(2, &[1, 3, 8, 8]);
    let a = builder.conv(x, 4, 3, 1, 1);
    let shares = builder.node(Op::Softmax { axis: 1 }, &[a]);
    let b = builder.conv(shares, 6, 3, 1, 1);
    builder.graph.add_output(b);
    let dependencies = Dependencies::of(&builder.graph).unwrap();
    assert!(dependencies.groups().is_empty());
    let words: Vec<String> =
        dependencies.fixed().iter().map(|fixed| format!("{}: {}, {}", fixed.layer, fixed.place, fixed.reason)).collect();
    let softmax = builder.graph.label(&builder.graph.nodes()[1]);
    assert!(words[0].ends_with(&format!("{softmax}, softmax sums over it")), "{words:?}");
    assert!(words[1].ends_with("it is an output of the model"), "{words:?}");
}
