//! The `.edgm` program: what `edge-runtime` executes, as bytes that can stay in flash.
//!
//! [`Program::parse`] validates a file once and borrows everything from it; `write` (feature `alloc`)
//! makes the bytes. This crate knows the layout and nothing about arithmetic.
//!
//! # Layout
//!
//! All integers are little-endian. The sections lie in the order shown, each begins at the next multiple of
//! 4 bytes (`data`: 16) after its predecessor, and the padding between them is zero, so one program has
//! exactly one layout. A *string* is `{ offset: u32, length: u32 }` into the strings section, UTF-8.
//!
//! ```text
//! offset size  header (100 bytes)
//!      0    8  magic            89 45 44 47 4D 0D 0A 1A   ("\x89EDGM\r\n\x1a")
//!      8    2  format version   2: the layout on this page
//!     10    2  runtime ABI      1: the meaning of op codes, parameters and arithmetic
//!     12    4  file length      in bytes; equal to the length of the slice given to the reader
//!     16    4  checksum         CRC-32 (IEEE 802.3) of the whole file without these four bytes
//!     20    4  arena_bytes      memory that the executor needs for state and activations
//!     24    8  tensors          { count, offset }    56 bytes each
//!     32    8  ops              { count, offset }    12 bytes each
//!     40    8  words            { count, offset }     4 bytes each
//!     48    8  model inputs     { count, offset }    40 bytes each
//!     56    8  model outputs    { count, offset }    40 bytes each
//!     64    8  strings          { length, offset }
//!     72    8  data             { length, offset }   ends the file
//!     80    8  model name       string
//!     88    8  producer         string; free text, such as the tool and its version
//!     96    4  state_bytes      the first bytes of the arena, which keep their contents between invocations
//!
//!              tensor (56 bytes)
//!      0    1  dtype            0 i8, 1 u8, 2 i16, 3 i32, 4 f32 (reserved: no kernel reads it), 5 i64
//!      1    1  rank             0..=6
//!      2    1  place            0 arena, 1 data, 4 or 5 data packed: see [`Packing`], i8 and rank 1 or more only; 128 state
//!      3    1  reserved         0
//!      4   24  dims             6 x u32, outermost first, batch included; 1.. each, 0 after the rank
//!     28    4  offset           into the arena (state: below state_bytes; else from there on), or into the data section
//!     32    4  byte length      product of dims x size of dtype; packed: what the packing makes of it
//!     36    4  scale            f32, finite and positive: real = scale * (q - zero_point)
//!     40    4  zero_point       i32, within dtype
//!     44    4  written by       index of the op; FFFF_FFFF: there before the first op (constant, model input, state)
//!     48    8  name             string, may be empty
//!
//!              op (12 bytes)
//!      0    2  op code          see [`OpCode`]
//!      2    2  input count
//!      4    2  output count
//!      6    2  parameter count  in words; fixed by the op code
//!      8    4  first word       of input tensor indices, output tensor indices, parameters, in this order; ops
//!                              use up the words one after the other
//!
//!              model input, model output (40 bytes)
//!      0    4  tensor           index, of a tensor in the arena; of an output also of one in the state
//!      4    4  rank             of the model's shape
//!      8   24  dims             the shape by which the model's author knows it; as many elements as the tensor
//!     32    8  name             string
//! ```
//!
//! # Alignment
//!
//! The slice given to the reader must begin at a multiple of [`BASE_ALIGNMENT`] bytes, since `i16` and `i32` constants are
//! read in place (`i64` ones are read byte by byte). Constants begin at multiples of [`DATA_ALIGNMENT`] bytes from the start of the file, so that
//! flash mapped at such a boundary can feed wide loads; the writer makes it 64 where weights are packed. A tensor in the arena is aligned to its
//! data type.
//!
//! # State
//!
//! What an operator remembers from one invocation to the next, such as the hidden state of a recurrent layer, lies in the
//! first `state_bytes` of the arena, where no activation does. On reset each element of a tensor there is its zero point.
//! An operator that updates states ([`OpCode::states`]: how many) reads them as its last inputs and writes them as its
//! last outputs, in the same order and in the same places; no other op writes a state. The same operators forget when
//! these inputs and outputs are ordinary tensors in the arena, still in the same places.
//!
//! # Limits
//!
//! File and arena are shorter than 2^31 bytes, so any extent fits a 32-bit `usize`. Counts are bounded by the
//! bytes that are there: a reader allocates nothing and trusts no count, and its time is linear in the file's length.
//!
//! # Versions
//!
//! A reader refuses any format version or runtime ABI but its own. The ABI rises whenever an existing program
//! would compute other bytes; a new op code alone does not raise it, as a reader without it refuses the op.
//!
//! | format version | what it changed |
//! |---|---|
//! | 1 | the first: a header of 96 bytes, no state |
//! | 2 | `state_bytes` and the place *state* |
//!
//! # What a parsed program promises
//!
//! Every offset, index, shape, string and data type has been checked: no accessor can panic or read outside
//! of the file. Each tensor is written before it is read. What fills packed weights up is the one thing that only
//! [`Program::check_padding`] looks at: where it is not zero, outputs depend on the machine. What a *kernel* needs (operand shapes that fit each
//! other, parameters in range) is that kernel's to check: see `edge-runtime`.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
mod aligned;
mod crc;
mod error;
mod golden;
mod layout;
mod op;
mod packing;
mod params;
mod reader;
mod shape;
mod view;
mod wide;
#[cfg(feature = "alloc")]
mod writer;

#[cfg(feature = "alloc")]
pub use aligned::AlignedBytes;
pub use crc::crc32;
pub use error::{FormatError, Part, Section};
#[cfg(feature = "alloc")]
pub use golden::write_golden;
pub use golden::{Golden, GoldenError, Vector};
pub use layout::{BASE_ALIGNMENT, DATA_ALIGNMENT, FORMAT_VERSION, MAGIC, RUNTIME_ABI, seal};
pub use op::{OpCode, OpParams, Params};
pub use packing::{Matrix, Packing};
pub use params::*;
pub use reader::Program;
pub use shape::{DType, MAX_RANK, Shape};
pub use view::{Io, Op, Place, Tensor};
pub use wide::{HasI16, I16};
#[cfg(feature = "alloc")]
pub use writer::{IoSpec, OpSpec, PlaceSpec, ProgramSpec, TensorSpec, WriteError, write};
