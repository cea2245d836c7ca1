//! Why bytes are not a program.

use core::fmt;

use crate::shape::DType;

/// The sections, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// Tensor table.
    Tensors,
    /// Op table.
    Ops,
    /// Operand lists and parameters of ops.
    Words,
    /// Model inputs.
    Inputs,
    /// Model outputs.
    Outputs,
    /// Names.
    Strings,
    /// Constants.
    Data,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Section::Tensors => "tensors",
            Section::Ops => "ops",
            Section::Words => "words",
            Section::Inputs => "model inputs",
            Section::Outputs => "model outputs",
            Section::Strings => "strings",
            Section::Data => "data",
        })
    }
}

/// What a finding is about: the header, or one entry of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The header.
    Header,
    /// Tensor of this index.
    Tensor(u32),
    /// Op of this index.
    Op(u32),
    /// Model input of this index.
    Input(u32),
    /// Model output of this index.
    Output(u32),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Header => f.write_str("header"),
            Part::Tensor(index) => write!(f, "tensor {index}"),
            Part::Op(index) => write!(f, "op {index}"),
            Part::Input(index) => write!(f, "model input {index}"),
            Part::Output(index) => write!(f, "model output {index}"),
        }
    }
}

/// Why bytes are not a program that can be run.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The slice does not begin at a multiple of [`BASE_ALIGNMENT`](crate::BASE_ALIGNMENT).
    #[error("program begins {found} bytes past a multiple of {expected} in memory")]
    BaseAlignment {
        /// Alignment needed.
        expected: u32,
        /// Remainder of the address.
        found: u32,
    },
    /// Shorter than a header.
    #[error("file of {found} bytes is shorter than the header of {expected}")]
    Truncated {
        /// Header length.
        expected: u32,
        /// File length.
        found: u32,
    },
    /// Not a program.
    #[error("not an edgm program: it begins with {found:02x?}")]
    Magic {
        /// First bytes.
        found: [u8; 8],
    },
    /// Another layout.
    #[error("format version {found}, this reader knows {expected}")]
    FormatVersion {
        /// This reader's version.
        expected: u16,
        /// The file's version.
        found: u16,
    },
    /// Another arithmetic.
    #[error("runtime ABI {found}, this runtime is {expected}")]
    RuntimeAbi {
        /// This reader's ABI.
        expected: u16,
        /// The file's ABI.
        found: u16,
    },
    /// Cut, or followed by other bytes.
    #[error("file has {found} bytes, its header says {expected}")]
    Length {
        /// Length in the header.
        expected: u32,
        /// Length of the slice.
        found: u64,
    },
    /// Damaged.
    #[error("checksum {found:08x}, the header says {expected:08x}")]
    Checksum {
        /// Checksum in the header.
        expected: u32,
        /// Checksum of the bytes.
        found: u32,
    },
    /// The arena is 2^31 bytes or more.
    #[error("arena of {found} bytes, at most {limit} are possible")]
    ArenaSize {
        /// Greatest size.
        limit: u32,
        /// Size in the header.
        found: u32,
    },
    /// The state is larger than the arena, of which it is a part.
    #[error("state of {found} bytes in an arena of {limit}")]
    StateSize {
        /// Size of the arena.
        limit: u32,
        /// Size in the header.
        found: u32,
    },
    /// A section does not begin where its predecessor ends.
    #[error("section {section} begins at {found}, expected {expected}")]
    SectionOffset {
        /// The section.
        section: Section,
        /// End of its predecessor, aligned.
        expected: u32,
        /// Offset in the header.
        found: u32,
    },
    /// A section reaches past the end of the file.
    #[error("section {section} of {count} entries at {offset} reaches past the end of the file")]
    SectionEnd {
        /// The section.
        section: Section,
        /// Its offset.
        offset: u32,
        /// Its count in the header.
        count: u32,
    },
    /// Bytes after the last section.
    #[error("last section ends at {expected}, the file at {found}")]
    TrailingBytes {
        /// End of the last section.
        expected: u32,
        /// File length.
        found: u32,
    },
    /// A reserved byte or padding is not zero.
    #[error("reserved byte at {offset} is {found:#04x}, expected zero")]
    Reserved {
        /// Offset in the file.
        offset: u32,
        /// The byte.
        found: u8,
    },
    /// A string lies outside of the strings section, or begins or ends within a character.
    #[error("{part}: name at {offset} of {length} bytes lies outside of {limit} bytes of strings")]
    StringExtent {
        /// Whose name.
        part: Part,
        /// Offset in the strings section.
        offset: u32,
        /// Length in bytes.
        length: u32,
        /// Length of the strings section.
        limit: u32,
    },
    /// The strings section is not UTF-8.
    #[error("strings are not utf-8 from byte {offset} on")]
    StringUtf8 {
        /// Bytes that are valid.
        offset: u32,
    },
    /// Unknown data type.
    #[error("tensor {tensor}: unknown data type {found}")]
    DType {
        /// Tensor index.
        tensor: u32,
        /// Code found.
        found: u8,
    },
    /// Unknown place.
    #[error("tensor {tensor}: unknown place {found}")]
    Place {
        /// Tensor index.
        tensor: u32,
        /// Code found.
        found: u8,
    },
    /// A tensor that is packed and must not be: only i8 of rank 1 or more can.
    #[error("tensor {tensor}: {dtype} of rank {rank} is packed, only i8 of rank 1 or more can be")]
    Packed {
        /// Tensor index.
        tensor: u32,
        /// Its data type.
        dtype: DType,
        /// Its rank.
        rank: u32,
    },
    /// Packed weights are not filled up with zeros.
    #[error("tensor {tensor}: byte {position} fills up packed weights and is {found:#04x}, expected zero")]
    PackedPadding {
        /// Tensor index.
        tensor: u32,
        /// Position in the tensor's bytes.
        position: u32,
        /// The byte.
        found: u8,
    },
    /// Rank too great, a dimension of zero or one beyond the rank, or too many elements.
    #[error("{part}: rank {rank} with dimensions {dims:?} is not a shape")]
    Shape {
        /// Whose shape.
        part: Part,
        /// Rank found.
        rank: u32,
        /// Dimensions found.
        dims: [u32; crate::MAX_RANK],
    },
    /// Byte length differs from the shape's.
    #[error("tensor {tensor}: {found} bytes, its shape needs {expected}")]
    ByteLength {
        /// Tensor index.
        tensor: u32,
        /// Bytes by shape and data type.
        expected: u64,
        /// Bytes found.
        found: u32,
    },
    /// A tensor lies outside of its part of the arena or of the data section.
    #[error("tensor {tensor}: {length} bytes at {offset} lie outside of {start}..{end}")]
    Extent {
        /// Tensor index.
        tensor: u32,
        /// Offset in arena or data.
        offset: u32,
        /// Length in bytes.
        length: u32,
        /// Where the part of the arena that it may lie in begins; 0 for data.
        start: u32,
        /// Where that part, or the data section, ends.
        end: u32,
    },
    /// A tensor's offset is not aligned.
    #[error("tensor {tensor}: offset {found} is not a multiple of {expected}")]
    TensorAlignment {
        /// Tensor index.
        tensor: u32,
        /// Alignment needed.
        expected: u32,
        /// Offset found.
        found: u32,
    },
    /// The scale is not finite and positive.
    #[error("tensor {tensor}: scale {found} is not finite and positive")]
    Scale {
        /// Tensor index.
        tensor: u32,
        /// Scale found.
        found: f32,
    },
    /// The zero point is outside of the data type.
    #[error("tensor {tensor}: zero point {found} is outside of {min}..={max}")]
    ZeroPoint {
        /// Tensor index.
        tensor: u32,
        /// Least zero point.
        min: i32,
        /// Greatest zero point.
        max: i32,
        /// Zero point found.
        found: i32,
    },
    /// "Written by" names no op, or a constant is written.
    #[error("tensor {tensor}: written by op {found} of {limit}, or a constant that is written")]
    WrittenBy {
        /// Tensor index.
        tensor: u32,
        /// Op index found.
        found: u32,
        /// Number of ops.
        limit: u32,
    },
    /// Unknown op code.
    #[error("op {op}: unknown op code {found}")]
    OpCode {
        /// Op index.
        op: u32,
        /// Code found.
        found: u16,
    },
    /// Wrong number of parameters.
    #[error("op {op}: {found} words of parameters, expected {expected}")]
    ParamWords {
        /// Op index.
        op: u32,
        /// Words by op code.
        expected: u32,
        /// Words found.
        found: u32,
    },
    /// Operands and parameters reach past the words.
    #[error("op {op}: {length} words from {first} reach past {limit}")]
    OpWords {
        /// Op index.
        op: u32,
        /// First word.
        first: u32,
        /// Number of words.
        length: u32,
        /// Words in the file.
        limit: u32,
    },
    /// The words of an op do not begin where those of its predecessor end.
    #[error("op {op}: first word is {found}, expected {expected}")]
    FirstWord {
        /// Op index.
        op: u32,
        /// End of its predecessor's words.
        expected: u32,
        /// First word found.
        found: u32,
    },
    /// Words that belong to no op.
    #[error("ops use {expected} words, there are {found}")]
    UnusedWords {
        /// Words used by ops.
        expected: u32,
        /// Words in the file.
        found: u32,
    },
    /// A reference to a tensor that does not exist.
    #[error("{part}: tensor {found} of {limit}")]
    TensorIndex {
        /// What refers to it.
        part: Part,
        /// Index found.
        found: u32,
        /// Number of tensors.
        limit: u32,
    },
    /// An op reads what is written later, or writes what another op is said to write.
    #[error("op {op}: tensor {tensor} is written by op {found}")]
    Order {
        /// Op index.
        op: u32,
        /// Tensor index.
        tensor: u32,
        /// Op by which it is written; `u32::MAX`: none.
        found: u32,
    },
    /// An op writes a state elsewhere than in the place of the one that it reads, or is none that updates states.
    #[error("op {op}: tensor {tensor} does not take the place of the state before it")]
    StateUpdate {
        /// Op index.
        op: u32,
        /// Index of the output.
        tensor: u32,
    },
    /// An op has fewer outputs than states.
    #[error("op {op}: {found} outputs, expected at least its {expected} states")]
    StateCount {
        /// Op index.
        op: u32,
        /// Number of states.
        expected: u32,
        /// Number of outputs found.
        found: u32,
    },
    /// A model input or output is a constant, or a model input is a state or written by an op.
    #[error("{part}: tensor {tensor} cannot be one: it is constant, a state, or written by an op")]
    IoTensor {
        /// The model input or output.
        part: Part,
        /// Tensor index.
        tensor: u32,
    },
    /// A model input or output's shape has another number of elements than its tensor.
    #[error("{part}: shape of {found} elements for a tensor of {expected}")]
    IoShape {
        /// The model input or output.
        part: Part,
        /// Elements of the tensor.
        expected: u32,
        /// Elements of the model's shape.
        found: u32,
    },
}
