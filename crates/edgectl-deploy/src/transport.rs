//! The table of transports. One more is a file and a line.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::DeployError;
use crate::event::Event;
use crate::receipt::Receipt;
use crate::release::Release;
use crate::target::Target;

/// What holds for all transports.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long to wait for any answer.
    pub timeout: Duration,
    /// How long a release may be on trial before the device reverts it by itself.
    pub deadline: Duration,
    /// Proceed on devices that cannot prove what they hold.
    pub allow_unverified: bool,
    /// Who deploys, for the device's journal.
    pub operator: String,
    /// Whether somebody wants it to end: what the same command takes up again is then broken off, and it is said what the device does now.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: Duration::from_secs(15),
            deadline: Duration::from_secs(120),
            allow_unverified: false,
            operator: "edgectl".into(),
            stop: Arc::default(),
        }
    }
}

/// A way to a device.
pub trait Transport: Debug + Send {
    /// Brings a release to the device and has it proven there. Told again after any interruption, it goes on where it was.
    ///
    /// # Errors
    ///
    /// Where the device did not answer in the end: what it runs then is what [`DeployError`] says.
    fn deploy(&mut self, release: &Release, options: &Options, events: &mut dyn FnMut(Event)) -> Result<Receipt, DeployError>;
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// The scheme of its targets.
    pub scheme: &'static str,
    /// How its targets are written.
    pub form: &'static str,
    /// Makes the transport; nothing is opened yet. `None` where the target has another scheme.
    pub open: fn(&Target, &Settings) -> Option<Box<dyn Transport>>,
}

/// What transports need to know beside the target, each what concerns it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How Linux devices are reached.
    #[cfg(unix)]
    pub ssh: crate::ssh::SshOptions,
    /// How Linux devices are judged.
    #[cfg(unix)]
    pub device: crate::ssh::DeviceOptions,
}

/// All transports.
pub const TRANSPORTS: &[Scheme] = &[
    Scheme { scheme: "serial", form: "serial:PORT", open: |target, _| crate::serial::open(target) },
    #[cfg(unix)]
    Scheme { scheme: "ssh", form: "ssh://[user@]host[:port][/folder]", open: crate::ssh::open },
    Scheme { scheme: "uf2", form: "uf2:PATH", open: |target, _| crate::uf2::open(target) },
];

/// The transport of a target.
///
/// # Errors
///
/// Where there is none of its scheme.
pub fn open(target: &Target, settings: &Settings) -> Result<Box<dyn Transport>, DeployError> {
    let row = TRANSPORTS.iter().find(|row| row.scheme == target.scheme());
    row.and_then(|row| (row.open)(target, settings)).ok_or_else(|| DeployError::NoTransport { target: target.clone() })
}
