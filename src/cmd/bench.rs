//! `edgectl bench`: what models cost, on devices that nobody need hold, or here.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edgectl_bench::baseline::Baseline;
use edgectl_bench::budget::Budget;
use edgectl_bench::energy::Duty;
use edgectl_bench::finding::BackendKind;
use edgectl_bench::measure::{Protocol, Runs};
use edgectl_deploy::Target;

use crate::args::{number, one_of};
use crate::benchmark::connected::Place;
use crate::benchmark::{self, BenchReport, Peer, Plan, Where, devices};
use crate::cmd::deploy::ReachArgs;
use crate::deployment;
use crate::output::Outputs;
use crate::ui::{Level, Ui, Verdict, document};

/// What a board may take for an inference, or to come back after a reset.
const DEADLINE: Duration = Duration::from_secs(120);

/// Say what models cost: time, memory, energy, on devices or on this machine
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Models: .onnx, .tflite or .edgm
    #[arg(value_name = "MODEL", required = true)]
    models: Vec<PathBuf>,
    /// Devices: names (see `edgectl profiles list`), files, folders of files, or all
    #[arg(long, value_name = "PROFILE,..", value_delimiter = ',')]
    profile: Vec<String>,
    /// Where the device is, for back end device: serial:PORT, which is lent the program for as long as it takes, or ssh://user@host
    #[arg(long, value_name = "URL")]
    to: Option<Target>,
    /// How times are found [default: device with --to, estimate with --profile, otherwise host]
    #[arg(long, value_name = "NAME", value_parser = one_of::<BackendKind>(BackendKind::ALL.map(BackendKind::name)))]
    backend: Option<BackendKind>,
    /// The kernel library that is assumed: a name of the profile's, or all [default: the profile's choice]
    #[arg(long, value_name = "NAME")]
    kernels: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    energy: Energy,
    #[command(flatten)]
    measuring: Measuring,
    #[command(flatten)]
    reach: ReachArgs,
    /// Keep the findings, for --baseline
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compare with findings that were kept; exit with status 1 where one has become worse
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Measured times that changed by less are the same, whatever their noise
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0, value_parser = percent, requires = "baseline")]
    tolerance: f64,
    /// Write a page with charts, in one file
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Limits: exit with status 1 where one is exceeded")]
struct Limits {
    /// Time of an inference
    #[arg(long, value_name = "MS", value_parser = positive)]
    max_latency_ms: Option<f64>,
    /// Arena, stack and, on Linux, the program
    #[arg(long, value_name = "KIB", value_parser = positive)]
    max_ram_kib: Option<f64>,
    /// Program, runtime and kernels
    #[arg(long, value_name = "KIB", value_parser = positive)]
    max_flash_kib: Option<f64>,
    /// Energy of an inference
    #[arg(long, value_name = "UJ", value_parser = positive)]
    max_energy_uj: Option<f64>,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Energy of a duty cycle")]
struct Energy {
    /// One inference every so often: 500ms, 5s, 2min, 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
    /// What the battery holds: 2000mAh (at 3.7 V), 2000mAh@3V or 7.4Wh
    #[arg(long, value_name = "CAPACITY", value_parser = battery_joules, requires = "every")]
    battery: Option<f64>,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Measuring on this machine")]
struct Measuring {
    /// How long is measured, per model and engine [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// How many runs are timed, instead of a time
    #[arg(long, value_name = "N", conflicts_with = "time")]
    runs: Option<NonZeroU64>,
    /// The most that is spent on warming up [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    warm_up: Option<Duration>,
    /// Engines to compare with; onnxruntime needs Python with that package ($EDGECTL_PYTHON or python3) [default: tract]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', value_enum)]
    peers: Option<Vec<Peer>>,
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let target = args.target(ui)?;
    let baseline = args.baseline.as_deref().map(baseline).transpose()?.map(|kept| (kept, args.tolerance / 100.0));
    let inputs: Vec<&Path> = args.models.iter().chain(&args.baseline).map(PathBuf::as_path).collect();
    let files: Vec<&Path> = args.save.iter().chain(&args.report).map(PathBuf::as_path).collect();
    let outputs = Outputs::create(&files, &inputs)?;
    let Limits { max_latency_ms, max_ram_kib, max_flash_kib, max_energy_uj } = args.limits;
    let budget = Budget { latency_ms: max_latency_ms, ram_kib: max_ram_kib, flash_kib: max_flash_kib, energy_uj: max_energy_uj };
    let duty = args.energy.every.map(|every| Duty { every, battery_j: args.energy.battery });
    let report = Plan { models: args.models.clone(), target, budget, duty, baseline }.run(ui)?;
    if args.save.is_some() {
        outputs.write(0, &document(&report)?)?;
    }
    if args.report.is_some() {
        outputs.write(files.len() - 1, benchmark::html(&report).as_bytes())?;
    }
    outputs.commit()?;
    annotate(&report, ui);
    ui.result(&report)?;
    Ok(report.verdict())
}

fn baseline(path: &Path) -> Result<Baseline> {
    benchmark::baseline::read(path).with_context(|| format!("cannot compare with {}", path.display()))
}

fn annotate(report: &BenchReport, ui: &Ui) {
    for complaint in &report.complaints {
        ui.annotate(if complaint.fatal { Level::Error } else { Level::Warning }, &complaint.text);
    }
}

impl Args {
    /// Where the models are benched; refuses options that mean nothing there.
    fn target(&self, ui: &Ui) -> Result<Where> {
        let default = match (&self.to, &self.profile[..]) {
            (Some(_), _) => BackendKind::Device,
            (None, []) => BackendKind::Host,
            (None, _) => BackendKind::Estimate,
        };
        let backend = self.backend.unwrap_or(default);
        let Measuring { time, runs, warm_up, peers } = &self.measuring;
        if backend == BackendKind::Host {
            let needs_profile = [
                (!self.profile.is_empty(), "--profile"),
                (self.kernels.is_some(), "--kernels"),
                (self.energy.every.is_some(), "--every"),
                (self.limits.max_energy_uj.is_some(), "--max-energy-uj"),
                (self.limits.max_ram_kib.is_some(), "--max-ram-kib"),
                (self.limits.max_flash_kib.is_some(), "--max-flash-kib"),
            ];
            if let Some((_, flag)) = needs_profile.iter().find(|(given, _)| *given) {
                bail!(BenchArgsError::Host { flag });
            }
            let default = Protocol::default();
            let time = time.map(Runs::Time);
            let runs = runs.map(|runs| Runs::Count(runs.get())).or(time).unwrap_or(default.runs);
            let protocol = Protocol { warm_up: warm_up.unwrap_or(default.warm_up), runs };
            return Ok(Where::Here { protocol, peers: peers.clone().unwrap_or_else(|| vec![Peer::Tract]) });
        }
        if self.profile.is_empty() {
            bail!(BenchArgsError::NoProfile { backend: backend.name() });
        }
        let only_host =
            [(time.is_some(), "--time"), (runs.is_some(), "--runs"), (warm_up.is_some(), "--warm-up"), (peers.is_some(), "--peers")];
        if backend != BackendKind::Estimate && self.kernels.is_some() {
            bail!(BenchArgsError::OnlyEstimate { flag: "--kernels", backend: backend.name() });
        }
        if let Some((_, flag)) = only_host.iter().find(|(given, _)| *given) {
            bail!(BenchArgsError::OnlyHost { flag, backend: backend.name() });
        }
        if backend != BackendKind::Device {
            ensure!(self.to.is_none(), BenchArgsError::OnlyDevice { flag: "--to", backend: backend.name() });
            return self.on_profiles(backend);
        }
        let profiles = devices::open(&self.profile)?;
        let (Some(target), [profile]) = (&self.to, &profiles[..]) else {
            let missing = if self.to.is_none() { "expected --to, which says where it is" } else { "expected one profile" };
            bail!(BenchArgsError::Device { missing });
        };
        let options = deployment::options(self.reach.timeout, DEADLINE);
        let place = Place { target: target.clone(), options, ssh: deployment::ssh_options(&self.reach, ui)? };
        Ok(Where::Connected { place: Box::new(place), profile: Box::new(profile.clone()) })
    }

    fn on_profiles(&self, backend: BackendKind) -> Result<Where> {
        Ok(Where::Devices { backend, profiles: devices::open(&self.profile)?, kernels: self.kernels.clone() })
    }
}

/// Why arguments contradict each other.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchArgsError {
    #[error("{flag} is about a device, and back end host measures this machine")]
    Host { flag: &'static str },
    #[error("{flag} is about measuring, which back end {backend} does not do here")]
    OnlyHost { flag: &'static str, backend: &'static str },
    #[error("{flag} is about estimates; back end {backend} runs our own kernels")]
    OnlyEstimate { flag: &'static str, backend: &'static str },
    #[error("back end device measures on one device: {missing}")]
    Device { missing: &'static str },
    #[error("{flag} is about a device that is there, and back end {backend} asks none")]
    OnlyDevice { flag: &'static str, backend: &'static str },
    #[error("back end {backend} needs a device: --profile names it")]
    NoProfile { backend: &'static str },
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |value: f64| value.is_finite() && value > 0.0, "a number above zero")
}

fn percent(text: &str) -> Result<f64, String> {
    number(text, |value| (0.0..100.0).contains(&value), "a number from 0, below 100")
}

/// `500ms`, `5s`, `2min`, `1h`; at most a year.
fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 4] = [("ms", 1e-3), ("min", 60.0), ("s", 1.0), ("h", 3600.0)];
    let split = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let seconds = split.and_then(|(number, factor)| Some(positive(number.trim()).ok()? * factor));
    let seconds = seconds.filter(|seconds| (1e-6..=366.0 * 86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a time such as 500ms, 5s, 2min or 1h".into())
}

/// Joules of `2000mAh` at the nominal voltage of a lithium cell, `2000mAh@3V` or `7.4Wh`.
fn battery_joules(text: &str) -> Result<f64, String> {
    const LITHIUM_VOLTS: f64 = 3.7;
    let watt_hours = || positive(text.strip_suffix("Wh")?.trim()).ok();
    let milliampere_hours = || {
        let (charge, volts) = match text.split_once('@') {
            Some((charge, volts)) => (charge, positive(volts.strip_suffix('V')?.trim()).ok()?),
            None => (text, LITHIUM_VOLTS),
        };
        Some(positive(charge.strip_suffix("mAh")?.trim()).ok()? * volts / 1e3)
    };
    let joules = watt_hours().or_else(milliampere_hours).map(|hours| hours * 3600.0);
    joules.ok_or_else(|| "expected a capacity such as 2000mAh, 2000mAh@3V or 7.4Wh".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_capacities_have_units() {
        assert_eq!(["500ms", "5s", "2min", "1h"].map(duration), [500, 5_000, 120_000, 3_600_000].map(|ms| Ok(Duration::from_millis(ms))));
        assert!(["5", "-1s", "s", "0s", "1e30h", "NaNs", "5 days"].iter().all(|text| duration(text).is_err()));
        let joules = |text: &str| battery_joules(text).unwrap_or(f64::NAN).round();
        assert_eq!([joules("2000mAh"), joules("1000mAh@3V"), joules("7.4Wh")], [26_640.0, 10_800.0, 26_640.0]);
        assert!(["2000", "mAh", "2000mAh@", "2000mAh@3", "-1Wh", "infWh"].iter().all(|text| battery_joules(text).is_err()));
    }
}
