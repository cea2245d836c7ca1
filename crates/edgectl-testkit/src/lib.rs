//! Helpers of the tests in `tests/`: the binary under test, cases that are folders, text with wildcards, small arrays; an SSH server on loopback.

mod agent;
mod case;
mod npy;
#[cfg(unix)]
mod sshd;
mod wildcard;

pub use agent::{agent, static_agent};
pub use case::{Cases, Ran};
pub use npy::npy;
#[cfg(unix)]
pub use sshd::{Loss, Proxy, Sshd, has_sshd, ssh_keygen};
pub use wildcard::matches;
