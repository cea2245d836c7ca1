//! `edgectl profiles`: the devices that are known.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use edgectl_profile::Registry;

use crate::benchmark::devices;
use crate::benchmark::measurements::{self, CalibrationReport, Given};
use crate::output::Outputs;
use crate::sheet::{ListReport, SheetReport, ValidReport};
use crate::ui::{Ui, Verdict, counted};

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
    /// Fit a kernel library of a profile to measurements of your own
    Calibrate(CalibrateArgs),
    /// Check profiles: keys, units, and what no device can be
    Validate {
        /// Names, paths or folders of profiles
        #[arg(required = true, value_name = "PROFILE")]
        profiles: Vec<String>,
    },
}

#[derive(clap::Args, Debug)]
struct CalibrateArgs {
    /// Name or path of the profile to start from
    profile: String,
    /// A .csv whose first line names the columns: `model`, a path beside the file, and `latency_ms`; or a .json of `bench --backend device
    /// --save`
    #[arg(long, value_name = "FILE")]
    measurements: PathBuf,
    /// The kernel library that was measured [default: the profile's choice]
    #[arg(long, value_name = "NAME")]
    kernels: Option<String>,
    /// File to write; the profile is named after it
    #[arg(short, long, value_name = "OUT.yaml")]
    output: PathBuf,
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
        Command::Calibrate(args) => calibrate(args, ui)?,
        Command::Show { profile } => ui.result(&SheetReport::new(devices::load(&Registry::built_in(), profile)?))?,
        Command::Validate { profiles } => ui.result(&ValidReport::new(&devices::open(profiles)?))?,
    }
    Ok(Verdict::Positive)
}

fn calibrate(args: &CalibrateArgs, ui: &Ui) -> Result<()> {
    let registry = Registry::built_in();
    let mut profile = devices::load(&registry, &args.profile)?;
    let kernels = args.kernels.clone().unwrap_or_else(|| profile.default_kernels.clone());
    let given = measurements::read(&args.measurements, ui)?;
    let outputs = Outputs::create(&[&args.output], &[&args.measurements])?;
    let cannot = || format!("cannot calibrate {} with {}", args.profile, args.measurements.display());
    let source = format!("profiles calibrate {}, {}", args.profile, counted(given.len() as u64, "measurement"));
    let given: Vec<_> = given.iter().map(Given::measurement).collect();
    let found = edgectl_bench::calibrate::calibrate(&profile, &kernels, &given, &source).with_context(cannot)?;

    profile.name = args.output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    profile.default_kernels.clone_from(&kernels);
    let report = CalibrationReport::new(&args.output, &kernels, &found);
    profile.kernels.insert(kernels, found.library);
    let yaml = profile.to_yaml()?;
    // What is written can be read: a name that is none, for instance, is refused here.
    registry.parse(&args.output.display().to_string(), &yaml)?;
    outputs.write(0, yaml.as_bytes())?;
    outputs.commit()?;
    ui.result(&report)
}
