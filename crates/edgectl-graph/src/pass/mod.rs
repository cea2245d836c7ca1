//! Canonicalization: the passes that bring every front end's habits into one form.
//!
//! To add a pass, write a file here and a line in [`CANONICAL`].

use crate::Pass;

/// The canonicalization passes in the order in which they run; see [`run_all`](crate::run_all).
pub const CANONICAL: &[&dyn Pass] = &[];
