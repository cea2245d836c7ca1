//! What a deployer and a session say to each other: one JSON document a line, a response to every request.

use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::machine::Missing;
use crate::release::ReleaseSpec;
use crate::serve::Health;

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;
/// The longest line, in bytes.
pub const MAX_LINE: u64 = 1 << 20;
/// How long a session waits for the next request before it gives the lock back, in seconds.
pub const LEASE_S: u64 = 20;
/// How often a session says that it is still at work on a request, in seconds.
pub const WORKING_S: u64 = 1;

/// What a deployer asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Who is there, and in what state. Changes nothing.
    Hello {
        /// The deployer's [`PROTOCOL`].
        protocol: u32,
    },
    /// Keeps other deployers out as long as this session lasts.
    Lock {
        /// Who asks.
        operator: String,
    },
    /// Says which release this is about; answered with what is missing of it.
    Release {
        /// The release.
        release: ReleaseSpec,
    },
    /// Says that this is about the release that was current before.
    Previous,
    /// Compares what was brought with its digests.
    Seal,
    /// Starts the dead-man's timer.
    Arm {
        /// How long the release may be on trial, in milliseconds.
        deadline_ms: u64,
        /// Who deploys.
        operator: String,
    },
    /// Makes the release the current one.
    Switch,
    /// Starts it.
    Restart,
    /// Judges it, which includes its golden vectors.
    Health {
        /// How often in a row it must be well.
        passes: u32,
        /// The time between two looks, in milliseconds.
        interval_ms: u64,
        /// How long until the first good one, in milliseconds.
        timeout_ms: u64,
    },
    /// Keeps it.
    Commit,
    /// Goes back.
    Revert {
        /// Why.
        reason: String,
    },
    /// Removes what nobody needs.
    Collect,
    /// Nothing; shows that the deployer is there.
    Ping,
}

/// What a session answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum Response {
    /// Who is there.
    Hello(Box<Hello>),
    /// Which release it is about, and what is missing of it.
    Release {
        /// The release.
        release: Box<ReleaseSpec>,
        /// The files to bring into `staging`.
        missing: Vec<Missing>,
    },
    /// What was compared.
    Sealed {
        /// Digests of files that must be brought again.
        bad: Vec<String>,
    },
    /// The timer runs.
    Armed {
        /// The number of this attempt.
        attempt: u64,
    },
    /// Done.
    Done,
    /// It is well.
    Healthy {
        /// What was proven, in words.
        proof: String,
    },
    /// It is not.
    Unhealthy {
        /// Why.
        reason: String,
    },
    /// Whether there was anything to go back from, and how the last deployment ended.
    Reverted {
        /// The journal afterwards.
        journal: Box<Journal>,
    },
    /// Not an answer yet: the session is at work.
    Working,
    /// The request was not fulfilled.
    Error {
        /// A word for programs.
        code: ErrorCode,
        /// A sentence for people.
        message: String,
    },
}

/// Kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Another session holds the lock; the message says who.
    Locked,
    /// The device does not take this release.
    Refused,
    /// The account may not do this.
    Permission,
    /// No space, or no more files.
    NoSpace,
    /// The disk.
    Io,
    /// Not what follows now.
    State,
    /// Not understood.
    Protocol,
}

/// A device and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The session's [`PROTOCOL`].
    pub protocol: u32,
    /// The version of this binary.
    pub agent: String,
    /// Its architecture.
    pub arch: String,
    /// The device's name.
    pub hostname: String,
    /// Bytes that the account can still write.
    pub free_bytes: u64,
    /// Files that it can still make; `None` where the file system has no limit.
    pub free_files: Option<u64>,
    /// Whether systemd runs there.
    pub systemd: bool,
    /// The current release.
    pub current: Option<String>,
    /// The one before.
    pub previous: Option<String>,
    /// The journal.
    pub journal: Journal,
    /// What the service says of itself; `None` where it does not answer.
    pub health: Option<Health>,
    /// Seconds since 1970 by the device's clock.
    pub unix_time_s: u64,
}
