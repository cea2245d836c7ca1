//! What came of a deployment, and the codes by which pipelines tell the ends apart.
//!
//! The exit status of the process is coarse (0 done; 1 done, but not as asked; 2 could not do it); [`Code`] refines it.

use serde::{Serialize, Serializer};

use crate::target::Target;

/// How a deployment ended. The numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Code {
    /// The release runs, and the device has proven it.
    Committed = 0,
    /// Refused before the device was touched: signature, rollback protection, wrong device.
    Refused = 10,
    /// The host key is unknown, has changed or is revoked.
    HostKey = 11,
    /// No key was accepted, or the account may not do what is needed.
    Permission = 12,
    /// The device cannot be reached, or went away before anything was switched.
    Unreachable = 13,
    /// Another deployment is at work there.
    Locked = 14,
    /// No space on the device.
    NoSpace = 15,
    /// Something that the device or this machine lacks, or that failed before anything was switched.
    Failed = 16,
    /// Somebody interrupted it; the device starts what it started before.
    Interrupted = 17,
    /// Written, but the device did not prove it.
    NotVerified = 19,
    /// The release was not healthy; the one before runs again.
    Reverted = 20,
    /// What runs there is not known: somebody must look.
    Unknown = 21,
    /// Broken off where the device may not start before the same is done again, whole.
    Incomplete = 22,
    /// The bundle is not one, or is damaged.
    Bundle = 30,
}

impl Code {
    /// All of them, with what they mean.
    pub const ALL: [(Code, &'static str); 14] = [
        (Code::Committed, "committed"),
        (Code::Refused, "refused"),
        (Code::HostKey, "host_key"),
        (Code::Permission, "permission"),
        (Code::Unreachable, "unreachable"),
        (Code::Locked, "locked"),
        (Code::NoSpace, "no_space"),
        (Code::Failed, "failed"),
        (Code::Interrupted, "interrupted"),
        (Code::NotVerified, "not_verified"),
        (Code::Reverted, "reverted"),
        (Code::Unknown, "unknown"),
        (Code::Incomplete, "incomplete"),
        (Code::Bundle, "bundle"),
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        Code::ALL.iter().find(|(code, _)| *code == self).map_or("unknown", |(_, name)| name)
    }

    /// The exit status: 0 done, 1 done with a negative verdict, 2 could not do it.
    pub fn exit_status(self) -> u8 {
        match self {
            Code::Committed => 0,
            Code::NotVerified | Code::Reverted => 1,
            _ => 2,
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

/// What the device said in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The release is the current one, and healthy.
    Committed {
        /// What was proven, in words: golden vectors that agreed, digests.
        proof: String,
    },
    /// It was the current one already; nothing was changed.
    Unchanged {
        /// What was proven, in words.
        proof: String,
    },
    /// Written, but this device cannot prove what it holds.
    NotVerified {
        /// Why not.
        reason: String,
    },
    /// The release before runs again.
    Reverted {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The code of this end.
    pub fn code(&self) -> Code {
        match self {
            Outcome::Committed { .. } | Outcome::Unchanged { .. } => Code::Committed,
            Outcome::NotVerified { .. } => Code::NotVerified,
            Outcome::Reverted { .. } => Code::Reverted,
        }
    }
}

/// The end of a deployment, as the device told it. Only transports make one, from the device's own answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Receipt {
    target: Target,
    release: String,
    version: String,
    previous: Option<String>,
    bytes_sent: u64,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Receipt {
    /// `answered` is what the device said; a transport that got no answer has an error instead.
    pub(crate) fn new(
        target: &Target,
        [release, version]: [&str; 2],
        previous: Option<String>,
        bytes_sent: u64,
        answered: Outcome,
    ) -> Receipt {
        Receipt { target: target.clone(), release: release.into(), version: version.into(), previous, bytes_sent, outcome: answered }
    }

    /// Where.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The digest of the release's manifest, in lower-case hexadecimal.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The release's version, as its manifest says.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The release that ran before.
    pub fn previous(&self) -> Option<&str> {
        self.previous.as_deref()
    }

    /// How many bytes of files went over the line.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// What came of it.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}
