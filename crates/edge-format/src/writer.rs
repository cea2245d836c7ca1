//! The writer: a plain description to bytes, the same bytes every time.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::aligned::AlignedBytes;
use crate::error::{FormatError, Section};
use crate::layout::{DATA_ALIGNMENT, FORMAT_VERSION, HEADER_BYTES, MAGIC, MAX_BYTES, NO_OP, RUNTIME_ABI, WORD_BYTES, header, place, seal};
use crate::op::Params;
use crate::packing::Packing;
use crate::reader::Program;
use crate::shape::{DType, MAX_RANK};
use crate::view::{Io, Place, Tensor};

/// Where a tensor's bytes are to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceSpec {
    /// In the arena.
    Arena {
        /// Offset in bytes.
        offset: u32,
    },
    /// In the file: these bytes, little-endian. Equal constants are stored once.
    Data(Vec<u8>),
    /// In the file: weights as [`Matrix::pack`](crate::Matrix::pack) makes them.
    Packed(Packing, Vec<u8>),
    /// Among the states at the front of the arena.
    State {
        /// Offset in bytes, from the start of the arena.
        offset: u32,
    },
}

/// A tensor to write.
///
/// Two tensors of the same place and length are views of the same bytes: how a reshape costs nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Name, may be empty.
    pub name: String,
    /// Data type.
    pub dtype: DType,
    /// Dimensions, outermost first, batch included.
    pub shape: Vec<u32>,
    /// Where its bytes are.
    pub place: PlaceSpec,
    /// `real = scale * (q - zero_point)`; 1 where not quantized.
    pub scale: f32,
    /// The quantized value that means zero; 0 where not quantized.
    pub zero_point: i32,
}

/// An op to write.
#[derive(Clone, Debug, PartialEq)]
pub struct OpSpec {
    /// Operator and parameters.
    pub params: Params,
    /// Tensor indices, in the order that [`OpCode`](crate::OpCode) states.
    pub inputs: Vec<u32>,
    /// Tensor indices.
    pub outputs: Vec<u32>,
}

/// A model input or output to write.
#[derive(Clone, Debug, PartialEq)]
pub struct IoSpec {
    /// Name by which the model's author knows it.
    pub name: String,
    /// Tensor index.
    pub tensor: u32,
    /// Shape by which the model's author knows it; as many elements as the tensor.
    pub shape: Vec<u32>,
}

/// A program to write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgramSpec {
    /// The model's name.
    pub name: String,
    /// What makes the program, free text.
    pub producer: String,
    /// Arena size in bytes.
    pub arena_bytes: u32,
    /// How many of these bytes, at the front, hold state.
    pub state_bytes: u32,
    /// Tensors.
    pub tensors: Vec<TensorSpec>,
    /// Ops in execution order.
    pub ops: Vec<OpSpec>,
    /// The model's inputs.
    pub inputs: Vec<IoSpec>,
    /// The model's outputs.
    pub outputs: Vec<IoSpec>,
}

impl From<&Program<'_>> for ProgramSpec {
    /// What [`write()`] makes an equal program of.
    fn from(program: &Program<'_>) -> Self {
        let io = |io: Io<'_>| IoSpec { name: io.name.into(), tensor: io.tensor, shape: io.shape.dims().into() };
        Self {
            name: program.name().into(),
            producer: program.producer().into(),
            arena_bytes: program.arena_bytes(),
            state_bytes: program.state_bytes(),
            tensors: program.tensors().map(TensorSpec::from).collect(),
            ops: program
                .ops()
                .filter_map(|op| Some(OpSpec { params: op.any_params()?, inputs: op.inputs().collect(), outputs: op.outputs().collect() }))
                .collect(),
            inputs: program.inputs().map(io).collect(),
            outputs: program.outputs().map(io).collect(),
        }
    }
}

impl From<Tensor<'_>> for TensorSpec {
    fn from(tensor: Tensor<'_>) -> Self {
        Self {
            name: tensor.name.into(),
            dtype: tensor.dtype,
            shape: tensor.shape.dims().into(),
            place: match tensor.place {
                Place::Arena { offset } => PlaceSpec::Arena { offset },
                Place::State { offset } => PlaceSpec::State { offset },
                Place::Data(bytes) => PlaceSpec::Data(bytes.into()),
                Place::Packed(packing, bytes) => PlaceSpec::Packed(packing, bytes.into()),
            },
            scale: tensor.scale,
            zero_point: tensor.zero_point,
        }
    }
}

/// Why a description cannot be written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A shape has more dimensions than the format holds.
    #[error("shape {shape:?} of `{name}` has more than {MAX_RANK} dimensions")]
    Rank {
        /// Whose shape.
        name: String,
        /// The shape.
        shape: Vec<u32>,
    },
    /// An op has more operands than the format holds.
    #[error("op {op} has {found} operands, at most {} are possible", u16::MAX)]
    Operands {
        /// Op index.
        op: usize,
        /// Operands found.
        found: usize,
    },
    /// An op refers to a tensor that does not exist.
    #[error("op {op} refers to tensor {found} of {limit}")]
    TensorIndex {
        /// Op index.
        op: usize,
        /// Tensor index.
        found: u32,
        /// Number of tensors.
        limit: usize,
    },
    /// An op, or the model as output, reads a tensor that neither is constant nor has been written.
    #[error("tensor {tensor} `{name}` is read before anything was written to it")]
    Undefined {
        /// Tensor index.
        tensor: u32,
        /// Its name.
        name: String,
    },
    /// A tensor is written twice: the format wants one tensor per value, even where they share a place.
    #[error("tensor {tensor} `{name}` is written a second time by op {op}")]
    WrittenTwice {
        /// Tensor index.
        tensor: u32,
        /// Its name.
        name: String,
        /// The later op.
        op: usize,
    },
    /// The file would have 2^31 bytes or more.
    #[error("program of {found} bytes, at most {MAX_BYTES} are possible")]
    TooLarge {
        /// Bytes needed.
        found: usize,
    },
    /// The bytes would not be a program: a reader's verdict.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// Writes a program. Equal descriptions give equal bytes; equal constants are stored once.
///
/// # Errors
/// [`WriteError`], of which [`WriteError::Format`] is what a reader would say of the bytes.
pub fn write(spec: &ProgramSpec) -> Result<Vec<u8>, WriteError> {
    let written_by = written_by(spec)?;
    // Weights are packed for who loads them by groups.
    let is_packed = spec.tensors.iter().any(|tensor| matches!(tensor.place, PlaceSpec::Packed(..)));
    let data_alignment = if is_packed { Packing::GROUP_BYTES } else { DATA_ALIGNMENT };
    let mut sections = Tables { data_alignment, ..Tables::default() };
    for (tensor, written_by) in spec.tensors.iter().zip(written_by) {
        sections.tensor(tensor, written_by)?;
    }
    for (index, op) in spec.ops.iter().enumerate() {
        sections.op(index, op)?;
    }
    let inputs = sections.ios(&spec.inputs)?;
    let outputs = sections.ios(&spec.outputs)?;
    let name = sections.string(&spec.name);
    let producer = sections.string(&spec.producer);
    // What is before the data is made so long that they begin at a multiple of their alignment.
    let tables = [&sections.tensors, &sections.ops, &sections.words, &inputs, &outputs];
    let before_strings = HEADER_BYTES + tables.iter().map(|table| table.len()).sum::<usize>();
    if is_packed {
        sections.strings.resize((before_strings + sections.strings.len()).next_multiple_of(data_alignment) - before_strings, 0);
    }
    let counted = [
        (Section::Tensors, spec.tensors.len(), &sections.tensors),
        (Section::Ops, spec.ops.len(), &sections.ops),
        (Section::Words, sections.words.len() / WORD_BYTES, &sections.words),
        (Section::Inputs, spec.inputs.len(), &inputs),
        (Section::Outputs, spec.outputs.len(), &outputs),
        (Section::Strings, sections.strings.len(), &sections.strings),
        (Section::Data, sections.data.len(), &sections.data),
    ];

    let found = HEADER_BYTES + counted.iter().map(|(_, _, bytes)| bytes.len() + DATA_ALIGNMENT).sum::<usize>();
    if found > MAX_BYTES as usize {
        return Err(WriteError::TooLarge { found });
    }
    let mut bytes = Vec::with_capacity(found);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&RUNTIME_ABI.to_le_bytes());
    bytes.resize(header::ARENA, 0);
    put(&mut bytes, spec.arena_bytes);
    bytes.resize(HEADER_BYTES, 0);
    bytes[header::NAME..][..8].copy_from_slice(&name);
    bytes[header::PRODUCER..][..8].copy_from_slice(&producer);
    bytes[header::STATE..][..4].copy_from_slice(&spec.state_bytes.to_le_bytes());
    for (section, count, table) in counted {
        let alignment = if section == Section::Data { DATA_ALIGNMENT } else { WORD_BYTES };
        bytes.resize(bytes.len().next_multiple_of(alignment), 0);
        let entry = reference(count, bytes.len());
        bytes[header::SECTIONS + 8 * section as usize..][..8].copy_from_slice(&entry);
        bytes.extend_from_slice(table);
    }
    seal(&mut bytes);
    Program::parse(&AlignedBytes::from(&bytes[..]))?.check_padding()?;
    Ok(bytes)
}

/// For each tensor the op after which its bytes are there: its own, or that of the tensor whose view it is.
fn written_by(spec: &ProgramSpec) -> Result<Vec<u32>, WriteError> {
    let mut written: Vec<Option<u32>> = spec.tensors.iter().map(|_| None).collect();
    let mut latest = BTreeMap::new();
    let extent = |tensor: &TensorSpec| match tensor.place {
        PlaceSpec::Arena { offset } | PlaceSpec::State { offset } => Some((offset, byte_length(tensor))),
        PlaceSpec::Data(_) | PlaceSpec::Packed(..) => None,
    };
    for place in spec.tensors.iter().filter(|tensor| matches!(tensor.place, PlaceSpec::State { .. })).filter_map(extent) {
        latest.insert(place, NO_OP);
    }
    for io in &spec.inputs {
        if let Some(place) = spec.tensors.get(io.tensor as usize).and_then(extent) {
            latest.insert(place, NO_OP);
        }
    }
    let read = |tensor: u32, written: &mut [Option<u32>], latest: &BTreeMap<_, u32>| {
        let (Some(spec), Some(by)) = (spec.tensors.get(tensor as usize), written.get_mut(tensor as usize)) else {
            return Ok(());
        };
        let source = extent(spec).map_or(Some(NO_OP), |place| latest.get(&place).copied());
        *by = by.or(source);
        by.map(|_| ()).ok_or_else(|| WriteError::Undefined { tensor, name: spec.name.clone() })
    };
    for (op, index) in spec.ops.iter().zip(0..) {
        for &tensor in &op.inputs {
            read(tensor, &mut written, &latest)?;
        }
        for &tensor in &op.outputs {
            let missing = WriteError::TensorIndex { op: index as usize, found: tensor, limit: spec.tensors.len() };
            let output = spec.tensors.get(tensor as usize).ok_or(missing)?;
            if written[tensor as usize].replace(index).is_some() {
                return Err(WriteError::WrittenTwice { tensor, name: output.name.clone(), op: index as usize });
            }
            if let Some(place) = extent(output) {
                latest.insert(place, index);
            }
        }
    }
    for io in &spec.outputs {
        read(io.tensor, &mut written, &latest)?;
    }
    Ok(written.into_iter().map(|by| by.unwrap_or(NO_OP)).collect())
}

/// Bytes that the shape needs, saturating: a shape beyond the limits is the reader's to refuse.
fn byte_length(tensor: &TensorSpec) -> u32 {
    let dims = tensor.shape.iter();
    dims.fold(tensor.dtype.size_bytes(), |product, &dim| product.saturating_mul(dim))
}

/// The growing sections.
#[derive(Default)]
struct Tables<'s> {
    tensors: Vec<u8>,
    ops: Vec<u8>,
    words: Vec<u8>,
    strings: Vec<u8>,
    data: Vec<u8>,
    known_strings: BTreeMap<&'s str, usize>,
    known_data: BTreeMap<&'s [u8], usize>,
    /// What constants are aligned to.
    data_alignment: usize,
}

impl<'s> Tables<'s> {
    fn tensor(&mut self, tensor: &'s TensorSpec, written_by: u32) -> Result<(), WriteError> {
        let (place, offset, length) = match &tensor.place {
            PlaceSpec::Arena { offset } => (place::ARENA, *offset, byte_length(tensor)),
            PlaceSpec::Data(bytes) => (place::DATA, self.constant(bytes) as u32, bytes.len() as u32),
            PlaceSpec::Packed(packing, bytes) => (*packing as u8, self.constant(bytes) as u32, bytes.len() as u32),
            PlaceSpec::State { offset } => (place::STATE, *offset, byte_length(tensor)),
        };
        let rank = tensor.shape.len() as u8;
        let dims = padded(&tensor.name, &tensor.shape)?;
        let name = self.string(&tensor.name);
        let table = &mut self.tensors;
        table.extend_from_slice(&[tensor.dtype as u8, rank, place, 0]);
        dims.into_iter().for_each(|dim| put(table, dim));
        put(table, offset);
        put(table, length);
        put(table, tensor.scale.to_bits());
        put(table, tensor.zero_point.cast_unsigned());
        put(table, written_by);
        table.extend_from_slice(&name);
        Ok(())
    }

    fn op(&mut self, index: usize, op: &OpSpec) -> Result<(), WriteError> {
        let code = op.params.op_code();
        let first = self.words.len() / WORD_BYTES;
        self.ops.extend_from_slice(&(code as u16).to_le_bytes());
        for count in [op.inputs.len(), op.outputs.len(), code.param_words()] {
            let count = u16::try_from(count).map_err(|_| WriteError::Operands { op: index, found: count })?;
            self.ops.extend_from_slice(&count.to_le_bytes());
        }
        put(&mut self.ops, first as u32);
        for &tensor in op.inputs.iter().chain(&op.outputs) {
            put(&mut self.words, tensor);
        }
        op.params.encode(&mut |word| put(&mut self.words, word));
        Ok(())
    }

    fn ios(&mut self, ios: &'s [IoSpec]) -> Result<Vec<u8>, WriteError> {
        let mut table = Vec::new();
        for io in ios {
            put(&mut table, io.tensor);
            put(&mut table, io.shape.len() as u32);
            for dim in padded(&io.name, &io.shape)? {
                put(&mut table, dim);
            }
            table.extend_from_slice(&self.string(&io.name));
        }
        Ok(table)
    }

    fn string(&mut self, string: &'s str) -> [u8; 8] {
        let offset = *self.known_strings.entry(string).or_insert_with(|| {
            let offset = self.strings.len();
            self.strings.extend_from_slice(string.as_bytes());
            offset
        });
        reference(offset, string.len())
    }

    fn constant(&mut self, bytes: &'s [u8]) -> usize {
        *self.known_data.entry(bytes).or_insert_with(|| {
            self.data.resize(self.data.len().next_multiple_of(self.data_alignment), 0);
            let offset = self.data.len();
            self.data.extend_from_slice(bytes);
            offset
        })
    }
}

/// Two numbers as the format stores them. A number that does not fit makes a file that is refused for its length.
fn reference(first: usize, second: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&(first as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&(second as u32).to_le_bytes());
    bytes
}

fn padded(name: &str, shape: &[u32]) -> Result<[u32; MAX_RANK], WriteError> {
    let mut dims = [0; MAX_RANK];
    let used = dims.get_mut(..shape.len()).ok_or_else(|| WriteError::Rank { name: name.into(), shape: shape.into() })?;
    used.copy_from_slice(shape);
    Ok(dims)
}

fn put(bytes: &mut Vec<u8>, word: u32) {
    bytes.extend_from_slice(&word.to_le_bytes());
}
