//! What a program consists of: tensors, ops, inputs and outputs, as the reader gives them out.

use core::fmt;
use core::ops::Range;

use crate::op::{OpCode, OpParams, Params};
use crate::packing::Packing;
use crate::shape::{DType, Shape};

/// Words of an op as they lie in the file.
pub(crate) type Words<'p> = &'p [u32];

/// Where a tensor's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'p> {
    /// In the arena, from this offset in bytes on.
    Arena {
        /// Offset in bytes.
        offset: u32,
    },
    /// In the file: these bytes.
    Data(&'p [u8]),
    /// In the file: these weights, packed.
    Packed(Packing, &'p [u8]),
    /// At the front of the arena, from this offset in bytes on, with contents that last from one invocation to the next.
    State {
        /// Offset in bytes, from the start of the arena.
        offset: u32,
    },
}

/// A tensor of a program.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'p> {
    /// Name, possibly empty.
    pub name: &'p str,
    /// Data type of the elements.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Shape,
    /// Where the bytes are.
    pub place: Place<'p>,
    /// Length in bytes.
    pub byte_length: u32,
    /// `real = scale * (q - zero_point)`; 1 where the tensor is not quantized.
    pub scale: f32,
    /// The quantized value that means zero.
    pub zero_point: i32,
}

impl<'p> Tensor<'p> {
    /// The bytes of a constant that is not packed.
    pub fn constant(&self) -> Option<&'p [u8]> {
        match self.place {
            Place::Arena { .. } | Place::Packed(..) | Place::State { .. } => None,
            Place::Data(bytes) => Some(bytes),
        }
    }

    /// Where in the arena the bytes of an activation or a state are.
    pub fn arena_range(&self) -> Option<Range<usize>> {
        match self.place {
            Place::Arena { offset } | Place::State { offset } => Some(offset as usize..(offset + self.byte_length) as usize),
            Place::Data(_) | Place::Packed(..) => None,
        }
    }

    /// Whether it is made of packed weights.
    pub fn is_packed(&self) -> bool {
        matches!(self.place, Place::Packed(..))
    }

    /// A constant of `dtype` as numbers, in place.
    fn constant_of<T: bytemuck::AnyBitPattern>(&self, dtype: DType) -> Option<&'p [T]> {
        let bytes = self.constant().filter(|_| self.dtype == dtype)?;
        bytemuck::try_cast_slice(bytes).ok()
    }

    /// A constant of data type i8.
    pub fn constant_i8(&self) -> Option<&'p [i8]> {
        self.constant_of(DType::I8)
    }

    /// A constant of data type i16, on a little-endian machine.
    pub fn constant_i16(&self) -> Option<&'p [i16]> {
        const { assert!(cfg!(target_endian = "little")) };
        self.constant_of(DType::I16)
    }

    /// A constant of data type i64, each element in little-endian bytes: a program in memory is aligned for `i32` only.
    pub fn constant_i64(&self) -> Option<&'p [[u8; 8]]> {
        self.constant_of(DType::I64)
    }

    /// A constant of data type i32, on a little-endian machine.
    pub fn constant_i32(&self) -> Option<&'p [i32]> {
        const { assert!(cfg!(target_endian = "little")) };
        self.constant_of(DType::I32)
    }
}

/// An operation of a program.
#[derive(Clone, Copy)]
pub struct Op<'p> {
    /// Operator.
    pub code: OpCode,
    pub(crate) inputs: Words<'p>,
    pub(crate) outputs: Words<'p>,
    pub(crate) params: Words<'p>,
}

impl<'p> Op<'p> {
    /// Tensor indices of the inputs, in the operator's order.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = u32> + use<'p> {
        decode(self.inputs)
    }

    /// Tensor index of one input, in constant time.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn input(&self, index: usize) -> Option<u32> {
        self.inputs.get(index).copied().map(u32::from_le)
    }

    /// Tensor indices of the outputs, in the operator's order.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = u32> + use<'p> {
        decode(self.outputs)
    }

    /// Tensor index of one output, in constant time.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn output(&self, index: usize) -> Option<u32> {
        self.outputs.get(index).copied().map(u32::from_le)
    }

    /// The parameters, for who knows the operator; `None` where it is another one.
    pub fn params<P: OpParams>(&self) -> Option<P> {
        if self.code == P::OP { P::decode(self.params) } else { None }
    }

    /// The parameters, whatever the operator is.
    pub fn any_params(&self) -> Option<Params> {
        Params::decode(self.code, self.params)
    }
}

impl fmt::Debug for Op<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Op")
            .field("code", &self.code)
            .field("inputs", &self.inputs.len())
            .field("outputs", &self.outputs.len())
            .finish_non_exhaustive()
    }
}

/// A model input or output.
#[derive(Clone, Copy, Debug)]
pub struct Io<'p> {
    /// Name by which the model's author knows it.
    pub name: &'p str,
    /// Shape by which the model's author knows it; as many elements as the tensor.
    pub shape: Shape,
    /// Tensor index.
    pub tensor: u32,
}

/// The words as numbers.
#[cfg_attr(not(target_os = "none"), inline)]
fn decode<'p>(words: Words<'p>) -> impl ExactSizeIterator<Item = u32> + use<'p> {
    words.iter().copied().map(u32::from_le)
}
