//! What firmwares and the host say to each other over a serial line.
//!
//! Requests and responses ([`message`]) travel in frames ([`frame`]) that end with a zero byte, so that both sides find the next one after
//! any noise. A firmware hands its serial port, its clock, its program and its memory to [`server::Server`]; the host talks to it through
//! a [`client::Client`] (feature `std`). The device speaks only when asked, and bytes that are no frame do nothing.
//!
//! A conversation begins with `Hello`, in which both sides settle on a protocol version. Of what the device then answers, nothing
//! is taken on trust: `Client` bounds every length.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "std")]
pub mod client;
pub mod frame;
pub mod message;
pub mod server;

/// The protocol versions that this crate speaks, lowest and highest.
pub const VERSIONS: (u16, u16) = (1, 1);
