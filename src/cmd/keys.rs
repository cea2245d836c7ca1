//! `edgectl keys`: the keys that sign bundles, in minisign's formats.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use edgectl_bundle::{Bundle, Prehash, PublicKey, SecretKey, Signature, SignatureError, Signer};
use serde::Serialize;

use crate::output::Outputs;
use crate::signing::{self, KeySource};
use crate::ui::{Align, Report, Style, Table, Ui, Verdict};

/// Generate and show the keys that sign bundles; sign and verify files
///
/// KEY is a file with a secret key, `env:NAME` for one in an environment variable, or `agent:`, `agent:COMMENT` or `agent:SHA256:…`
/// for an Ed25519 key of the ssh-agent. The password is asked for, or taken from EDGECTL_KEY_PASSWORD.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new key pair
    Generate {
        /// File for the secret key, encrypted with a password; one that exists is never replaced
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// File for the public key [default: the secret key's, with the extension .pub]
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,
    },
    /// Show the public key that belongs to a key
    Show {
        /// A public key or its file, or KEY
        key: String,
    },
    /// Sign a file: the signature is minisign's, in FILE.minisig; a bundle gets it inside, beside those that it has
    Sign {
        file: PathBuf,
        /// The key to sign with
        #[arg(long, value_name = "KEY")]
        key: KeySource,
        /// A comment that is signed too; a bundle's says which release it is
        #[arg(long, value_name = "TEXT", default_value = "")]
        comment: String,
        /// File to write [default: FILE.minisig, or the bundle itself]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Verify the signature of a file
    Verify {
        file: PathBuf,
        /// The public key, or its file
        #[arg(long, value_name = "PUBLIC_KEY")]
        key: String,
        /// The signature [default: FILE.minisig]
        #[arg(long, value_name = "FILE.minisig")]
        signature: Option<PathBuf>,
    },
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    match &args.command {
        Command::Generate { output, public } => generate(output, public.as_deref(), ui),
        Command::Show { key } => {
            ui.result(&KeyReport::new(&shown(key, ui)?, []))?;
            Ok(Verdict::Positive)
        }
        Command::Sign { file, key, output, .. } if file.extension().is_some_and(|extension| extension == "edgepkg") => {
            sign_bundle(file, key, output.as_deref().unwrap_or(file), ui)
        }
        Command::Sign { file, key, comment, output } => sign(file, key, comment, output.as_deref(), ui),
        Command::Verify { file, key, signature } => verify(file, key, signature.as_deref(), ui),
    }
}

fn generate(output: &Path, public: Option<&Path>, ui: &Ui) -> Result<Verdict> {
    let public = public.map_or_else(|| output.with_extension("pub"), Path::to_owned);
    let secret_file = Outputs::secret(output)?;
    let public_file = Outputs::create(&[&public], &[output])?;
    let password = signing::new_password(ui)?;
    let key = SecretKey::generate()?;
    public_file.write(0, key.public().to_file().as_bytes())?;
    secret_file.write(0, key.to_file(&password)?.as_bytes())?;
    secret_file.commit()?;
    public_file.commit()?;
    ui.result(&KeyReport::new(key.public(), [("secret", output), ("public", &public)]))?;
    Ok(Verdict::Positive)
}

fn shown(key: &str, ui: &Ui) -> Result<PublicKey> {
    signing::public_key(key).or_else(|not_public| match key.parse::<KeySource>()? {
        KeySource::File(path) if !path.is_file() => Err(not_public),
        source => Ok(source.open(ui)?.public().clone()),
    })
}

/// Adds a signature to a bundle.
fn sign_bundle(path: &Path, key: &KeySource, output: &Path, ui: &Ui) -> Result<Verdict> {
    let cannot = || format!("cannot sign {}", path.display());
    let outputs = Outputs::create(&[output], &[])?;
    let mut bundle = Bundle::open(path).with_context(cannot)?;
    let manifest = bundle.claims().with_context(cannot)?.manifest;
    let signer = key.open(ui)?;
    let signature = edgectl_bundle::sign(&manifest, &*signer).with_context(|| format!("cannot sign with {key}"))?;
    let mut out = BufWriter::new(outputs.file(0));
    bundle.write_signed(&[signature], &mut out).with_context(cannot)?;
    out.flush().with_context(cannot)?;
    drop(out);
    outputs.commit()?;
    ui.result(&KeyReport::new(signer.public(), [("signed", path), ("bundle", output)]))?;
    Ok(Verdict::Positive)
}

fn sign(file: &Path, key: &KeySource, comment: &str, output: Option<&Path>, ui: &Ui) -> Result<Verdict> {
    let output = output.map_or_else(|| beside(file), Path::to_owned);
    let prehash = prehash(file)?;
    let outputs = Outputs::create(&[&output], &[file])?;
    let signer = key.open(ui)?;
    let signature = Signature::make(&*signer, &prehash, comment).with_context(|| format!("cannot sign with {key}"))?;
    outputs.write(0, signature.to_file("signature of edgectl").as_bytes())?;
    outputs.commit()?;
    ui.result(&KeyReport::new(signer.public(), [("signed", file), ("signature", &output)]))?;
    Ok(Verdict::Positive)
}

fn verify(file: &Path, key: &str, signature: Option<&Path>, ui: &Ui) -> Result<Verdict> {
    let key = signing::public_key(key)?;
    let path = signature.map_or_else(|| beside(file), Path::to_owned);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read the signature {}", path.display()))?;
    let signature: Signature = text.parse().with_context(|| format!("{} is no signature", path.display()))?;
    let refused = key.verify(&signature, &prehash(file)?, "this file").err();
    let verdict = Verdict::of(refused.is_none());
    ui.result(&SignatureReport::new(file, &signature, refused))?;
    Ok(verdict)
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

fn prehash(file: &Path) -> Result<Prehash> {
    File::open(file).and_then(Prehash::of_reader).with_context(|| format!("cannot read {}", file.display()))
}

/// A key and the files that were written.
#[derive(Debug, Serialize)]
struct KeyReport {
    key: String,
    public_key: String,
    /// What was read and written.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<&'static str, PathBuf>,
}

impl KeyReport {
    fn new<const N: usize>(key: &PublicKey, files: [(&'static str, &Path); N]) -> KeyReport {
        let files = files.into_iter().map(|(what, path)| (what, path.to_owned())).collect();
        KeyReport { key: key.id().to_string(), public_key: key.to_string(), files }
    }
}

impl Report for KeyReport {
    fn text(&self, style: Style) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        table.row(["key".into(), self.key.clone()]);
        table.row(["public key".into(), self.public_key.clone()]);
        for (what, path) in &self.files {
            table.row([format!("{what} file"), path.display().to_string()]);
        }
        table.text(style)
    }
}

#[derive(Debug, Serialize)]
struct SignatureReport {
    file: PathBuf,
    key: String,
    comment: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Debug, Serialize)]
struct Reason {
    name: &'static str,
    text: String,
}

impl SignatureReport {
    fn new(file: &Path, signature: &Signature, refused: Option<SignatureError>) -> SignatureReport {
        SignatureReport {
            file: file.into(),
            key: signature.id().to_string(),
            comment: signature.trusted_comment().into(),
            verdict: if refused.is_none() { "verified" } else { "refused" },
            reason: refused.map(|error| Reason { name: error.name(), text: error.to_string() }),
        }
    }
}

impl Report for SignatureReport {
    fn text(&self, style: Style) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        table.row(["file".into(), self.file.display().to_string()]);
        table.row(["key".into(), self.key.clone()]);
        // Nobody's word where the signature does not hold.
        if self.reason.is_none() && !self.comment.is_empty() {
            table.row(["comment".into(), self.comment.clone()]);
        }
        let reason = self.reason.as_ref().map_or(String::new(), |reason| format!(": {}", reason.text));
        table.row(["verdict".into(), format!("{}{reason}", self.verdict)]);
        table.text(style)
    }
}
