//! `edgectl deploy`: a bundle on devices, proven there; and what becomes of it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ArgGroup;
use edge_agent::service::ServiceSpec;
use edgectl_deploy::Target;

use crate::args::number;
use crate::cmd::verify::TrustArgs;
use crate::deployment;
use crate::ui::{Ui, Verdict};

/// Bring a bundle to devices and prove it there
///
/// Exit status: 0 every device runs the release and has proven it; 1 a device went back, or could not prove it; 2 a device could not be
/// reached, or refused. `--format json` has a code for every device.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group = ArgGroup::new("who").required(true))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    /// Bundle: .edgepkg
    #[arg(required = true)]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// The channel that the bundle must be for
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Show what would be done; no device is asked
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) devices: DeviceArgs,
    #[command(flatten)]
    pub(crate) rollout: RolloutArgs,
}

/// Which devices, and how they are reached.
#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("where").required(true))]
#[command(next_help_heading = "Devices")]
pub(crate) struct DeviceArgs {
    /// A device: ssh://user@host:port/folder, serial:PORT or uf2:PATH; may be given more than once. PORT is a name such as /dev/ttyUSB0,
    /// `board:NUMBER` (Pico), `mac:ADDRESS` or `usb:SERIAL` (ESP32), `tcp:HOST:PORT`, or `auto`
    #[arg(long, value_name = "URL", group = "where")]
    pub(crate) to: Vec<Target>,
    /// A file with devices in groups (see the README)
    #[arg(long, value_name = "FILE.yaml", group = "where")]
    pub(crate) inventory: Option<PathBuf>,
    /// Only these groups of the inventory
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', requires = "inventory")]
    pub(crate) group: Vec<String>,
    /// Only devices with one of these tags
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', requires = "inventory")]
    pub(crate) tag: Vec<String>,
    /// The device's profile, where the bundle has several for its architecture
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Who starts the service: `process` (the agent itself), `systemd:UNIT`, `systemd-user:UNIT`, `systemd-sudo:UNIT`, or `none`
    #[arg(long, value_name = "MANAGER", value_parser = service)]
    pub(crate) service: Option<ServiceSpec>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// The only host key that the device may have: SHA256:…
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "inventory")]
    pub(crate) host_key: Option<String>,
    /// How long a release may be on trial before the device takes it back by itself
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub(crate) deadline: Duration,
    /// ESP32: write to chips in secure download mode, which cannot be read back; exit status 1 where nothing else proves what they hold
    #[arg(long)]
    pub(crate) allow_unverified: bool,
    /// How often in a row the service must be well
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) passes: u32,
    /// How many devices at once [default: the inventory's, or 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) parallel: Option<u16>,
}

/// How a device is reached.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Ways to a device")]
pub(crate) struct ReachArgs {
    /// A private key to log in with; keys of the ssh-agent and of ~/.ssh are tried, too
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,
    /// Known hosts, instead of ~/.ssh/known_hosts and the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Remember the keys of hosts that are not known; only at a terminal. A key that has changed is always refused
    #[arg(long)]
    pub(crate) accept_new: bool,
    /// ssh's configuration [default: ~/.ssh/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// How long to wait for any answer
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// In which order, and when it stops.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Rollout")]
pub(crate) struct RolloutArgs {
    /// So many of the devices that are named with --to get the release first [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "inventory")]
    pub(crate) canary: Option<usize>,
    /// The share of a group that may fail, in percent; more stop the rollout at once [default: the inventory's, or 0]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) max_failures: Option<f64>,
    /// The share of a group that must succeed before the next one begins, in percent [default: the inventory's, or 100]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) min_success: Option<f64>,
    /// Stop after this group; the same command without this option goes on
    #[arg(long, value_name = "GROUP")]
    pub(crate) pause_after: Option<String>,
    /// Where this side writes down what it has done, to go on after an interruption [default, for several devices: the bundle's path with
    /// `.rollout.jsonl`]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}

/// What else there is to do with devices.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// What devices run, and how they are
    Status(ActionArgs),
    /// Go back to the release before the current one, with the same proof as a deployment
    Rollback(ActionArgs),
    /// What became of deployments on devices
    History(ActionArgs),
}

#[derive(clap::Args, Debug)]
pub(crate) struct ActionArgs {
    /// The application: the name of its bundles
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) devices: DeviceArgs,
}

fn service(text: &str) -> Result<ServiceSpec, String> {
    let systemd = |unit: &str, user, sudo| match unit {
        "" => Err("the unit is missing".into()),
        _ if unit.starts_with('-') || !unit.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@:".contains(c)) => {
            Err(format!("`{unit}` is no name of a unit"))
        }
        _ => Ok(ServiceSpec::Systemd { unit: unit.into(), user, sudo }),
    };
    match text.split_once(':') {
        None if text == "process" => Ok(ServiceSpec::Process),
        None if text == "none" => Ok(ServiceSpec::None),
        Some(("systemd", unit)) => systemd(unit, false, false),
        Some(("systemd-user", unit)) => systemd(unit, true, false),
        Some(("systemd-sudo", unit)) => systemd(unit, false, true),
        _ => Err("expected process, none, systemd:UNIT, systemd-user:UNIT or systemd-sudo:UNIT".into()),
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let within = |seconds| (0.1..=86_400.0).contains(&seconds);
    number(text.trim_end_matches('s'), within, "a number of seconds from 0.1 to 86400").map(Duration::from_secs_f64)
}

fn percent(text: &str) -> Result<f64, String> {
    number(text, |percent| (0.0..=100.0).contains(&percent), "a number from 0 to 100")
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    match &args.action {
        None => deployment::deploy(args, ui),
        Some(Action::Status(args)) => deployment::status(args, ui),
        Some(Action::Rollback(args)) => deployment::rollback(args, ui),
        Some(Action::History(args)) => deployment::history(args, ui),
    }
}
