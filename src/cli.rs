//! The command line: its root, and one line per subcommand.

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::cmd;
use crate::ui::{Format, Ui, UiArgs, Verdict};

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

impl Cli {
    /// The command line; what clap cannot check is checked here, before any work.
    pub(crate) fn read() -> Result<Cli, clap::Error> {
        let cli = Cli::try_parse()?;
        if matches!(cli.ui.format, Format::Csv | Format::Markdown) && !cli.command.is_tabular() {
            let message = "only `bench` and `profiles list` have tables for --format csv and --format markdown";
            return Err(Cli::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(cli)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Bench(cmd::bench::Args),
    Completions(cmd::completions::Args),
    Deploy(Box<cmd::deploy::Args>),
    Distill(cmd::distill::Args),
    Finetune(cmd::finetune::Args),
    Inspect(cmd::inspect::Args),
    Keys(cmd::keys::Args),
    Monitor(cmd::monitor::Args),
    Package(cmd::package::Args),
    Profiles(cmd::profiles::Args),
    Prune(cmd::prune::Args),
    Quantize(cmd::quantize::Args),
    Run(cmd::run::Args),
    Verify(cmd::verify::Args),
}

impl Command {
    /// Whether its results have the form of a table, for CSV and Markdown.
    fn is_tabular(&self) -> bool {
        match self {
            Command::Bench(_) => true,
            Command::Profiles(args) => args.is_tabular(),
            _ => false,
        }
    }

    pub(crate) fn run(&self, ui: &Ui) -> Result<Verdict> {
        match self {
            Command::Bench(args) => cmd::bench::run(args, ui),
            Command::Completions(args) => cmd::completions::run(args, ui),
            Command::Deploy(args) => cmd::deploy::run(args, ui),
            Command::Distill(args) => cmd::distill::run(args, ui),
            Command::Finetune(args) => cmd::finetune::run(args, ui),
            Command::Inspect(args) => cmd::inspect::run(args, ui),
            Command::Keys(args) => cmd::keys::run(args, ui),
            Command::Monitor(args) => cmd::monitor::run(args, ui),
            Command::Package(args) => cmd::package::run(args, ui),
            Command::Profiles(args) => cmd::profiles::run(args, ui),
            Command::Prune(args) => cmd::prune::run(args, ui),
            Command::Quantize(args) => cmd::quantize::run(args, ui),
            Command::Run(args) => cmd::run::run(args, ui),
            Command::Verify(args) => cmd::verify::run(args, ui),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every command in the examples for pipelines is one that this binary takes.
    #[test]
    fn examples_for_pipelines_can_be_run() {
        let mut lines = 0;
        for line in include_str!("../crates/PIPELINES.md").lines() {
            let line = line.trim_start().trim_start_matches("- ").trim_start_matches("run: ");
            let Some(rest) = line.strip_prefix("edgectl ") else { continue };
            let rest =
                rest.split(" > ").next().unwrap_or_default().replace("${{ github.run_number }}", "7").replace("$CI_PIPELINE_IID", "7");
            let words = ["edgectl"].into_iter().chain(rest.split_whitespace());
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}\n{error}");
            }
            lines += 1;
        }
        assert!(lines >= 11, "{lines} commands");
    }
}
