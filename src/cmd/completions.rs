//! `edgectl completions`: the completion script of a shell.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::ui::{Ui, Verdict};

/// Print the completion script of a shell
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "edgectl", &mut script);
    ui.raw(&script)?;
    Ok(Verdict::Positive)
}
