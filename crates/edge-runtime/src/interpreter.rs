//! The executor: checks once, then runs op after op in the caller's arena.

use edge_format::{DType, Io, Op, Place, Program, Tensor};

use crate::affine::Affine;
use crate::kernel::total::{rows, rows_mut};
use crate::kernel::{Frame, Node, expect_apart};
use crate::{Element, Resolver, RuntimeError};

/// A program that has been checked against its kernels, with memory to run in.
pub struct Interpreter<'p, 'a> {
    program: Program<'p>,
    resolver: Resolver<'a>,
    arena: &'a mut [i8],
}

/// An op that has just been executed, for who measures or observes.
#[derive(Clone, Copy, Debug)]
pub struct Executed<'p, 'x> {
    /// Op index.
    pub index: u32,
    /// The op.
    pub op: Op<'p>,
    /// The bytes of its first output.
    pub output: &'x [i8],
}

impl<'p, 'a> Interpreter<'p, 'a> {
    /// Checks every op against its kernel.
    ///
    /// The arena may be larger than the program needs; its contents need not be initialized. The program begins as after
    /// [`Interpreter::reset`]. Where it has int16 activations, the arena
    /// must begin at an even address.
    ///
    /// # Errors
    /// Where the arena is too small or misaligned, a kernel is missing, or an op is not what its kernel takes.
    pub fn new(program: Program<'p>, arena: &'a mut [u8], resolver: Resolver<'a>) -> Result<Self, RuntimeError> {
        let (expected, found) = (program.arena_bytes(), arena.len());
        let arena = arena.get_mut(..expected as usize).ok_or(RuntimeError::ArenaSize { expected, found })?;
        check_alignment(program, arena)?;
        for (index, op) in (0..).zip(program.ops()) {
            let kernel = resolver.find(op.code).ok_or(RuntimeError::NoKernel { op: index, code: op.code })?;
            let node = Node::new(&program, op);
            let verdict = expect_apart(&node).and_then(|()| (kernel.check)(&node));
            verdict.map_err(|error| RuntimeError::Op { op: index, code: op.code, error })?;
        }
        expect_ios(program, program.inputs())?;
        expect_ios(program, program.outputs())?;
        let mut interpreter = Self { program, resolver, arena: bytemuck::cast_slice_mut(arena) };
        interpreter.reset();
        Ok(interpreter)
    }

    /// Makes the program forget what it remembers of earlier invocations: every element of its state becomes its zero point.
    pub fn reset(&mut self) {
        let states = self.program.tensors().filter(|tensor| matches!(tensor.place, Place::State { .. }));
        for tensor in states {
            let state = tensor.arena_range().and_then(|range| self.arena.get_mut(range)).unwrap_or_default();
            let element = tensor.zero_point.to_le_bytes();
            for bytes in state.chunks_exact_mut(tensor.dtype.size_bytes().max(1) as usize) {
                bytes.iter_mut().zip(element).for_each(|(byte, value)| *byte = value.cast_signed());
            }
        }
    }

    /// What the program remembers from one invocation to the next: as many bytes as its `state_bytes`. To be kept where a sequence is
    /// interrupted, and put back into [`Interpreter::state_mut`] of the same program with the same resolver.
    pub fn state(&self) -> &[i8] {
        self.arena.get(..self.program.state_bytes() as usize).unwrap_or_default()
    }

    /// As [`Interpreter::state`], to be overwritten.
    pub fn state_mut(&mut self) -> &mut [i8] {
        self.arena.get_mut(..self.program.state_bytes() as usize).unwrap_or_default()
    }

    /// The program.
    pub fn program(&self) -> Program<'p> {
        self.program
    }

    /// The elements of an int8 model input, to be filled before each [`Interpreter::invoke`]: ops may reuse their place.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`], or [`RuntimeError::IoDType`] where it is of another type.
    pub fn input_mut(&mut self, index: usize) -> Result<&mut [i8], RuntimeError> {
        self.input_mut_of(index)
    }

    /// As [`Interpreter::input_mut`], of any type of element.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`], or [`RuntimeError::IoDType`] where it is of another type.
    pub fn input_mut_of<T: Element>(&mut self, index: usize) -> Result<&mut [T], RuntimeError> {
        let range = range::<T>(self.program, self.program.inputs(), index)?;
        let bytes = self.arena.get_mut(range).unwrap_or_default();
        Ok(bytemuck::try_cast_slice_mut(bytes).unwrap_or_default())
    }

    /// The elements of an int8 model output, as the last [`Interpreter::invoke`] left them.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`], or [`RuntimeError::IoDType`] where it is of another type.
    pub fn output(&self, index: usize) -> Result<&[i8], RuntimeError> {
        self.output_of(index)
    }

    /// As [`Interpreter::output`], of any type of element.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`], or [`RuntimeError::IoDType`] where it is of another type.
    pub fn output_of<T: Element>(&self, index: usize) -> Result<&[T], RuntimeError> {
        let range = range::<T>(self.program, self.program.outputs(), index)?;
        let bytes = self.arena.get(range).unwrap_or_default();
        Ok(bytemuck::try_cast_slice(bytes).unwrap_or_default())
    }

    /// The bytes of a model input, whatever the type of its elements.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`].
    pub fn input_bytes_mut(&mut self, index: usize) -> Result<&mut [u8], RuntimeError> {
        let tensor = io_tensor(self.program, self.program.inputs(), index)?;
        let bytes = tensor.arena_range().and_then(|range| self.arena.get_mut(range)).unwrap_or_default();
        Ok(bytemuck::cast_slice_mut(bytes))
    }

    /// The bytes of a model output, as the last [`Interpreter::invoke`] left them, whatever the type of its elements.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`].
    pub fn output_bytes(&self, index: usize) -> Result<&[u8], RuntimeError> {
        let tensor = io_tensor(self.program, self.program.outputs(), index)?;
        let bytes = tensor.arena_range().and_then(|range| self.arena.get(range)).unwrap_or_default();
        Ok(bytemuck::cast_slice(bytes))
    }

    /// Fills a model input with real numbers, each rounded to the nearest that the tensor can stand for: see [`Affine::quantize`].
    /// Those beyond the last element are ignored; elements for which there are none stay.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`].
    pub fn write_input(&mut self, index: usize, values: &[f32]) -> Result<(), RuntimeError> {
        let tensor = io_tensor(self.program, self.program.inputs(), index)?;
        let affine = Affine { scale: tensor.scale, zero_point: tensor.zero_point };
        let bytes = tensor.arena_range().and_then(|range| self.arena.get_mut(range)).unwrap_or_default();
        let elements = rows_mut(bytes, tensor.dtype.size_bytes() as usize).into_iter().flatten();
        for (element, &value) in elements.zip(values) {
            let q = match tensor.dtype {
                DType::I8 => affine.quantize(value).into(),
                DType::I16 => affine.quantize_i16(value).into(),
                _ => affine.quantize_i32(value),
            };
            element.iter_mut().zip(q.to_le_bytes()).for_each(|(byte, low)| *byte = low.cast_signed());
        }
        Ok(())
    }

    /// The real numbers that a model output stands for, as the last [`Interpreter::invoke`] left it.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchIo`].
    pub fn read_output(&self, index: usize) -> Result<impl Iterator<Item = f32> + use<'_>, RuntimeError> {
        let tensor = io_tensor(self.program, self.program.outputs(), index)?;
        let affine = Affine { scale: tensor.scale, zero_point: tensor.zero_point };
        let bytes = tensor.arena_range().and_then(|range| self.arena.get(range)).unwrap_or_default();
        let elements = rows(bytes, tensor.dtype.size_bytes() as usize).into_iter().flatten();
        Ok(elements.map(move |element| {
            // Little-endian, the last byte with the sign.
            let q = element.iter().rev().enumerate().fold(0i32, |q, (place, &byte)| match place {
                0 => byte.into(),
                _ => q << 8 | i32::from(byte.cast_unsigned()),
            });
            affine.dequantize(q)
        }))
    }

    /// Runs the program once. What it remembers is what the invocations since the last [`Interpreter::reset`] left.
    ///
    /// # Errors
    /// [`RuntimeError::Fault`], which [`Interpreter::new`] rules out for kernels that check what they need.
    pub fn invoke(&mut self) -> Result<(), RuntimeError> {
        for index in 0..self.program.op_count() {
            if let Some(op) = self.program.op(index) {
                self.run(index, op)?;
            }
        }
        Ok(())
    }

    /// Runs an op.
    #[inline(always)]
    fn run(&mut self, index: u32, op: Op<'p>) -> Result<(), RuntimeError> {
        let code = op.code;
        let kernel = self.resolver.find(code).ok_or(RuntimeError::NoKernel { op: index, code })?;
        let fault = RuntimeError::Fault { op: index, code };
        let Some(frame) = Frame::new(Node::new(&self.program, op), self.arena) else { return Err(fault) };
        (kernel.run)(frame).ok_or(fault)
    }

    /// Runs the program once and shows each op's output as soon as it is there.
    ///
    /// The time of an op is that between two calls of the observer.
    ///
    /// # Errors
    /// [`RuntimeError::Fault`], which [`Interpreter::new`] rules out for kernels that check what they need.
    pub fn invoke_with(&mut self, mut observer: impl FnMut(Executed<'p, '_>)) -> Result<(), RuntimeError> {
        for (index, op) in (0..).zip(self.program.ops()) {
            self.run(index, op)?;
            let output = Node::new(&self.program, op).first_output(self.arena).unwrap_or_default();
            observer(Executed { index, op, output });
        }
        Ok(())
    }
}

/// Demands that the widest elements of the arena begin where they can be read.
fn check_alignment(program: Program<'_>, arena: &[u8]) -> Result<(), RuntimeError> {
    let in_arena = program.tensors().filter(|tensor| tensor.constant().is_none());
    let expected = in_arena.map(|tensor| tensor.dtype.size_bytes() as usize).max().unwrap_or(1);
    // A power of two.
    let found = arena.as_ptr().addr() & expected.wrapping_sub(1);
    if found == 0 { Ok(()) } else { Err(RuntimeError::ArenaAlignment { expected, found }) }
}

/// Demands inputs or outputs of types that there are accessors for. Not inlined, since it is for both.
#[inline(never)]
fn expect_ios<'p>(program: Program<'p>, ios: impl Iterator<Item = Io<'p>>) -> Result<(), RuntimeError> {
    for (index, io) in ios.enumerate() {
        match program.tensor(io.tensor).map(|tensor| tensor.dtype) {
            Some(DType::I8 | DType::I16 | DType::I32) => {}
            found => return Err(RuntimeError::IoDType { index, expected: DType::I8, found: found.unwrap_or(DType::F32) }),
        }
    }
    Ok(())
}

fn range<'p, T: Element>(
    program: Program<'p>,
    ios: impl Iterator<Item = Io<'p>> + Clone,
    index: usize,
) -> Result<core::ops::Range<usize>, RuntimeError> {
    let tensor = io_tensor(program, ios, index)?;
    if tensor.dtype != T::DTYPE {
        return Err(RuntimeError::IoDType { index, expected: T::DTYPE, found: tensor.dtype });
    }
    Ok(tensor.arena_range().unwrap_or_default())
}

/// The tensor of a model input or output.
fn io_tensor<'p>(program: Program<'p>, mut ios: impl Iterator<Item = Io<'p>> + Clone, index: usize) -> Result<Tensor<'p>, RuntimeError> {
    let count = ios.clone().count();
    let tensor = ios.nth(index).and_then(|io| program.tensor(io.tensor));
    tensor.ok_or(RuntimeError::NoSuchIo { found: index, count })
}
