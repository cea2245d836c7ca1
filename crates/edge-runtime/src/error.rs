//! Why a program cannot be run here.

use core::fmt;

use edge_format::{DType, OpCode, Shape};

/// An operand of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// Input of this index.
    Input(u32),
    /// The output.
    Output,
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Input(index) => write!(f, "input {index}"),
            Operand::Output => f.write_str("output"),
        }
    }
}

/// Why a kernel refuses an op.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Wrong number of inputs.
    #[error("{found} inputs, expected {expected}")]
    InputCount {
        /// Inputs that the operator takes.
        expected: u32,
        /// Inputs found.
        found: u32,
    },
    /// Wrong number of outputs in the arena.
    #[error("{found} outputs in the arena, expected {expected}")]
    OutputCount {
        /// Outputs that the operator has.
        expected: u32,
        /// Outputs found.
        found: u32,
    },
    /// Wrong data type.
    #[error("{operand} is {found}, expected {expected}")]
    DType {
        /// Which operand.
        operand: Operand,
        /// Data type that the kernel takes.
        expected: DType,
        /// Data type found.
        found: DType,
    },
    /// An operand that must be a constant is not.
    #[error("{operand} is not a constant")]
    NotConstant {
        /// Which operand.
        operand: Operand,
    },
    /// Packed weights where the kernel takes none, or in a build without the feature `simd`.
    #[error("{operand} is packed, which this kernel does not read")]
    Packed {
        /// Which operand.
        operand: Operand,
    },
    /// A shape that does not fit the operator or the other operands.
    #[error("{operand} has shape {found}, which does not fit")]
    Shape {
        /// Which operand.
        operand: Operand,
        /// Shape found.
        found: Shape,
    },
    /// Scale or zero point that the operator does not allow.
    #[error("{operand} has scale {scale} and zero point {zero_point}, which the operator does not allow")]
    Affine {
        /// Which operand.
        operand: Operand,
        /// Scale found.
        scale: f32,
        /// Zero point found.
        zero_point: i32,
    },
    /// A parameter that is out of range.
    #[error("{name} is {found}")]
    Param {
        /// Its name.
        name: &'static str,
        /// What was found.
        found: i64,
    },
    /// The output covers an input in a way that the operator cannot bear.
    #[error("output at {output_offset} overlaps {operand} at {input_offset} in the arena")]
    Overlap {
        /// Which input.
        operand: Operand,
        /// Its offset in bytes.
        input_offset: u32,
        /// The output's offset in bytes.
        output_offset: u32,
    },
}

/// Why a program cannot be run here.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The arena is too small.
    #[error("arena of {found} bytes, the program needs {expected}")]
    ArenaSize {
        /// Bytes that the program needs.
        expected: u32,
        /// Bytes given.
        found: usize,
    },
    /// The arena begins where elements of the program cannot.
    #[error("arena begins {found} bytes past a multiple of {expected} in memory")]
    ArenaAlignment {
        /// Alignment of the program's widest elements.
        expected: usize,
        /// Remainder of the address.
        found: usize,
    },
    /// No kernel for an operator.
    #[error("op {op}: no kernel for {code}")]
    NoKernel {
        /// Op index.
        op: u32,
        /// Operator.
        code: OpCode,
    },
    /// A kernel refuses an op.
    #[error("op {op} ({code}): {error}")]
    Op {
        /// Op index.
        op: u32,
        /// Operator.
        code: OpCode,
        /// Why.
        error: CheckError,
    },
    /// A kernel did not run an op that its check had accepted.
    #[error("op {op} ({code}): the kernel did not run what its check accepted")]
    Fault {
        /// Op index.
        op: u32,
        /// Operator.
        code: OpCode,
    },
    /// No model input or output of this index.
    #[error("model input or output {found} of {count}")]
    NoSuchIo {
        /// Index asked for.
        found: usize,
        /// How many there are.
        count: usize,
    },
    /// A model input or output is of another type than the caller takes, or of one that no kernel reads or writes.
    #[error("model input or output {index} is {found}, expected {expected}")]
    IoDType {
        /// Its index.
        index: usize,
        /// Data type expected.
        expected: DType,
        /// Data type found.
        found: DType,
    },
}
