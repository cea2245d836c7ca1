//! Brings bundles to devices and proves them there.
//!
//! A [`Target`] says where a device is, a [`Release`] what it gets. [`transport::open`] finds the transport of a target in
//! [`transport::TRANSPORTS`]; it tells what happens as [`Event`]s and ends with a [`Receipt`], which exists only when the device itself has
//! answered, or a [`DeployError`]. Both have a [`Code`], from which the exit status follows.
//!
//! | module | role |
//! |---|---|
//! | [`target`] | `ssh://user@host:port/folder`, `serial:PORT`, `uf2:PATH` |
//! | [`release`] | what a device gets: files with roles, digests and content |
//! | [`fleet`] | many devices: inventory, rollout, journal |
//! | `board` | boards with a microcontroller: conversation, switch, proof |
//! | [`serial`] | boards that run, at a serial port |
//! | [`uf2`] | boards whose boot loader shows itself as a volume; UF2 files |
//! | [`ssh`] | Linux devices: connection, host keys, the state machine's outside |
//! | [`monitor`] | what boards say on a serial line: log lines, and our frames in words |
//! | [`event`] | what happens, for progress |
//! | [`receipt`] | what came of it, and its code |
//! | [`transport`] | the table of transports |

#![forbid(unsafe_code)]

mod board;
mod error;
pub mod event;
#[cfg(unix)]
pub mod fleet;
pub mod monitor;
pub mod receipt;
pub mod release;
pub mod serial;
#[cfg(unix)]
pub mod ssh;
pub mod target;
pub mod transport;
pub mod uf2;

pub use board::{BoardError, Line, lend};
pub use error::DeployError;
pub use event::{Event, Step};
pub use receipt::{Code, Outcome, Receipt};
pub use release::{Release, ReleaseFile, ReleaseTarget};
pub use target::{Target, TargetError};
pub use transport::{Options, Settings, Transport};

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
