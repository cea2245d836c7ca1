//! Executes `.edgm` programs: the same bytes on every machine.
//!
//! An [`Interpreter`] takes a validated [`Program`], an arena from the caller and a [`Resolver`] that names the
//! kernels; it checks every op once and then runs without allocation and without a way to fail. The
//! arithmetic is TensorFlow Lite's int8 specification, bit-exact with TensorFlow Lite Micro's reference kernels.
//!
//! ```
//! # use edge_runtime::{Interpreter, Program, Resolver, RuntimeError};
//! # fn run(bytes: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let program = Program::parse(bytes)?;
//! let mut arena = vec![0; program.arena_bytes() as usize];
//! let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all())?;
//! interpreter.input_mut(0)?.fill(0);
//! interpreter.invoke()?;
//! let scores: &[i8] = interpreter.output(0)?;
//! # Ok(()) }
//! ```
//!
//! | module | home of |
//! |---|---|
//! | [`arith`] | rounding, multipliers |
//! | [`fixed_point`] | exponential, logistic, tanh |
//! | [`affine`] | real numbers to int8 and back |
//! | [`prepare`] | op parameters from scales |
//! | [`table`] | unary functions |
//! | [`kernel`] | one file per operator |
//!
//! Two guarantees hold for any bytes that parse and check: no access outside of arena and file, and no panic.
//! Accumulators wrap. How long they run is theirs to say: who invokes programs from a stranger asks [`work`] first.

#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod affine;
pub mod arith;
mod element;
mod error;
pub mod fixed_point;
mod interpreter;
pub mod kernel;
pub mod prepare;
mod resolver;
#[cfg(feature = "simd")]
mod simd;
pub mod table;
mod work;

pub use edge_format::{FormatError, Program};
pub use element::Element;
pub use error::{CheckError, Operand, RuntimeError};
pub use interpreter::{Executed, Interpreter};
pub use resolver::{Registration, Resolver};
#[cfg(feature = "simd")]
pub use simd::Isa;
pub use work::work;
