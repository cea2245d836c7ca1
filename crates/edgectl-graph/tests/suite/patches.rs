//! What a patch does to names, order and readers.

use std::cell::Cell;

use edgectl_graph::{Binary, Graph, Literal, Op, Opaque, Pass, Patch, TensorId, run};

use crate::support::{Build, binary, clip, nodes, relu};

/// A pass that makes one change.
struct Once<F>(F, Cell<bool>);

impl<F: Fn(&Graph, &mut Patch)> Pass for Once<F> {
    fn name(&self) -> &'static str {
        "once"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        if self.1.replace(true) {
            return None;
        }
        let mut patch = Patch::new(graph, "change");
        (self.0)(graph, &mut patch);
        Some(patch)
    }
}

fn change(graph: &Graph, f: impl Fn(&Graph, &mut Patch)) -> Graph {
    let mut changed = graph.clone();
    assert_eq!(run(&mut changed, &Once(f, Cell::new(false))).unwrap(), 1);
    changed
}

/// `x -> Relu a -> Clip b -> Identity y`, with `b` an output too.
fn chain() -> Graph {
    let mut build = Build::new(&[2]);
    let a = build.node("a", relu(), &[build.x]);
    let b = build.node("b", clip(-1.0, 1.0), &[a]);
    let y = build.node("y", Op::Identity, &[b]);
    build.finish(&[y, b])
}

fn id(graph: &Graph, name: &str) -> TensorId {
    graph.find(name).unwrap()
}

#[test]
fn an_output_that_is_redirected_keeps_its_name() {
    let graph = chain();
    let after = change(&graph, |graph, patch| patch.redirect(id(graph, "b"), id(graph, "a")));
    // `a` is now the output "b"; nothing reads the clip any more.
    assert_eq!(nodes(&after), ["b: f32[2] = Relu(x)", "y: f32[2] = Identity(b)"]);
    assert_eq!(after.outputs().iter().map(|&id| after.tensor(id).name.as_str()).collect::<Vec<_>>(), ["y", "b"]);
    assert_eq!(after.nodes()[0].name, "a");
}

#[test]
fn added_nodes_come_before_their_readers_and_are_not_redirected() {
    let after = change(&chain(), |graph, patch| {
        let a = id(graph, "a");
        let double = patch.node("double", binary(Binary::Add), vec![Some(a), Some(a)], "a");
        patch.redirect(a, double);
    });
    // The name is taken: the new tensor gets a suffix.
    assert_eq!(nodes(&after)[..3], ["a: f32[2] = Relu(x)", "a_1: f32[2] = Add(a, a)", "b: f32[2] = Clip {min=-1 max=1}(a_1)"]);
}

#[test]
fn a_node_added_after_an_output_becomes_that_output() {
    let after = change(&chain(), |graph, patch| {
        let y = id(graph, "y");
        let negative = patch.node("clip", clip(-1.0, 0.0), vec![Some(y)], "a");
        patch.redirect(y, negative);
    });
    // What was "y" gets the name that the patch asked for, with a suffix because it is taken.
    assert_eq!(nodes(&after)[2..], ["a_1: f32[2] = Identity(b)", "y: f32[2] = Clip {min=-1 max=0}(a_1)"]);
}

#[test]
fn a_name_that_the_patch_frees_is_free() {
    let after = change(&chain(), |graph, patch| {
        let c = patch.constant("a", Literal::f32([2], vec![1.0; 2]).unwrap());
        patch.redirect(id(graph, "a"), c);
    });
    assert_eq!(nodes(&after), ["b: f32[2] = Clip {min=-1 max=1}(a)", "y: f32[2] = Identity(b)"]);
    assert_eq!(after.literal(id(&after, "a")).unwrap().shape(), [2]);
}

#[test]
fn a_replaced_node_keeps_its_output_and_may_take_another_name() {
    let mut graph = chain();
    graph.set_extra(id(&graph, "a"), [1, 2].into());
    let after = change(&graph, |graph, patch| {
        let (first, last) = (graph.producer(id(graph, "a")).unwrap(), graph.producer(id(graph, "b")).unwrap());
        patch.replace_as(graph, last, first, clip(0.0, 1.0), vec![Some(id(graph, "x"))]);
    });
    assert_eq!(nodes(&after), ["b: f32[2] = Clip {min=0 max=1}(x)", "y: f32[2] = Identity(b)"]);
    assert_eq!((after.nodes()[0].name.as_str(), &after.nodes()[0].extra[..]), ("a", &[1, 2][..]));

    let after = change(&graph, |graph, patch| {
        let last = graph.producer(id(graph, "b")).unwrap();
        patch.replace(graph, last, relu(), vec![Some(id(graph, "x"))]);
    });
    assert_eq!((after.nodes()[0].name.as_str(), after.nodes()[0].extra.len()), ("b", 0));
}

#[test]
fn some_tensors_may_not_be_redirected() {
    let mut build = Build::new(&[2]);
    let a = build.node("a", relu(), &[build.x]);
    let b = build.node("b", relu(), &[a]);
    let c = build.node("c", relu(), &[b]);
    let constant = build.constant("constant", &[2]);
    let opaque = Opaque { domain: String::new(), op_type: "If".into(), reason: String::new(), payload: [].into() };
    build.graph.add_opaque("if", opaque, vec![Some(c)], vec![b], vec![Some(("y".into(), None))]);
    let y = id(&build.graph, "y");
    let x = build.x;
    let graph = build.finish(&[y, c]);
    assert!(graph.can_redirect(a, x) && graph.can_redirect(a, constant));
    assert!(!graph.can_redirect(b, a), "an opaque node knows b by its name");
    assert!(graph.can_redirect(c, a));
    assert!(!graph.can_redirect(c, b), "b would lose its name");
    assert!(!graph.can_redirect(c, x) && !graph.can_redirect(c, constant) && !graph.can_redirect(y, c));
    assert_eq!(graph.only_consumer(a), graph.producer(b));
    assert_eq!(graph.only_consumer(b), None);
}
