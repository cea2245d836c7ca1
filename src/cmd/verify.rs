//! `edgectl verify`: whether a bundle is what people whom one trusts have signed.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ArgGroup;
use edge_format::RUNTIME_ABI;
use edgectl_bundle::{Bundle, BundleError, Claims, Installed, Kind, Policy, Timestamp, Trust};
use semver::Version;

use crate::packaging::{BundleReport, Judgement};
use crate::signing;
use crate::ui::{Ui, Verdict};

/// Check a bundle: signatures, expiry, rollback, and every byte of it
///
/// Exit status: 0 verified; 1 it is a bundle, but refused; 2 it could not be read, or is no bundle.
#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("who").required(true))]
pub(crate) struct Args {
    /// Bundle: .edgepkg
    bundle: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// The channel that it must be for
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// The device that it must be for
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// The security version that the device has committed to: lower ones are refused
    #[arg(long, value_name = "N")]
    installed_security_version: Option<u32>,
    /// The number of the release that the device has: lower ones are refused
    #[arg(long, value_name = "N")]
    installed_counter: Option<u64>,
    /// The moment at which it is judged [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

/// Whom to trust.
#[derive(clap::Args, Debug)]
pub(crate) struct TrustArgs {
    /// Trust this public key, or the one in this file
    #[arg(long, value_name = "PUBLIC_KEY", group = "who")]
    key: Option<String>,
    /// Trust whom this file names, for what it says
    #[arg(long, value_name = "FILE.json", group = "who")]
    trust: Option<PathBuf>,
}

impl TrustArgs {
    /// Whom to trust; `None` where nobody was named.
    pub(crate) fn open(&self) -> Result<Option<Trust>> {
        if let Some(key) = &self.key {
            return Ok(Some(Trust::only(signing::public_key(key)?)));
        }
        let Some(path) = &self.trust else { return Ok(None) };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Trust::parse(&text).map(Some).with_context(|| format!("cannot trust {}", path.display()))
    }
}

/// The version of this `edgectl`.
pub(crate) fn this_version() -> Option<Version> {
    env!("CARGO_PKG_VERSION").parse().ok()
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    let trust = args.trust.open()?.context("whom to trust?")?;
    let installed = args.installed_security_version.is_some() || args.installed_counter.is_some();
    let installed = installed
        .then(|| Installed { security_version: args.installed_security_version.unwrap_or_default(), counter: args.installed_counter });
    let policy = Policy {
        now: Some(args.at.unwrap_or_else(Timestamp::now)),
        channel: args.channel.as_deref(),
        target: args.profile.as_deref(),
        installed,
        runtime_abi: Some(RUNTIME_ABI.into()),
        edgectl: this_version(),
    };
    let size = std::fs::metadata(&args.bundle).map_or(0, |metadata| metadata.len());
    let verify = || -> Result<BundleReport, BundleError> {
        let verified = Bundle::open(&args.bundle)?.verify(&trust, &policy, &mut |_| ())?;
        let claims = Claims { manifest: verified.manifest().clone(), signatures: verified.signatures().to_vec() };
        let judgement = Judgement::verified(verified.signed_by());
        Ok(BundleReport::new(&args.bundle, verified.digest(), claims, judgement).with_size(size))
    };
    match verify() {
        Ok(report) => {
            ui.result(&report)?;
            Ok(Verdict::Positive)
        }
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Altered) => {
            ui.result(&BundleReport::refused(&args.bundle, &error))?;
            Ok(Verdict::Negative)
        }
        Err(error) => Err(error).with_context(|| format!("cannot verify {}", args.bundle.display())),
    }
}
