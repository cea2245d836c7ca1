//! The manifest: what is in a bundle, for whom, and what it needs.
//!
//! It is JSON in one form only: keys in alphabetical order, no white space, no floating point numbers (they are texts), integers below
//! 2^53, absent where there is nothing to say. [`Manifest::parse`] refuses whatever [`Manifest::to_bytes`] would not have written, so two
//! readers cannot understand the same bytes differently. The fields below are declared in that order.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check;
use crate::digest::Digest;
use crate::error::ManifestError;

/// The only version of the format so far.
pub const FORMAT: u32 = 1;

/// The longest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 256 << 10;

/// What is in a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Memory that the program needs for state and activations.
    pub arena_bytes: u64,
    /// Whom it is meant for, such as `prod` or `beta`: `a-z 0-9 -`. Test keys never sign for [`PROD`](crate::trust::PROD).
    pub channel: String,
    /// Counts the releases of a channel, from 1. A higher one is newer, whatever the clocks say.
    pub counter: u64,
    /// When it was made, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What is known of the program.
    pub evidence: Evidence,
    /// From when on it is not to be deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// All files, by path.
    pub files: Vec<File>,
    /// [`FORMAT`].
    pub format: u32,
    /// What the program takes.
    pub inputs: Vec<Port>,
    /// Of the model: `a-z 0-9 . _ -`, at most 64 characters, beginning with a letter or digit.
    pub name: String,
    /// What the program gives.
    pub outputs: Vec<Port>,
    /// What it needs.
    pub requires: Requires,
    /// The lowest that a device accepts once it has committed to this bundle. Apart from the version, so that going back to an older
    /// release is possible as long as that is safe.
    pub security_version: u32,
    /// The devices that it is for, by profile.
    pub targets: Vec<Target>,
    /// Of the model.
    pub version: Version,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Of its content.
    pub digest: Digest,
    /// Where it stands in a release: segments of `A-Z a-z 0-9 . _ -` that begin with none of `.` and `-`, parted by slashes.
    pub path: String,
    /// What it is.
    pub role: Role,
    /// Its length in bytes.
    pub size: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// A microcontroller's firmware: what lies in its flash.
    Firmware,
    /// Golden vectors: inputs and the outputs that they must give, as `edge_format::Golden` reads them.
    Golden,
    /// The names of the classes, one a line.
    Labels,
    /// The model with QDQ pairs, for other engines.
    Model,
    /// How raw data become the program's input.
    Preprocessing,
    /// What `edge-runtime` executes.
    Program,
    /// A report that `edgectl` wrote about the model.
    Report,
    /// The program for Linux that executes programs.
    Runtime,
    /// A systemd unit.
    Service,
}

impl Role {
    /// As the manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Firmware => "firmware",
            Role::Golden => "golden",
            Role::Labels => "labels",
            Role::Model => "model",
            Role::Preprocessing => "preprocessing",
            Role::Program => "program",
            Role::Report => "report",
            Role::Runtime => "runtime",
            Role::Service => "service",
        }
    }

    /// The type of its blob.
    pub fn media_type(self) -> String {
        format!("application/vnd.edgectl.{}.v1", self.name())
    }

    /// Whether a device must be able to execute it.
    pub fn is_executable(self) -> bool {
        self == Role::Runtime
    }
}

/// An input or output of the program: `real = scale * (q - zero_point)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// `i8`, `i16`, `i32`…
    pub dtype: String,
    /// As the model's author named it.
    pub name: String,
    /// The step between two values.
    pub scale: Decimal,
    /// The dimensions, outermost first, batch included.
    pub shape: Vec<u32>,
    /// What 0 is stored as.
    pub zero_point: i32,
}

/// What a bundle needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requires {
    /// The oldest `edgectl` that understands it.
    pub edgectl: Version,
    /// The runtime ABI of the program.
    pub runtime_abi: u32,
}

/// A kind of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The instruction set: `aarch64`, `x86_64`, `armv6-m`.
    pub arch: String,
    /// The paths of the files that the device gets.
    pub files: Vec<String>,
    /// Of a microcontroller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash: Option<Flash>,
    /// Its device profile, which no other target of the bundle has.
    pub profile: String,
    /// The chip: `rp2040`.
    pub soc: String,
    /// What runs beside the model.
    pub system: System,
}

/// What runs beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum System {
    /// A firmware.
    BareMetal,
    /// Linux.
    Linux,
}

/// What lies where in a microcontroller's flash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flash {
    /// Its size.
    pub bytes: u64,
    /// What can be erased at once; every part begins at a multiple of it.
    pub erase_bytes: u64,
    /// By offset, without overlap.
    pub parts: Vec<Part>,
}

/// A part of a flash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The path of its content.
    pub file: String,
    /// From the beginning of the flash, in bytes.
    pub offset: u64,
}

/// What is known of the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// How well it does, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// What it costs, by profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bench: Vec<Bench>,
    /// What a device must reproduce.
    pub golden: Golden,
}

/// How well the program does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The float model's figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub float: Option<Decimal>,
    /// What was measured: `accuracy`.
    pub metric: String,
    /// The path of the report.
    pub report: String,
    /// How many samples.
    pub samples: u64,
    /// The program's figure.
    pub value: Decimal,
}

/// What the program costs on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    /// Where the figure is from: `estimate`, `emulator`, `device`, `host`.
    pub backend: String,
    /// Of one inference.
    pub latency_ms: Decimal,
    /// The path of the report.
    pub report: String,
    /// The profile, or what else was measured on.
    pub target: String,
}

/// Inputs, and outputs that they must give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The path of the vectors.
    pub file: String,
    /// Where the inputs are from.
    pub source: String,
    /// How many.
    pub vectors: u64,
}

impl Manifest {
    /// Understands a manifest.
    ///
    /// # Errors
    /// [`ManifestError`]: what is no manifest, not in its only form, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::Size { found: bytes.len() as u64 });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
        let canonical = manifest.unchecked_bytes();
        if canonical != bytes {
            let offset = canonical.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            return Err(ManifestError::NotCanonical { offset });
        }
        check::check(&manifest)?;
        Ok(manifest)
    }

    /// The bytes that are signed.
    ///
    /// # Errors
    /// [`ManifestError`]: what contradicts itself, or is too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        check::check(self)?;
        let bytes = self.unchecked_bytes();
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::Size { found: bytes.len() as u64 });
        }
        Ok(bytes)
    }

    fn unchecked_bytes(&self) -> Vec<u8> {
        // Neither maps with keys that are no text nor a writer that fails: it cannot go wrong.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What a signature's trusted comment says: which release was signed.
    pub fn trusted_comment(&self) -> String {
        let Manifest { name, version, channel, counter, security_version, .. } = self;
        format!("edgectl {name} {version} channel={channel} counter={counter} security_version={security_version}")
    }

    /// The file of this path.
    pub fn file(&self, path: &str) -> Option<&File> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }

    /// The files of this role.
    pub fn files_of(&self, role: Role) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.role == role)
    }

    /// The program: there is exactly one.
    pub fn program(&self) -> Option<&File> {
        self.files_of(Role::Program).next()
    }

    /// The golden vectors.
    pub fn golden(&self) -> Option<&File> {
        self.file(&self.evidence.golden.file)
    }

    /// The target of this profile.
    pub fn target(&self, profile: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.profile == profile)
    }

    /// The files that a target gets.
    pub fn files_for<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a File> {
        target.files.iter().filter_map(|path| self.file(path))
    }

    /// The blobs, each once: the files in their order, less those whose content an earlier one has.
    pub fn blobs(&self) -> impl Iterator<Item = &File> {
        let is_first = |at: usize, file: &File| !self.files.iter().take(at).any(|earlier| earlier.digest == file.digest);
        self.files.iter().enumerate().filter(move |(at, file)| is_first(*at, file)).map(|(_, file)| file)
    }
}

/// A moment, in UTC and whole seconds: `2026-11-29T07:30:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// This moment.
    pub fn now() -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// So many seconds after the beginning of 1970; `None` beyond the year 9999.
    pub fn from_second(second: i64) -> Option<Timestamp> {
        jiff::Timestamp::from_second(second).ok().map(Timestamp)
    }

    /// Seconds since the beginning of 1970.
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a moment in UTC such as 2026-11-29T07:30:00Z")]
pub struct NotATimestamp;

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Timestamp, NotATimestamp> {
        let moment = text.parse::<jiff::Timestamp>().map_err(|_| NotATimestamp)?;
        let found = Timestamp::from_second(moment.as_second()).ok_or(NotATimestamp)?;
        if found.to_string() == text { Ok(found) } else { Err(NotATimestamp) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A finite number that is written as a text, since JSON's numbers mean different things to different readers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal(f64);

impl Decimal {
    /// 1.
    pub const ONE: Decimal = Decimal(1.0);

    /// `None` where the number is not finite.
    pub fn new(value: f64) -> Option<Decimal> {
        value.is_finite().then_some(Decimal(value))
    }

    /// The shortest number that has the same value in single precision; `None` where it is not finite.
    pub fn single(value: f32) -> Option<Decimal> {
        Decimal::new(value.to_string().parse().ok()?)
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().ok().and_then(Decimal::new).ok_or_else(|| serde::de::Error::custom("expected a finite number in quotes"))
    }
}
