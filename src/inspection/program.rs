//! Report on an int8 program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use edge_format::{Io, Op, OpCode, Place, Program, Tensor};
use serde::Serialize;

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
    /// The most bytes that are needed at one time: no plan for these ops can be smaller.
    arena_lower_bound_bytes: u32,
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
    /// The first and the last op that need it; the number of ops where it is a result.
    first_op: usize,
    last_op: usize,
}

impl ProgramReport {
    pub(crate) fn new(model: &Model, program: Program<'_>, kind: ProgramKind) -> ProgramReport {
        let nodes: Vec<_> = program.ops().map(|op| op_row(program, &op)).collect();
        let mut operator_counts = BTreeMap::new();
        for node in &nodes {
            *operator_counts.entry(node.op).or_default() += 1;
        }
        let tensors = tensor_rows(program);
        let weights: BTreeSet<u32> = program.ops().flat_map(|op| weights(program, &op)).collect();
        ProgramReport {
            model: ModelRow {
                path: model.path.clone(),
                format: kind,
                name: program.name().into(),
                producer: program.producer().into(),
                file_bytes: model.bytes,
                parameters: weights.iter().filter_map(|&id| program.tensor(id)).map(|tensor| elements(&tensor)).sum(),
                weight_bytes: program.data().len() as u64,
                arena_bytes: program.arena_bytes(),
                arena_lower_bound_bytes: lower_bound(&tensors),
                macs: nodes.iter().map(|node| node.macs).sum(),
                operators: nodes.len(),
                operator_counts,
            },
            inputs: program.inputs().filter_map(|io| io_row(program, &io)).collect(),
            outputs: program.outputs().filter_map(|io| io_row(program, &io)).collect(),
            nodes,
            tensors,
        }
    }
}

/// The tensors that hold the weights and the bias of an op: tables and other constants are no parameters.
fn weights(program: Program<'_>, op: &Op<'_>) -> Vec<u32> {
    let trained = matches!(op.code, OpCode::Conv2d | OpCode::DepthwiseConv2d | OpCode::FullyConnected);
    let constant = |&id: &u32| trained && program.tensor(id).is_some_and(|tensor| tensor.constant().is_some());
    op.inputs().filter(constant).collect()
}

fn op_row(program: Program<'_>, op: &Op<'_>) -> OpRow {
    let output = op.outputs().next().and_then(|id| program.tensor(id));
    let weights: Vec<Tensor<'_>> = weights(program, op).into_iter().filter_map(|id| program.tensor(id)).collect();
    let shape = output.map_or(vec![], |output| output.shape.dims().to_vec());
    // Channels are the last dimension of every output, and each of its elements reads its channel's share of the filter.
    let channels = u64::from(shape.last().copied().unwrap_or(1)).max(1);
    let filter = weights.first().map_or(0, elements);
    OpRow {
        name: output.map_or("", |output| output.name).into(),
        op: op.code.name(),
        macs: output.map_or(0, |output| elements(&output)) * (filter / channels),
        shape,
        parameters: weights.iter().map(elements).sum(),
        weight_bytes: weights.iter().map(|tensor| u64::from(tensor.byte_length)).sum(),
    }
}

fn elements(tensor: &Tensor<'_>) -> u64 {
    u64::from(tensor.shape.elements())
}

fn io_row(program: Program<'_>, io: &Io<'_>) -> Option<IoRow> {
    let Tensor { dtype, scale, zero_point, .. } = program.tensor(io.tensor)?;
    Some(IoRow { name: io.name.into(), shape: io.shape.dims().to_vec(), dtype: dtype.name(), scale, zero_point })
}

/// The values in the arena: a reshape is another view of the same bytes, and no row of its own.
fn tensor_rows(program: Program<'_>) -> Vec<TensorRow> {
    let inputs = program.inputs().map(|io| (0, io.tensor, true));
    let ops = program.ops().enumerate().flat_map(|(at, op)| {
        let reads = op.inputs().map(move |id| (at, id, false)).collect::<Vec<_>>();
        reads.into_iter().chain(op.outputs().map(move |id| (at, id, true)).collect::<Vec<_>>())
    });
    let outputs = program.outputs().map(|io| (program.op_count() as usize, io.tensor, false));
    let mut rows: Vec<TensorRow> = vec![];
    // Offset and bytes to the row of the value that is there.
    let mut held: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (at, id, written) in inputs.chain(ops).chain(outputs) {
        let Some(tensor) = program.tensor(id) else { continue };
        let Place::Arena { offset: arena_offset } = tensor.place else { continue };
        let key = (arena_offset, tensor.byte_length);
        if written {
            held.insert(key, rows.len());
            let (name, dtype, shape) = (tensor.name.into(), tensor.dtype.name(), tensor.shape.dims().to_vec());
            rows.push(TensorRow { name, dtype, shape, bytes: tensor.byte_length, arena_offset, first_op: at, last_op: at });
        } else if let Some(&row) = held.get(&key) {
            rows[row].last_op = at;
        }
    }
    rows
}

/// The most bytes that live at one time. Values that lie at the same place, one made from the other in place, count once.
fn lower_bound(rows: &[TensorRow]) -> u32 {
    let live = |at: usize| {
        let rows = rows.iter().filter(|row| row.first_op <= at && at <= row.last_op);
        rows.map(|row| (row.arena_offset, row.bytes)).collect::<BTreeSet<_>>().into_iter().map(|(_, bytes)| bytes).sum()
    };
    rows.iter().map(|row| live(row.first_op)).max().unwrap_or(0)
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
        let arena = [model.arena_bytes, model.arena_lower_bound_bytes].map(|bytes| count(bytes.into()));
        facts.row(["arena".into(), format!("{} bytes; no plan can need less than {}", arena[0], arena[1])]);
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
            let life = format!("{} to {last}", tensor.first_op);
            tensors.row([tensor.name.clone(), kind, count(tensor.bytes.into()), count(tensor.arena_offset.into()), life]);
        }
        format!("{}\n{}\n{}", facts.text(style), ops.text(style), tensors.text(style))
    }
}
