//! What `inspect` reports.

mod graph;
mod program;

use serde::Serialize;

pub(crate) use graph::GraphReport;
pub(crate) use program::{ProgramKind, ProgramReport};

use crate::ui::{Report, Style};

/// A model of any kind.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Inspection {
    Graph(GraphReport),
    Program(ProgramReport),
}

impl Report for Inspection {
    fn text(&self, style: Style) -> String {
        match self {
            Inspection::Graph(report) => report.text(style),
            Inspection::Program(report) => report.text(style),
        }
    }
}
