//! Whole trainings of small models: they learn, they give the same bytes again, and they go on where they were stopped.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use edgectl_graph::{Activation, Conv, Fact, Graph, Literal, Op, Shape, TensorId, Window};
use edgectl_train::{
    Augmentation, Ending, Event, Flow, Objective, Optimizer, Question, Samples, Schedule, Teacher, Term, TrainError, TrainOptions, Trained,
    Wanted, score, train,
};

/// Images of 6x6 with a bright row or column: two classes.
fn stripes(count: usize, seed: u64) -> Samples {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut inputs, mut labels) = (vec![], vec![]);
    for i in 0..count {
        let (class, at) = (i % 2, random.usize(0..6));
        for y in 0..6 {
            for x in 0..6 {
                let bright = if class == 0 { y == at } else { x == at };
                inputs.push(0.3 * (random.f32() - 0.5) + if bright { 1.0 } else { 0.0 });
            }
        }
        labels.push(class as i64);
    }
    Samples::new(vec![1, 6, 6], inputs, Some(labels)).unwrap()
}

struct Builder {
    graph: Graph,
    random: fastrand::Rng,
}

impl Builder {
    fn constant(&mut self, name: &str, shape: &[usize], spread: f32) -> Option<TensorId> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| spread * (self.random.f32() - 0.5)).collect();
        Some(self.graph.add_constant(name, Literal::f32(shape, values).unwrap()))
    }

    fn ones(&mut self, name: &str, shape: &[usize]) -> Option<TensorId> {
        Some(self.graph.add_constant(name, Literal::f32(shape, vec![1.0; shape.iter().product()]).unwrap()))
    }
}

/// Convolution, batch normalization, ReLU, pool, dense, softmax.
fn small_network() -> Graph {
    let mut build = Builder { graph: Graph::new("small"), random: fastrand::Rng::with_seed(5) };
    let x = build.graph.add_input("x", Fact::f32(Shape::new([1usize, 1, 6, 6])));
    let (filter, bias) = (build.constant("conv.w", &[8, 1, 3, 3], 1.0), build.constant("conv.b", &[8], 0.0));
    let window = Window { pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::new(&[3, 3]) };
    let conv = Op::Conv(Conv { window, groups: 1, activation: Activation::NONE });
    let y = build.graph.add_node("conv", conv, vec![Some(x), filter, bias], "conv.y").unwrap();
    let (scale, shift) = (build.ones("bn.scale", &[8]), build.constant("bn.shift", &[8], 0.0));
    let (mean, variance) = (build.constant("bn.mean", &[8], 0.0), build.ones("bn.variance", &[8]));
    let y = build.graph.add_node("bn", Op::BatchNorm { epsilon: 1e-3 }, vec![Some(y), scale, shift, mean, variance], "bn.y").unwrap();
    let y = build.graph.add_node("relu", Op::Unary(edgectl_graph::Unary::Relu), vec![Some(y)], "relu.y").unwrap();
    let pool = Op::MaxPool(Window { strides: vec![2, 2], ..Window::new(&[2, 2]) });
    let y = build.graph.add_node("pool", pool, vec![Some(y)], "pool.y").unwrap();
    let y = build.graph.add_node("flat", Op::Reshape { shape: Shape::new([1usize, 72]) }, vec![Some(y)], "flat.y").unwrap();
    let (weights, bias) = (build.constant("dense.w", &[2, 72], 0.2), build.constant("dense.b", &[2], 0.0));
    let y = build.graph.add_node("dense", Op::Dense { activation: Activation::NONE }, vec![Some(y), weights, bias], "logits").unwrap();
    let y = build.graph.add_node("softmax", Op::Softmax { axis: 1 }, vec![Some(y)], "y").unwrap();
    build.graph.add_output(y);
    build.graph
}

fn by_labels() -> Objective {
    Objective::new(vec![(1.0, Term::Labels { smoothing: 0.0 })])
}

fn options() -> TrainOptions {
    TrainOptions { epochs: 6, batch: 24, learning_rate: 1e-2, augmentations: vec![Augmentation::Noise(0.05)], ..TrainOptions::default() }
}

fn run(options: &TrainOptions) -> Trained {
    let (samples, validation) = (stripes(200, 1), stripes(100, 2));
    train(&small_network(), &samples, Some(&validation), &by_labels(), options, &mut |_| Flow::Continue).unwrap()
}

#[test]
fn a_classifier_learns_and_its_best_epoch_is_kept() {
    for (optimizer, schedule) in [(Optimizer::ADAMW, Schedule::Cosine), (Optimizer::SGD, Schedule::OneCycle)] {
        let trained = run(&TrainOptions { optimizer, schedule, ..options() });
        let validation = stripes(100, 2);
        let found = score(&trained.graph, &validation, &by_labels()).unwrap();
        assert!(found.top1.unwrap() > 0.95, "{optimizer:?}: {found:?}");
        let best = trained.history[trained.epoch].validation.unwrap();
        assert_eq!(best.top1, found.top1);
        assert!((best.loss - found.loss).abs() < 1e-4, "{best:?} {found:?}");
        assert!(trained.history.iter().all(|row| row.validation.unwrap().top1 <= best.top1));
        // Names and shapes are those of before.
        trained.graph.check().unwrap();
        assert!(trained.graph.find("conv.w").is_some() && trained.graph.find("bn.variance").is_some());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| run(&options()));
    let (one, three) = (on(1), on(3));
    assert_eq!(one.history, three.history);
    assert_eq!(one.graph, three.graph);
    let other = run(&TrainOptions { seed: 1, ..options() });
    assert_ne!(one.history, other.history);
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&options());
    let (samples, validation) = (stripes(200, 1), stripes(100, 2));
    // In the middle of an epoch, at the end of one, and before the first step.
    for stop_after in [0usize, 13, 18] {
        let path = folder.path().join(format!("{stop_after}.safetensors"));
        let options = TrainOptions { checkpoint: Some(path.clone()), ..options() };
        let mut stop = |event: Event<'_>| match event {
            Event::Step { done_steps, .. } if done_steps >= stop_after => Flow::Stop,
            Event::Started { .. } if stop_after == 0 => Flow::Stop,
            _ => Flow::Continue,
        };
        let stopped = train(&small_network(), &samples, Some(&validation), &by_labels(), &options, &mut stop).unwrap();
        assert_eq!(stopped.ending, Ending::Stopped);
        assert!(path.exists());
        let mut steps = None;
        let mut go_on = |event: Event<'_>| {
            if let Event::Started { done_steps, .. } = event {
                steps = Some(done_steps);
            }
            Flow::Continue
        };
        let resumed = train(&small_network(), &samples, Some(&validation), &by_labels(), &options, &mut go_on).unwrap();
        assert!(steps.is_some_and(|steps| steps.abs_diff(stop_after) <= 1), "{steps:?}");
        assert_eq!(resumed.history, whole.history, "stopped after {stop_after} steps");
        assert_eq!(resumed.graph, whole.graph);
    }
}

#[test]
fn a_checkpoint_of_another_training_is_refused_and_a_damaged_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let options = TrainOptions { checkpoint: Some(path.clone()), ..options() };
    run(&options);
    let (samples, objective) = (stripes(200, 1), by_labels());
    let attempt = |options: &TrainOptions| train(&small_network(), &samples, None, &objective, options, &mut |_| Flow::Continue);
    let error = attempt(&TrainOptions { learning_rate: 0.5, ..options.clone() }).unwrap_err();
    assert!(matches!(&error, TrainError::Checkpoint { reason, .. } if reason.contains("another training")), "{error}");
    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 7, 8, 200, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(matches!(attempt(&options).unwrap_err(), TrainError::Checkpoint { .. }), "cut at {cut}");
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let options =
        TrainOptions { learning_rate: 1e30, optimizer: Optimizer::SGD, clip_norm: None, checkpoint: Some(path.clone()), ..options() };
    let samples = stripes(200, 1);
    let error = train(&small_network(), &samples, None, &by_labels(), &options, &mut |_| Flow::Continue).unwrap_err();
    let TrainError::NotFinite { epoch, place, checkpoint, .. } = &error else { panic!("{error}") };
    assert_eq!(*epoch, 1);
    assert!(place.contains("conv") || place.contains("bn") || place.contains("dense"), "{place}");
    assert_eq!(checkpoint.as_ref(), Some(&path));
}

#[test]
fn what_does_not_fit_is_refused() {
    let refuse = |samples: &Samples, validation: Option<&Samples>, objective: &Objective, options: &TrainOptions| {
        train(&small_network(), samples, validation, objective, options, &mut |_| Flow::Continue).unwrap_err()
    };
    let good = stripes(20, 1);
    let labelled = |labels: Vec<i64>| Samples::new(vec![1, 6, 6], vec![0.5; 36 * labels.len()], Some(labels)).unwrap();
    let error = refuse(&labelled(vec![0, 1, 2]), None, &by_labels(), &options());
    assert_eq!(error.to_string(), "sample 2: label 2 is out of range for 2 classes");
    let error = refuse(&labelled(vec![0, 0]), Some(&labelled(vec![0, 1])), &by_labels(), &options());
    assert!(matches!(error, TrainError::ClassMissing { class: 1, .. }), "{error}");
    let unlabelled = Samples::new(vec![1, 6, 6], vec![0.5; 72], None).unwrap();
    assert!(matches!(refuse(&unlabelled, None, &by_labels(), &options()), TrainError::NoLabels));
    let soft = Objective::new(vec![(1.0, Term::Soft { target: 0, temperature: 2.0 })]);
    let mut taught = good.clone();
    taught.add_target(vec![0.0; 60]).unwrap();
    let error = refuse(&taught, None, &soft, &options());
    assert_eq!(error.to_string(), "soft targets \"logits\": expected 2 values for each sample, found 3 values");
    let wrong_shape = Samples::new(vec![6, 6], vec![0.5; 72], Some(vec![0, 1])).unwrap();
    assert!(matches!(refuse(&wrong_shape, None, &by_labels(), &options()), TrainError::SampleShape { .. }));
    let error = refuse(&good, None, &by_labels(), &TrainOptions { patience: Some(2), ..options() });
    assert!(error.to_string().contains("early stopping"), "{error}");
    let error = refuse(&good, None, &by_labels(), &TrainOptions { learning_rate: f32::NAN, ..options() });
    assert!(error.to_string().contains("learning rate"), "{error}");
}

fn unlabelled(samples: &Samples) -> Samples {
    Samples::new(vec![1, 6, 6], (0..samples.len()).flat_map(|i| samples.input(i).to_vec()).collect(), None).unwrap()
}

fn about(tensor: &str, wanted: Wanted) -> Question {
    Question { tensor: tensor.into(), wanted }
}

#[test]
fn a_student_learns_from_a_teacher_without_labels() {
    let teacher = Teacher::new(run(&options()).graph, &[about("logits", Wanted::Values)]).unwrap();
    let mut samples = unlabelled(&stripes(200, 9));
    teacher.teach(&mut samples, 1, &|_| ()).unwrap();
    let soft = Objective::new(vec![(1.0, Term::Soft { target: 0, temperature: 2.0 })]);
    for objective in [soft.clone(), Objective { teacher: Some(Arc::new(teacher)), ..soft }] {
        let trained = train(&small_network(), &samples, None, &objective, &options(), &mut |_| Flow::Continue).unwrap();
        let found = score(&trained.graph, &stripes(100, 3), &by_labels()).unwrap();
        assert!(found.top1.unwrap() > 0.95, "{found:?}");
    }
}

/// The loss of the first epoch, at a learning rate that leaves the model as it is.
fn loss_of(samples: &Samples, objective: &Objective) -> f64 {
    let options = TrainOptions {
        epochs: 1,
        learning_rate: 1e-12,
        freeze_statistics: true,
        augmentations: vec![Augmentation::Noise(0.5)],
        ..TrainOptions::default()
    };
    let trained = train(&small_network(), samples, None, objective, &options, &mut |_| Flow::Continue).unwrap();
    trained.history[1].train.unwrap().loss
}

#[test]
fn a_teacher_is_asked_about_samples_as_they_were_changed() {
    let teacher = || Teacher::new(small_network(), &[about("logits", Wanted::Values)]).unwrap();
    let mut samples = unlabelled(&stripes(64, 4));
    teacher().teach(&mut samples, 1, &|_| ()).unwrap();
    // A student that is its teacher says the same of all samples; what was kept of them is no answer once they have changed.
    let kept = Objective::new(vec![(1.0, Term::Outputs { target: 0 })]);
    let logits = Objective::new(vec![(1.0, Term::Features { tensor: "logits".into(), target: 0 })]);
    assert!(loss_of(&samples, &logits) > 1e-3);
    let asked = Objective { teacher: Some(Arc::new(teacher())), ..logits };
    assert!(loss_of(&samples, &asked) < 1e-9);
    // Probabilities are not logits.
    assert!(loss_of(&samples, &kept) > 1e-3);
}

#[test]
fn inner_tensors_are_compared_channel_by_channel() {
    let samples = unlabelled(&stripes(64, 4));
    let of = |channels: Vec<usize>| {
        let teacher = Teacher::new(small_network(), &[about("relu.y", Wanted::Channels(channels))]).unwrap();
        let terms = vec![(1.0, Term::Features { tensor: "relu.y".into(), target: 0 })];
        loss_of(&samples, &Objective { terms, teacher: Some(Arc::new(teacher)) })
    };
    assert!(of((0..8).collect()) < 1e-9);
    assert!(of((0..8).rev().collect()) > 1e-3);
    let map = Teacher::new(small_network(), &[about("pool.y", Wanted::AttentionMap)]).unwrap();
    let terms = vec![(1.0, Term::Attention { tensor: "pool.y".into(), target: 0 })];
    assert!(loss_of(&samples, &Objective { terms, teacher: Some(Arc::new(map)) }) < 1e-9);

    let refuse = |question| Teacher::new(small_network(), &[question]).unwrap_err().to_string();
    assert_eq!(refuse(about("relu.y", Wanted::Channels(vec![7, 8]))), "teacher \"relu.y\": expected a channel of it, found channel 8 of 8");
    assert_eq!(refuse(about("relu", Wanted::Values)), "teacher \"relu\": expected a tensor of the teacher, found none of this name");
    // As many channels as the student has.
    let fewer = Teacher::new(small_network(), &[about("relu.y", Wanted::Channels(vec![0]))]).unwrap();
    let objective = Objective { terms: vec![(1.0, Term::Features { tensor: "relu.y".into(), target: 0 })], teacher: Some(Arc::new(fewer)) };
    let error = train(&small_network(), &samples, None, &objective, &options(), &mut |_| Flow::Continue).unwrap_err();
    assert_eq!(error.to_string(), "feature matching \"relu.y\": expected 288 values for each sample, found 36 values");
}

#[test]
fn frozen_nodes_stay() {
    let frozen = ["conv".to_owned()].into();
    let trained = run(&TrainOptions { frozen, ..options() });
    let before = small_network();
    let value = |graph: &Graph, name: &str| graph.literal(graph.find(name).unwrap()).unwrap().clone();
    assert_eq!(value(&trained.graph, "conv.w"), value(&before, "conv.w"));
    assert_ne!(value(&trained.graph, "dense.w"), value(&before, "dense.w"));
}
