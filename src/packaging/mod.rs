//! What `package` does: reads the files, computes golden vectors, writes the manifest, signs and writes the bundle.

mod esp;
mod evidence;
mod golden;
mod image;
mod machine;
mod sheet;

use std::env;
use std::fs;
use std::io::{BufWriter, Cursor, Seek, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use edge_format::{AlignedBytes, Io, Program, RUNTIME_ABI};
use edgectl_bundle::{Bundle, Decimal, Digest, File, Golden, Manifest, Port, Requires, Role, Target, Timestamp};
use edgectl_profile::{MemoryRole, Profile};
use semver::Version;
use serde::Serialize;
use thiserror::Error;

pub(crate) use sheet::{BundleReport, Judgement};

use crate::benchmark::devices;
use crate::cmd::package::{Args, ReleaseArgs};
use crate::model::{Content, Model, ModelError, Source};
use crate::output::Outputs;
use crate::ui::{Report, Style, Ui, count};

pub(crate) use golden::random as random_vectors;

/// How many golden vectors there are, where nobody says how many.
#[allow(clippy::unwrap_used, reason = "a constant")]
pub(crate) const VECTORS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// The longest file that is packed.
const MAX_FILE_BYTES: u64 = i32::MAX as u64;

/// Why something cannot be packed.
#[derive(Debug, Error)]
pub(crate) enum PackageError {
    #[error("{profile} has {available} bytes of {memory}: the program needs {needed}")]
    DoesNotFit { profile: String, memory: &'static str, needed: String, available: String },
    #[error("{path}: expected a regular file of at most 2 GiB", path = path.display())]
    NotAFile { path: PathBuf },
    #[error("{path}: expected {expected}, found {found}", path = path.display())]
    Runtime { path: PathBuf, expected: &'static str, found: String },
    #[error("two runtimes for {arch}")]
    RuntimeTwice { arch: &'static str },
    #[error("{profile} needs `edge-agent` for {arch}, and there is none")]
    NoRuntime { profile: String, arch: String },
    #[error("{path}: a report about another model: expected {expected}, found {found}", path = path.display())]
    Report { path: PathBuf, expected: String, found: String },
    #[error("SOURCE_DATE_EPOCH is {found:?}: expected seconds since the beginning of 1970")]
    Epoch { found: String },
    #[error("{path}: expected one profile of a board whose boot loader takes UF2 files, found {found}", path = path.display())]
    Uf2 { path: PathBuf, found: String },
    #[error("{path}: it holds no signature: a boot loader checks none, and devices know no release by it", path = path.display())]
    Unsigned { path: PathBuf },
    #[error("{path}: expected one profile of an ESP32 that has a firmware, found {found}", path = path.display())]
    Bin { path: PathBuf, found: String },
    #[error("--firmware is for ESP32 chips: found {found}")]
    NoEsp { found: String },
    #[error("{path}: the partition table has no room for the program: {problem}", path = path.display())]
    NoModel { path: PathBuf, problem: String },
    #[error("--expires in days needs to know since when")]
    Since,
}

/// When a bundle expires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expiry {
    /// So many days after it was made.
    Days(u32),
    At(Timestamp),
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Expiry, Self::Err> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok().filter(|days| (1..=36_500).contains(days)));
        let moment = || text.parse().map(Expiry::At);
        days.map_or_else(
            || moment().map_err(|_| "expected a moment such as 2027-01-31T00:00:00Z, or days such as 90d"),
            |days| Ok(Expiry::Days(days)),
        )
    }
}

/// What was made.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum PackageReport {
    Bundle(Box<BundleReport>),
    Image(image::ImageReport),
}

impl Report for PackageReport {
    fn text(&self, style: Style) -> String {
        match self {
            PackageReport::Bundle(report) => report.text(style),
            PackageReport::Image(report) => report.text(style),
        }
    }
}

/// A file that is packed.
struct Packed {
    path: String,
    role: Role,
    content: Vec<u8>,
}

impl Packed {
    fn new(path: impl Into<String>, role: Role, content: impl Into<Vec<u8>>) -> Packed {
        Packed { path: path.into(), role, content: content.into() }
    }

    fn file(&self) -> File {
        File { digest: Digest::of(&self.content), path: self.path.clone(), role: self.role, size: self.content.len() as u64 }
    }
}

/// Makes a bundle, or a file for a boot loader.
pub(crate) fn package(args: &Args, ui: &Ui) -> Result<PackageReport> {
    let mut profiles = devices::open(&args.profile)?;
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    let (created, expires) = dates(&args.release)?;
    let inputs: Vec<&Path> = [&args.program].into_iter().chain(args.content.inputs()).map(PathBuf::as_path).collect();
    let outputs = Outputs::create(&[&args.output], &inputs)?;
    let (program_bytes, qdq) = program(&args.program, ui)?;
    let program = Program::parse(&program_bytes)?;
    profiles.iter().try_for_each(|profile| fits(profile, &program, program_bytes.len()))?;

    let name = args.release.name.clone().unwrap_or_else(|| plain_name(&args.program));
    let made = golden::make(program, args, ui)?;
    let slots = profiles.iter().try_for_each(|profile| image::fits(profile, &program_bytes, &made.bytes));
    slots.with_context(|| format!("cannot pack {}", args.program.display()))?;
    if args.output.extension().is_some_and(|extension| extension == "uf2" || extension == "bin") {
        return image::write(args, &profiles, &program_bytes, &made, outputs);
    }
    let mut packed =
        vec![Packed::new("program.edgm", Role::Program, &program_bytes[..]), Packed::new("golden.edgv", Role::Golden, made.bytes)];
    for path in qdq.iter().chain(&args.content.model) {
        packed.push(Packed::new("model.onnx", Role::Model, read(path)?));
    }
    if let Some(path) = &args.content.classes {
        packed.push(Packed::new("labels.txt", Role::Labels, read(path)?));
    }
    if let Some(document) = args.data.document() {
        packed.push(Packed::new("preprocessing.json", Role::Preprocessing, serde_json::to_vec_pretty(&document)?));
    }
    let mut evidence = evidence::Found::default();
    for (at, path) in args.content.report.iter().enumerate() {
        let report = format!("reports/{at}-{}.json", plain_name(path));
        let content = read(path)?;
        evidence.read(path, &content, &report, &program, ui)?;
        packed.push(Packed::new(report, Role::Report, content));
    }
    let targets = machine::targets(&profiles, args, &name, &program, &mut packed)?;
    packed.sort_by(|a, b| a.path.cmp(&b.path));

    let manifest = Manifest {
        arena_bytes: program.arena_bytes().into(),
        channel: args.release.channel.clone(),
        counter: args.release.counter,
        created,
        evidence: evidence.with(Golden { file: "golden.edgv".into(), source: made.source, vectors: made.count }),
        expires,
        files: packed.iter().map(Packed::file).collect(),
        format: edgectl_bundle::FORMAT,
        inputs: program.inputs().map(|io| port(&program, io)).collect(),
        name,
        outputs: program.outputs().map(|io| port(&program, io)).collect(),
        requires: Requires { edgectl: Version::new(0, 1, 0), runtime_abi: RUNTIME_ABI.into() },
        security_version: args.release.security_version,
        targets: with_files(targets, &packed),
        version: args.release.version.clone(),
    };
    Ok(PackageReport::Bundle(Box::new(write(&manifest, &packed, args, outputs, ui)?)))
}

/// Signs and writes; what was written is read again before it gets its name.
fn write(manifest: &Manifest, packed: &[Packed], args: &Args, outputs: Outputs, ui: &Ui) -> Result<BundleReport> {
    let cannot = || format!("cannot write {}", args.output.display());
    manifest.to_bytes().with_context(cannot)?;
    let mut signatures = vec![];
    for key in &args.key {
        let signer = key.open(ui)?;
        signatures.push(edgectl_bundle::sign(manifest, &*signer).with_context(|| format!("cannot sign with {key}"))?);
    }
    let mut content = |file: &File| {
        let found = packed.iter().find(|packed| packed.path == file.path);
        Ok(Cursor::new(found.map_or(&[][..], |found| &found.content)))
    };
    let mut out = BufWriter::new(outputs.file(0));
    edgectl_bundle::write(manifest, &signatures, &mut content, &mut out).and_then(|()| Ok(out.flush()?)).with_context(cannot)?;
    drop(out);
    let mut written = outputs.file(0).try_clone()?;
    written.rewind()?;
    let mut bundle = Bundle::read(written).with_context(cannot)?;
    let claims = bundle.claims().with_context(cannot)?;
    let judgement = Judgement::made(&claims);
    let report = BundleReport::new(&args.output, bundle.digest(), claims, judgement);
    let size = outputs.commit()?;
    if args.key.is_empty() {
        ui.warning("the bundle is not signed: nothing will deploy it; sign it with `edgectl keys sign`, or give --key");
    }
    Ok(report.with_size(size.first().copied().unwrap_or_default()))
}

/// The bytes of the program, and the model with QDQ pairs where that is what it was made of.
fn program(path: &Path, ui: &Ui) -> Result<(AlignedBytes, Option<PathBuf>)> {
    let model = Model::open(path, ui)?;
    if let Content::Program(bytes) = model.content {
        return Ok((bytes, None));
    }
    let is_onnx = matches!(&model.content, Content::Graph { opset: Some(_), .. });
    match model.into_source(ui)? {
        Source::Int8(int8) => Ok((int8.program, is_onnx.then(|| path.to_owned()))),
        Source::Unstated(unstated) => Err(unstated.into_error().into()),
        Source::Float(_) => Err(ModelError::Kind { path: path.into(), expected: "an int8 program", found: "a float model" }.into()),
    }
}

/// Refuses early what no device of this kind can hold.
fn fits(profile: &Profile, program: &Program<'_>, length: usize) -> Result<(), PackageError> {
    let needs = [(MemoryRole::Ram, "RAM", u64::from(program.arena_bytes())), (MemoryRole::Flash, "flash", length as u64)];
    for (role, memory, needed) in needs {
        let available = profile.available_bytes(role);
        if needed > available {
            let (profile, needed, available) = (profile.name.clone(), count(needed), count(available));
            return Err(PackageError::DoesNotFit { profile, memory, needed, available });
        }
    }
    Ok(())
}

/// Every target gets what concerns it: of runtimes and units those of its own, of all else everything, except that a microcontroller
/// has no use for files that only people and other engines read.
fn with_files(targets: Vec<(Target, Vec<String>)>, packed: &[Packed]) -> Vec<Target> {
    let of = |(target, own): (Target, Vec<String>)| {
        let is_linux = target.system == edgectl_bundle::System::Linux;
        let wanted = |file: &&Packed| match file.role {
            Role::Program | Role::Golden => true,
            Role::Labels | Role::Preprocessing => is_linux,
            _ => own.contains(&file.path),
        };
        Target { files: packed.iter().filter(wanted).map(|file| file.path.clone()).collect(), ..target }
    };
    targets.into_iter().map(of).collect()
}

fn port(program: &Program<'_>, io: Io<'_>) -> Port {
    let tensor = program.tensor(io.tensor);
    Port {
        dtype: tensor.map_or_else(String::new, |tensor| tensor.dtype.to_string()),
        name: io.name.into(),
        // A scale is finite, or there is no program.
        scale: tensor.and_then(|tensor| Decimal::single(tensor.scale)).unwrap_or(Decimal::ONE),
        shape: io.shape.dims().to_vec(),
        zero_point: tensor.map_or(0, |tensor| tensor.zero_point),
    }
}

fn dates(args: &ReleaseArgs) -> Result<(Option<Timestamp>, Option<Timestamp>), PackageError> {
    let created = match (args.created, env::var("SOURCE_DATE_EPOCH")) {
        (Some(created), _) => Some(created),
        (None, Ok(epoch)) => Some(epoch.parse().ok().and_then(Timestamp::from_second).ok_or(PackageError::Epoch { found: epoch })?),
        (None, Err(_)) => None,
    };
    let expires = match args.expires {
        None => None,
        Some(Expiry::At(moment)) => Some(moment),
        Some(Expiry::Days(days)) => {
            let since = created.ok_or(PackageError::Since)?;
            Some(Timestamp::from_second(since.as_second() + i64::from(days) * 86_400).ok_or(PackageError::Since)?)
        }
    };
    Ok((created, expires))
}

/// The name of a file without folder and extension, with nothing in it that a bundle's name cannot have.
fn plain_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let plain = plain.get(..plain.len().min(40)).unwrap_or_default();
    if plain.is_empty() { "model".into() } else { plain.into() }
}

/// The content of a regular file.
fn read(path: &Path) -> Result<Vec<u8>> {
    let read = || -> Result<Vec<u8>> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
            return Err(PackageError::NotAFile { path: path.into() }.into());
        }
        Ok(fs::read(path)?)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}
