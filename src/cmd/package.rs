//! `edgectl package`: everything that a device needs, in one signed file.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use edgectl_bundle::Timestamp;
use semver::Version;

use crate::args::DataArgs;
use crate::packaging::{self, Expiry};
use crate::signing::KeySource;
use crate::ui::{Ui, Verdict};

/// Put a program, its golden vectors and its evidence into a signed bundle
///
/// The same files and options give the same bytes. KEY is a file with a secret key, `env:NAME` for one in an environment variable,
/// or `agent:`, `agent:COMMENT` or `agent:SHA256:…` for an Ed25519 key of the ssh-agent.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Program: .edgm, an int8 .tflite or an .onnx with QDQ pairs (which is then packed too)
    pub(crate) program: PathBuf,
    /// The devices that it is for (see `edgectl profiles list`)
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',', required = true)]
    pub(crate) profile: Vec<String>,
    /// File to write: .edgepkg, a bundle; .uf2 (Raspberry Pi Pico) or .bin (ESP32), all that lies in the flash of one kind of board
    #[arg(short, long, value_name = "OUT", required = true)]
    pub(crate) output: PathBuf,
    /// Sign with this key; may be given more than once. Without it, nothing will deploy the bundle before `keys sign` has signed it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<KeySource>,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// What the bundle says of itself.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Release")]
pub(crate) struct ReleaseArgs {
    /// Name of the model [default: the program's file name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Version of the model
    #[arg(long, value_name = "VERSION", default_value = "0.1.0")]
    pub(crate) version: Version,
    /// Whom it is for; test keys never sign for `prod`
    #[arg(long, value_name = "NAME", default_value = "dev")]
    pub(crate) channel: String,
    /// Number of the release in its channel, such as the pipeline's; a higher one is newer
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) counter: u64,
    /// What devices that have committed to this release accept at least; raise it when older releases are not safe
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) security_version: u32,
    /// When it is not to be deployed any more: a moment such as 2027-01-31T00:00:00Z, or days after `--created` such as 90d
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Expiry>,
    /// When it was made [default: SOURCE_DATE_EPOCH, or left out]
    #[arg(long, value_name = "TIME")]
    pub(crate) created: Option<Timestamp>,
}

/// What is packed beside the program.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Content")]
pub(crate) struct ContentArgs {
    /// The model with QDQ pairs, for other engines
    #[arg(long, value_name = "FILE.onnx")]
    pub(crate) model: Option<PathBuf>,
    /// Names of the classes, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) classes: Option<PathBuf>,
    /// Report of `quantize` or `bench` (--format json): accuracy and latency go into the manifest
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Vec<PathBuf>,
    /// Data of which golden vectors are made [default: random inputs]
    #[arg(long, value_name = "DATA")]
    pub(crate) golden: Option<PathBuf>,
    /// Number of golden vectors
    #[arg(long, value_name = "N", default_value_t = packaging::VECTORS)]
    pub(crate) vectors: NonZeroUsize,
    /// Seed of random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// .uf2, .bin: the model alone, for boards that have the firmware
    #[arg(long)]
    pub(crate) model_only: bool,
    /// ESP32 chips: another firmware than edgectl's own
    #[arg(long, value_name = "FILE.elf")]
    pub(crate) firmware: Option<PathBuf>,
    /// ESP32 chips: another partition table than edgectl's own; the program goes into its partition `model`
    #[arg(long, value_name = "FILE.csv", requires = "firmware")]
    pub(crate) partition_table: Option<PathBuf>,
    /// `edge-agent` for Linux devices, one for each architecture [default: those that edgectl has, for aarch64 and x86_64]
    #[arg(long, value_name = "FILE")]
    pub(crate) runtime: Vec<PathBuf>,
}

impl ContentArgs {
    /// The files that are read.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.model
            .iter()
            .chain(&self.classes)
            .chain(&self.report)
            .chain(&self.golden)
            .chain(&self.firmware)
            .chain(&self.partition_table)
            .chain(&self.runtime)
    }
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    ui.result(&packaging::package(args, ui)?)?;
    Ok(Verdict::Positive)
}
