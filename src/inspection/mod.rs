//! What `inspect` reports.

mod graph;
mod program;

pub(crate) use graph::GraphReport;
pub(crate) use program::{ProgramKind, ProgramReport};
