//! What `deploy` does: verifies the bundle, finds the devices, shows their progress, reports.

mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use edge_format::RUNTIME_ABI;
use edgectl_bundle::{Bundle, Policy, Timestamp};
use edgectl_deploy::fleet::{DeviceEnd, FleetDevice, FleetEvent, Inventory, Limits, Rollout, RolloutJournal};
use edgectl_deploy::ssh::{DeviceOptions, HostKeyPolicy, Ssh, SshOptions};
use edgectl_deploy::{Code, DeployError, Event, Options, Receipt, Release, Settings, Target, transport};
use thiserror::Error;

use crate::cmd::deploy::{ActionArgs, Args, DeviceArgs, ReachArgs};
use crate::cmd::verify::this_version;
use crate::ui::{Line, Ui, Verdict, bytes};
use report::{DeployReport, DeviceRow, HistoryReport, PlanReport, StatusReport};

/// What cannot be asked for.
#[derive(Debug, Error)]
pub(crate) enum DeploymentError {
    #[error("--accept-new is for a person at a terminal, who can compare fingerprints")]
    AcceptNew,
    #[error("the home folder is not known: HOME is not set")]
    NoHome,
    #[error("{target}: only devices that are reached with ssh: can be asked")]
    OnlySsh { target: Target },
    #[error("{failed} of {total} devices do not run the release")]
    Failed { failed: usize, total: usize },
    #[error("no group `{name}`")]
    NoGroup { name: String },
}

/// Brings a bundle to devices.
pub(crate) fn deploy(args: &Args, ui: &Ui) -> Result<Verdict> {
    let path = args.bundle.as_deref().unwrap_or(Path::new(""));
    let release = verified(args, path)?;
    let inventory = inventory(args)?;
    if let Some(name) = &args.rollout.pause_after {
        ensure!(inventory.groups.iter().any(|group| group.name == *name), DeploymentError::NoGroup { name: name.clone() });
    }
    let settings = settings(&args.devices, ui)?;
    let mut options = options(args.devices.reach.timeout, args.devices.deadline);
    options.allow_unverified = args.devices.allow_unverified;
    if args.dry_run {
        ui.result(&PlanReport::new(path, &release, &inventory, &options))?;
        return Ok(Verdict::Positive);
    }
    let several = inventory.devices().count() > 1;
    let journal = args.rollout.journal.clone().or_else(|| several.then(|| PathBuf::from(format!("{}.rollout.jsonl", path.display()))));
    let mut journal = journal.map(|path| RolloutJournal::open(&path, &release.digest, &release.version)).transpose()?;
    let stop = stop_on_interrupt()?;
    options.stop = stop.clone();

    let failure: Mutex<Option<DeployError>> = Mutex::default();
    let one = |device: &FleetDevice, events: &mut dyn FnMut(Event)| {
        let begin = Instant::now();
        let result = transport::open(&device.target, &settings_of(&settings, device))
            .and_then(|mut transport| transport.deploy(&release, &options, events));
        let end = DeviceEnd::of(&result, begin.elapsed().as_secs_f64());
        if let Err(error) = result {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        end
    };
    let shown = Shown::new(ui, inventory.devices().count());
    let rollout =
        Rollout { inventory: &inventory, journal: journal.as_mut(), pause_after: args.rollout.pause_after.as_deref(), stop: &stop };
    let end = rollout.run(&one, &|event| shown.show(event))?;
    drop(shown);

    let report = DeployReport::new(path, &release, &inventory, &end);
    let (worst, failed) = (report.worst(), report.failed());
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner).filter(|_| !several);
    if failure.is_none() || ui.is_json() {
        ui.result(&report)?;
    }
    match (worst, failure) {
        (0, _) => Ok(Verdict::of(end.halted.is_none())),
        (1, _) => Ok(Verdict::Negative),
        (_, Some(error)) => Err(error.into()),
        (_, None) => Err(DeploymentError::Failed { failed, total: inventory.devices().count() }.into()),
    }
}

/// What devices say of themselves.
pub(crate) fn status(args: &ActionArgs, ui: &Ui) -> Result<Verdict> {
    let rows = ask(args, ui, |ssh| ssh.status(&args.name))?;
    let well = rows.iter().all(|(_, answer)| answer.as_ref().is_ok_and(|status| status.healthy != Some(false)));
    ui.result(&StatusReport::new(&args.name, rows))?;
    Ok(Verdict::of(well))
}

/// What became of deployments.
pub(crate) fn history(args: &ActionArgs, ui: &Ui) -> Result<Verdict> {
    let rows = ask(args, ui, |ssh| ssh.history(&args.name))?;
    let all = rows.iter().all(|(_, answer)| answer.is_ok());
    ui.result(&HistoryReport::new(&args.name, rows))?;
    Ok(Verdict::of(all))
}

/// Goes back to the release before.
pub(crate) fn rollback(args: &ActionArgs, ui: &Ui) -> Result<Verdict> {
    let options = options(args.devices.reach.timeout, args.devices.deadline);
    let shown = Mutex::new(ui.line(&args.name));
    let rows = ask(args, ui, |ssh| {
        ssh.rollback(&args.name, &options, &mut |event| {
            if let Event::Started { step } = event {
                shown.lock().unwrap_or_else(PoisonError::into_inner).say(&step.to_string());
            }
        })
    })?;
    drop(shown);
    let rows = rows.into_iter().map(|(device, result): (FleetDevice, Result<Receipt, DeployError>)| {
        let previous = result.as_ref().ok().map(|receipt| receipt.version().to_owned());
        DeviceRow::new(&device.name, "", &device.target, &DeviceEnd::of(&result, 0.0), previous)
    });
    let report = DeployReport::of_rollback(&args.name, rows.collect());
    let worst = report.worst();
    ui.result(&report)?;
    match worst {
        0 => Ok(Verdict::Positive),
        1 => Ok(Verdict::Negative),
        _ => Err(DeploymentError::Failed { failed: report.failed(), total: report.total() }.into()),
    }
}

/// Asks every device, several at once; a single one that does not answer is an error.
fn ask<R: Send>(
    args: &ActionArgs,
    ui: &Ui,
    question: impl Fn(&Ssh) -> Result<R, DeployError> + Sync,
) -> Result<Vec<(FleetDevice, Result<R, DeployError>)>> {
    let inventory = named(&args.devices, 1, Limits::default())?;
    let settings = settings(&args.devices, ui)?;
    let devices: Vec<&FleetDevice> = inventory.devices().collect();
    for device in &devices {
        ensure!(matches!(device.target, Target::Ssh(_)), DeploymentError::OnlySsh { target: device.target.clone() });
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let answers: Mutex<Vec<Option<Result<R, DeployError>>>> = Mutex::new(devices.iter().map(|_| None).collect());
    let progress = ui.progress("devices", devices.len());
    std::thread::scope(|scope| {
        for _ in 0..inventory.parallel.min(devices.len()) {
            scope.spawn(|| {
                while let Some(device) = devices.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    let Target::Ssh(target) = &device.target else { continue };
                    let settings = settings_of(&settings, device);
                    let answer = question(&Ssh::new(target.clone(), settings.ssh, settings.device));
                    let index = devices.iter().position(|other| other.name == device.name).unwrap_or_default();
                    answers.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(answer);
                    progress.advance(1);
                }
            });
        }
    });
    drop(progress);
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten();
    let mut rows: Vec<_> = devices.into_iter().cloned().zip(answers).collect();
    match rows.pop() {
        Some((_, Err(error))) if rows.is_empty() && !ui.is_json() => Err(error.into()),
        last => {
            rows.extend(last);
            Ok(rows)
        }
    }
}

/// The release, once everything about its bundle was checked. Nothing is connected to before.
fn verified(args: &Args, path: &Path) -> Result<Release> {
    let trust = args.trust.open()?.context("whom to trust?")?;
    let policy = Policy {
        now: Some(Timestamp::now()),
        channel: args.channel.as_deref(),
        runtime_abi: Some(RUNTIME_ABI.into()),
        edgectl: this_version(),
        ..Policy::NONE
    };
    let bundle = Bundle::open(path).and_then(|bundle| bundle.verify(&trust, &policy, &mut |_| ()));
    let release = bundle.and_then(|mut bundle| Release::from_bundle(&mut bundle));
    release.with_context(|| format!("cannot deploy {}", path.display()))
}

fn inventory(args: &Args) -> Result<Inventory> {
    let limits = Limits::default();
    let limits = Limits {
        min_success_percent: args.rollout.min_success.unwrap_or(limits.min_success_percent),
        max_failures_percent: args.rollout.max_failures.unwrap_or(limits.max_failures_percent),
    };
    let mut inventory = named(&args.devices, args.rollout.canary.unwrap_or(1), limits)?;
    for group in &mut inventory.groups {
        group.limits.min_success_percent = args.rollout.min_success.unwrap_or(group.limits.min_success_percent);
        group.limits.max_failures_percent = args.rollout.max_failures.unwrap_or(group.limits.max_failures_percent);
    }
    Ok(inventory)
}

fn named(args: &DeviceArgs, canary: usize, limits: Limits) -> Result<Inventory> {
    let parallel = args.parallel.map(usize::from);
    let mut inventory = match &args.inventory {
        Some(path) => {
            let read = Inventory::read(path).and_then(|inventory| inventory.select(&args.group, &args.tag));
            read.with_context(|| format!("cannot use the inventory {}", path.display()))?
        }
        None => Inventory::of_targets(&args.to, canary, 8, limits)?,
    };
    inventory.parallel = parallel.unwrap_or(inventory.parallel);
    for device in inventory.groups.iter_mut().flat_map(|group| &mut group.devices) {
        device.host_key = args.host_key.clone().or_else(|| device.host_key.take());
        device.profile = args.profile.clone().or_else(|| device.profile.take());
        if let Some(service) = &args.service {
            device.service = service.clone();
        }
    }
    Ok(inventory)
}

/// What holds for every way to a device.
pub(crate) fn options(timeout: Duration, deadline: Duration) -> Options {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let operator = format!("{user}@{}", host.trim());
    Options { timeout, deadline, operator, ..Options::default() }
}

fn settings(args: &DeviceArgs, ui: &Ui) -> Result<Settings> {
    let health_timeout = (args.deadline / 2).min(Duration::from_secs(60));
    let device = DeviceOptions { passes: args.passes, health_timeout, ..DeviceOptions::default() };
    Ok(Settings { ssh: ssh_options(&args.reach, ui)?, device })
}

/// How Linux devices are reached.
pub(crate) fn ssh_options(args: &ReachArgs, ui: &Ui) -> Result<SshOptions> {
    ensure!(!args.accept_new || ui.is_interactive(), DeploymentError::AcceptNew);
    let home = std::env::var_os("HOME").map(PathBuf::from).ok_or(DeploymentError::NoHome)?;
    let mut ssh = SshOptions::for_home(home, std::env::var("USER").unwrap_or_else(|_| "root".into()));
    ssh.config = args.ssh_config.clone().or(ssh.config);
    ssh.identities.clone_from(&args.identity);
    ssh.known_hosts.clone_from(&args.known_hosts);
    ssh.policy = if args.accept_new { HostKeyPolicy::AcceptNew } else { HostKeyPolicy::Strict };
    ssh.timeout = args.timeout;
    Ok(ssh)
}

/// What is particular to a device.
fn settings_of(common: &Settings, device: &FleetDevice) -> Settings {
    let mut settings = common.clone();
    settings.ssh.pinned.clone_from(&device.host_key);
    settings.ssh.identities.extend(device.identity.clone());
    settings.device.profile.clone_from(&device.profile);
    settings.device.service = device.service.clone();
    settings
}

/// The first interrupt lets devices that are under way come to their end, the second ends everything: they go back or stay by themselves.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}

/// A line for every device that is under way, and a bar for all.
struct Shown<'u> {
    ui: &'u Ui,
    several: bool,
    total: crate::ui::Progress,
    lines: Mutex<Vec<(String, Line)>>,
    said: Mutex<BTreeSet<String>>,
}

impl<'u> Shown<'u> {
    fn new(ui: &'u Ui, devices: usize) -> Shown<'u> {
        Shown { ui, several: devices > 1, total: ui.progress("devices", devices), lines: Mutex::default(), said: Mutex::default() }
    }

    fn show(&self, event: FleetEvent<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            FleetEvent::Started(device) => lines.push((device.name.clone(), self.ui.line(&device.name))),
            FleetEvent::Ended(device, end) => {
                lines.retain(|(name, _)| *name != device.name);
                self.total.advance(1);
                self.ui.detail(format!("{}: {} after {:.1} s: {}", device.name, end.status, end.seconds, end.detail));
            }
            FleetEvent::Device(_, Event::Note { text }) => self.warn_once(text),
            FleetEvent::Device(device, event) => {
                let Some((_, line)) = lines.iter().find(|(name, _)| *name == device.name) else { return };
                match event {
                    Event::Started { step } => line.say(&step.to_string()),
                    Event::Advanced { step, done, total } => line.say(&format!("{step} {} of {}", bytes(done), bytes(total))),
                    Event::Skipped { step, reason } => line.say(&format!("{step}: {reason}")),
                    Event::Verified { what } => line.say(&what),
                    _ => {}
                }
            }
            FleetEvent::Halted(reason) if self.several => self.ui.warning(format!("the rollout stops: {reason}")),
            _ => {}
        }
    }

    /// What concerns many devices is said once.
    fn warn_once(&self, text: String) {
        if self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.ui.warning(text);
        }
    }
}

/// The exit status of a device's code.
fn exit_status(code: u8) -> u8 {
    Code::ALL.iter().find(|(known, _)| *known as u8 == code).map_or(2, |(code, _)| code.exit_status())
}
