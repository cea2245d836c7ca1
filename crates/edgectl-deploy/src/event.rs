//! What happens while a device gets a release, for progress: events into a closure.

use std::fmt::{self, Display};

use serde::Serialize;

/// A step on the way of a release to a device. Each can be repeated without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Reaching the device and finding out that it is the right one.
    Connect,
    /// Asking what it is and what state it is in.
    Probe,
    /// Keeping other deployments out.
    Lock,
    /// Bringing what is missing.
    Stage,
    /// Comparing what arrived with the digests of the bundle, on the device.
    Verify,
    /// Arming the way back, which needs nobody from outside.
    Arm,
    /// Making the new release the current one.
    Switch,
    /// Starting it.
    Restart,
    /// Judging it, on the device.
    Health,
    /// Keeping it.
    Commit,
    /// Removing what nobody needs any more.
    Collect,
    /// Going back to the release before.
    Revert,
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Connect => "connect",
            Step::Probe => "probe",
            Step::Lock => "lock",
            Step::Stage => "stage",
            Step::Verify => "verify",
            Step::Arm => "arm",
            Step::Switch => "switch",
            Step::Restart => "restart",
            Step::Health => "health",
            Step::Commit => "commit",
            Step::Collect => "collect",
            Step::Revert => "revert",
        })
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// What will be done, before anything is.
    Planned {
        /// The steps, in order.
        steps: Vec<Step>,
        /// The bytes of the release, of which the device may have some already.
        bytes: u64,
    },
    /// A step began.
    Started {
        /// Which.
        step: Step,
    },
    /// A step went on.
    Advanced {
        /// Which.
        step: Step,
        /// How much of it is done, in bytes or trials.
        done: u64,
        /// All of it.
        total: u64,
    },
    /// A step has nothing to do.
    Skipped {
        /// Which.
        step: Step,
        /// Why.
        reason: String,
    },
    /// The device has proven something.
    Verified {
        /// What, in words.
        what: String,
    },
    /// A step ended well.
    Done {
        /// Which.
        step: Step,
    },
    /// Something worth knowing that stops nothing.
    Note {
        /// In words.
        text: String,
    },
}
