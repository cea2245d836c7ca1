//! What firmwares and the host say to each other over a serial line, and what every firmware does apart from its chip.
//!
//! Requests and responses ([`message`]) travel in frames ([`frame`]) that end with a zero byte, so that both sides find the next one after
//! any noise. A firmware hands its lines, clock, flash and memory to [`server::Server`]; the host talks to it through
//! a [`client::Client`] (feature `std`). Once it has greeted, the device speaks only when asked, and bytes that are no frame do nothing.
//!
//! Flash holds two [`slots`] for [images](image), each a program with the golden vectors of its [self-test](self_test), and a [`journal`]
//! of what is known of them. All of it goes through `embedded-storage`, and the layout is data, so that one code runs on every chip, and on the host
//! in flash that loses its power (`simulation`, feature of that name: a device without a chip, for tests).
//!
//! A conversation begins with `Hello`, in which both sides settle on a protocol version. Of what the device then answers, nothing
//! is taken on trust: `Client` bounds every length.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "std")]
pub mod client;
pub mod fault;
pub mod frame;
pub mod image;
pub mod journal;
pub mod memory_map;
pub mod message;
pub mod operators;
pub mod self_test;
pub mod server;
#[cfg(feature = "simulation")]
pub mod simulation;
mod slot;
pub mod slots;

/// The protocol versions that this crate speaks, lowest and highest.
pub const VERSIONS: (u16, u16) = (2, 2);
