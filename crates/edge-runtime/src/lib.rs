#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | home of |
//! |---|---|
//! | [`arith`] | rounding, multipliers |
//! | [`fixed_point`] | exponential, logistic, tanh |
//! | [`affine`] | real numbers to int8 and back |
//! | [`prepare`] | op parameters from scales |
//! | [`table`] | unary functions |
//! | [`kernel`] | one file per operator |
//! | `pack` | weights in the layout of vector kernels (features `alloc` and `simd`) |
//!
//! Accumulators wrap.

#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod affine;
pub mod arith;
mod element;
mod error;
pub mod fixed_point;
mod interpreter;
pub mod kernel;
#[cfg(feature = "mcu")]
mod mcu;
#[cfg(all(feature = "alloc", feature = "simd"))]
pub mod pack;
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
#[cfg(feature = "mcu")]
pub use mcu::{Core, Fork};
pub use resolver::{Registration, Resolver};
#[cfg(feature = "simd")]
pub use simd::{Isa, packs_depthwise};
pub use work::work;
