//! A bundle as a person wants to read it.

use std::path::{Path, PathBuf};

use edgectl_bundle::{BundleError, Claims, Digest, Manifest, Port, SignedBy};
use serde::Serialize;

use crate::ui::{Align, Report, Style, Table, bytes, count, counted, elide};

/// What is in a bundle, and what is thought of it.
#[derive(Debug, Serialize)]
pub(crate) struct BundleReport {
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Of the manifest: what a release is known by.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(flatten)]
    judgement: Judgement,
    /// Absent where the bundle could not be understood, or was not to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Manifest>,
}

/// What is thought of a bundle.
#[derive(Debug, Serialize)]
pub(crate) struct Judgement {
    verdict: &'static str,
    /// Whose signatures counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signed_by: Vec<SignedBy>,
    /// The keys of all its signatures, where nobody has judged them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

/// Why a bundle is refused.
#[derive(Debug, Serialize)]
struct Reason {
    /// For programs: `rollback`, `key_unknown`, `digest`…
    name: &'static str,
    text: String,
}

impl Judgement {
    /// Of a bundle that was just made.
    pub(crate) fn made(claims: &Claims) -> Judgement {
        let looked_at = Judgement::unjudged(claims);
        Judgement { verdict: if looked_at.signatures.is_empty() { "not_signed" } else { "signed" }, ..looked_at }
    }

    /// Of a bundle that is only looked at.
    pub(crate) fn unjudged(claims: &Claims) -> Judgement {
        let signatures: Vec<String> = claims.signatures.iter().map(|signature| signature.id().to_string()).collect();
        let verdict = if signatures.is_empty() { "not_signed" } else { "not_judged" };
        Judgement { verdict, signed_by: vec![], signatures, reason: None }
    }

    pub(crate) fn verified(signed_by: &[SignedBy]) -> Judgement {
        Judgement { verdict: "verified", signed_by: signed_by.to_vec(), signatures: vec![], reason: None }
    }

    pub(crate) fn refused(error: &BundleError) -> Judgement {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        Judgement { verdict: "refused", signed_by: vec![], signatures: vec![], reason: Some(Reason { name: error.name(), text }) }
    }

    fn text(&self) -> String {
        match (self.verdict, &self.reason) {
            (_, Some(reason)) => format!("refused: {}", reason.text),
            ("not_signed", _) => "not signed: nothing deploys it".into(),
            ("not_judged", _) => "signatures not judged: `edgectl verify` does that".into(),
            (verdict, _) => verdict.into(),
        }
    }
}

impl BundleReport {
    pub(crate) fn new(path: &Path, digest: Digest, claims: Claims, judgement: Judgement) -> BundleReport {
        BundleReport { path: path.into(), bytes: None, digest: Some(digest), judgement, manifest: Some(claims.manifest) }
    }

    /// Of a bundle of which nothing is to be believed.
    pub(crate) fn refused(path: &Path, error: &BundleError) -> BundleReport {
        BundleReport { path: path.into(), bytes: None, digest: None, judgement: Judgement::refused(error), manifest: None }
    }

    #[must_use]
    pub(crate) fn with_size(self, bytes: u64) -> BundleReport {
        BundleReport { bytes: Some(bytes), ..self }
    }
}

fn port(port: &Port) -> String {
    let dims: Vec<String> = port.shape.iter().map(u32::to_string).collect();
    let text = format!("{} {}[{}], real = {} * (q - {})", port.name, port.dtype, dims.join(","), port.scale, port.zero_point);
    text.replace("- -", "+ ")
}

fn facts(table: &mut Table, manifest: &Manifest) {
    let m = manifest;
    let mut row = |what: &str, text: String| table.row([what.into(), text]);
    row("release", format!("{} {}, number {} of channel {}", m.name, m.version, count(m.counter), m.channel));
    row("security", format!("version {}; devices that commit to it accept none below", m.security_version));
    if let Some(created) = m.created {
        row("created", created.to_string());
    }
    if let Some(expires) = m.expires {
        row("expires", expires.to_string());
    }
    let program = m.program().map_or(0, |file| file.size);
    row("program", format!("{}, arena {} bytes, runtime ABI {}", bytes(program), count(m.arena_bytes), m.requires.runtime_abi));
    m.inputs.iter().for_each(|input| row("input", port(input)));
    m.outputs.iter().for_each(|output| row("output", port(output)));
    let golden = &m.evidence.golden;
    row("golden", format!("{}, of {}", counted(golden.vectors, "vector"), golden.source));
    if let Some(accuracy) = &m.evidence.accuracy {
        let float = accuracy.float.map_or_else(String::new, |float| format!("; the float model {:.4}", float.value()));
        row("accuracy", format!("{} {:.4} over {}{float}", accuracy.metric, accuracy.value.value(), counted(accuracy.samples, "sample")));
    }
    for bench in &m.evidence.bench {
        row("latency", format!("{} ms on {} ({})", bench.latency_ms, bench.target, bench.backend));
    }
}

impl Report for BundleReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let mut table = Table::new([("", Left), ("", Left)]);
        let size = self.bytes.map_or_else(String::new, |size| format!(" ({})", bytes(size)));
        table.row(["bundle".into(), format!("{}{size}", self.path.display())]);
        if let Some(digest) = self.digest {
            table.row(["digest".into(), digest.to_string()]);
        }
        for by in &self.judgement.signed_by {
            let (name, key) = (&by.name, by.key.to_string());
            table.row(["signed by".into(), if *name == key { key } else { format!("{name} (key {key})") }]);
        }
        for key in &self.judgement.signatures {
            table.row(["signature".into(), format!("of key {key}")]);
        }
        if let Some(manifest) = &self.manifest {
            facts(&mut table, manifest);
        }
        table.row(["verdict".into(), self.judgement.text()]);
        let mut text = table.text(style);
        if let Some(manifest) = &self.manifest {
            let mut files = Table::new([("file", Left), ("role", Left), ("size", Right), ("sha256", Left), ("for", Left)]);
            for file in &manifest.files {
                let targets = manifest.targets.iter().filter(|target| target.files.contains(&file.path));
                let targets: Vec<&str> = targets.map(|target| target.profile.as_str()).collect();
                let digest = file.digest.hex();
                let digest = digest.get(..12).unwrap_or_default().to_owned();
                let targets = elide(&targets.join(" "), 40);
                files.row([file.path.clone(), file.role.name().into(), bytes(file.size), digest, targets]);
            }
            text += &format!("\n{}", files.text(style));
        }
        text
    }
}
