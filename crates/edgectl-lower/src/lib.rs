//! From a [`QuantGraph`] to a program: the `.edgm` bytes that `edge-runtime` executes.
//!
//! 1. Each node becomes ops (`op/`, a file per operator): channels go last, transposes become a change of labels wherever the bytes can stay
//!    where they are, scales become integer multipliers, unary functions become tables.
//! 2. The arena is planned (`plan`): every tensor gets a place for as long as it lives. The plan is exact: its size is what the runtime
//!    needs, and the report sets it beside the least that any plan could need.
//!
//! To add an operator, write a file in `op/` and a line in its table.

mod builder;
mod error;
mod layout;
mod op;
mod plan;
mod report;
mod stream;

pub use edge_format::Packing;
use edge_format::{IoSpec, PlaceSpec, ProgramSpec, TensorSpec};
use edgectl_graph::QuantGraph;

use crate::builder::{Builder, Home};
pub use crate::error::LowerError;
pub use crate::report::{OpRow, Report, TensorRow};
pub use crate::stream::{Streaming, stream};

/// What lowering may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowerOptions {
    /// Every tensor in the arena begins at a multiple of this many bytes; a power of two.
    pub arena_alignment: usize,
    /// How weights are packed, where the runtime has kernels for it: convolutions and dense layers. `None` leaves them as plain
    /// rows, which every build of the runtime reads and which take the least room.
    pub packing: Option<Packing>,
    /// Whether recurrent layers go on from one invocation to the next where they were; otherwise each invocation begins anew.
    pub stateful: bool,
    /// What makes the program: free text that is stored in it.
    pub producer: String,
}

impl Default for LowerOptions {
    fn default() -> LowerOptions {
        LowerOptions { arena_alignment: 4, packing: None, stateful: false, producer: concat!("edgectl ", env!("CARGO_PKG_VERSION")).into() }
    }
}

/// A program and how it came about.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The `.edgm` bytes.
    pub program: Vec<u8>,
    /// Ops, tensors and memory.
    pub report: Report,
}

/// Lowers a quantized graph.
///
/// # Errors
/// An operator or a shape for which the runtime has no kernel.
pub fn lower(quantized: &QuantGraph, options: &LowerOptions) -> Result<Lowered, LowerError> {
    let graph = quantized.graph();
    graph.require_deployable()?;
    let mut builder = Builder::new(quantized, options.stateful);
    for &id in graph.inputs() {
        builder.input(id)?;
    }
    for (id, node) in graph.iter() {
        builder.enter(id);
        op::lower(&mut builder, node)?;
    }
    let outputs = graph.outputs().iter().map(|&id| builder.result(id)).collect::<Result<Vec<_>, _>>()?;

    let inputs: Vec<usize> = graph.inputs().iter().map(|&id| builder.tensor_of(id)).collect::<Result<_, _>>()?;
    let lives = plan::lives(&mut builder, &inputs, &outputs);
    let plan = plan::place(&lives, options.arena_alignment);
    let (state_offsets, state_bytes) = plan::states(&builder.states, options.arena_alignment);
    let report = Report::new(&builder, &lives, &plan, &state_offsets, state_bytes);

    let io = |ids: &[edgectl_graph::TensorId], tensors: &[usize]| -> Result<Vec<IoSpec>, LowerError> {
        ids.iter()
            .zip(tensors)
            .map(|(&id, &tensor)| {
                let shape = layout::dims(&graph.fixed_shape(id)?)?;
                Ok(IoSpec { name: graph.tensor(id).name.clone(), tensor: tensor as u32, shape })
            })
            .collect()
    };
    let mut spec = ProgramSpec {
        name: graph.name.clone(),
        producer: options.producer.clone(),
        arena_bytes: layout::dim(state_bytes + plan.arena_bytes)?,
        state_bytes: layout::dim(state_bytes)?,
        inputs: io(graph.inputs(), &inputs)?,
        outputs: io(graph.outputs(), &outputs)?,
        tensors: builder
            .tensors
            .into_iter()
            .map(|tensor| {
                let place = match tensor.home {
                    Home::Data(bytes) => PlaceSpec::Data(bytes),
                    Home::Buffer(buffer) => PlaceSpec::Arena { offset: layout::dim(state_bytes + plan.offsets[buffer])? },
                    Home::State(state) => PlaceSpec::State { offset: layout::dim(state_offsets[state])? },
                };
                let (scale, zero_point) = tensor.params.map_or((1.0, 0), |params| (params.scale, params.zero_point.into()));
                Ok(TensorSpec { name: tensor.name, dtype: tensor.dtype, shape: layout::dims(&tensor.shape)?, place, scale, zero_point })
            })
            .collect::<Result<_, LowerError>>()?,
        ops: builder.ops.into_iter().map(|op| op.spec).collect(),
    };
    if let Some(packing) = options.packing {
        edge_runtime::pack::apply(&mut spec, packing);
    }
    Ok(Lowered { program: edge_format::write(&spec)?, report })
}
