//! The memory that a program takes on a device, to the byte, and what does not fit.

use edge_format::Program;
use edgectl_profile::{MemoryRole, Profile, System};
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::program::{self, Value};

/// What is assumed of the stack where nobody has measured it.
pub const ASSUMED_STACK_BYTES: u64 = 2048;

/// Where the bytes of a program go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// In RAM.
    pub ram: Ram,
    /// In flash; on Linux, in the program's file.
    pub flash: Flash,
}

/// Bytes in RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ram {
    /// All of what follows.
    pub total_bytes: u64,
    /// Activations, as the program states it: exact.
    pub arena_bytes: u64,
    /// Inputs and outputs, which lie in the arena.
    pub io_bytes: u64,
    /// The runtime's deepest call.
    pub stack_bytes: u64,
    /// Whether nobody has measured that, so that [`ASSUMED_STACK_BYTES`] stand for it.
    pub stack_assumed: bool,
    /// The program itself, where it is not executed from flash.
    pub program_bytes: u64,
}

/// Bytes in flash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flash {
    /// All of what follows.
    pub total_bytes: u64,
    /// Weights, biases, multipliers, tables.
    pub constants_bytes: u64,
    /// The rest of the program: ops, shapes, names.
    pub overhead_bytes: u64,
    /// The runtime and the kernels that the program uses, as measured.
    pub code_bytes: u64,
    /// The instruction set on which they were measured: the device's, or the one with the largest code.
    pub code_measured_on: String,
}

/// A kind of memory of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Working memory.
    Ram,
    /// What keeps programs and weights.
    Flash,
}

/// More than a device has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Misfit {
    /// What there is too little of.
    pub resource: Resource,
    /// What the program takes of it.
    pub needed_bytes: u64,
    /// What there is of it.
    pub available_bytes: u64,
    /// Who needs most of it.
    pub blame: Blame,
    /// To what share of their size these must shrink for all to fit; `None` where the rest alone does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink_to: Option<f64>,
}

/// The op that needs most of a memory, and the tensors for which it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blame {
    /// Its index, in the order of execution.
    pub op_index: usize,
    /// Its output's name.
    pub op: String,
    /// RAM: what lives while it runs. Flash: its constants. Largest first.
    pub tensors: Vec<TensorBytes>,
    /// All that would have to shrink: what lives while it runs, or the constants of all ops.
    pub total_bytes: u64,
}

/// A tensor's size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorBytes {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl Footprint {
    /// The memory that a program of so many bytes takes. `code` is what was measured for the device's instruction set.
    pub fn new(program: Program<'_>, file_bytes: u64, system: System, code: &Code) -> Footprint {
        let io = program.inputs().chain(program.outputs()).filter_map(|io| program.tensor(io.tensor));
        let (arena_bytes, constants_bytes) = (u64::from(program.arena_bytes()), program.data().len() as u64);
        let program_bytes = if system == System::Linux { file_bytes } else { 0 };
        let stack_bytes = code.stack_bytes.unwrap_or(ASSUMED_STACK_BYTES);
        Footprint {
            ram: Ram {
                total_bytes: arena_bytes + stack_bytes + program_bytes,
                arena_bytes,
                io_bytes: io.map(|tensor| u64::from(tensor.byte_length)).sum(),
                stack_bytes,
                stack_assumed: code.stack_bytes.is_none(),
                program_bytes,
            },
            flash: Flash {
                total_bytes: file_bytes + code.code_bytes,
                constants_bytes,
                overhead_bytes: file_bytes.saturating_sub(constants_bytes),
                code_bytes: code.code_bytes,
                code_measured_on: code.measured_on.into(),
            },
        }
    }

    /// What a device has too little of.
    pub fn misfits(&self, program: Program<'_>, profile: &Profile) -> Vec<Misfit> {
        let fits = |resource, role, needed_bytes: u64, shrinkable: fn(Program<'_>) -> Option<Blame>| {
            let available_bytes = profile.available_bytes(role);
            if needed_bytes <= available_bytes {
                return None;
            }
            let blame = shrinkable(program)?;
            let rest = needed_bytes.saturating_sub(blame.total_bytes);
            let room = available_bytes.checked_sub(rest).filter(|&room| room > 0);
            let shrink_to = room.map(|room| room as f64 / blame.total_bytes as f64);
            Some(Misfit { resource, needed_bytes, available_bytes, blame, shrink_to })
        };
        let ram = fits(Resource::Ram, MemoryRole::Ram, self.ram.total_bytes, busiest);
        let flash = fits(Resource::Flash, MemoryRole::Flash, self.flash.total_bytes, heaviest);
        ram.into_iter().chain(flash).collect()
    }
}

/// The op while which most bytes live.
pub fn busiest(program: Program<'_>) -> Option<Blame> {
    let peak = program::peak(&program::values(program))?;
    let tensors = peak.values.into_iter().map(|Value { name, bytes, .. }| TensorBytes { name, bytes: bytes.into() });
    Some(blame(program, peak.op, tensors.collect(), peak.bytes))
}

/// The op with most bytes of constants.
pub fn heaviest(program: Program<'_>) -> Option<Blame> {
    let constants = |op: &edge_format::Op<'_>| {
        let tensors = op.inputs().filter_map(|id| program.tensor(id)).filter(|tensor| tensor.constant().is_some());
        tensors.map(|tensor| TensorBytes { name: tensor.name.into(), bytes: tensor.byte_length.into() }).collect::<Vec<_>>()
    };
    let total = |op: &edge_format::Op<'_>| constants(op).iter().map(|tensor| tensor.bytes).sum::<u64>();
    let (index, op) = program.ops().enumerate().max_by_key(|(index, op)| (total(op), std::cmp::Reverse(*index)))?;
    let mut tensors = constants(&op);
    tensors.sort_by_key(|tensor| std::cmp::Reverse(tensor.bytes));
    Some(blame(program, index, tensors, program.data().len() as u64))
}

fn blame(program: Program<'_>, op_index: usize, tensors: Vec<TensorBytes>, total_bytes: u64) -> Blame {
    let output = program.op(op_index as u32).and_then(|op| program.tensor(op.outputs().next()?));
    Blame { op_index, op: output.map_or("", |output| output.name).into(), tensors, total_bytes }
}
