//! What becomes a typed operator, what stays opaque and why.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use edgectl_graph::{Dim, Graph, Op, Shape};
use edgectl_onnx::proto::attribute_proto::AttributeType;
use edgectl_onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, StringStringEntryProto, TensorProto,
};
use edgectl_onnx::{ExportOptions, ImportOptions, Imported, Warning, export, import};
use prost::Message;

fn read(bytes: &[u8]) -> Imported {
    import(bytes, &ImportOptions::default()).unwrap()
}

fn shape_of(graph: &Graph, name: &str) -> String {
    graph.shape(graph.find(name).unwrap()).map_or("?".into(), Shape::to_string)
}

/// Operators and, for those that stay opaque, the reasons.
fn operators(graph: &Graph) -> Vec<String> {
    let word = |op: &Op| match op {
        Op::Opaque(opaque) => format!("{}: {}", opaque.op_type, opaque.reason),
        op => op.name().to_owned(),
    };
    graph.nodes().iter().map(|node| word(&node.op)).collect()
}

fn assert_round_trip(graph: &Graph) {
    let again = read(&export(graph, &ExportOptions::default()).unwrap()).graph;
    assert_eq!((again.nodes(), again.to_string()), (graph.nodes(), graph.to_string()));
}

/// `x.view(x.size(0), -1)`, as PyTorch exports it.
fn view() -> Vec<NodeProto> {
    vec![
        node("Shape", &["x"], "shape"),
        with(node("Gather", &["shape", "zero"], "n"), int("axis", 0)),
        node("Unsqueeze", &["n", "axes"], "n1"),
        with(node("Concat", &["n1", "rest"], "target"), int("axis", 0)),
        node("Reshape", &["x", "target"], "y"),
    ]
}

fn view_constants() -> Vec<TensorProto> {
    let zero = TensorProto { dims: vec![], ..ints("zero", &[0]) };
    vec![zero, ints("axes", &[0]), ints("rest", &[-1])]
}

#[test]
fn a_reshape_to_a_computed_batch_is_typed() {
    let bytes = bytes(&[-2, 3, 4], view(), view_constants());
    let graph = read(&bytes).graph;
    assert_eq!((operators(&graph), shape_of(&graph, "y")), (vec!["Reshape".to_owned()], "[n,12]".to_owned()));
    let bound = import(&bytes, &ImportOptions { batch: Some(1), ..ImportOptions::default() }).unwrap().graph;
    assert_eq!((operators(&bound), shape_of(&bound, "y")), (vec!["Reshape".to_owned()], "[1,12]".to_owned()));
    assert_eq!(bound.fixed_shape(bound.inputs()[0]).unwrap(), [1, 3, 4]);
}

#[test]
fn shape_arithmetic_stays_where_something_else_reads_it() {
    let mut nodes = view();
    nodes.push(node("NonZero", &["target"], "z"));
    let mut proto = graph(&[-2, 3, 4], nodes, view_constants());
    proto.output.push(value("z", INT64, &[1, 2]));
    let imported = read(&model(13, proto).encode_to_vec()).graph;
    let dynamic = |op: &str| format!("{op}: it computes with a dynamic dimension");
    let expected =
        vec!["Reshape".to_owned(), dynamic("Shape"), dynamic("Gather"), dynamic("Unsqueeze"), dynamic("Concat"), "NonZero: ".to_owned()];
    assert_eq!(operators(&imported), expected);
    assert_round_trip(&imported);
}

#[test]
fn arithmetic_on_a_symbol_is_not_folded() {
    let mut nodes = view();
    nodes[3] = with(node("Concat", &["twice", "rest"], "target"), int("axis", 0));
    nodes.insert(3, node("Add", &["n1", "n1"], "twice"));
    let graph = read(&bytes(&[-2, 3, 4], nodes, view_constants())).graph;
    assert_eq!(operators(&graph).last().unwrap(), "Reshape: the shape of its input \"target\" is not known");
}

#[test]
fn integers_are_evaluated() {
    let scalar = |name: &str, value: i64| TensorProto { dims: vec![], ..ints(name, &[value]) };
    let nodes = vec![
        node("Shape", &["x"], "shape"),
        node("Slice", &["shape", "one", "three"], "tail"),
        node("Range", &["s1", "s5", "s2"], "range"),
        with(node("Cast", &["range"], "cast"), int("to", 6)),
        with(node("Cast", &["cast"], "back"), int("to", INT64.into())),
        node("Mul", &["tail", "back"], "product"),
        node("Div", &["product", "back"], "quotient"),
        node("Equal", &["quotient", "four"], "equal"),
        node("Where", &["equal", "quotient", "minus"], "chosen"),
        node("Sub", &["chosen", "zero"], "difference"),
        node("Expand", &["seven", "one"], "expanded"),
        node("Squeeze", &["expanded"], "squeezed"),
        with(node("Concat", &["difference", "seven"], "target"), int("axis", -1)),
        node("Reshape", &["x", "target"], "y"),
    ];
    let constants = vec![
        ints("one", &[1]),
        ints("three", &[3]),
        scalar("s1", 1),
        scalar("s5", 5),
        scalar("s2", 2),
        ints("four", &[4]),
        ints("minus", &[-1]),
        ints("zero", &[0]),
        ints("seven", &[7]),
    ];
    let graph = read(&bytes(&[3, 4, 7], nodes, constants)).graph;
    assert_eq!(operators(&graph), ["Reshape"]);
    // [4, 7] where equal to 4, else -1; then 7.
    assert_eq!(shape_of(&graph, "y"), "[4,3,7]");
}

#[test]
fn dimensions_without_a_name_get_one() {
    let graph = read(&bytes(&[-1, 4, -1], vec![node("Relu", &["x"], "y")], vec![])).graph;
    assert_eq!(shape_of(&graph, "y"), "[x_dim0,4,x_dim2]");
}

#[test]
fn nodes_are_sorted() {
    let graph = read(&bytes(&[1, 4], vec![node("Tanh", &["a"], "y"), node("Relu", &["x"], "a")], vec![])).graph;
    assert_eq!(operators(&graph), ["Relu", "Tanh"]);
}

#[test]
fn initializers_among_the_inputs_are_constants() {
    let mut proto = graph(&[1, 4], vec![node("Add", &["x", "c"], "y")], vec![floats("c", &[4], &[1.0; 4])]);
    proto.input.insert(0, value("c", FLOAT, &[4]));
    let old = ModelProto { ir_version: Some(3), ..model(9, proto) };
    let graph = read(&old.encode_to_vec()).graph;
    assert_eq!(graph.inputs().len(), 1);
    let written = ModelProto::decode(&*export(&graph, &ExportOptions::default()).unwrap()).unwrap();
    assert_eq!((written.ir_version(), written.graph.unwrap().input.len()), (4, 1));
}

#[test]
fn constant_nodes_are_constants() {
    let value = edgectl_onnx::proto::AttributeProto {
        name: Some("value_floats".into()),
        floats: vec![1.0, 2.0, 3.0, 4.0],
        ..edgectl_onnx::proto::AttributeProto::default()
    };
    let graph = read(&bytes(&[1, 4], vec![with(node("Constant", &[], "c"), value), node("Add", &["x", "c"], "y")], vec![])).graph;
    assert_eq!(graph.literal(graph.find("c").unwrap()).unwrap().as_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(operators(&graph), ["Add"]);
}

#[test]
fn sparse_constants_are_carried_along() {
    let mut proto = graph(&[1, 4], vec![node("Add", &["x", "c"], "y")], vec![]);
    let indices = TensorProto { name: Some("at".into()), ..ints("at", &[2]) };
    proto.sparse_initializer = vec![SparseTensorProto { values: Some(floats("c", &[1], &[1.0])), indices: Some(indices), dims: vec![4] }];
    let imported = read(&model(13, proto).encode_to_vec()).graph;
    assert_eq!(operators(&imported), ["Constant: ", "Add: the shape of its input \"c\" is not known"]);
    assert_round_trip(&imported);
}

#[test]
fn what_a_node_has_that_is_not_known_keeps_it_opaque() {
    let cases: Vec<(NodeProto, &str)> = vec![
        (with(node("Relu", &["x"], "y"), int("consumed_inputs", 1)), "Relu: attribute \"consumed_inputs\" is not known"),
        (node("Add", &["x", "h"], "y"), "Add: input \"h\" has float8e4m3fn elements"),
        (node("Clip", &["x", "x"], "y"), "Clip: input \"x\" is computed"),
        (node("Relu", &["x", "x"], "y"), "Relu: its input \"x\" is not known"),
        (node("MatMul", &["x", "v"], "y"), "MatMul: inner dimensions of [1,4] and [5] differ"),
        (NodeProto { domain: Some("com.example".into()), ..node("Relu", &["x"], "y") }, "Relu: "),
        (node("Mine", &["x"], "y"), "Mine: it is a function of the model"),
    ];
    let eighth = TensorProto { data_type: Some(17), dims: vec![4], raw_data: Some(vec![0; 4]), ..ints("h", &[]) };
    for (node, expected) in cases {
        let constants = vec![eighth.clone(), floats("v", &[5], &[0.0; 5])];
        let mut model = model(13, graph(&[1, 4], vec![node], constants));
        model.functions = vec![FunctionProto { name: Some("Mine".into()), ..FunctionProto::default() }];
        let imported = read(&model.encode_to_vec()).graph;
        assert_eq!(operators(&imported), [expected]);
        assert_round_trip(&imported);
    }
}

#[test]
fn subgraphs_capture_tensors() {
    let mut inner = graph(&[1, 4], vec![node("Add", &["a", "c"], "inner")], vec![]);
    inner.input.clear();
    inner.output = vec![value("inner", FLOAT, &[1, 4])];
    let choice = with(with(node("If", &["flag"], "y"), subgraph("then_branch", inner.clone())), subgraph("else_branch", inner));
    let mut proto = graph(&[1, 4], vec![choice, node("Relu", &["x"], "a")], vec![floats("c", &[1], &[1.0])]);
    proto.input.push(value("flag", 9, &[]));
    let imported = read(&model(13, proto).encode_to_vec()).graph;
    assert_eq!(operators(&imported), ["Relu", "If: "]);
    let names: Vec<_> = imported.nodes()[1].captures.iter().map(|&id| imported.tensor(id).name.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
    assert_round_trip(&imported);
}

#[test]
fn documentation_and_metadata_come_back() {
    let entry = || vec![StringStringEntryProto { key: Some("k".into()), value: Some("v".into()) }];
    let relu = NodeProto { doc_string: Some("why".into()), metadata_props: entry(), ..node("Relu", &["s"], "y") };
    let constant = TensorProto { doc_string: Some("what".into()), metadata_props: entry(), ..floats("c", &[4], &[1.0; 4]) };
    let mut proto = graph(&[1, 4], vec![node("Add", &["x", "c"], "s"), relu], vec![constant]);
    proto.metadata_props = entry();
    proto.doc_string = Some("graph".into());
    proto.value_info = vec![value("s", FLOAT, &[1, 4])];
    proto.output = vec![value("y", FLOAT, &[1, 4])];
    let before = ModelProto { producer_name: Some("me".into()), metadata_props: entry(), ..model(13, proto) };
    let after = ModelProto::decode(&*export(&read(&before.encode_to_vec()).graph, &ExportOptions::default()).unwrap()).unwrap();
    let plain = |mut model: ModelProto| {
        let constant = &mut model.graph.as_mut().unwrap().initializer[0];
        (constant.raw_data, constant.float_data) = (None, vec![]);
        model
    };
    assert_eq!(plain(after), plain(before));
}

#[test]
fn a_shape_that_is_declared_wrongly_is_a_warning() {
    let mut proto = graph(&[1, 4], vec![node("Relu", &["x"], "y")], vec![]);
    proto.output = vec![value("y", FLOAT, &[1, 5])];
    let imported = read(&model(13, proto.clone()).encode_to_vec());
    let words: Vec<_> = imported.warnings.iter().map(Warning::to_string).collect();
    assert_eq!(words, ["tensor \"y\" is declared as f32[1,5], but computed as f32[1,4]"]);
    // A dynamic dimension, or one by another name, is no contradiction.
    proto.output = vec![value("y", FLOAT, &[-2, 4])];
    assert_eq!(read(&model(13, proto).encode_to_vec()).warnings, []);
}

#[test]
fn unknown_fields_are_noticed() {
    let mut bytes = bytes(&[1, 4], vec![node("Relu", &["x"], "y")], vec![]);
    let known_bytes = bytes.len();
    // Field 1000, a varint.
    bytes.extend([0xc0, 0x3e, 1]);
    assert_eq!(read(&bytes).warnings, [Warning::UnknownFields { found_bytes: known_bytes + 3, known_bytes }]);
}

#[test]
fn observed_tensors_become_outputs() {
    let nodes = vec![node("Add", &["x", "c"], "a"), node("Relu", &["a"], "y")];
    let graph = read(&bytes(&[1, 4], nodes, vec![floats("c", &[4], &[1.0; 4])])).graph;
    let id = |name: &str| graph.find(name).unwrap();
    let observe = [id("x"), id("a"), id("y"), id("c"), id("a")];
    let observed: GraphProto = ModelProto::decode(&*export(&graph, &ExportOptions { observe: &observe }).unwrap()).unwrap().graph.unwrap();
    let names: Vec<_> = observed.output.iter().map(|info| info.name()).collect();
    assert_eq!(names, ["y", "x/observed", "a", "y/observed", "c/observed", "a/observed"]);
    let copies: Vec<_> = observed.node[2..].iter().map(|node| (node.op_type(), node.input[0].as_str(), node.output[0].as_str())).collect();
    let copy = |from, to| ("Identity", from, to);
    assert_eq!(copies, [copy("x", "x/observed"), copy("y", "y/observed"), copy("c", "c/observed"), copy("a", "a/observed")]);
}

#[test]
fn dead_constants_and_dead_integers_go() {
    let nodes = vec![node("Shape", &["x"], "unused"), node("Relu", &["x"], "y")];
    let graph = read(&bytes(&[-2, 4], nodes, vec![floats("c", &[1], &[1.0])])).graph;
    assert_eq!(operators(&graph), ["Relu"]);
    assert_eq!(graph.find("c"), None);
    assert_eq!(graph.shape(graph.inputs()[0]).unwrap().dims()[0], Dim::symbol("n"));
}

#[test]
fn a_split_becomes_slices() {
    let split = |opset: i64, outputs: &[&str], attributes: Vec<AttributeProto>, sizes: Option<&[i64]>| {
        let mut split = node("Split", &["x"], "y");
        split.output = outputs.iter().map(|&name| name.to_owned()).collect();
        split.attribute = attributes;
        let constants: Vec<TensorProto> = sizes.iter().map(|sizes| ints("sizes", sizes)).collect();
        split.input.extend(sizes.map(|_| "sizes".to_owned()));
        let mut graph = graph(&[-2, 7], vec![split], constants);
        graph.output = outputs.iter().filter(|name| !name.is_empty()).map(|name| value(name, FLOAT, &[-2, -3])).collect();
        read(&model(opset, graph).encode_to_vec()).graph
    };
    let axis = || int("axis", -1);
    let lines = |graph: &Graph| -> Vec<String> {
        graph.to_string().lines().filter_map(|line| line.strip_prefix("node   ")).map(str::to_owned).collect()
    };
    let expected = ["y: f32[n,3] = Slice {1:0+1x3}(x)", "z: f32[n,4] = Slice {1:3+1x4}(x)"];
    let given = AttributeProto { ints: vec![3, 4], ..int("split", 0) };
    let given = AttributeProto { r#type: Some(AttributeType::Ints.into()), i: None, ..given };
    for graph in [split(11, &["y", "z"], vec![axis(), given], None), split(13, &["y", "z"], vec![axis()], Some(&[3, 4]))] {
        assert_eq!(lines(&graph), expected);
        assert_round_trip(&graph);
    }
    // Unequal parts: the last one is smaller. An output that is left out is no slice.
    let graph = split(18, &["y", "", "z"], vec![axis(), int("num_outputs", 3)], None);
    assert_eq!(lines(&graph), ["y: f32[n,3] = Slice {1:0+1x3}(x)", "z: f32[n,1] = Slice {1:6+1x1}(x)"]);
    assert_eq!(lines(&split(13, &["y"], vec![axis()], None)), ["y: f32[n,7] = Identity(x)"]);
    for (wrong, reason) in [
        (split(13, &["y", "z"], vec![axis()], Some(&[3, 5])), "parts of [3, 5] of axis 1 of [n,7]"),
        (split(13, &["y", "z"], vec![axis()], Some(&[-1, 8])), "a part of -1"),
        (split(13, &["y", "z"], vec![], None), "axis 0 of [n,7] is dynamic"),
        (split(13, &["y", "z"], vec![int("axis", 2)], None), "axis 2 is outside 2 dimensions"),
    ] {
        assert_eq!(operators(&wrong), [format!("Split: {reason}")]);
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { r#type: Some(AttributeType::String.into()), i: None, s: Some(value.into()), ..int(name, 0) }
}

#[test]
fn forms_that_the_typed_operators_have() {
    let one = |node: NodeProto, constants: Vec<TensorProto>| {
        let graph = read(&bytes(&[2, 3, 4, 5], vec![node], constants)).graph;
        assert_round_trip(&graph);
        graph.to_string().lines().find_map(|line| line.strip_prefix("node   y: ")).unwrap().to_owned()
    };
    let slope = floats("slope", &[1, 1], &[0.25]);
    assert_eq!(one(node("PRelu", &["x", "slope"], "y"), vec![slope]), "f32[2,3,4,5] = LeakyRelu {alpha=0.25}(x)");
    let slopes = floats("slope", &[3, 1, 1], &[0.1, 0.2, 0.3]);
    assert_eq!(one(node("PRelu", &["x", "slope"], "y"), vec![slopes]), "f32[2,3,4,5] = PRelu(x, slope)");
    let two = TensorProto { dims: vec![], ..floats("two", &[1], &[2.0]) };
    assert_eq!(one(node("Pow", &["x", "two"], "y"), vec![two]), "f32[2,3,4,5] = Pow {exponent=2}(x)");
    let bounds = || vec![ints("starts", &[-1, 1]), ints("ends", &[-100, 3]), ints("axes", &[3, 1]), ints("steps", &[-2, 1])];
    let slice = || node("Slice", &["x", "starts", "ends", "axes", "steps"], "y");
    assert_eq!(one(slice(), bounds()), "f32[2,2,4,3] = Slice {1:1+1x2 3:4-2x3}(x)");
    let gather = with(node("Gather", &["x", "indices"], "y"), int("axis", 1));
    assert_eq!(one(gather, vec![ints("indices", &[-1, 0])]), "f32[2,2,4,5] = Gather {axis=1 indices=[2, 0] dims=[2]}(x)");
    let resize = || with(node("Resize", &["x", "", "scales"], "y"), text("mode", "linear"));
    let scales = || vec![floats("scales", &[4], &[1.0, 1.0, 2.0, 0.4])];
    assert_eq!(one(resize(), scales()), "f32[2,3,8,2] = Resize {sizes=8x2 halfpixel linear}(x)");
    let blocks = with(with(node("DepthToSpace", &["t"], "y"), int("blocksize", 2)), text("mode", "CRD"));
    let turned = AttributeProto { r#type: Some(AttributeType::Ints.into()), i: None, ints: vec![0, 2, 1, 3], ..int("perm", 0) };
    let graph = read(&bytes(&[2, 3, 4, 5], vec![with(node("Transpose", &["x"], "t"), turned), blocks], vec![])).graph;
    assert_eq!(shape_of(&graph, "y"), "[2,1,6,10]");
}

#[test]
fn forms_that_no_typed_operator_has() {
    let reason = |node: NodeProto, constants: Vec<TensorProto>| {
        let graph = read(&bytes(&[2, 3, 4, 5], vec![node], constants)).graph;
        assert_round_trip(&graph);
        operators(&graph).remove(0)
    };
    let resize = |attribute: AttributeProto| with(node("Resize", &["x", "", "scales"], "y"), attribute);
    let scales = |width: f32| vec![floats("scales", &[4], &[1.0, 1.0, 2.0, width])];
    for (node, constants, expected) in [
        (
            node("PRelu", &["x", "slope"], "y"),
            vec![floats("slope", &[2, 1, 1, 1, 1], &[0.1, 0.2])],
            "PRelu: slope [2,1,1,1,1] does not broadcast to [2,3,4,5]",
        ),
        (
            with(node("Gather", &["x", "indices"], "y"), int("axis", 1)),
            vec![ints("indices", &[3])],
            "Gather: an index is outside of axis 1 of [2,3,4,5]",
        ),
        (
            node("Slice", &["x", "starts", "ends"], "y"),
            vec![ints("starts", &[1]), ints("ends", &[1])],
            "Slice: 1..1 in steps of 1 of axis 0 of [2,3,4,5]",
        ),
        (resize(text("mode", "cubic")), scales(2.0), "Resize: attribute \"mode\" is \"cubic\""),
        (
            resize(text("coordinate_transformation_mode", "tf_crop_and_resize")),
            scales(2.0),
            "Resize: attribute \"coordinate_transformation_mode\" is \"tf_crop_and_resize\"",
        ),
        (resize(text("mode", "nearest")), scales(0.7), "Resize: [2,3,4,5] by [1.0, 1.0, 2.0, 0.7]"),
        (with(node("DepthToSpace", &["x"], "y"), int("blocksize", 2)), vec![], "DepthToSpace: [2,3,4,5] has no blocks of 2"),
    ] {
        assert_eq!(reason(node, constants), expected);
    }
}

/// With constants, as the passes leave it.
fn canonical(bytes: &[u8]) -> Graph {
    let mut graph = read(bytes).graph;
    edgectl_graph::run_all(&mut graph, edgectl_graph::pass::CANONICAL).unwrap();
    graph
}

fn list(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(AttributeType::Ints.into()), ints: ints.to_vec(), ..AttributeProto::default() }
}

/// onnxruntime's shapes for the same nodes.
#[test]
fn transposed_convolutions_have_the_padding_that_onnx_means() {
    let text = |value: &str| AttributeProto {
        name: Some("auto_pad".into()),
        r#type: Some(AttributeType::String.into()),
        s: Some(value.into()),
        ..AttributeProto::default()
    };
    let strides = || list("strides", &[2, 2]);
    for (attributes, expected) in [
        (vec![], "kernel=3x3 strides=1x1 -> [1,2,6,7]"),
        (vec![strides()], "kernel=3x3 strides=2x2 -> [1,2,9,11]"),
        (
            vec![strides(), list("pads", &[1, 0, 0, 1]), list("output_padding", &[0, 1])],
            "kernel=3x3 strides=2x2 pads=1x0:0x1 output_pads=[0, 1] -> [1,2,8,11]",
        ),
        (vec![strides(), text("SAME_UPPER")], "kernel=3x3 strides=2x2 pads=0x0:1x1 -> [1,2,8,10]"),
        (vec![strides(), text("SAME_LOWER")], "kernel=3x3 strides=2x2 pads=1x1:0x0 -> [1,2,8,10]"),
        (vec![strides(), list("output_shape", &[8, 10])], "kernel=3x3 strides=2x2 pads=1x1:0x0 -> [1,2,8,10]"),
        (vec![strides(), text("VALID")], "kernel=3x3 strides=2x2 -> [1,2,9,11]"),
    ] {
        let node = attributes.into_iter().fold(node("ConvTranspose", &["x", "w"], "y"), with);
        let graph = canonical(&bytes(&[1, 1, 4, 5], vec![node], vec![floats("w", &[1, 2, 3, 3], &[0.5; 18])]));
        let [Op::ConvTranspose(conv)] = graph.nodes().iter().map(|node| &node.op).collect::<Vec<_>>()[..] else { panic!("{graph}") };
        assert_eq!(format!("{conv} -> {}", shape_of(&graph, "y")), expected);
        assert_round_trip_of_canonical(&graph);
    }
    let refused = with(node("ConvTranspose", &["x", "w"], "y"), list("output_shape", &[80, 10]));
    let graph = read(&bytes(&[1, 1, 4, 5], vec![refused], vec![floats("w", &[1, 2, 3, 3], &[0.5; 18])])).graph;
    assert_eq!(operators(&graph), ["ConvTranspose: an output of [80, 10] from [4, 5]"]);
}

/// The filter is swapped on the way out and on the way in.
fn assert_round_trip_of_canonical(graph: &Graph) {
    let again = canonical(&export(graph, &ExportOptions::default()).unwrap());
    let values = |graph: &Graph| graph.literal(graph.nodes()[0].input(1).unwrap()).unwrap().as_f32().unwrap().to_vec();
    assert_eq!(values(&again), values(graph));
    assert_eq!(again.nodes()[0].op, graph.nodes()[0].op);
}

#[test]
fn filters_of_transposed_convolutions_get_their_output_channels_first() {
    let values: Vec<f32> = (0..4 * 3 * 2).map(|value| value as f32).collect();
    for (groups, shape, expected) in
        [(1, "[3,4,2]", [0.0, 1.0, 6.0, 7.0]), (2, "[6,2,2]", [0.0, 1.0, 6.0, 7.0]), (4, "[12,1,2]", [0.0, 1.0, 2.0, 3.0])]
    {
        let node = with(node("ConvTranspose", &["x", "w"], "y"), int("group", groups));
        let graph = canonical(&bytes(&[1, 4, 5], vec![node], vec![floats("w", &[4, 3, 2], &values)]));
        let filter = graph.nodes()[0].input(1).unwrap();
        assert_eq!(graph.shape(filter).unwrap().to_string(), shape);
        assert_eq!(graph.literal(filter).unwrap().as_f32().unwrap()[..4], expected);
        assert_round_trip_of_canonical(&graph);
    }
}

#[test]
fn searches_give_whole_numbers() {
    let two = |mut node: NodeProto, second: &str| {
        node.output.push(second.into());
        node
    };
    let k = || vec![ints("k", &[2])];
    let top = || with(node("TopK", &["x", "k"], "values"), int("axis", 1));
    for (nodes, constants, expected) in [
        (
            vec![with(with(node("ArgMax", &["x"], "y"), int("axis", -1)), int("keepdims", 0))],
            vec![],
            "ArgMax {axis=2 keep_dims=false} -> i64[2,3]",
        ),
        (vec![node("ArgMin", &["x"], "y")], vec![], "ArgMin {axis=0 keep_dims=true} -> i64[1,3,4]"),
        (vec![two(top(), "y")], k(), "TopK {axis=1 k=2 indices} -> i64[2,2,4]"),
        (
            vec![two(with(top(), int("largest", 0)), "unread"), node("Identity", &["values"], "y")],
            k(),
            "TopK {axis=1 k=2 smallest} -> f32[2,2,4]",
        ),
    ] {
        let graph = read(&bytes(&[2, 3, 4], nodes, constants)).graph;
        let dump = graph.to_string();
        let line = dump.lines().find_map(|line| line.strip_prefix("node   ")).unwrap();
        let (fact, op) = line.split_once(": ").unwrap().1.split_once(" = ").unwrap();
        assert_eq!(format!("{} -> {fact}", op.split('(').next().unwrap()), expected, "{dump}");
        assert_round_trip(&graph);
    }
    let last = with(node("ArgMax", &["x"], "y"), int("select_last_index", 1));
    assert_eq!(operators(&read(&bytes(&[2, 3, 4], vec![last], vec![])).graph), ["ArgMax: attribute \"select_last_index\" is 1"]);
}

#[test]
fn models_of_half_precision_become_float32() {
    let half = TensorProto { data_type: Some(10), raw_data: Some(vec![0x00, 0x3c, 0x00, 0xc0]), ..floats("w", &[2], &[]) };
    let brain = TensorProto { data_type: Some(16), int32_data: vec![0x4040, 0xbf00], ..floats("v", &[2], &[]) };
    let nodes = vec![
        with(node("Cast", &["x"], "narrow"), int("to", 10)),
        node("Mul", &["narrow", "w"], "scaled"),
        with(node("Cast", &["scaled"], "brain"), int("to", 16)),
        node("Add", &["brain", "v"], "y"),
    ];
    let mut graph = graph(&[3, 2], nodes, vec![half, brain]);
    graph.input = vec![value("x", 10, &[3, 2])];
    graph.output = vec![value("y", 16, &[3, 2])];
    let read = read(&model(22, graph).encode_to_vec());
    assert_eq!(read.warnings, [Warning::Widened { ports: 2 }]);
    let literal = |name: &str| read.graph.literal(read.graph.find(name).unwrap()).unwrap().as_f32().unwrap().to_vec();
    assert_eq!((literal("w"), literal("v")), (vec![1.0, -2.0], vec![3.0, -0.5]));
    assert_eq!(operators(&read.graph), ["Identity", "Mul", "Identity", "Add"]);
    assert_eq!(read.graph.to_string().lines().last().unwrap(), "output y: f32[3,2]");
    assert_round_trip(&read.graph);
}

/// NumPy's `pad`, `tile` and `broadcast_to` of the numbers 0 to 3.
#[test]
fn repeated_elements_are_gathered() {
    let mode = |value: &str| AttributeProto {
        name: Some("mode".into()),
        r#type: Some(AttributeType::String.into()),
        s: Some(value.into()),
        ..AttributeProto::default()
    };
    let pads = || ints("amounts", &[0, 3, 0, 2]);
    for (node, constant, expected) in [
        (with(node("Pad", &["x", "amounts"], "y"), mode("reflect")), pads(), "axis=1 indices=[3, 2, 1, 0, 1, 2, 3, 2, 1]"),
        (with(node("Pad", &["x", "amounts"], "y"), mode("edge")), pads(), "axis=1 indices=[0, 0, 0, 0, 1, 2, 3, 3, 3]"),
        (with(node("Pad", &["x", "amounts"], "y"), mode("wrap")), pads(), "axis=1 indices=[1, 2, 3, 0, 1, 2, 3, 0, 1]"),
        (node("Tile", &["x", "amounts"], "y"), ints("amounts", &[1, 2]), "axis=1 indices=[0, 1, 2, 3, 0, 1, 2, 3]"),
        (node("Expand", &["x", "amounts"], "y"), ints("amounts", &[3, 1]), "axis=0 indices=[0, 0, 0]"),
    ] {
        let graph = read(&bytes(&[1, 4], vec![node], vec![constant])).graph;
        assert!(graph.to_string().contains(&format!("Gather {{{expected} ")), "{graph}");
        assert_round_trip(&graph);
    }
    let far = with(node("Pad", &["x", "amounts"], "y"), mode("reflect"));
    let graph = read(&bytes(&[1, 4], vec![far], vec![ints("amounts", &[0, 4, 0, 0])])).graph;
    assert_eq!(operators(&graph), ["Pad: 4 and 0 elements around axis 1 of [1,4], which has no more to reflect"]);
    let endless = node("Tile", &["x", "amounts"], "y");
    let graph = read(&bytes(&[1, 4], vec![endless], vec![ints("amounts", &[1, i64::MAX])])).graph;
    assert_eq!(operators(&graph), ["Tile: 9223372036854775807 times axis 1 of [1,4]"]);
}

#[test]
fn normalizations_are_one_operator_each() {
    let parameters = |size: i64| vec![floats("s", &[size], &vec![1.0; size as usize]), floats("b", &[size], &vec![0.0; size as usize])];
    for (node, size, opset, expected) in [
        (node("LayerNormalization", &["x", "s", "b"], "y"), 4, 17, "LayerNormalization {axis=2 epsilon=1e-5}(x, s, b)"),
        (node("LayerNormalization", &["x", "s"], "y"), 4, 17, "LayerNormalization {axis=2 epsilon=1e-5}(x, s)"),
        (node("RMSNormalization", &["x", "s"], "y"), 4, 23, "RMSNormalization {axis=2 epsilon=1e-5}(x, s)"),
        (node("InstanceNormalization", &["x", "s", "b"], "y"), 6, 13, "GroupNormalization {groups=6 epsilon=1e-5}(x, s, b)"),
        (
            with(node("GroupNormalization", &["x", "s", "b"], "y"), int("num_groups", 3)),
            6,
            21,
            "GroupNormalization {groups=3 epsilon=1e-5}(x, s, b)",
        ),
    ] {
        let graph = read(&model(opset, graph(&[2, 6, 4], vec![node], parameters(size))).encode_to_vec()).graph;
        let dump = graph.to_string();
        let line = dump.lines().find_map(|line| line.strip_prefix("node   y: f32[2,6,4] = ")).unwrap();
        assert_eq!(line, expected);
        assert_round_trip(&graph);
    }
}
