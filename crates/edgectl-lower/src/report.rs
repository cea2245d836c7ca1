//! What a program is made of.

use crate::builder::{Builder, Home};
use crate::plan::{Life, Plan};

/// Ops, tensors and memory of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every op, in the order of execution.
    pub ops: Vec<OpRow>,
    /// Every state and every buffer of the arena, by offset.
    pub tensors: Vec<TensorRow>,
    /// Size of the arena, states included.
    pub arena_bytes: usize,
    /// How much of it keeps its contents between invocations.
    pub state_bytes: usize,
    /// The most bytes that are needed at one time: no plan for these ops can be smaller.
    pub arena_lower_bound_bytes: usize,
    /// Bytes of the quantized weights, biases and constant operands.
    pub weights_bytes: usize,
}

/// An op.
#[derive(Clone, Debug, PartialEq)]
pub struct OpRow {
    /// The operator.
    pub op: &'static str,
    /// The node that it comes from.
    pub node: String,
}

/// A buffer of the arena.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorRow {
    /// The values that it holds one after the other: more than one where ops run in place.
    pub names: Vec<String>,
    /// Place in the arena.
    pub offset: usize,
    /// Size.
    pub bytes: usize,
    /// The op that first needs it.
    pub first_op: usize,
    /// The op that last needs it; the number of ops for a result.
    pub last_op: usize,
}

impl Report {
    pub(crate) fn new(builder: &Builder<'_>, lives: &[Life], plan: &Plan, state_offsets: &[usize], state_bytes: usize) -> Report {
        let graph = builder.graph();
        let ops = builder.ops.iter().map(|step| OpRow {
            op: step.spec.params.op_code().name(),
            node: step.node.map_or_else(String::new, |node| graph.label(graph.node(node))),
        });
        let mut tensors: Vec<TensorRow> = lives
            .iter()
            .enumerate()
            .filter(|(_, life)| life.bytes > 0 && life.first <= life.last)
            .map(|(buffer, life)| {
                let names = names(builder, |home| matches!(home, Home::Buffer(home) if *home == buffer));
                let offset = state_bytes + plan.offsets[buffer];
                TensorRow { names, offset, bytes: life.bytes, first_op: life.first, last_op: life.last }
            })
            .collect();
        tensors.extend(builder.states.iter().zip(state_offsets).enumerate().map(|(state, (&bytes, &offset))| {
            let names = names(builder, |home| matches!(home, Home::State(home) if *home == state));
            TensorRow { names, offset, bytes, first_op: 0, last_op: builder.ops.len() }
        }));
        tensors.sort_by_key(|row| (row.offset, row.first_op));
        let weights = builder.quantized.constants().map(|(_, constant)| match constant {
            edgectl_graph::QuantConst::Bias { values } => values.len() * size_of::<i32>(),
            edgectl_graph::QuantConst::Operand { values, .. } | edgectl_graph::QuantConst::Weights { values, .. } => values.len(),
            edgectl_graph::QuantConst::WideBias { values } => values.len() * size_of::<i64>(),
            edgectl_graph::QuantConst::WideOperand { values, .. } => values.len() * size_of::<i16>(),
            _ => 0,
        });
        Report {
            ops: ops.collect(),
            tensors,
            arena_bytes: state_bytes + plan.arena_bytes,
            state_bytes,
            arena_lower_bound_bytes: state_bytes + plan.lower_bound_bytes,
            weights_bytes: weights.sum(),
        }
    }
}

/// The names of the tensors at home there, each once.
fn names(builder: &Builder<'_>, at_home: impl Fn(&Home) -> bool) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for tensor in builder.tensors.iter().filter(|tensor| at_home(&tensor.home)) {
        if !names.contains(&tensor.name) {
            names.push(tensor.name.clone());
        }
    }
    names
}
