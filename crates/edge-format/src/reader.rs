//! The reader: bytes to [`Program`], checked once, borrowed for good.

use core::fmt;

use crate::error::{FormatError, Part, Section};
use crate::layout::{
    BASE_ALIGNMENT, DATA_ALIGNMENT, FORMAT_VERSION, HEADER_BYTES, IO_BYTES, MAGIC, MAX_BYTES, NO_OP, OP_BYTES, RUNTIME_ABI, TENSOR_BYTES,
    WORD_BYTES, checksum, header, place, u16_at, u32_at,
};
use crate::op::OpCode;
use crate::packing::{Matrix, Packing};
use crate::shape::{DType, MAX_RANK, Shape};
use crate::view::{Io, Op, Place, Tensor, Words};

/// A record of a table. A reader on a small machine loads words: bytes would cost it four loads each.
type TensorRecord = [u32; TENSOR_BYTES / WORD_BYTES];
type OpRecord = [u32; OP_BYTES / WORD_BYTES];
type IoRecord = [u32; IO_BYTES / WORD_BYTES];
type Header = [u32; HEADER_BYTES / WORD_BYTES];

/// A validated program that borrows its bytes.
///
/// Accessors are total: what they read was checked by [`Program::parse`].
#[derive(Clone, Copy)]
pub struct Program<'p> {
    name: &'p str,
    producer: &'p str,
    arena_bytes: u32,
    state_bytes: u32,
    tensors: &'p [TensorRecord],
    ops: &'p [OpRecord],
    words: Words<'p>,
    inputs: &'p [IoRecord],
    outputs: &'p [IoRecord],
    strings: &'p str,
    data: &'p [u8],
}

impl<'p> Program<'p> {
    /// Validates a whole file: see the crate's documentation for the layout and for what is promised.
    ///
    /// # Errors
    /// The first thing found that is not as the layout says.
    pub fn parse(bytes: &'p [u8]) -> Result<Self, FormatError> {
        let remainder = bytes.as_ptr().addr() % BASE_ALIGNMENT;
        if remainder != 0 {
            return Err(FormatError::BaseAlignment { expected: BASE_ALIGNMENT as u32, found: remainder as u32 });
        }
        let (header, length) = check_envelope(bytes)?;
        let mut sections = Sections { bytes, header, end: HEADER_BYTES };
        let program = Self {
            name: "",
            producer: "",
            arena_bytes: u32_at(header, header::ARENA),
            state_bytes: u32_at(header, header::STATE),
            tensors: sections.next(Section::Tensors)?,
            ops: sections.next(Section::Ops)?,
            words: sections.next::<1>(Section::Words)?.as_flattened(),
            inputs: sections.next(Section::Inputs)?,
            outputs: sections.next(Section::Outputs)?,
            strings: text(sections.bytes(Section::Strings)?)?,
            data: sections.bytes(Section::Data)?,
        };
        if sections.end != bytes.len() {
            return Err(FormatError::TrailingBytes { expected: sections.end as u32, found: length });
        }
        if program.arena_bytes > MAX_BYTES {
            return Err(FormatError::ArenaSize { limit: MAX_BYTES, found: program.arena_bytes });
        }
        if program.state_bytes > program.arena_bytes {
            return Err(FormatError::StateSize { limit: program.arena_bytes, found: program.state_bytes });
        }
        for (index, record) in (0..).zip(program.tensors) {
            program.check_tensor(index, record)?;
        }
        let mut first_word = 0;
        for (index, record) in (0..).zip(program.ops) {
            first_word = program.check_op(index, record, first_word)?;
        }
        let found = program.words.len() as u32;
        if first_word != found {
            return Err(FormatError::UnusedWords { expected: first_word, found });
        }
        for (index, record) in (0..).zip(program.inputs) {
            program.check_io(Part::Input(index), record)?;
        }
        for (index, record) in (0..).zip(program.outputs) {
            program.check_io(Part::Output(index), record)?;
        }
        Ok(Self {
            name: program.string(header, header::NAME, Part::Header)?,
            producer: program.string(header, header::PRODUCER, Part::Header)?,
            ..program
        })
    }

    /// Checks that packed weights are filled up with zeros, which [`Program::parse`] leaves to who takes programs from others: it takes
    /// longer than everything else, and weights that are not are merely wrong ones, for kernels multiply them by what lies beside x.
    ///
    /// # Errors
    /// [`FormatError::PackedPadding`].
    pub fn check_padding(&self) -> Result<(), FormatError> {
        for (index, tensor) in (0..).zip(self.tensors()) {
            if let Place::Packed(_, bytes) = tensor.place
                && let Some((position, found)) = Matrix::of(&tensor.shape).and_then(|matrix| matrix.padding(bytes))
            {
                return Err(FormatError::PackedPadding { tensor: index, position: position as u32, found });
            }
        }
        Ok(())
    }

    /// The length of the file that begins in `bytes`, as its header states it; `None` where no file begins there. Tells how much to hand
    /// to [`Program::parse`] of a region of memory that is larger.
    pub fn length(bytes: &[u8]) -> Option<usize> {
        let header = bytes.strip_prefix(&MAGIC)?.get(header::LENGTH - MAGIC.len()..)?;
        usize::try_from(u32::from_le_bytes(*header.first_chunk()?)).ok()
    }

    /// The model's name.
    pub fn name(&self) -> &'p str {
        self.name
    }

    /// What made the program.
    pub fn producer(&self) -> &'p str {
        self.producer
    }

    /// Memory for state and activations that the executor needs.
    pub fn arena_bytes(&self) -> u32 {
        self.arena_bytes
    }

    /// How many of them, at the front, hold state.
    pub fn state_bytes(&self) -> u32 {
        self.state_bytes
    }

    /// All constants.
    pub fn data(&self) -> &'p [u8] {
        self.data
    }

    /// The tensor of an index.
    pub fn tensor(&self, index: u32) -> Option<Tensor<'p>> {
        self.read_tensor(self.tensors.get(index as usize)?)
    }

    /// Place and length in bytes of the tensor of an index. An executor asks for parts of tensors again and again: each takes less time
    /// than [`Program::tensor`].
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn place(&self, index: u32) -> Option<(Place<'p>, u32)> {
        self.read_place(self.tensors.get(index as usize)?)
    }

    /// Data type of the tensor of an index.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn dtype(&self, index: u32) -> Option<DType> {
        read_dtype(self.tensors.get(index as usize)?)
    }

    /// Shape of the tensor of an index.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn shape(&self, index: u32) -> Option<Shape> {
        self.tensors.get(index as usize).map(read_checked_shape)
    }

    /// Scale and zero point of the tensor of an index.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn quantization(&self, index: u32) -> Option<(f32, i32)> {
        self.tensors.get(index as usize).map(read_quantization)
    }

    /// All tensors, by index.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'p>> + use<'p> {
        let program = *self;
        (0..self.tensors.len() as u32).filter_map(move |index| program.tensor(index))
    }

    /// The op of an index, in execution order.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn op(&self, index: u32) -> Option<Op<'p>> {
        self.read_op(self.ops.get(index as usize)?)
    }

    /// All ops in execution order.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn ops(&self) -> impl Iterator<Item = Op<'p>> + use<'p> {
        let program = *self;
        (0..self.ops.len() as u32).filter_map(move |index| program.op(index))
    }

    /// Number of ops.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn op_count(&self) -> u32 {
        self.ops.len() as u32
    }

    /// The model's inputs.
    pub fn inputs(&self) -> impl Iterator<Item = Io<'p>> + Clone + use<'p> {
        self.ios(self.inputs)
    }

    /// The model's outputs.
    pub fn outputs(&self) -> impl Iterator<Item = Io<'p>> + Clone + use<'p> {
        self.ios(self.outputs)
    }

    /// Inputs or outputs: one type, so that what takes both is not linked twice.
    #[cfg_attr(not(target_os = "none"), inline)]
    fn ios(&self, records: &'p [IoRecord]) -> impl Iterator<Item = Io<'p>> + Clone + use<'p> {
        let program = *self;
        records.iter().filter_map(move |record| program.read_io(Part::Header, record).ok())
    }

    fn string(&self, record: &[u32], at: usize, part: Part) -> Result<&'p str, FormatError> {
        let (offset, length) = (u32_at(record, at), u32_at(record, at + 4));
        let error = FormatError::StringExtent { part, offset, length, limit: self.strings.len() as u32 };
        let string = self.strings.get(offset as usize..).ok_or(error)?;
        string.get(..length as usize).ok_or(error)
    }

    /// The tensor of a record that [`Program::check_tensor`] has accepted.
    fn read_tensor(&self, record: &TensorRecord) -> Option<Tensor<'p>> {
        let (place, byte_length) = self.read_place(record)?;
        let (scale, zero_point) = read_quantization(record);
        Some(Tensor {
            name: self.string(record, 48, Part::Header).unwrap_or_default(),
            dtype: read_dtype(record)?,
            shape: read_checked_shape(record),
            place,
            byte_length,
            scale,
            zero_point,
        })
    }

    /// Place and length in bytes of the tensor of a record that has been accepted.
    #[cfg_attr(not(target_os = "none"), inline)]
    fn read_place(&self, record: &TensorRecord) -> Option<(Place<'p>, u32)> {
        let [_, _, place, _] = u32_at(record, 0).to_le_bytes();
        let (offset, length) = (u32_at(record, 28), u32_at(record, 32));
        let place = match place {
            place::ARENA => Place::Arena { offset },
            place::STATE => Place::State { offset },
            code => {
                let bytes = self.data.get(offset as usize..)?.get(..length as usize)?;
                if code == place::DATA { Place::Data(bytes) } else { Place::Packed(Packing::from_code(code)?, bytes) }
            }
        };
        Some((place, length))
    }

    fn check_tensor(&self, index: u32, record: &TensorRecord) -> Result<(), FormatError> {
        let [dtype, rank, place, reserved] = u32_at(record, 0).to_le_bytes();
        if reserved != 0 {
            let offset = (HEADER_BYTES + index as usize * TENSOR_BYTES) as u32 + 3;
            return Err(FormatError::Reserved { offset, found: reserved });
        }
        let dtype = DType::from_code(dtype).ok_or(FormatError::DType { tensor: index, found: dtype })?;
        let shape = read_shape(record, 4, u32::from(rank), Part::Tensor(index))?;
        let (offset, length) = (u32_at(record, 28), u32_at(record, 32));
        let scale = f32::from_bits(u32_at(record, 36));
        let zero_point = u32_at(record, 40).cast_signed();
        let written_by = u32_at(record, 44);

        let packed = match (place, Packing::from_code(place), Matrix::of(&shape).filter(|_| dtype == DType::I8)) {
            (place::ARENA | place::DATA | place::STATE, ..) => None,
            (_, Some(_), Some(matrix)) => Some(matrix),
            (_, Some(_), None) => return Err(FormatError::Packed { tensor: index, dtype, rank: rank.into() }),
            (found, None, _) => return Err(FormatError::Place { tensor: index, found }),
        };
        let plain = u64::from(shape.elements()) * u64::from(dtype.size_bytes());
        let expected = packed.map_or(plain, |matrix| matrix.byte_length());
        if u64::from(length) != expected || length > MAX_BYTES {
            return Err(FormatError::ByteLength { tensor: index, expected, found: length });
        }
        let (limits, alignment) = match place {
            place::ARENA => (self.state_bytes..self.arena_bytes, dtype.size_bytes()),
            place::STATE => (0..self.state_bytes, dtype.size_bytes()),
            _ => (0..self.data.len() as u32, DATA_ALIGNMENT as u32),
        };
        if offset < limits.start || u64::from(offset) + u64::from(length) > u64::from(limits.end) {
            return Err(FormatError::Extent { tensor: index, offset, length, start: limits.start, end: limits.end });
        }
        if !offset.is_multiple_of(alignment) {
            return Err(FormatError::TensorAlignment { tensor: index, expected: alignment, found: offset });
        }
        // Positive and finite; compared as bits, since most small machines have no floating point.
        if !(1..f32::INFINITY.to_bits()).contains(&scale.to_bits()) {
            return Err(FormatError::Scale { tensor: index, found: scale });
        }
        let (min, max) = dtype.zero_point_range();
        if !(min..=max).contains(&zero_point) {
            return Err(FormatError::ZeroPoint { tensor: index, min, max, found: zero_point });
        }
        let limit = self.ops.len() as u32;
        let constant = place != place::ARENA && place != place::STATE;
        if written_by != NO_OP && (written_by >= limit || constant) {
            return Err(FormatError::WrittenBy { tensor: index, found: written_by, limit });
        }
        self.string(record, 48, Part::Tensor(index)).map(drop)
    }

    fn written_by(&self, tensor: u32, part: Part) -> Result<u32, FormatError> {
        let record =
            self.tensors.get(tensor as usize).ok_or(FormatError::TensorIndex { part, found: tensor, limit: self.tensors.len() as u32 })?;
        Ok(u32_at(record, 44))
    }

    /// The op of a record, where it is as the layout says but for the number of its parameters.
    #[cfg_attr(not(target_os = "none"), inline)]
    fn read_op(&self, record: &OpRecord) -> Option<Op<'p>> {
        let code = OpCode::from_code(u16_at(record, 0))?;
        let words = self.words.get(u32_at(record, 8) as usize..)?;
        let (inputs, words) = words.split_at_checked(u16_at(record, 2).into())?;
        let (outputs, words) = words.split_at_checked(u16_at(record, 4).into())?;
        Some(Op { code, inputs, outputs, params: words.get(..u16_at(record, 6).into())? })
    }

    /// What is wrong with the record of an op that [`Program::read_op`] does not read.
    #[cold]
    fn op_error(&self, index: u32, record: &OpRecord) -> FormatError {
        let found = u16_at(record, 0);
        if OpCode::from_code(found).is_none() {
            return FormatError::OpCode { op: index, found };
        }
        let length = [2, 4, 6].map(|at| u32::from(u16_at(record, at))).iter().sum();
        FormatError::OpWords { op: index, first: u32_at(record, 8), length, limit: self.words.len() as u32 }
    }

    /// Checks an op whose words are to begin at `expected`; gives where they end.
    fn check_op(&self, index: u32, record: &OpRecord, expected: u32) -> Result<u32, FormatError> {
        let op = self.read_op(record).ok_or_else(|| self.op_error(index, record))?;
        let (expected_params, params) = (op.code.param_words() as u32, op.params.len() as u32);
        if params != expected_params {
            return Err(FormatError::ParamWords { op: index, expected: expected_params, found: params });
        }
        let found = u32_at(record, 8);
        if found != expected {
            return Err(FormatError::FirstWord { op: index, expected, found });
        }
        let part = Part::Op(index);
        for tensor in op.inputs() {
            let found = self.written_by(tensor, part)?;
            if found != NO_OP && found >= index {
                return Err(FormatError::Order { op: index, tensor, found });
            }
        }
        for tensor in op.outputs() {
            let found = self.written_by(tensor, part)?;
            if found != index {
                return Err(FormatError::Order { op: index, tensor, found });
            }
        }
        self.check_states(index, &op)?;
        Ok(expected + (op.inputs.len() + op.outputs.len() + op.params.len()) as u32)
    }

    /// Checks that an op writes states in the places of those that it reads, and no others.
    fn check_states(&self, index: u32, op: &Op<'p>) -> Result<(), FormatError> {
        let place = |tensor: u32| {
            let record = self.tensors.get(tensor as usize)?;
            let [_, _, place, _] = u32_at(record, 0).to_le_bytes();
            Some((place, u32_at(record, 28), u32_at(record, 32)))
        };
        let mut before = op.inputs.iter().rev().copied().map(u32::from_le);
        for (behind, tensor) in op.outputs.iter().rev().copied().map(u32::from_le).enumerate() {
            let after = place(tensor);
            let fits =
                if behind < op.code.states() { before.next().and_then(place) == after } else { !matches!(after, Some((place::STATE, ..))) };
            if !fits {
                return Err(FormatError::StateUpdate { op: index, tensor });
            }
        }
        if op.outputs.len() < op.code.states() {
            return Err(FormatError::StateCount { op: index, expected: op.code.states() as u32, found: op.outputs.len() as u32 });
        }
        Ok(())
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    fn read_io(&self, part: Part, record: &IoRecord) -> Result<Io<'p>, FormatError> {
        Ok(Io { name: self.string(record, 32, part)?, shape: read_shape(record, 8, u32_at(record, 4), part)?, tensor: u32_at(record, 0) })
    }

    fn check_io(&self, part: Part, record: &IoRecord) -> Result<(), FormatError> {
        let io = self.read_io(part, record)?;
        let written = self.written_by(io.tensor, part)? != NO_OP;
        let possible = |tensor: &Tensor<'_>| match tensor.place {
            Place::Arena { .. } => !(written && matches!(part, Part::Input(_))),
            Place::Data(_) | Place::Packed(..) => false,
            Place::State { .. } => matches!(part, Part::Output(_)),
        };
        let Some(Tensor { shape, .. }) = self.tensor(io.tensor).filter(possible) else {
            return Err(FormatError::IoTensor { part, tensor: io.tensor });
        };
        if io.shape.elements() != shape.elements() {
            return Err(FormatError::IoShape { part, expected: shape.elements(), found: io.shape.elements() });
        }
        Ok(())
    }
}

impl fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("name", &self.name)
            .field("producer", &self.producer)
            .field("arena_bytes", &self.arena_bytes)
            .field("state_bytes", &self.state_bytes)
            .field("tensors", &self.tensors.len())
            .field("ops", &self.ops.len())
            .finish_non_exhaustive()
    }
}

/// Checks what precedes the sections; gives it, and the file's length.
fn check_envelope(bytes: &[u8]) -> Result<(&Header, u32), FormatError> {
    let header = bytes.get(..HEADER_BYTES).and_then(|header| bytemuck::try_from_bytes::<Header>(header).ok());
    let header = header.ok_or(FormatError::Truncated { expected: HEADER_BYTES as u32, found: bytes.len() as u32 })?;
    match bytes.first_chunk() {
        Some(&MAGIC) => {}
        found => {
            return Err(FormatError::Magic { found: found.copied().unwrap_or_default() });
        }
    }
    let found = u16_at(header, header::VERSION);
    if found != FORMAT_VERSION {
        return Err(FormatError::FormatVersion { expected: FORMAT_VERSION, found });
    }
    let found = u16_at(header, header::ABI);
    if found != RUNTIME_ABI {
        return Err(FormatError::RuntimeAbi { expected: RUNTIME_ABI, found });
    }
    let length = u32_at(header, header::LENGTH);
    if u64::from(length) != bytes.len() as u64 || length > MAX_BYTES {
        return Err(FormatError::Length { expected: length, found: bytes.len() as u64 });
    }
    let (expected, found) = (u32_at(header, header::CHECKSUM), checksum(bytes));
    if expected != found {
        return Err(FormatError::Checksum { expected, found });
    }
    Ok((header, length))
}

/// The shape of a tensor whose record has been accepted.
#[cfg_attr(not(target_os = "none"), inline)]
fn read_checked_shape(record: &TensorRecord) -> Shape {
    let [_, rank, _, _] = u32_at(record, 0).to_le_bytes();
    let mut dims = [0; MAX_RANK];
    for (index, dim) in dims.iter_mut().enumerate() {
        *dim = u32_at(record, 4 + 4 * index);
    }
    Shape::checked(dims, rank)
}

#[cfg_attr(not(target_os = "none"), inline)]
fn read_dtype(record: &TensorRecord) -> Option<DType> {
    let [dtype, ..] = u32_at(record, 0).to_le_bytes();
    DType::from_code(dtype)
}

#[cfg_attr(not(target_os = "none"), inline)]
fn read_quantization(record: &TensorRecord) -> (f32, i32) {
    (f32::from_bits(u32_at(record, 36)), u32_at(record, 40).cast_signed())
}

fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    core::str::from_utf8(bytes).map_err(|error| FormatError::StringUtf8 { offset: error.valid_up_to() as u32 })
}

fn read_shape(record: &[u32], at: usize, rank: u32, part: Part) -> Result<Shape, FormatError> {
    let mut dims = [0; MAX_RANK];
    for (index, dim) in dims.iter_mut().enumerate() {
        *dim = u32_at(record, at + 4 * index);
    }
    let (used, unused) = dims.split_at_checked(rank as usize).unwrap_or((&[0], &[]));
    (Shape::new(used).filter(|_| unused.iter().all(|&dim| dim == 0))).ok_or(FormatError::Shape { part, rank, dims })
}

/// Walks the sections in the order of the file.
struct Sections<'p> {
    bytes: &'p [u8],
    header: &'p Header,
    /// End of the section before.
    end: usize,
}

impl<'p> Sections<'p> {
    /// The next section, as records of `N` words.
    fn next<const N: usize>(&mut self, section: Section) -> Result<&'p [[u32; N]], FormatError> {
        let bytes = self.extent(section, WORD_BYTES, N * WORD_BYTES)?;
        Ok(bytemuck::try_cast_slice(bytes).unwrap_or_default().as_chunks().0)
    }

    /// The next section, as bytes.
    fn bytes(&mut self, section: Section) -> Result<&'p [u8], FormatError> {
        let alignment = if section == Section::Data { DATA_ALIGNMENT } else { WORD_BYTES };
        self.extent(section, alignment, 1)
    }

    /// The bytes of the next section, whose records are of `size` bytes.
    fn extent(&mut self, section: Section, alignment: usize, size: usize) -> Result<&'p [u8], FormatError> {
        let at = header::SECTIONS + 8 * section as usize;
        let (count, offset) = (u32_at(self.header, at), u32_at(self.header, at + 4));
        let expected = self.end.next_multiple_of(alignment);
        if offset as usize != expected {
            return Err(FormatError::SectionOffset { section, expected: expected as u32, found: offset });
        }
        let error = FormatError::SectionEnd { section, offset, count };
        let padding = self.bytes.get(self.end..expected).ok_or(error)?;
        if let Some(position) = padding.iter().position(|&byte| byte != 0) {
            return Err(FormatError::Reserved {
                offset: (self.end + position) as u32,
                found: padding.get(position).copied().unwrap_or_default(),
            });
        }
        let length = (count as usize).checked_mul(size).ok_or(error)?;
        let rest = self.bytes.get(expected..).ok_or(error)?;
        let records = rest.get(..length).ok_or(error)?;
        self.end = expected + length;
        Ok(records)
    }
}
