//! The order of things: groups one after the other, devices of a group side by side, and an end as soon as too much goes wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};

use super::inventory::{FleetDevice, Group, Inventory};
use super::journal::{JournalError, RolloutJournal};
use crate::error::DeployError;
use crate::event::Event;
use crate::receipt::{Code, Outcome, Receipt};

/// How a device ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceEnd {
    /// The code.
    pub code: u8,
    /// Its name.
    pub status: String,
    /// What was proven, or what went wrong, in words.
    pub detail: String,
    /// The kind of error, finer than the code, for programs: `esp_no_loader`. It does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many bytes of files went over the line.
    pub bytes_sent: u64,
    /// How long it took.
    pub seconds: f64,
}

impl DeviceEnd {
    /// Whether the device runs the release now.
    pub fn is_good(&self) -> bool {
        self.code == Code::Committed as u8
    }

    /// From what came of a deployment that took so long.
    pub fn of(result: &Result<Receipt, DeployError>, seconds: f64) -> DeviceEnd {
        let (code, status, detail, bytes_sent) = match result {
            Ok(receipt) => {
                let code = receipt.outcome().code();
                let (status, detail) = match receipt.outcome() {
                    Outcome::Committed { proof } => (code.name(), proof.clone()),
                    Outcome::Unchanged { proof } => ("unchanged", proof.clone()),
                    Outcome::NotVerified { reason } | Outcome::Reverted { reason } => (code.name(), reason.clone()),
                };
                (code, status, detail, receipt.bytes_sent())
            }
            Err(error) => (error.code(), error.code().name(), error.to_string(), 0),
        };
        let error = result.as_ref().err().and_then(DeployError::name).map(str::to_owned);
        let seconds = (seconds * 10.0).round() / 10.0;
        DeviceEnd { code: code as u8, status: status.into(), detail, error, bytes_sent, seconds }
    }
}

/// What happens, for progress.
#[derive(Debug)]
#[non_exhaustive]
pub enum FleetEvent<'a> {
    /// A group begins.
    Group(&'a Group),
    /// A device begins.
    Started(&'a FleetDevice),
    /// A device goes on.
    Device(&'a FleetDevice, Event),
    /// A device has ended, now or in an earlier run.
    Ended(&'a FleetDevice, &'a DeviceEnd),
    /// No device will begin any more.
    Halted(&'a str),
}

/// How a rollout ended.
#[derive(Clone, Debug, Serialize)]
pub struct RolloutEnd {
    /// Every device that was touched, in the order of the inventory: its name, and how it ended.
    pub devices: Vec<(String, String, DeviceEnd)>,
    /// Devices that were not touched.
    pub untouched: Vec<String>,
    /// Why it stopped before the end.
    pub halted: Option<String>,
}

/// Brings the release to a device, in a thread of its own.
pub type Deploy<'a> = dyn Fn(&FleetDevice, &mut dyn FnMut(Event)) -> DeviceEnd + Sync + 'a;

/// A rollout.
pub struct Rollout<'a> {
    /// Which devices, in which order.
    pub inventory: &'a Inventory,
    /// What was done, where that is kept.
    pub journal: Option<&'a mut RolloutJournal>,
    /// Stops after this group.
    pub pause_after: Option<&'a str>,
    /// Set from outside: no device begins any more.
    pub stop: &'a AtomicBool,
}

impl std::fmt::Debug for Rollout<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rollout").field("inventory", &self.inventory).finish_non_exhaustive()
    }
}

/// What the devices of a group share while they are under way.
struct Shared<'j> {
    journal: Option<&'j mut RolloutJournal>,
    /// The next device to begin.
    next: usize,
    ends: Vec<Option<DeviceEnd>>,
    halted: Option<String>,
    broken: Option<JournalError>,
}

impl Rollout<'_> {
    /// Brings the release to the devices. `events` may be called from any.
    ///
    /// # Errors
    ///
    /// Where the journal cannot be written: then no further device begins.
    pub fn run(mut self, deploy: &Deploy<'_>, events: &(dyn Fn(FleetEvent<'_>) + Sync)) -> Result<RolloutEnd, JournalError> {
        let mut end = RolloutEnd { devices: vec![], untouched: vec![], halted: None };
        for group in &self.inventory.groups {
            if end.halted.is_some() {
                end.untouched.extend(group.devices.iter().map(|device| device.name.clone()));
                continue;
            }
            events(FleetEvent::Group(group));
            let (ends, halted) = self.group(group, deploy, events)?;
            for (device, ended) in group.devices.iter().zip(ends) {
                match ended {
                    Some(ended) => end.devices.push((device.name.clone(), group.name.clone(), ended)),
                    None => end.untouched.push(device.name.clone()),
                }
            }
            end.halted = halted.or_else(|| {
                let paused = self.pause_after.is_some_and(|name| name == group.name);
                paused.then(|| format!("paused after group {}, as asked", group.name))
            });
            if let Some(reason) = &end.halted {
                events(FleetEvent::Halted(reason));
                if let Some(journal) = self.journal.as_deref_mut() {
                    journal.halted(reason)?;
                }
            }
        }
        if let (None, Some(journal)) = (&end.halted, self.journal) {
            journal.finish()?;
        }
        Ok(end)
    }

    fn group(
        &mut self,
        group: &Group,
        deploy: &Deploy<'_>,
        events: &(dyn Fn(FleetEvent<'_>) + Sync),
    ) -> Result<(Vec<Option<DeviceEnd>>, Option<String>), JournalError> {
        let count = group.devices.len();
        let shared =
            Mutex::new(Shared { journal: self.journal.as_deref_mut(), next: 0, ends: vec![None; count], halted: None, broken: None });
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        let stop = self.stop;
        // What an earlier run has brought to a good end stays as it is.
        for (index, device) in group.devices.iter().enumerate() {
            let mut shared = lock();
            let ended = shared.journal.as_ref().and_then(|journal| journal.ended(&device.name)).filter(|end| end.is_good()).cloned();
            if let Some(ended) = ended {
                events(FleetEvent::Ended(device, &ended));
                shared.ends[index] = Some(ended);
            }
        }
        thread::scope(|scope| {
            for _ in 0..self.inventory.parallel.min(count) {
                scope.spawn(|| {
                    loop {
                        let index = {
                            let mut shared = lock();
                            while shared.ends.get(shared.next).is_some_and(Option::is_some) {
                                shared.next += 1;
                            }
                            let index = shared.next;
                            if stop.load(Ordering::Acquire) && shared.halted.is_none() && index < count {
                                shared.halted = Some("interrupted".into());
                            }
                            let Some(device) = group.devices.get(index).filter(|_| shared.halted.is_none() && shared.broken.is_none())
                            else {
                                return;
                            };
                            shared.next += 1;
                            if let Some(Err(error)) = shared.journal.as_mut().map(|journal| journal.started(&device.name)) {
                                shared.broken = Some(error);
                                return;
                            }
                            index
                        };
                        let device = &group.devices[index];
                        events(FleetEvent::Started(device));
                        let ended = deploy(device, &mut |event| events(FleetEvent::Device(device, event)));
                        events(FleetEvent::Ended(device, &ended));
                        let mut shared = lock();
                        if let Some(Err(error)) = shared.journal.as_mut().map(|journal| journal.end(&device.name, &ended)) {
                            shared.broken = Some(error);
                        }
                        shared.ends[index] = Some(ended);
                        let failed = shared.ends.iter().flatten().filter(|end| !end.is_good()).count();
                        if failed as f64 * 100.0 > group.limits.max_failures_percent * count as f64 && shared.halted.is_none() {
                            let limit = group.limits.max_failures_percent;
                            shared.halted =
                                Some(format!("{failed} of {count} devices of group {} failed, more than {limit} %", group.name));
                        }
                    }
                });
            }
        });
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = shared.broken {
            return Err(error);
        }
        let good = shared.ends.iter().flatten().filter(|end| end.is_good()).count();
        let halted = shared.halted.or_else(|| {
            let enough = good as f64 * 100.0 >= group.limits.min_success_percent * count as f64;
            let limit = group.limits.min_success_percent;
            (!enough).then(|| format!("{good} of {count} devices of group {} succeeded, fewer than {limit} %", group.name))
        });
        Ok((shared.ends, halted))
    }
}
