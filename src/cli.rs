//! The command line: its root, and one line per subcommand.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cmd;
use crate::ui::{Ui, UiArgs, Verdict};

/// From a trained model to a proven int8 program on a device.
#[derive(Debug, Parser)]
#[command(name = "edgectl", version, max_term_width = 100)]
#[command(after_help = "Exit status: 0 done; 1 done, but the verdict is negative; 2 could not do it.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) ui: UiArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Completions(cmd::completions::Args),
    Inspect(cmd::inspect::Args),
    Quantize(cmd::quantize::Args),
    Run(cmd::run::Args),
}

impl Command {
    pub(crate) fn run(&self, ui: &Ui) -> Result<Verdict> {
        match self {
            Command::Completions(args) => cmd::completions::run(args, ui),
            Command::Inspect(args) => cmd::inspect::run(args, ui),
            Command::Quantize(args) => cmd::quantize::run(args, ui),
            Command::Run(args) => cmd::run::run(args, ui),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
