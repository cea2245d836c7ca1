//! Invariants, cost, text form and symbolic batches.

use edgectl_graph::{Activation, Binary, Cost, DType, Dim, Fact, Graph, GraphError, Literal, Op, Opaque, Shape, Window};

use crate::support::{Build, binary, conv, relu, reshape};

fn opaque(op_type: &str, domain: &str, reason: &str) -> Opaque {
    Opaque { domain: domain.into(), op_type: op_type.into(), reason: reason.into(), payload: [].into() }
}

#[test]
fn names_are_unique() {
    let mut b = Build::new(&[2]);
    b.node("x", relu(), &[b.x]);
    assert_eq!(b.graph.check().unwrap_err(), GraphError::DuplicateTensor { name: "x".into() });
}

#[test]
fn tensors_are_computed_before_they_are_read() {
    // The id that the next tensor will have, found out on a copy.
    let mut b = Build::new(&[2]);
    let next = b.graph.clone().add_node("", relu(), vec![Some(b.x)], "next").unwrap();
    b.graph.add_opaque("reader", opaque("Custom", "", ""), vec![Some(next)], vec![], vec![Some(("a".into(), None))]);
    let undefined = GraphError::Undefined { node: "reader".into(), tensor: "a".into() };
    assert_eq!(b.graph.check().unwrap_err(), undefined);
    // What a subgraph captures counts as read.
    let mut b = Build::new(&[2]);
    b.graph.add_opaque("reader", opaque("Custom", "", ""), vec![], vec![next], vec![Some(("a".into(), None))]);
    assert_eq!(b.graph.check().unwrap_err(), undefined);
    // Facts that an opaque node hides stay unknown after it, and that is consistent.
    let mut b = Build::new(&[2]);
    b.graph.add_opaque("hide", opaque("Custom", "", ""), vec![Some(b.x)], vec![], vec![None, Some(("hidden".into(), None))]);
    let hidden = b.graph.find("hidden").unwrap();
    let y = b.node("y", relu(), &[hidden]);
    assert_eq!(b.finish(&[y]).tensor(y).fact, None);
}

#[test]
fn operators_refuse_inputs_that_they_cannot_take() {
    let mut b = Build::new(&[1, 2, 4, 4]);
    let w = b.constant("w", &[3, 4, 3, 3]);
    let bytes = b.graph.add_constant("bytes", Literal::new([2], edgectl_graph::Data::U8([1, 2].into())).unwrap());
    let mut error = |op: Op, inputs: &[_]| b.graph.add_node("n", op, inputs.to_vec(), "y").unwrap_err().to_string();
    assert_eq!(error(relu(), &[]), r#"node "n" (Relu): expected 1, found 0 inputs"#);
    assert_eq!(error(binary(Binary::Add), &[Some(b.x), None]), r#"node "n" (Add): expected 2, found 2 inputs"#);
    assert_eq!(error(relu(), &[Some(bytes)]), r#"node "n" (Relu): expected f32 elements, found u8"#);
    assert_eq!(
        error(conv(Window::new(&[3, 3]), 1), &[Some(b.x), Some(w)]),
        r#"node "n" (Conv): filter [3,4,3,3] with 1 groups and kernel=3x3 strides=1x1 does not fit the input [1,2,4,4]"#
    );
    assert_eq!(error(Op::Softmax { axis: 4 }, &[Some(b.x)]), r#"node "n" (Softmax): axis 4 is outside the shape [1,2,4,4]"#);
    assert_eq!(
        error(Op::Concat { axis: 0 }, &[Some(b.x), Some(w)]),
        r#"node "n" (Concat): f32[3,4,3,3] cannot be joined to f32[1,2,4,4] along axis 0"#
    );
}

#[test]
fn costs_are_those_counted_by_hand() {
    let mut b = Build::new(&[1, 8, 10, 10]);
    let a = b.conv("a", b.x, &[16, 8, 3, 3], 1);
    let d = b.conv("d", a, &[16, 1, 3, 3], 16);
    let flat = b.node("flat", reshape(&[1, 576]), &[d]);
    let y = b.dense("y", flat, &[10, 576]);
    let graph = b.finish(&[y]);
    let costs: Vec<Cost> = graph.nodes().iter().map(|node| graph.cost(node)).collect();
    // Outputs are 8 x 8 and 6 x 6.
    assert_eq!(costs[0].macs, 8 * 8 * 16 * (8 * 3 * 3));
    assert_eq!((costs[0].parameters, costs[0].parameter_bytes, costs[0].output_elements), (1152, 4608, 1024));
    assert_eq!(costs[1].macs, 6 * 6 * 16 * (3 * 3));
    assert_eq!(costs[2], Cost { output_elements: 576, ..Cost::default() });
    assert_eq!(costs[3].macs, 576 * 10);
    let total = graph.total_cost();
    assert_eq!(total.macs, 73_728 + 5_184 + 5_760);
    assert_eq!(total.parameters, 1152 + 144 + 5760);
}

#[test]
fn a_shared_constant_counts_once_in_the_total_and_a_batch_as_one_sample() {
    let mut graph = Graph::new("g");
    let x = graph.add_input("x", Fact::f32(Shape::from(vec![Dim::symbol("n"), Dim::Fixed(4)])));
    let w = graph.add_constant("w", Literal::f32([4, 4], vec![0.5; 16]).unwrap());
    let dense = Op::Dense { activation: Activation::NONE };
    let a = graph.add_node("a", dense.clone(), vec![Some(x), Some(w)], "a").unwrap();
    let y = graph.add_node("y", dense, vec![Some(a), Some(w)], "y").unwrap();
    graph.add_output(y);
    assert_eq!(graph.total_cost(), Cost { macs: 32, parameters: 16, parameter_bytes: 64, output_elements: 8 });
    assert_eq!(graph.cost(&graph.nodes()[1]).parameters, 16);
}

#[test]
fn the_dump_is_one_line_per_tensor_and_node() {
    let mut b = Build::new(&[1, 2, 5, 5]);
    let mut window = Window::new(&[3, 3]);
    window.strides = vec![2, 2];
    window.dilations = vec![1, 2];
    window.pads_end = vec![1, 1];
    let w = b.constant("w", &[4, 1, 3, 3]);
    let a = b.node("a", conv(window, 2), &[b.x, w]);
    let c = b.node("c", Op::Concat { axis: 1 }, &[a, a]);
    b.graph.add_opaque("nms", opaque("Nms", "vendor", ""), vec![Some(c), None], vec![], vec![None, Some(("boxes".into(), None))]);
    let boxes = b.graph.find("boxes").unwrap();
    assert_eq!(
        b.finish(&[boxes]).to_string(),
        "\
graph \"g\"
input  x: f32[1,2,5,5]
const  w: f32[4,1,3,3]
node   a: f32[1,4,2,1] = Conv {kernel=3x3 strides=2x2 dilations=1x2 pads=0x0:1x1 groups=2}(x, w)
node   c: f32[1,8,2,1] = Concat {axis=1}(a, a)
node   boxes: ? = Nms {opaque domain=\"vendor\"}(c, _)
output boxes: ?
"
    );
}

#[test]
fn binding_the_batch_fixes_every_shape() {
    let mut graph = Graph::new("g");
    let image = Shape::from(vec![Dim::symbol("n"), Dim::Fixed(2), Dim::Fixed(3)]);
    let x = graph.add_input("x", Fact::f32(image));
    let flat = Op::Reshape { shape: Shape::from(vec![Dim::symbol("n"), Dim::Fixed(6)]) };
    let y = graph.add_node("flat", flat, vec![Some(x)], "y").unwrap();
    graph.add_output(y);
    assert_eq!(graph.batch_symbol().as_deref(), Some("n"));
    let error = GraphError::Dynamic { tensor: "x".into(), shape: "[n,2,3]".into() };
    assert_eq!(graph.require_deployable().unwrap_err(), error);
    graph.bind_batch(4).unwrap();
    graph.check().unwrap();
    graph.require_deployable().unwrap();
    assert_eq!((graph.batch_symbol(), graph.fixed_shape(y).unwrap()), (None, vec![4, 6]));

    // Every input has a batch of its own.
    let mut graph = Graph::new("g");
    let batch = |symbol| Fact::f32(Shape::from(vec![Dim::symbol(symbol), Dim::Fixed(2)]));
    let inputs = [graph.add_input("a", batch("n")), graph.add_input("b", batch("m"))];
    let y = graph.add_node("y", Op::Concat { axis: 1 }, vec![Some(inputs[0]), Some(inputs[0])], "y").unwrap();
    graph.add_output(y);
    graph.bind_batch(3).unwrap();
    assert_eq!(inputs.map(|id| graph.fixed_shape(id).unwrap()), [[3, 2], [3, 2]]);
    assert_eq!(graph.fixed_shape(y).unwrap(), [3, 4]);
}

#[test]
fn operators_without_a_typed_form_cannot_be_deployed() {
    for (domain, reason, expected) in [
        ("", "", r#"node "n": operator Loop is not supported"#),
        ("ai.vendor", "", r#"node "n": operator ai.vendor.Loop is not supported"#),
        ("", r#"attribute "mode" is "reflect""#, r#"node "n": operator Loop is not supported: attribute "mode" is "reflect""#),
    ] {
        let mut graph = Graph::new("g");
        let fact = Fact::new(DType::F32, Shape::new([1usize]));
        let x = graph.add_input("x", fact.clone());
        graph.add_opaque("n", opaque("Loop", domain, reason), vec![Some(x)], vec![], vec![Some(("y".into(), Some(fact)))]);
        assert_eq!(graph.require_deployable().unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_tensor_that_would_need_too_much_memory_cannot_be_deployed() {
    let mut build = Build::new(&[1, 1, 4, 4]);
    let x = build.x;
    let pad = Op::Pad { before: vec![0, 0, 1 << 20, 1 << 20], after: vec![0; 4], value: 0.0 };
    let y = build.node("y", pad, &[x]);
    let error = build.finish(&[y]).require_deployable().unwrap_err();
    assert_eq!(error.to_string(), "tensor \"y\" has the shape [1,1,1048580,1048580]; expected at most 268435456 elements");
}
