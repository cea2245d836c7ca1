//! Helpers of the tests in `tests/`: the binary under test, cases that are folders, text with wildcards, small arrays.

mod case;
mod npy;
mod wildcard;

pub use case::{Cases, Ran};
pub use npy::npy;
pub use wildcard::matches;
