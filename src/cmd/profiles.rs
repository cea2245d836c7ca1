//! `edgectl profiles`: the devices that are known.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use edgectl_profile::Registry;

use crate::benchmark::devices;
use crate::sheet::{ListReport, SheetReport, ValidReport};
use crate::ui::{Ui, Verdict};

/// List, show and check device profiles
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the profiles that are built in, or those of a folder
    List {
        /// A folder of profiles (*.yaml)
        folder: Option<PathBuf>,
    },
    /// Show a device: processors, memories, power, kernel libraries, and where each figure is from
    Show {
        /// Name or path of a profile
        profile: String,
    },
    /// Check profiles: keys, units, and what no device can be
    Validate {
        /// Names, paths or folders of profiles
        #[arg(required = true, value_name = "PROFILE")]
        profiles: Vec<String>,
    },
}

impl Args {
    /// Whether the result is a table.
    pub(crate) fn is_tabular(&self) -> bool {
        matches!(self.command, Command::List { .. })
    }
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    match &args.command {
        Command::List { folder } => {
            let wanted = folder.as_ref().map_or_else(|| "all".into(), |folder| folder.display().to_string());
            ui.result(&ListReport::new(&devices::open(&[wanted])?))?;
        }
        Command::Show { profile } => ui.result(&SheetReport(devices::load(&Registry::built_in(), profile)?))?,
        Command::Validate { profiles } => ui.result(&ValidReport::new(&devices::open(profiles)?))?,
    }
    Ok(Verdict::Positive)
}
