//! What a program is made of: the work of its ops, and how long each value of the arena lives.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use edge_format::{DType, Op, OpCode, Place, Program, Shape, Tensor};

/// An op.
#[derive(Clone, Debug, PartialEq)]
pub struct OpFacts {
    /// The operator.
    pub code: OpCode,
    /// The name of its output.
    pub name: String,
    /// The shape of its output, channels last.
    pub shape: Vec<u32>,
    /// Multiply-accumulate operations.
    pub macs: u64,
    /// Elements of weights and biases; tables and other constants are no parameters.
    pub parameters: u64,
    /// Bytes of weights, biases and what belongs to them per channel.
    pub weight_bytes: u64,
}

/// A value in the arena. A reshape is another view of the same bytes, and no value of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The name of the tensor that holds it.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its shape, channels last.
    pub shape: Vec<u32>,
    /// Its size.
    pub bytes: u32,
    /// Its place.
    pub offset: u32,
    /// Whether it lasts from one invocation to the next: then it is there all the time.
    pub state: bool,
    /// The op that writes it; 0 for an input.
    pub first_op: usize,
    /// The op that last reads it; the number of ops for a result.
    pub last_op: usize,
}

/// When most bytes live at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// The op during which they do; the number of ops where it is after the last.
    pub op: usize,
    /// How many: no plan for these ops can be smaller.
    pub bytes: u64,
    /// The values, largest first. One that another was made from in place is left out.
    pub values: Vec<Value>,
}

/// The ops in the order of execution.
pub fn ops(program: Program<'_>) -> Vec<OpFacts> {
    program.ops().map(|op| facts(program, &op)).collect()
}

/// The weights and biases of all ops, each tensor once.
pub fn parameters(program: Program<'_>) -> u64 {
    let ids: BTreeSet<u32> = program.ops().flat_map(|op| weights(program, &op)).collect();
    ids.iter().filter_map(|&id| program.tensor(id)).map(|tensor| elements(&tensor.shape)).sum()
}

fn facts(program: Program<'_>, op: &Op<'_>) -> OpFacts {
    let output = op.outputs().next().and_then(|id| program.tensor(id));
    let weights: Vec<Tensor<'_>> = weights(program, op).into_iter().filter_map(|id| program.tensor(id)).collect();
    let outputs = output.map_or(0, |output| elements(&output.shape));
    OpFacts {
        code: op.code,
        name: output.map_or("", |output| output.name).into(),
        shape: output.map_or(vec![], |output| output.shape.dims().to_vec()),
        macs: macs(program, op, outputs),
        parameters: weights.iter().map(|tensor| elements(&tensor.shape)).sum(),
        weight_bytes: weights.iter().map(|tensor| u64::from(tensor.byte_length)).sum(),
    }
}

fn macs(program: Program<'_>, op: &Op<'_>, outputs: u64) -> u64 {
    let input = |index| op.input(index).and_then(|id| program.tensor(id)).map(|tensor| tensor.shape);
    let (first, last) = (|shape: Shape| dim(shape.dims().first()), |shape: Shape| dim(shape.dims().last()));
    match op.code {
        OpCode::BatchMatmul => input(0).map_or(0, |a| outputs * last(a)),
        // Every output sees the filter of its channel.
        OpCode::Conv2d | OpCode::FullyConnected => input(1).map_or(0, |filter| outputs * (elements(&filter) / first(filter))),
        OpCode::DepthwiseConv2d => input(1).map_or(0, |filter| outputs * (elements(&filter) / last(filter))),
        // Every unit sees its row of each gate, of the input and of the hidden state.
        OpCode::Gru | OpCode::Lstm => {
            let weights = input(1).zip(input(2)).map_or(0, |(filter, recurrent)| elements(&filter) + elements(&recurrent));
            outputs * weights / input(2).map_or(1, last)
        }
        // Every input meets the filters of its group.
        OpCode::ConvTranspose2d => input(0).zip(input(1)).map_or(0, |(x, filter)| elements(&x) * (elements(&filter) / last(x))),
        _ => 0,
    }
}

fn dim(dim: Option<&u32>) -> u64 {
    dim.copied().unwrap_or(1).max(1).into()
}

/// The tensors that hold the weights and the bias of an op.
fn weights(program: Program<'_>, op: &Op<'_>) -> Vec<u32> {
    let layer = matches!(op.code, OpCode::Conv2d | OpCode::ConvTranspose2d | OpCode::DepthwiseConv2d | OpCode::FullyConnected);
    let recurrent = matches!(op.code, OpCode::Gru | OpCode::Lstm);
    // A recurrent layer's other constant is a table, in int16.
    let trained = |tensor: &Tensor<'_>| layer || recurrent && tensor.dtype != DType::I16;
    let constant = |&id: &u32| program.tensor(id).is_some_and(|tensor| trained(&tensor) && tensor.constant().is_some());
    op.inputs().filter(constant).collect()
}

fn elements(shape: &Shape) -> u64 {
    u64::from(shape.elements())
}

/// The values in the arena: states, then the others in the order in which they are written.
pub fn values(program: Program<'_>) -> Vec<Value> {
    let inputs = program.inputs().map(|io| (0, io.tensor, true));
    let ops = program.ops().enumerate().flat_map(|(at, op)| {
        let reads = op.inputs().map(move |id| (at, id, false)).collect::<Vec<_>>();
        reads.into_iter().chain(op.outputs().map(move |id| (at, id, true)).collect::<Vec<_>>())
    });
    let outputs = program.outputs().map(|io| (program.op_count() as usize, io.tensor, false));
    let mut values: Vec<Value> = vec![];
    // Offset and bytes to the value that is there.
    let mut held: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let value = |tensor: Tensor<'_>, offset: u32, at: usize| {
        let (name, dtype, shape, bytes) = (tensor.name.into(), tensor.dtype, tensor.shape.dims().to_vec(), tensor.byte_length);
        Value { name, dtype, shape, bytes, offset, state: false, first_op: at, last_op: at }
    };
    for tensor in program.tensors() {
        let Place::State { offset } = tensor.place else { continue };
        held.entry((offset, tensor.byte_length)).or_insert_with(|| {
            values.push(Value { state: true, last_op: program.op_count() as usize, ..value(tensor, offset, 0) });
            values.len() - 1
        });
    }
    for (at, id, written) in inputs.chain(ops).chain(outputs) {
        let Some(tensor) = program.tensor(id) else { continue };
        let Place::Arena { offset } = tensor.place else { continue };
        let key = (offset, tensor.byte_length);
        if written {
            held.insert(key, values.len());
            values.push(value(tensor, offset, at));
        } else if let Some(&value) = held.get(&key) {
            values[value].last_op = at;
        }
    }
    values
}

/// When most of these values, in the order in which they are written, live at one time; `None` where there are none.
pub fn peak(values: &[Value]) -> Option<Peak> {
    // Values that lie at the same place, one made from the other in place, count once.
    let mut live: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let mut ends: BinaryHeap<Reverse<(usize, (u32, u32))>> = BinaryHeap::new();
    let (mut bytes, mut most, mut op) = (0, 0, None);
    for value in values {
        let at = value.first_op;
        while let Some(&Reverse((last, place))) = ends.peek().filter(|Reverse((last, _))| *last < at) {
            ends.pop();
            if live.get(&place) == Some(&last) {
                live.remove(&place);
                bytes -= u64::from(place.1);
            }
        }
        let place = (value.offset, value.bytes);
        if live.insert(place, value.last_op).is_none() {
            bytes += u64::from(value.bytes);
        }
        ends.push(Reverse((value.last_op, place)));
        if op.is_none() || bytes > most {
            (most, op) = (bytes, Some(at));
        }
    }
    let op = op?;
    let live = values.iter().filter(|value| value.first_op <= op && op <= value.last_op);
    let mut values: Vec<Value> =
        live.map(|value| ((value.offset, value.bytes), value.clone())).collect::<BTreeMap<_, _>>().into_values().collect();
    values.sort_by_key(|value| Reverse(value.bytes));
    Some(Peak { op, bytes: most, values })
}
