//! Report on a model that has a graph.

use std::collections::BTreeMap;
use std::path::PathBuf;

use edgectl_graph::{Dim, Graph, Node, Op, Shape, TensorId};
use serde::Serialize;

use crate::audit::Audit;
use crate::model::{self, Model};
use crate::ui::{Align, Report, Style, Table, bytes, count, counted};

/// A model, node by node, as it was read.
#[derive(Debug, Serialize)]
pub(crate) struct GraphReport {
    model: ModelRow,
    inputs: Vec<TensorRow>,
    outputs: Vec<TensorRow>,
    nodes: Vec<NodeRow>,
    /// The data type in which each operator is executed.
    executed: Audit,
}

#[derive(Debug, Serialize)]
struct ModelRow {
    path: PathBuf,
    format: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    opset: Option<i64>,
    file_bytes: u64,
    parameters: u64,
    weight_bytes: u64,
    macs: u64,
    /// Number of nodes.
    operators: usize,
    operator_counts: BTreeMap<String, usize>,
    /// Why the model cannot be quantized; absent where it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<String>,
}

#[derive(Debug, Serialize)]
struct TensorRow {
    name: String,
    dtype: String,
    shape: Option<Dims>,
}

/// Numbers, and names where dimensions are symbolic; absent where the shape is not known.
#[derive(Debug, Serialize)]
struct Dims(Vec<Size>);

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Size {
    Fixed(usize),
    Symbol(String),
}

impl Dims {
    fn new(shape: &Shape) -> Dims {
        let size = |dim: &Dim| match dim {
            Dim::Fixed(size) => Size::Fixed(*size),
            Dim::Symbol(name) => Size::Symbol(name.to_string()),
        };
        Dims(shape.dims().iter().map(size).collect())
    }

    /// `[1,steps,8]`, or `?`
    fn shown(dims: Option<&Dims>) -> String {
        let Some(Dims(dims)) = dims else { return "?".into() };
        let word = |size: &Size| match size {
            Size::Fixed(size) => size.to_string(),
            Size::Symbol(name) => name.clone(),
        };
        format!("[{}]", dims.iter().map(word).collect::<Vec<_>>().join(","))
    }
}

#[derive(Debug, Serialize)]
struct NodeRow {
    name: String,
    op: String,
    /// Of the first output.
    shape: Option<Dims>,
    macs: u64,
    parameters: u64,
    weight_bytes: u64,
    /// Whether the operator is one that can be deployed.
    supported: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

impl GraphReport {
    /// `opset` is that of an ONNX model; any other is TensorFlow Lite's.
    pub(crate) fn new(model: &Model, graph: &Graph, opset: Option<i64>, executed: Audit) -> GraphReport {
        let nodes: Vec<_> = graph.nodes().iter().map(|node| node_row(graph, node)).collect();
        let mut operator_counts = BTreeMap::new();
        for node in &nodes {
            *operator_counts.entry(node.op.clone()).or_default() += 1;
        }
        let total = graph.total_cost();
        GraphReport {
            model: ModelRow {
                path: model.path.clone(),
                format: if opset.is_some() { "onnx" } else { "tflite" },
                name: graph.name.clone(),
                opset,
                file_bytes: model.bytes,
                parameters: total.parameters,
                weight_bytes: total.parameter_bytes,
                macs: total.macs,
                operators: nodes.len(),
                operator_counts,
                obstacle: model::obstacle(graph),
            },
            inputs: graph.inputs().iter().map(|&id| tensor_row(graph, id)).collect(),
            outputs: graph.outputs().iter().map(|&id| tensor_row(graph, id)).collect(),
            nodes,
            executed,
        }
    }
}

fn tensor_row(graph: &Graph, id: TensorId) -> TensorRow {
    let tensor = graph.tensor(id);
    let dtype = tensor.fact.as_ref().map_or("?".into(), |fact| fact.dtype.to_string());
    TensorRow { name: tensor.name.clone(), dtype, shape: graph.shape(id).map(Dims::new) }
}

fn node_row(graph: &Graph, node: &Node) -> NodeRow {
    let cost = graph.cost(node);
    let (supported, op, note) = match &node.op {
        Op::Opaque(opaque) => {
            let domain = if opaque.domain.is_empty() { String::new() } else { format!("{}.", opaque.domain) };
            let reason = if opaque.reason.is_empty() { "unknown operator" } else { &opaque.reason };
            (false, format!("{domain}{}", opaque.op_type), format!("not supported: {reason}"))
        }
        op => (true, op.name().to_owned(), String::new()),
    };
    let shape = node.output().and_then(|id| graph.shape(id)).map(Dims::new);
    let (macs, parameters, weight_bytes) = (cost.macs, cost.parameters, cost.parameter_bytes);
    NodeRow { name: graph.label(node), op, shape, macs, parameters, weight_bytes, supported, note }
}

impl Report for GraphReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let columns = [("node", Left), ("operator", Left), ("output", Left), ("MACs", Right), ("parameters", Right), ("weights", Right)];
        let mut nodes = Table::new(columns);
        for node in &self.nodes {
            let op = if node.supported { node.op.clone() } else { format!("{} (!)", node.op) };
            let name = node.name.clone();
            nodes.row([name, op, Dims::shown(node.shape.as_ref()), count(node.macs), count(node.parameters), bytes(node.weight_bytes)]);
        }
        let model = &self.model;
        let total = format!("total, {}", counted(model.operators as u64, "operator"));
        nodes.row([total, String::new(), String::new(), count(model.macs), count(model.parameters), bytes(model.weight_bytes)]);

        let mut facts = Table::new([("", Left), ("", Left)]);
        let kind = model.opset.map_or_else(|| "TensorFlow Lite, float".to_owned(), |opset| format!("ONNX, opset {opset}"));
        facts.row(["model".into(), format!("{} ({kind}, {} on disk)", model.path.display(), bytes(model.file_bytes))]);
        for (what, tensors) in [("input", &self.inputs), ("output", &self.outputs)] {
            for tensor in tensors {
                facts.row([what.into(), format!("{} {}{}", tensor.name, tensor.dtype, Dims::shown(tensor.shape.as_ref()))]);
            }
        }
        let kinds: Vec<_> = model.operator_counts.iter().map(|(op, count)| format!("{count} {op}")).collect();
        let ready = model.obstacle.as_ref().map_or_else(|| "ready".to_owned(), |obstacle| format!("not possible: {obstacle}"));
        let mut text = format!(
            "{}\n{}\noperators: {}\nexecuted: {}\nquantize: {ready}\n",
            facts.text(style),
            nodes.text(style),
            kinds.join(", "),
            self.executed.summary()
        );
        for node in self.nodes.iter().filter(|node| !node.note.is_empty()) {
            text += &format!("(!) {} ({}): {}\n", node.name, node.op, node.note);
        }
        text
    }
}
