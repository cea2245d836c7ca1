//! A pass that breaks the graph is named by the driver.

use edgectl_graph::{Binary, Graph, GraphError, Literal, Op, Pass, Patch, run, run_all};

use crate::support::{Build, binary, reshape, transpose};

/// Makes the change that it is given, whatever comes of it.
struct Broken(fn(&Graph) -> Patch);

impl Pass for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        Some((self.0)(graph))
    }
}

fn error(change: fn(&Graph) -> Patch) -> String {
    let mut b = Build::new(&[2, 3]);
    let a = b.node("a", transpose(&[1, 0]), &[b.x]);
    let y = b.node("y", reshape(&[6]), &[a]);
    let mut graph = b.finish(&[y]);
    run_all(&mut graph, &[&Broken(change)]).unwrap_err().to_string()
}

#[test]
fn the_driver_names_the_pass_the_change_and_the_violation() {
    let wrong_shape = error(|graph| {
        let mut patch = Patch::new(graph, "flatten");
        let (id, node) = graph.iter().nth(1).unwrap();
        patch.replace(graph, id, reshape(&[7]), node.inputs.clone());
        patch
    });
    assert_eq!(wrong_shape, r#"pass broken (flatten) broke the graph: node "y" (Reshape): [3,2] has not as many elements as [7]"#);

    let other_output = error(|graph| {
        let mut patch = Patch::new(graph, "split");
        let (id, node) = graph.iter().nth(1).unwrap();
        patch.replace(graph, id, reshape(&[2, 3]), node.inputs.clone());
        patch
    });
    let expected = r#"pass broken (split) broke the graph: tensor "y": expected y: f32[6], found y: f32[2,3]"#;
    assert_eq!(other_output, expected);

    let cycle = error(|graph| {
        let mut patch = Patch::new(graph, "loop");
        let (id, _) = graph.iter().next().unwrap();
        patch.replace(graph, id, transpose(&[1, 0]), vec![graph.find("y")]);
        patch
    });
    assert_eq!(cycle, r#"pass broken (loop) broke the graph: node "a" depends on its own output"#);

    let arity = error(|graph| {
        let mut patch = Patch::new(graph, "add nothing");
        let (id, node) = graph.iter().next().unwrap();
        patch.replace(graph, id, binary(Binary::Add), node.inputs.clone());
        patch
    });
    assert_eq!(arity, r#"pass broken (add nothing) broke the graph: node "a" (Add): expected 2, found 1 inputs"#);

    let other_name = error(|graph| {
        let mut patch = Patch::new(graph, "feed x through");
        patch.redirect(graph.find("y").unwrap(), graph.find("x").unwrap());
        patch
    });
    assert!(other_name.starts_with("pass broken (feed x through) broke the graph: tensor \"x\": expected x"), "{other_name}");
}

#[test]
fn the_error_keeps_its_parts() {
    let mut b = Build::new(&[2]);
    let y = b.node("y", Op::Identity, &[b.x]);
    let mut graph = b.finish(&[y]);
    let broken = Broken(|graph| {
        let mut patch = Patch::new(graph, "stretch");
        let constant = patch.constant("c", Literal::f32([3], vec![0.0; 3]).unwrap());
        let (id, node) = graph.iter().next().unwrap();
        patch.replace(graph, id, binary(Binary::Add), vec![node.input(0), Some(constant)]);
        patch
    });
    let error = run(&mut graph, &broken).unwrap_err();
    assert_eq!((error.pass, error.why.as_str()), ("broken", "stretch"));
    let what = "[2] and [3] do not broadcast to one shape".to_owned();
    assert_eq!(error.error, GraphError::Operand { node: "y".into(), op: "Add".into(), what });
}
