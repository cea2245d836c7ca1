//! `fleet.yaml`: which devices there are, in which groups, and how they are reached.
//!
//! ```yaml
//! format: 1
//! parallel: 8
//! max_failures_percent: 10      # of a group; more halt the rollout at once
//! variables: { user: pi, domain: lan }
//! defaults:
//!   to: "ssh://${user}@${name}.${domain}"
//!   profile: pi4
//! groups:                        # in this order: the first is the canary
//!   - name: canary
//!     devices:
//!       - name: kitchen
//!         host_key: SHA256:…
//!         tags: [eu]
//!   - name: rest
//!     min_success_percent: 95    # of a group, before the next one begins
//!     devices:
//!       - { name: cellar, variables: { domain: example.org } }
//! ```
//!
//! What a device says counts before what its group says, and that before the fleet's. `${NAME}` stands for a variable; `name` and `group`
//! are variables, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use edge_agent::service::ServiceSpec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::target::{Target, TargetError};

/// The largest file.
const MAX_FILE: u64 = 4 << 20;
/// The most devices.
const MAX_DEVICES: usize = 10_000;

/// Devices in groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    /// How many devices at once.
    pub parallel: usize,
    /// In the order of the rollout.
    pub groups: Vec<Group>,
}

/// Devices that get a release together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// When it goes on, and when it stops.
    pub limits: Limits,
    /// The devices.
    pub devices: Vec<FleetDevice>,
}

/// When a rollout goes on, and when it stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// The share of a group that must have succeeded before the next one begins, in percent.
    pub min_success_percent: f64,
    /// The share of a group that may fail, in percent; more stop everything.
    pub max_failures_percent: f64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { min_success_percent: 100.0, max_failures_percent: 0.0 }
    }
}

/// A device of a fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetDevice {
    /// Its name, which no other has.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// The only key that it may have.
    pub host_key: Option<String>,
    /// Its profile.
    pub profile: Option<String>,
    /// A key to log in with.
    pub identity: Option<PathBuf>,
    /// Who starts the service.
    pub service: ServiceSpec,
    /// Its tags.
    pub tags: BTreeSet<String>,
}

/// What is wrong with an inventory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The file.
    #[error("cannot read it: {0}")]
    Io(#[from] std::io::Error),
    /// Too large a file.
    #[error("it has {found} bytes, more than {MAX_FILE}")]
    Size {
        /// Its length.
        found: u64,
    },
    /// Not what an inventory is.
    #[error("{path}: {message}")]
    Yaml {
        /// Where.
        path: String,
        /// What.
        message: String,
    },
    /// An unknown format.
    #[error("format {found}, expected 1")]
    Format {
        /// What it says.
        found: u32,
    },
    /// Two of a name.
    #[error("two {what} are named `{name}`")]
    Twice {
        /// Groups or devices.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two devices at one place.
    #[error("`{first}` and `{second}` are both at {target}")]
    SameTarget {
        /// One device.
        first: String,
        /// The other.
        second: String,
        /// Where they are.
        target: String,
    },
    /// A device that cannot be reached.
    #[error("device `{device}`: {source}")]
    Target {
        /// Its name.
        device: String,
        /// What is wrong.
        source: TargetError,
    },
    /// A device without a place.
    #[error("device `{device}` has no `to`")]
    NoTarget {
        /// Its name.
        device: String,
    },
    /// A variable that is nowhere set.
    #[error("device `{device}`: no variable `{variable}`")]
    Variable {
        /// The device's name.
        device: String,
        /// The variable's.
        variable: String,
    },
    /// A number that cannot be.
    #[error("{what} is {found}, expected {expected}")]
    Range {
        /// Which.
        what: &'static str,
        /// What it is.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Nothing to do.
    #[error("no device{0}")]
    Empty(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    #[serde(default)]
    parallel: Option<usize>,
    #[serde(default)]
    min_success_percent: Option<f64>,
    #[serde(default)]
    max_failures_percent: Option<f64>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    defaults: Settings,
    groups: Vec<FileGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGroup {
    name: String,
    #[serde(default)]
    min_success_percent: Option<f64>,
    #[serde(default)]
    max_failures_percent: Option<f64>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    defaults: Settings,
    devices: Vec<FileDevice>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDevice {
    name: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    host_key: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    identity: Option<PathBuf>,
    #[serde(default)]
    service: Option<ServiceSpec>,
    #[serde(default)]
    tags: BTreeSet<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// What holds where a device says nothing else.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    to: Option<String>,
    profile: Option<String>,
    identity: Option<PathBuf>,
    service: Option<ServiceSpec>,
    #[serde(default)]
    tags: BTreeSet<String>,
}

impl Inventory {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it is no inventory.
    pub fn read(path: &Path) -> Result<Inventory, InventoryError> {
        let found = std::fs::metadata(path)?;
        match (found.is_file(), found.len()) {
            (false, _) => Err(std::io::Error::other("not a regular file").into()),
            (true, found) if found > MAX_FILE => Err(InventoryError::Size { found }),
            _ => Inventory::parse(&std::fs::read_to_string(path)?),
        }
    }

    /// Understands a file's text.
    ///
    /// # Errors
    ///
    /// Where it is no inventory.
    pub fn parse(text: &str) -> Result<Inventory, InventoryError> {
        let yaml = serde_yaml::Deserializer::from_str(text);
        let file: File = serde_path_to_error::deserialize(yaml)
            .map_err(|error| InventoryError::Yaml { path: error.path().to_string(), message: error.inner().to_string() })?;
        if file.format != 1 {
            return Err(InventoryError::Format { found: file.format });
        }
        let parallel = file.parallel.unwrap_or(8);
        if !(1..=1000).contains(&parallel) {
            return Err(InventoryError::Range { what: "parallel", found: parallel as f64, expected: "1 to 1000" });
        }
        let mut groups = vec![];
        for group in &file.groups {
            let limits = Limits {
                min_success_percent: group.min_success_percent.or(file.min_success_percent).unwrap_or(100.0),
                max_failures_percent: group.max_failures_percent.or(file.max_failures_percent).unwrap_or(0.0),
            };
            for (what, found) in
                [("min_success_percent", limits.min_success_percent), ("max_failures_percent", limits.max_failures_percent)]
            {
                if !(0.0..=100.0).contains(&found) {
                    return Err(InventoryError::Range { what, found, expected: "0 to 100" });
                }
            }
            let devices = group.devices.iter().map(|device| file.device(group, device)).collect::<Result<_, _>>()?;
            groups.push(Group { name: group.name.clone(), limits, devices });
        }
        let inventory = Inventory { parallel, groups };
        inventory.check()?;
        Ok(inventory)
    }

    /// Devices that were named one by one: the first so many are the canary.
    ///
    /// # Errors
    ///
    /// Where two are the same.
    pub fn of_targets(targets: &[Target], canary: usize, parallel: usize, limits: Limits) -> Result<Inventory, InventoryError> {
        let device = |target: &Target| FleetDevice {
            name: target.to_string(),
            target: target.clone(),
            host_key: None,
            profile: None,
            identity: None,
            service: ServiceSpec::default(),
            tags: BTreeSet::new(),
        };
        let (first, rest) = targets.split_at(canary.min(targets.len()));
        let groups = [("canary", first), ("rest", rest)].into_iter().filter(|(_, targets)| !targets.is_empty());
        let groups = groups.map(|(name, targets)| Group { name: name.into(), limits, devices: targets.iter().map(device).collect() });
        let inventory = Inventory { parallel, groups: groups.collect() };
        inventory.check()?;
        Ok(inventory)
    }

    /// Only the devices of these groups and with one of these tags; an empty list rules nobody out.
    ///
    /// # Errors
    ///
    /// Where nobody is left.
    pub fn select(mut self, groups: &[String], tags: &[String]) -> Result<Inventory, InventoryError> {
        self.groups.retain(|group| groups.is_empty() || groups.contains(&group.name));
        for group in &mut self.groups {
            group.devices.retain(|device| tags.is_empty() || tags.iter().any(|tag| device.tags.contains(tag)));
        }
        self.groups.retain(|group| !group.devices.is_empty());
        match self.groups.is_empty() {
            false => Ok(self),
            true => {
                let of = |what, names: &[String]| if names.is_empty() { String::new() } else { format!(" {what} {}", names.join(", ")) };
                Err(InventoryError::Empty(format!("{}{}", of("in group", groups), of("with tag", tags))))
            }
        }
    }

    /// All devices, in order.
    pub fn devices(&self) -> impl Iterator<Item = &FleetDevice> {
        self.groups.iter().flat_map(|group| &group.devices)
    }

    fn check(&self) -> Result<(), InventoryError> {
        let (mut groups, mut names, mut targets) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        if self.devices().count() > MAX_DEVICES {
            return Err(InventoryError::Range {
                what: "the number of devices",
                found: self.devices().count() as f64,
                expected: "at most 10000",
            });
        }
        for group in &self.groups {
            if !groups.insert(&group.name) {
                return Err(InventoryError::Twice { what: "groups", name: group.name.clone() });
            }
        }
        for device in self.devices() {
            if !names.insert(&device.name) {
                return Err(InventoryError::Twice { what: "devices", name: device.name.clone() });
            }
            if let Some(first) = targets.insert(&device.target, &device.name) {
                let (first, second) = (first.clone(), device.name.clone());
                return Err(InventoryError::SameTarget { first, second, target: device.target.to_string() });
            }
        }
        match names.is_empty() {
            false => Ok(()),
            true => Err(InventoryError::Empty(String::new())),
        }
    }
}

impl File {
    fn device(&self, group: &FileGroup, device: &FileDevice) -> Result<FleetDevice, InventoryError> {
        let name = device.name.clone();
        if name.is_empty() || name.len() > 200 || name.contains(char::is_control) {
            return Err(InventoryError::Yaml {
                path: format!("groups.{}", group.name),
                message: format!("`{name}` is no name of a device"),
            });
        }
        let own: BTreeMap<String, String> = [("name".into(), name.clone()), ("group".into(), group.name.clone())].into();
        let fill = |text: &str| fill(text, &[&own, &device.variables, &group.variables, &self.variables], &name);
        let to = device.to.as_ref().or(group.defaults.to.as_ref()).or(self.defaults.to.as_ref());
        let to = fill(to.ok_or_else(|| InventoryError::NoTarget { device: name.clone() })?)?;
        let target = to.parse().map_err(|source| InventoryError::Target { device: name.clone(), source })?;
        let service = device.service.as_ref().or(group.defaults.service.as_ref()).or(self.defaults.service.as_ref());
        let service = match service.cloned().unwrap_or_default() {
            ServiceSpec::Command { restart, stop } => ServiceSpec::Command { restart: fill(&restart)?, stop: fill(&stop)? },
            ServiceSpec::Systemd { unit, user, sudo } => ServiceSpec::Systemd { unit: fill(&unit)?, user, sudo },
            other => other,
        };
        Ok(FleetDevice {
            target,
            host_key: device.host_key.clone(),
            profile: device.profile.clone().or_else(|| group.defaults.profile.clone()).or_else(|| self.defaults.profile.clone()),
            identity: device.identity.clone().or_else(|| group.defaults.identity.clone()).or_else(|| self.defaults.identity.clone()),
            service,
            tags: device.tags.iter().chain(&group.defaults.tags).chain(&self.defaults.tags).cloned().collect(),
            name,
        })
    }
}

/// Puts values in the place of `${NAME}`.
fn fill(text: &str, variables: &[&BTreeMap<String, String>], device: &str) -> Result<String, InventoryError> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        let value = variables.iter().find_map(|map| map.get(variable));
        let missing = || InventoryError::Variable { device: device.into(), variable: variable.into() };
        filled += before;
        filled += value.ok_or_else(missing)?;
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const FLEET: &str = "
format: 1
parallel: 4
max_failures_percent: 10
variables: { user: pi, domain: lan }
defaults:
  to: \"ssh://${user}@${name}.${domain}\"
  tags: [all]
  service: { manager: systemd, unit: \"edge-${group}.service\", user: true, sudo: false }
groups:
  - name: canary
    max_failures_percent: 0
    devices:
      - name: kitchen
        host_key: SHA256:abc
        tags: [eu]
  - name: rest
    variables: { user: root }
    devices:
      - { name: cellar, variables: { domain: example.org } }
      - { name: roof, to: \"ssh://me@10.0.0.7:2222/srv\", service: { manager: none } }
";

    #[test]
    fn the_nearest_setting_counts() {
        let fleet = Inventory::parse(FLEET).unwrap();
        let targets: Vec<_> = fleet.devices().map(|device| device.target.to_string()).collect();
        assert_eq!(targets, ["ssh://pi@kitchen.lan", "ssh://root@cellar.example.org", "ssh://me@10.0.0.7:2222/srv"]);
        assert_eq!(fleet.groups[0].limits, Limits { min_success_percent: 100.0, max_failures_percent: 0.0 });
        assert_eq!(fleet.groups[1].limits.max_failures_percent, 10.0);
        let units: Vec<_> = fleet.devices().map(|device| device.service.clone()).collect();
        assert_eq!(units[1], ServiceSpec::Systemd { unit: "edge-rest.service".into(), user: true, sudo: false });
        assert_eq!(units[2], ServiceSpec::None);
        assert_eq!(fleet.groups[0].devices[0].host_key.as_deref(), Some("SHA256:abc"));
        let eu = fleet.clone().select(&[], &["eu".into()]).unwrap();
        assert_eq!(eu.devices().map(|device| device.name.as_str()).collect::<Vec<_>>(), ["kitchen"]);
        let error = fleet.select(&["rest".into()], &["eu".into()]).unwrap_err();
        assert_eq!(error.to_string(), "no device in group rest with tag eu");
    }

    #[test]
    fn what_is_no_inventory_is_said() {
        for (change, says) in [
            (("format: 1", "format: 2"), "format 2, expected 1"),
            (("parallel: 4", "parallel: 0"), "parallel is 0"),
            (("parallel: 4", "paralel: 4"), "unknown field `paralel`"),
            (("max_failures_percent: 0", "max_failures_percent: 101"), "max_failures_percent is 101"),
            (("user: pi, ", ""), "device `kitchen`: no variable `user`"),
            (("name: roof", "name: cellar"), "two devices are named `cellar`"),
            (("name: rest", "name: canary"), "two groups are named `canary`"),
            (("10.0.0.7", "-x"), "device `roof`: `ssh://me@-x:2222/srv` is no target"),
            (("ssh://me@10.0.0.7:2222/srv", "ssh://pi@kitchen.lan"), "`kitchen` and `roof` are both at ssh://pi@kitchen.lan"),
            (("manager: none", "manager: init"), "unknown variant `init`"),
        ] {
            assert!(FLEET.contains(change.0), "{change:?}");
            let error = Inventory::parse(&FLEET.replacen(change.0, change.1, 1)).unwrap_err().to_string();
            assert!(error.contains(says), "{change:?}: {error}");
        }
        assert!(matches!(Inventory::parse("format: 1\ngroups: []"), Err(InventoryError::Empty(_))));
        assert!(Inventory::parse("").is_err());
    }
}
