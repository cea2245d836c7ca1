//! Kernels: one file per operator with `check`, `run` and a [`Registration`](crate::Registration).
//!
//! `check` sees a [`Node`]: the op and its tensors. `run` sees a [`Frame`]: the same, and the memory.

pub mod add;
pub mod average_pool2d;
pub mod batch_matmul;
mod binary;
pub mod concat;
pub mod conv2d;
pub mod conv_transpose2d;
pub mod copy;
pub mod depthwise_conv2d;
pub mod div;
mod dot;
pub mod fully_connected;
pub mod gather;
pub mod gru;
pub mod i16;
pub mod log_softmax;
pub mod lstm;
pub mod max_pool2d;
pub mod maximum;
pub mod mean;
pub mod minimum;
pub mod mul;
pub mod normalize;
pub mod pad;
pub mod prelu;
mod recurrent;
mod reduce;
pub mod reduce_max;
pub mod reduce_min;
pub(crate) mod requantize;
pub mod resize_bilinear;
pub mod resize_nearest;
pub mod shift;
pub mod softmax;
mod strided;
pub mod strided_slice;
pub mod sub;
pub mod table;
pub mod top_k;
pub(crate) mod total;
pub mod transpose;
pub(crate) mod window;

#[cfg(feature = "simd")]
use edge_format::Packing;
use edge_format::{DType, Op, OpParams, Place, Program, Shape, Tensor};

use crate::affine::Affine;
use crate::arith::SHIFTS;
use crate::{CheckError, Element, Operand};

/// An op with its tensors, before there is memory.
#[derive(Clone, Copy, Debug)]
pub struct Node<'p> {
    /// A reference, as this goes from hand to hand.
    program: &'p Program<'p>,
    op: Op<'p>,
}

impl<'p> Node<'p> {
    pub(crate) fn new(program: &'p Program<'p>, op: Op<'p>) -> Self {
        Self { program, op }
    }

    /// The op.
    pub fn op(&self) -> Op<'p> {
        self.op
    }

    /// The parameters.
    ///
    /// # Errors
    /// Where the op is another operator.
    pub fn params<P: OpParams>(&self) -> Result<P, CheckError> {
        self.op.params().ok_or(CheckError::Param { name: "op code", found: self.op.code as i64 })
    }

    /// Demands exactly `expected` inputs.
    ///
    /// # Errors
    /// [`CheckError::InputCount`].
    pub fn expect_inputs(&self, expected: usize) -> Result<(), CheckError> {
        let found = self.op.inputs().len();
        let error = CheckError::InputCount { expected: expected as u32, found: found as u32 };
        if found == expected { Ok(()) } else { Err(error) }
    }

    /// The tensor of an input.
    ///
    /// # Errors
    /// [`CheckError::InputCount`] where there are fewer inputs, [`CheckError::Packed`].
    pub fn input(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        match self.weights(index)? {
            Tensor { place: Place::Packed(..), .. } => Err(CheckError::Packed { operand: Operand::Input(index as u32) }),
            tensor => Ok(tensor),
        }
    }

    /// Offset and length in the arena of a tensor of this index, in bytes, where it is there.
    fn extent(&self, tensor: u32) -> Option<(usize, usize)> {
        let (place, length) = self.program.place(tensor)?;
        match place {
            Place::Arena { offset } | Place::State { offset } => Some((offset as usize, length as usize)),
            Place::Data(_) | Place::Packed(..) => None,
        }
    }

    /// The bytes of the first output.
    pub(crate) fn first_output<'a>(&self, arena: &'a [i8]) -> Option<&'a [i8]> {
        let (offset, length) = self.extent(self.op.output(0)?)?;
        arena.get(offset..)?.get(..length)
    }

    /// The words of a constant input.
    pub(crate) fn words(&self, index: usize) -> Option<&'p [i32]> {
        let tensor = self.op.input(index)?;
        match (self.program.dtype(tensor)?, self.program.place(tensor)?.0) {
            (DType::I32, Place::Data(bytes)) => bytemuck::try_cast_slice(bytes).ok(),
            _ => None,
        }
    }

    /// Shape and quantization of a tensor.
    fn like(&self, tensor: u32) -> Option<(Shape, Affine)> {
        let (scale, zero_point) = self.program.quantization(tensor)?;
        Some((self.program.shape(tensor)?, Affine { scale, zero_point }))
    }

    /// The tensor of an input that may be packed.
    ///
    /// # Errors
    /// [`CheckError::InputCount`] where there are fewer inputs.
    pub(crate) fn weights(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        let tensor = self.op.input(index).and_then(|tensor| self.program.tensor(tensor));
        tensor.ok_or(CheckError::InputCount { expected: index as u32 + 1, found: self.op.inputs().len() as u32 })
    }

    /// The tensor of the only output.
    ///
    /// # Errors
    /// [`CheckError::OutputCount`] where there is not exactly one.
    pub fn output(&self) -> Result<Tensor<'p>, CheckError> {
        self.expect_outputs(1)?;
        self.output_at(0)
    }

    /// Demands exactly `expected` outputs.
    ///
    /// # Errors
    /// [`CheckError::OutputCount`].
    pub fn expect_outputs(&self, expected: usize) -> Result<(), CheckError> {
        let found = self.op.outputs().len();
        let error = CheckError::OutputCount { expected: expected as u32, found: found as u32 };
        if found == expected { Ok(()) } else { Err(error) }
    }

    /// The tensor of an output, of which an operator may have several.
    ///
    /// # Errors
    /// [`CheckError::OutputCount`] where there are fewer outputs.
    pub fn output_at(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        let tensor = self.op.outputs().nth(index).and_then(|tensor| self.program.tensor(tensor));
        tensor.ok_or(CheckError::OutputCount { expected: index as u32 + 1, found: self.op.outputs().len() as u32 })
    }

    /// The tensor of an input of data type i8.
    ///
    /// # Errors
    /// [`CheckError::DType`] where it is another.
    pub fn input_i8(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        self.input_of::<i8>(index)
    }

    /// The tensor of an input whose elements are `T`.
    ///
    /// # Errors
    /// [`CheckError::DType`] where they are others, [`CheckError::Affine`] for int16 with a zero point.
    pub fn input_of<T: Element>(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        self.input_as(index, T::DTYPE)
    }

    /// As [`Node::input_of`], for checks that are one function for both types.
    pub(crate) fn input_as(&self, index: usize, dtype: DType) -> Result<Tensor<'p>, CheckError> {
        expect_dtype(self.input(index)?, Operand::Input(index as u32), dtype)
    }

    /// The tensor of an input of data type i8 or i16: what operators take that only move elements.
    ///
    /// # Errors
    /// [`CheckError::DType`] where it is another.
    pub fn input_moved(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        expect_moved(self.input(index)?, Operand::Input(index as u32))
    }

    /// The tensor of the output, of data type i8.
    ///
    /// # Errors
    /// [`CheckError::DType`] where it is another.
    pub fn output_i8(&self) -> Result<Tensor<'p>, CheckError> {
        self.output_of::<i8>()
    }

    /// The tensor of the output, whose elements are `T`.
    ///
    /// # Errors
    /// [`CheckError::DType`] where they are others, [`CheckError::Affine`] for int16 with a zero point.
    pub fn output_of<T: Element>(&self) -> Result<Tensor<'p>, CheckError> {
        self.output_as(T::DTYPE)
    }

    /// As [`Node::output_of`], for checks that are one function for both types.
    pub(crate) fn output_as(&self, dtype: DType) -> Result<Tensor<'p>, CheckError> {
        expect_dtype(self.output()?, Operand::Output, dtype)
    }

    /// The tensor of the output, of data type i8 or i16.
    ///
    /// # Errors
    /// [`CheckError::DType`] where it is another.
    pub fn output_moved(&self) -> Result<Tensor<'p>, CheckError> {
        expect_moved(self.output()?, Operand::Output)
    }

    /// A constant input of data type i8.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn constant_i8(&self, index: usize) -> Result<&'p [i8], CheckError> {
        let tensor = self.input_i8(index)?;
        tensor.constant_i8().ok_or(CheckError::NotConstant { operand: Operand::Input(index as u32) })
    }

    /// A constant input of data type i32 and shape `[length]`.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn constant_i32(&self, index: usize, length: usize) -> Result<&'p [i32], CheckError> {
        let (tensor, operand) = (self.input(index)?, Operand::Input(index as u32));
        if tensor.dtype != DType::I32 {
            return Err(CheckError::DType { operand, expected: DType::I32, found: tensor.dtype });
        }
        let numbers = tensor.constant_i32().ok_or(CheckError::NotConstant { operand })?;
        if tensor.shape.rank() != 1 || numbers.len() != length {
            return Err(CheckError::Shape { operand, found: tensor.shape });
        }
        Ok(numbers)
    }

    /// The int8 weights of an input: constant, and packed only where there are kernels for it.
    ///
    /// # Errors
    /// Where they are not.
    pub(crate) fn weights_i8(&self, index: usize) -> Result<Tensor<'p>, CheckError> {
        if cfg!(feature = "simd")
            && let tensor @ Tensor { place: Place::Packed(..), .. } = self.weights(index)?
        {
            return Ok(tensor);
        }
        self.constant_i8(index)?;
        self.input_i8(index)
    }

    /// A constant input of data type i64 and shape `[length]`, each element in little-endian bytes.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn constant_i64(&self, index: usize, length: usize) -> Result<&'p [[u8; 8]], CheckError> {
        let (tensor, operand) = (self.input(index)?, Operand::Input(index as u32));
        if tensor.dtype != DType::I64 {
            return Err(CheckError::DType { operand, expected: DType::I64, found: tensor.dtype });
        }
        let numbers = tensor.constant_i64().ok_or(CheckError::NotConstant { operand })?;
        if tensor.shape.rank() != 1 || numbers.len() != length {
            return Err(CheckError::Shape { operand, found: tensor.shape });
        }
        Ok(numbers)
    }

    /// Demands that the output has the data type, the scale and the zero point of an input.
    ///
    /// # Errors
    /// [`CheckError::DType`], [`CheckError::Affine`].
    pub fn expect_same_affine(&self, index: usize) -> Result<(), CheckError> {
        let (input, output) = (self.input(index)?, self.output()?);
        if input.dtype != output.dtype {
            return Err(CheckError::DType { operand: Operand::Input(index as u32), expected: output.dtype, found: input.dtype });
        }
        if (input.scale.to_bits(), input.zero_point) == (output.scale.to_bits(), output.zero_point) {
            return Ok(());
        }
        Err(CheckError::Affine { operand: Operand::Input(index as u32), scale: input.scale, zero_point: input.zero_point })
    }
}

fn expect_dtype(tensor: Tensor<'_>, operand: Operand, expected: DType) -> Result<Tensor<'_>, CheckError> {
    if tensor.dtype != expected {
        return Err(CheckError::DType { operand, expected, found: tensor.dtype });
    }
    if tensor.dtype == DType::I16 && tensor.zero_point != 0 {
        return Err(CheckError::Affine { operand, scale: tensor.scale, zero_point: tensor.zero_point });
    }
    Ok(tensor)
}

fn expect_moved(tensor: Tensor<'_>, operand: Operand) -> Result<Tensor<'_>, CheckError> {
    match tensor.dtype {
        DType::I8 | DType::I16 => Ok(tensor),
        found => Err(CheckError::DType { operand, expected: DType::I8, found }),
    }
}

/// A shape that does not fit, as an error.
#[cold]
#[inline(never)]
fn misfit<T>(operand: Operand, tensor: &Tensor<'_>) -> Result<T, CheckError> {
    Err(CheckError::Shape { operand, found: tensor.shape })
}

/// Demands that a parameter is within a range.
fn expect_range<T>(name: &'static str, found: T, range: core::ops::RangeInclusive<T>) -> Result<(), CheckError>
where
    T: PartialOrd + Into<i64> + Copy,
{
    if range.contains(&found) { Ok(()) } else { Err(CheckError::Param { name, found: found.into() }) }
}

/// Demands that a shift is one that arithmetic takes.
fn expect_shift(found: i32) -> Result<(), CheckError> {
    expect_range("shift", found, SHIFTS)
}

/// Demands that an activation's range is one of int8.
fn expect_activation(min: i32, max: i32) -> Result<(), CheckError> {
    expect_activation_of::<i8>(min, max)
}

/// Demands that an activation's range is one of `T`.
fn expect_activation_of<T: Element>(min: i32, max: i32) -> Result<(), CheckError> {
    expect_range("activation_max", max, T::LEAST..=T::GREATEST)?;
    expect_range("activation_min", min, T::LEAST..=max)
}

/// Greatest number of outputs of an op.
pub const MAX_OUTPUTS: usize = 4;

/// An op with its tensors and memory: the outputs, and everything in the arena between them.
pub struct Frame<'p, 'a> {
    /// The op and its tensors.
    pub node: Node<'p>,
    /// What no output covers, by offset in the arena.
    gaps: [(usize, &'a [i8]); MAX_OUTPUTS + 1],
    /// The first output.
    output: &'a mut [i8],
    /// Further outputs, empty where there are none.
    others: [&'a mut [i8]; MAX_OUTPUTS - 1],
}

impl<'p, 'a> Frame<'p, 'a> {
    /// Splits the arena around the op's outputs, which must lie apart.
    #[inline(always)]
    pub(crate) fn new(node: Node<'p>, arena: &'a mut [i8]) -> Option<Self> {
        // On bare metal, where flash counts, several are split off no slower than one.
        if !cfg!(target_os = "none")
            && let Some(only) = node.op.output(0).filter(|_| node.op.outputs().len() == 1)
        {
            let (offset, length) = node.extent(only)?;
            let (before, from) = arena.split_at_mut_checked(offset)?;
            let (output, after) = from.split_at_mut_checked(length)?;
            let none = (0, Default::default());
            let gaps = [(0, &*before), (offset + length, &*after), none, none, none];
            return Some(Self { node, gaps, output, others: Default::default() });
        }
        Self::of_several(node, arena)
    }

    /// The same for several outputs.
    #[cfg_attr(not(target_os = "none"), inline(never))]
    fn of_several(node: Node<'p>, arena: &'a mut [i8]) -> Option<Self> {
        let mut pieces: [&'a mut [i8]; MAX_OUTPUTS] = Default::default();
        let mut gaps: [(usize, &'a [i8]); MAX_OUTPUTS + 1] = Default::default();
        let (mut start, mut rest) = (0, arena);
        let mut free = gaps.iter_mut();
        for _ in node.op.outputs() {
            // The next output behind those that are split off.
            let ahead = node.op.outputs().enumerate().filter_map(|(index, output)| Some((node.extent(output)?, index)));
            let ahead = ahead.map(|((offset, length), index)| (offset, length, index)).filter(|&(offset, ..)| offset >= start);
            let (offset, length, index) = ahead.min_by_key(|&(offset, ..)| offset)?;
            let (before, from) = rest.split_at_mut_checked(offset.checked_sub(start)?)?;
            let (output, after) = from.split_at_mut_checked(length)?;
            *free.next()? = (start, before);
            *pieces.get_mut(index)? = output;
            (start, rest) = (offset + length, after);
        }
        *free.next()? = (start, rest);
        let [output, others @ ..] = pieces;
        Some(Self { node, gaps, output, others })
    }

    /// The parameters.
    pub fn params<P: OpParams>(&self) -> Option<P> {
        self.node.op.params()
    }

    /// Shape and quantization of an input.
    pub fn input_like(&self, index: usize) -> Option<(Shape, Affine)> {
        self.node.like(self.node.op.input(index)?)
    }

    /// Packed weights, group by group.
    #[cfg(feature = "simd")]
    pub(crate) fn packed(&self, index: usize) -> Option<(Packing, &'p [[i8; Packing::GROUP_BYTES]])> {
        match self.node.program.place(self.node.op.input(index)?)?.0 {
            Place::Packed(packing, bytes) => Some((packing, bytemuck::cast_slice(bytes).as_chunks().0)),
            _ => None,
        }
    }

    /// Shape and quantization of the output.
    pub fn output_like(&self) -> Option<(Shape, Affine)> {
        self.node.like(self.node.op.output(0)?)
    }

    /// The bytes of an input that lies apart from the output.
    pub fn input(&self, index: usize) -> Option<&'a [i8]>
    where
        'p: 'a,
    {
        let (place, length) = self.node.program.place(self.node.op.input(index)?)?;
        let (offset, length) = match place {
            Place::Data(bytes) => return bytemuck::try_cast_slice(bytes).ok(),
            Place::Arena { offset } | Place::State { offset } => (offset as usize, length as usize),
            Place::Packed(..) => return None,
        };
        // The last gap that begins at or before the input; those that are not used are empty.
        let holds = |(start, gap): &(usize, &'a [i8])| (offset.checked_sub(*start)? + length <= gap.len()).then(|| (offset - start, *gap));
        let (at, gap) = self.gaps.iter().find_map(holds)?;
        gap.get(at..)?.get(..length)
    }

    /// The bytes of an input, or `None` within where the output takes its place.
    pub fn input_or_in_place(&self, index: usize) -> Option<Option<&'a [i8]>>
    where
        'p: 'a,
    {
        let op = self.node.op;
        let in_place = self.node.extent(op.input(index)?) == self.node.extent(op.output(0)?);
        if in_place { Some(None) } else { self.input(index).map(Some) }
    }

    /// As [`Frame::input`], in elements.
    pub fn input_of<T: Element>(&self, index: usize) -> Option<&'a [T]>
    where
        'p: 'a,
    {
        bytemuck::try_cast_slice(self.input(index)?).ok()
    }

    /// As [`Frame::input_or_in_place`], in elements.
    pub fn input_or_in_place_of<T: Element>(&self, index: usize) -> Option<Option<&'a [T]>>
    where
        'p: 'a,
    {
        match self.input_or_in_place(index)? {
            Some(bytes) => bytemuck::try_cast_slice(bytes).ok().map(Some),
            None => Some(None),
        }
    }

    /// Bytes of an element of the output.
    pub fn element_bytes(&self) -> Option<usize> {
        self.node.program.dtype(self.node.op.output(0)?).map(|dtype| dtype.size_bytes() as usize)
    }

    /// The bytes of the first output, for good.
    pub fn into_output(self) -> &'a mut [i8] {
        self.output
    }

    /// The bytes of all outputs, for good; those beyond the last one are empty.
    pub fn into_outputs(self) -> [&'a mut [i8]; MAX_OUTPUTS] {
        let [first, second, third] = self.others;
        [self.output, first, second, third]
    }

    /// The elements of the output, for good.
    pub fn into_output_of<T: Element>(self) -> Option<&'a mut [T]> {
        bytemuck::try_cast_slice_mut(self.into_output()).ok()
    }
}

/// Demands outputs in the arena that cover neither each other nor an input, but as the operator allows.
#[inline(never)]
pub(crate) fn expect_apart(node: &Node<'_>) -> Result<(), CheckError> {
    let (inputs, outputs) = (node.op.inputs().len(), node.op.outputs().len());
    if !(1..=MAX_OUTPUTS).contains(&outputs) {
        return Err(CheckError::OutputCount { expected: 1, found: outputs as u32 });
    }
    for (at, output) in node.op.outputs().enumerate() {
        let output = node.extent(output).ok_or(CheckError::OutputCount { expected: 1, found: 0 })?;
        // A state is written in the place of the one that is read, from the back: the last output in that of the last input.
        let (behind, states) = (outputs - at, node.op.code.states());
        for (index, input) in node.op.inputs().enumerate() {
            let in_place = if behind <= states { inputs - index == behind } else { at == 0 && node.op.code.in_place() };
            expect_free(node.extent(input), output, in_place, Operand::Input(index as u32))?;
        }
        for other in node.op.outputs().take(at) {
            expect_free(node.extent(other), output, false, Operand::Output)?;
        }
    }
    Ok(())
}

/// Demands that a tensor lies apart from an output, or in its very place where that is allowed.
fn expect_free(tensor: Option<(usize, usize)>, output: (usize, usize), in_place: bool, operand: Operand) -> Result<(), CheckError> {
    let Some((offset, length)) = tensor else { return Ok(()) };
    let apart = offset + length <= output.0 || output.0 + output.1 <= offset;
    if apart || in_place && (offset, length) == output {
        return Ok(());
    }
    Err(CheckError::Overlap { operand, input_offset: offset as u32, output_offset: output.0 as u32 })
}
