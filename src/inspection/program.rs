//! Report on an int8 program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use edge_format::{Io, Program, Tensor};
use edgectl_bench::program::{OpFacts, Value};
use serde::Serialize;

use crate::audit::Audit;
use crate::model::Model;
use crate::ui::{Align, Report, Style, Table, bytes, count, counted};

/// An int8 program: ops, tensors, memory.
#[derive(Debug, Serialize)]
pub(crate) struct ProgramReport {
    model: ModelRow,
    inputs: Vec<IoRow>,
    outputs: Vec<IoRow>,
    nodes: Vec<OpRow>,
    tensors: Vec<TensorRow>,
    /// The data type in which each op is executed.
    executed: Audit,
}

/// What the program was read from.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProgramKind {
    Edgm,
    Tflite,
}

impl ProgramKind {
    fn describe(self) -> &'static str {
        match self {
            ProgramKind::Edgm => "int8 program",
            ProgramKind::Tflite => "TensorFlow Lite, int8, as the program that it becomes",
        }
    }
}

#[derive(Debug, Serialize)]
struct ModelRow {
    path: PathBuf,
    format: ProgramKind,
    name: String,
    producer: String,
    file_bytes: u64,
    parameters: u64,
    /// All constants, tables and padding included.
    weight_bytes: u64,
    arena_bytes: u32,
    /// How much of it keeps its contents between invocations.
    state_bytes: u32,
    /// The most bytes that are needed at one time: no plan for these ops can be smaller.
    arena_lower_bound_bytes: u64,
    macs: u64,
    operators: usize,
    operator_counts: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Serialize)]
struct IoRow {
    name: String,
    shape: Vec<u32>,
    dtype: &'static str,
    /// `real = scale * (q - zero_point)`
    scale: f32,
    zero_point: i32,
}

#[derive(Debug, Serialize)]
struct OpRow {
    /// That of the output.
    name: String,
    op: &'static str,
    shape: Vec<u32>,
    macs: u64,
    parameters: u64,
    weight_bytes: u64,
}

/// A tensor in the arena.
#[derive(Debug, Serialize)]
struct TensorRow {
    name: String,
    dtype: &'static str,
    shape: Vec<u32>,
    bytes: u32,
    arena_offset: u32,
    /// Whether it keeps its contents between invocations.
    state: bool,
    /// The first and the last op that need it; the number of ops where it is a result.
    first_op: usize,
    last_op: usize,
}

impl ProgramReport {
    pub(crate) fn new(model: &Model, program: Program<'_>, kind: ProgramKind, executed: Audit) -> ProgramReport {
        let nodes: Vec<_> = edgectl_bench::program::ops(program).into_iter().map(OpRow::from).collect();
        let mut operator_counts = BTreeMap::new();
        for node in &nodes {
            *operator_counts.entry(node.op).or_default() += 1;
        }
        let values = edgectl_bench::program::values(program);
        ProgramReport {
            model: ModelRow {
                path: model.path.clone(),
                format: kind,
                name: program.name().into(),
                producer: program.producer().into(),
                file_bytes: model.bytes,
                parameters: edgectl_bench::program::parameters(program),
                weight_bytes: program.data().len() as u64,
                arena_bytes: program.arena_bytes(),
                state_bytes: program.state_bytes(),
                arena_lower_bound_bytes: edgectl_bench::program::peak(&values).map_or(0, |peak| peak.bytes),
                macs: nodes.iter().map(|node| node.macs).sum(),
                operators: nodes.len(),
                operator_counts,
            },
            inputs: program.inputs().filter_map(|io| io_row(program, &io)).collect(),
            outputs: program.outputs().filter_map(|io| io_row(program, &io)).collect(),
            nodes,
            tensors: values.into_iter().map(TensorRow::from).collect(),
            executed,
        }
    }
}

impl From<OpFacts> for OpRow {
    fn from(op: OpFacts) -> OpRow {
        let OpFacts { code, name, shape, macs, parameters, weight_bytes } = op;
        OpRow { name, op: code.name(), shape, macs, parameters, weight_bytes }
    }
}

impl From<Value> for TensorRow {
    fn from(value: Value) -> TensorRow {
        let Value { name, dtype, shape, bytes, offset, state, first_op, last_op } = value;
        TensorRow { name, dtype: dtype.name(), shape, bytes, arena_offset: offset, state, first_op, last_op }
    }
}

fn io_row(program: Program<'_>, io: &Io<'_>) -> Option<IoRow> {
    let Tensor { dtype, scale, zero_point, .. } = program.tensor(io.tensor)?;
    Some(IoRow { name: io.name.into(), shape: io.shape.dims().to_vec(), dtype: dtype.name(), scale, zero_point })
}

fn shape(dims: &[u32]) -> String {
    format!("[{}]", dims.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
}

impl Report for ProgramReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let model = &self.model;
        let mut facts = Table::new([("", Left), ("", Left)]);
        facts.row(["model".into(), format!("{} ({}, {} on disk)", model.path.display(), model.format.describe(), bytes(model.file_bytes))]);
        for (what, text) in [("name", &model.name), ("made by", &model.producer)] {
            if !text.is_empty() {
                facts.row([what.into(), text.clone()]);
            }
        }
        for (what, ios) in [("input", &self.inputs), ("output", &self.outputs)] {
            for io in ios {
                let contract = format!("{} {}{}, real = {} * (q - {})", io.name, io.dtype, shape(&io.shape), io.scale, io.zero_point);
                facts.row([what.into(), contract.replace("- -", "+ ")]);
            }
        }
        let arena = [model.arena_bytes.into(), model.arena_lower_bound_bytes].map(count);
        facts.row(["arena".into(), format!("{} bytes; no plan can need less than {}", arena[0], arena[1])]);
        if model.state_bytes > 0 {
            facts.row(["state".into(), format!("{} bytes of the arena, kept between invocations", count(model.state_bytes.into()))]);
        }
        facts.row(["executed".into(), self.executed.summary()]);
        facts.row(["constants".into(), format!("{} bytes", count(model.weight_bytes))]);

        let columns = [("op", Left), ("operator", Left), ("output", Left), ("MACs", Right), ("parameters", Right), ("weights", Right)];
        let mut ops = Table::new(columns);
        for (at, node) in self.nodes.iter().enumerate() {
            let name = format!("{at} {}", node.name);
            ops.row([name, node.op.into(), shape(&node.shape), count(node.macs), count(node.parameters), bytes(node.weight_bytes)]);
        }
        let total = format!("total, {}", counted(model.operators as u64, "operator"));
        let weights = self.nodes.iter().map(|node| node.weight_bytes).sum();
        ops.row([total, String::new(), String::new(), count(model.macs), count(model.parameters), bytes(weights)]);

        let mut tensors = Table::new([("tensor in the arena", Left), ("type", Left), ("bytes", Right), ("offset", Right), ("ops", Left)]);
        for tensor in &self.tensors {
            let kind = format!("{}{}", tensor.dtype, shape(&tensor.shape));
            let last = if tensor.last_op == model.operators { "end".into() } else { tensor.last_op.to_string() };
            let life = if tensor.state { "kept".into() } else { format!("{} to {last}", tensor.first_op) };
            tensors.row([tensor.name.clone(), kind, count(tensor.bytes.into()), count(tensor.arena_offset.into()), life]);
        }
        format!("{}\n{}\n{}", facts.text(style), ops.text(style), tensors.text(style))
    }
}
