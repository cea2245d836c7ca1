//! `edgectl monitor`: what a board says on its serial line.

use std::time::Duration;

use anyhow::Result;
use edgectl_deploy::Target;

use crate::monitoring;
use crate::ui::{Ui, Verdict};

/// Show what a board says on its serial line: its log, and edgectl's frames in words
///
/// It only listens, until Ctrl-C or --for: nothing is sent and nobody is reset. A port that goes away is waited for; that it was away is
/// said on stderr. With `--format json`, every line of stdout is a document of its own.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The serial port: a name such as /dev/ttyUSB0, `board:NUMBER`, `mac:ADDRESS`, `usb:SERIAL`, `tcp:HOST:PORT` or `auto`; `?baud=N`
    /// behind it for other speeds than 115200
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(crate) port: Target,
    /// How long [default: until it is interrupted]
    #[arg(long = "for", value_name = "SECONDS", value_parser = super::deploy::seconds)]
    pub(crate) time: Option<Duration>,
    /// End when the port goes away, with exit status 2
    #[arg(long)]
    pub(crate) no_reconnect: bool,
}

fn port(text: &str) -> Result<Target, edgectl_deploy::TargetError> {
    format!("serial:{}", text.strip_prefix("serial:").unwrap_or(text)).parse()
}

pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Verdict> {
    monitoring::monitor(args, ui)
}
