//! What `deploy` reports.

use std::path::{Path, PathBuf};

use edgectl_deploy::fleet::{DeviceEnd, FleetDevice, Inventory, RolloutEnd};
use edgectl_deploy::ssh::{History, Status};
use edgectl_deploy::{DeployError, Options, Release, Target};
use serde::Serialize;

use super::exit_status;
use crate::ui::{Align, Report, Style, Table, bytes, counted, paragraph};

/// How every device ended.
#[derive(Debug, Serialize)]
pub(super) struct DeployReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<PathBuf>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<String>,
    devices: Vec<DeviceRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    untouched: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    halted: Option<String>,
    /// The worst of all devices' exit statuses.
    exit_status: u8,
}

/// A device.
#[derive(Debug, Serialize)]
pub(super) struct DeviceRow {
    device: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(flatten)]
    end: DeviceEnd,
}

impl DeviceRow {
    pub(super) fn new(device: &str, group: &str, target: &Target, end: &DeviceEnd, version: Option<String>) -> DeviceRow {
        DeviceRow { device: device.into(), group: group.into(), target: target.clone(), version, end: end.clone() }
    }
}

impl DeployReport {
    pub(super) fn new(bundle: &Path, release: &Release, inventory: &Inventory, end: &RolloutEnd) -> DeployReport {
        let row = |(name, group, end): &(String, String, DeviceEnd)| {
            let device = inventory.devices().find(|device| device.name == *name)?;
            // One group is no group.
            let group = if inventory.groups.len() > 1 { group } else { "" };
            Some(DeviceRow::new(name, group, &device.target, end, None))
        };
        let devices: Vec<_> = end.devices.iter().filter_map(row).collect();
        DeployReport {
            bundle: Some(bundle.into()),
            name: release.name.clone(),
            version: Some(release.version.clone()),
            release: Some(release.digest.clone()),
            exit_status: worst(&devices),
            devices,
            untouched: end.untouched.clone(),
            halted: end.halted.clone(),
        }
    }

    pub(super) fn of_rollback(name: &str, devices: Vec<DeviceRow>) -> DeployReport {
        DeployReport {
            bundle: None,
            name: name.into(),
            version: None,
            release: None,
            exit_status: worst(&devices),
            devices,
            untouched: vec![],
            halted: None,
        }
    }

    pub(super) fn worst(&self) -> u8 {
        self.exit_status
    }

    pub(super) fn failed(&self) -> usize {
        self.devices.iter().filter(|row| !row.end.is_good()).count()
    }

    pub(super) fn total(&self) -> usize {
        self.devices.len()
    }
}

fn worst(devices: &[DeviceRow]) -> u8 {
    devices.iter().map(|row| exit_status(row.end.code)).max().unwrap_or(0)
}

impl Report for DeployReport {
    fn text(&self, style: Style) -> String {
        let mut text = match (&self.version, &self.release) {
            (Some(version), Some(release)) => format!("{} {version}, release {}\n\n", self.name, &release[..release.len().min(16)]),
            _ => format!("{}\n\n", self.name),
        };
        let mut table = Table::new([
            ("device", Align::Left),
            ("group", Align::Left),
            ("status", Align::Left),
            ("version", Align::Left),
            ("sent", Align::Right),
            ("time", Align::Right),
        ]);
        for row in &self.devices {
            let time = if row.end.seconds > 0.0 { format!("{:.1} s", row.end.seconds) } else { String::new() };
            let version = row.version.clone().unwrap_or_default();
            let sent = if self.release.is_some() { bytes(row.end.bytes_sent) } else { String::new() };
            table.row([row.device.clone(), row.group.clone(), row.end.status.clone(), version, sent, time]);
        }
        text += &table.without_empty_columns().text(style);
        let good = self.devices.iter().filter(|row| row.end.is_good()).count();
        // What many devices have in common is said once.
        let mut details: Vec<(&str, Vec<&str>)> = vec![];
        for row in &self.devices {
            match details.iter_mut().find(|(detail, _)| *detail == row.end.detail) {
                Some((_, devices)) => devices.push(&row.device),
                None => details.push((&row.end.detail, vec![&row.device])),
            }
        }
        text.push('\n');
        for (detail, devices) in details {
            let who = match devices[..] {
                [one] => one.to_owned(),
                [one, ..] => format!("{one} and {} more", devices.len() - 1),
                [] => continue,
            };
            text += &paragraph(&format!("{who}: {detail}"));
        }
        if self.devices.len() + self.untouched.len() > 1 {
            let untouched = if self.untouched.is_empty() { String::new() } else { format!(", {} untouched", self.untouched.len()) };
            text += &format!("{good} of {} run it{untouched}\n", counted((self.devices.len() + self.untouched.len()) as u64, "device"));
        }
        if let Some(reason) = &self.halted {
            text += &paragraph(&format!("stopped: {reason}"));
        }
        text
    }
}

/// What would be done.
#[derive(Debug, Serialize)]
pub(super) struct PlanReport {
    bundle: PathBuf,
    name: String,
    version: String,
    release: String,
    security_version: u32,
    profiles: Vec<String>,
    bytes: u64,
    parallel: usize,
    deadline_seconds: f64,
    groups: Vec<PlanGroup>,
}

#[derive(Debug, Serialize)]
struct PlanGroup {
    group: String,
    min_success_percent: f64,
    max_failures_percent: f64,
    devices: Vec<PlanDevice>,
}

#[derive(Debug, Serialize)]
struct PlanDevice {
    device: String,
    target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    host_key: &'static str,
}

impl PlanReport {
    pub(super) fn new(bundle: &Path, release: &Release, inventory: &Inventory, options: &Options) -> PlanReport {
        let device = |device: &FleetDevice| PlanDevice {
            device: device.name.clone(),
            target: device.target.clone(),
            profile: device.profile.clone(),
            host_key: if device.host_key.is_some() { "pinned" } else { "known hosts" },
        };
        PlanReport {
            bundle: bundle.into(),
            name: release.name.clone(),
            version: release.version.clone(),
            release: release.digest.clone(),
            security_version: release.security_version,
            profiles: release.targets.iter().map(|target| target.profile.clone()).collect(),
            bytes: release.files.iter().map(|file| file.size).sum(),
            parallel: inventory.parallel,
            deadline_seconds: options.deadline.as_secs_f64(),
            groups: inventory
                .groups
                .iter()
                .map(|group| PlanGroup {
                    group: group.name.clone(),
                    min_success_percent: group.limits.min_success_percent,
                    max_failures_percent: group.limits.max_failures_percent,
                    devices: group.devices.iter().map(device).collect(),
                })
                .collect(),
        }
    }
}

impl Report for PlanReport {
    fn text(&self, style: Style) -> String {
        let mut head = Table::new([("", Align::Left), ("", Align::Left)]);
        head.row(["bundle".into(), format!("{}, verified", self.bundle.display())]);
        let release = &self.release[..self.release.len().min(16)];
        head.row(["release".into(), format!("{} {}, {release}, security version {}", self.name, self.version, self.security_version)]);
        head.row(["for".into(), format!("{}; {} at most", self.profiles.join(", "), bytes(self.bytes))]);
        head.row(["trial".into(), format!("a device goes back by itself after {} s without a commit", self.deadline_seconds)]);
        head.row(["at once".into(), counted(self.parallel as u64, "device")]);
        let mut table = Table::new([
            ("device", Align::Left),
            ("group", Align::Left),
            ("target", Align::Left),
            ("profile", Align::Left),
            ("host key", Align::Left),
        ]);
        let mut rules = String::new();
        for group in &self.groups {
            for device in &group.devices {
                let profile = device.profile.clone().unwrap_or_default();
                table.row([device.device.clone(), group.group.clone(), device.target.to_string(), profile, device.host_key.into()]);
            }
            rules += &paragraph(&format!(
                "{}: stops when more than {} % fail; the next group begins when {} % have succeeded",
                group.group, group.max_failures_percent, group.min_success_percent
            ));
        }
        format!("{}\n{}\n{rules}nothing was done\n", head.text(style), table.without_empty_columns().text(style))
    }
}

/// What devices say of themselves.
#[derive(Debug, Serialize)]
pub(super) struct StatusReport {
    name: String,
    devices: Vec<Answer<Status>>,
}

/// What a device has answered.
#[derive(Debug, Serialize)]
struct Answer<T> {
    device: String,
    #[serde(flatten)]
    answer: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn answers<T>(rows: Vec<(FleetDevice, Result<T, DeployError>)>) -> Vec<Answer<T>> {
    let answer = |(device, result): (FleetDevice, Result<T, DeployError>)| match result {
        Ok(answer) => Answer { device: device.name, answer: Some(answer), code: None, error: None },
        Err(error) => Answer { device: device.name, answer: None, code: Some(error.code() as u8), error: Some(error.to_string()) },
    };
    rows.into_iter().map(answer).collect()
}

impl StatusReport {
    pub(super) fn new(name: &str, rows: Vec<(FleetDevice, Result<Status, DeployError>)>) -> StatusReport {
        StatusReport { name: name.into(), devices: answers(rows) }
    }
}

/// A word for a phase.
fn word(phase: &impl Serialize) -> String {
    serde_json::to_value(phase).ok().and_then(|value| value.as_str().map(Into::into)).unwrap_or_default()
}

impl Report for StatusReport {
    fn text(&self, style: Style) -> String {
        let mut table = Table::new([
            ("device", Align::Left),
            ("version", Align::Left),
            ("release", Align::Left),
            ("service", Align::Left),
            ("last", Align::Left),
            ("before", Align::Left),
            ("free", Align::Right),
        ]);
        let mut errors = String::new();
        for device in &self.devices {
            let Some(status) = &device.answer else {
                errors += &paragraph(&format!("{}: {}", device.device, device.error.as_deref().unwrap_or_default()));
                continue;
            };
            let none = || "-".to_owned();
            let healthy = match status.healthy {
                Some(true) => "well",
                Some(false) => "not well",
                None => "silent",
            };
            table.row([
                device.device.clone(),
                status.version.clone().unwrap_or_else(none),
                status.current.clone().unwrap_or_else(none),
                healthy.into(),
                word(&status.phase),
                status.previous.clone().unwrap_or_else(none),
                bytes(status.free_bytes),
            ]);
        }
        format!("{}{errors}", table.text(style))
    }
}

/// What became of deployments.
#[derive(Debug, Serialize)]
pub(super) struct HistoryReport {
    name: String,
    devices: Vec<Answer<History>>,
}

impl HistoryReport {
    pub(super) fn new(name: &str, rows: Vec<(FleetDevice, Result<History, DeployError>)>) -> HistoryReport {
        HistoryReport { name: name.into(), devices: answers(rows) }
    }
}

impl Report for HistoryReport {
    fn text(&self, style: Style) -> String {
        let mut table = Table::new([
            ("device", Align::Left),
            ("no.", Align::Right),
            ("version", Align::Left),
            ("release", Align::Left),
            ("ended", Align::Left),
            ("by", Align::Left),
            ("reason", Align::Left),
        ]);
        let mut errors = String::new();
        for device in &self.devices {
            if let Some(error) = &device.error {
                errors += &paragraph(&format!("{}: {error}", device.device));
            }
            for entry in device.answer.iter().flat_map(|history| &history.entries) {
                let reason: String = entry.reason.clone().unwrap_or_default();
                table.row([
                    device.device.clone(),
                    entry.attempt.to_string(),
                    entry.version.clone(),
                    entry.release.clone(),
                    word(&entry.phase),
                    entry.operator.clone(),
                    crate::ui::elide(&reason, 40),
                ]);
            }
        }
        format!("{}{errors}", table.without_empty_columns().text(style))
    }
}
