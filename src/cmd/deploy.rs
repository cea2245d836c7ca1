//! `edgectl deploy`: a bundle on devices, proven there.

use anyhow::{Result, bail};
use edgectl_deploy::Target;

use crate::ui::{Ui, Verdict};

/// Bring a bundle to devices and prove it there
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Bundle: .edgepkg
    bundle: std::path::PathBuf,
    /// A device: ssh://user@host:port, serial:PORT or uf2:PATH; may be given more than once
    #[arg(long, value_name = "URL", required = true)]
    to: Vec<Target>,
}

pub(crate) fn run(args: &Args, _ui: &Ui) -> Result<Verdict> {
    for target in &args.to {
        edgectl_deploy::transport::open(target)?;
    }
    bail!("cannot deploy {}: bundles cannot be read yet", args.bundle.display())
}
