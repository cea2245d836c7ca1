//! Why a board has no receipt.

use std::io;
use std::path::PathBuf;

use edge_device::client::ClientError;
use edge_format::{FormatError, GoldenError};
use edgectl_esp::{EspError, State};
use thiserror::Error;

use crate::receipt::Code;
use crate::uf2::Uf2Error;

/// Why a board has no receipt.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BoardError {
    /// The firmware executes programs of another ABI.
    #[error("the firmware {firmware} executes programs of runtime ABI {found}: expected {expected}")]
    Abi {
        /// Of the program.
        expected: u16,
        /// Of the firmware.
        found: u16,
        /// Its name and version.
        firmware: String,
    },
    /// After the switch, something went wrong on the line; the board goes back by itself at its next reset.
    #[error("the board does not answer after the switch; it goes back to the image before at its next reset")]
    AfterSwitch(#[source] Box<BoardError>),
    /// Another board is at the line.
    #[error("expected board {expected} back after the reset, found {found}")]
    AnotherBoard {
        /// Before the reset.
        expected: String,
        /// After it.
        found: String,
    },
    /// Too little memory.
    #[error("the program needs {needed} bytes of memory for activations: the board has {available}")]
    Arena {
        /// By the program.
        needed: u32,
        /// On the board.
        available: u32,
    },
    /// Another chip than is asked for.
    #[error("the board has a {found}: expected {}", expected.join(", "))]
    Chip {
        /// The board's.
        found: String,
        /// The bundle's, or the profile's.
        expected: Vec<String>,
    },
    /// The conversation fails.
    #[error("cannot talk to the board")]
    Client(#[from] ClientError),
    /// A file of the release cannot be read.
    #[error("cannot read {path} of the bundle")]
    Content {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The golden vectors are those of another program.
    #[error("the bundle's golden vectors do not fit its program")]
    Golden(#[from] GoldenError),
    /// More than an image can hold.
    #[error("program and golden vectors are longer than an image can be")]
    Image,
    /// No board at all, or none of this number.
    #[error("no board{}: {}", if .wanted.is_empty() { String::new() } else { format!(" {wanted}") }, if .found.is_empty() { "none is connected".into() } else { format!("found {}", .found.join(", ")) })]
    NoBoard {
        /// The one that is wanted; empty for any.
        wanted: String,
        /// Those that are there.
        found: Vec<String>,
    },
    /// The device said yes, and did not do it.
    #[error("the board has not confirmed the image")]
    NotConfirmed,
    /// It does not go back.
    #[error("{reason}; and the board runs the image still, after it was rejected")]
    NotReverted {
        /// Why it should.
        reason: String,
    },
    /// What the board runs may be taken back, and would have nothing to go back to.
    #[error("the board runs image {image} on trial: expected one that is confirmed")]
    OnTrial {
        /// Its digest.
        image: String,
    },
    /// The loader of an ESP32, or what lies in its flash.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// The firmware lacks kernels.
    #[error("the firmware {firmware} does not execute {}", missing.join(", "))]
    Operators {
        /// Its name and version.
        firmware: String,
        /// Operators of the program.
        missing: Vec<String>,
    },
    /// The line cannot be opened.
    #[error("cannot open {port}")]
    Open {
        /// The port.
        port: String,
        /// Why.
        source: io::Error,
    },
    /// No valid program in the bundle.
    #[error("the bundle's program is none")]
    Format(#[from] FormatError),
    /// The board runs another program than its slot's image has.
    #[error("the board runs the program {found}: expected {expected}")]
    Program {
        /// Of the bundle.
        expected: String,
        /// On the board.
        found: String,
    },
    /// The bundle lacks a file.
    #[error("the bundle has no {role} for this board")]
    Role {
        /// What it lacks.
        role: &'static str,
    },
    /// An older image than the board accepts.
    #[error("rollback: security version {found} is lower than {floor}, which the board has confirmed")]
    Rollback {
        /// Of the board.
        floor: u32,
        /// Of the bundle.
        found: u32,
    },
    /// Several boards.
    #[error("several boards are connected: {}", found.join(", "))]
    Several {
        /// How each can be named.
        found: Vec<String>,
    },
    /// Too long for a slot.
    #[error("the image has {needed} bytes: a slot of the board takes {available}")]
    Slot {
        /// By the image.
        needed: u64,
        /// On the board.
        available: u64,
    },
    /// The file for the boot loader cannot be.
    #[error(transparent)]
    Uf2(#[from] Uf2Error),
    /// Not the volume of a boot loader.
    #[error("{path} is not the volume of a board that waits for a UF2 file: {problem}", path = path.display())]
    Volume {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The volume does not take the file.
    #[error("{path}: written {written} of {total} bytes", path = path.display())]
    Write {
        /// The file on the volume.
        path: PathBuf,
        /// So far.
        written: u64,
        /// All of it.
        total: u64,
        /// Why not more.
        source: io::Error,
    },
}

impl BoardError {
    /// The same, where the new image may run already.
    pub(crate) fn after_switch(error: BoardError) -> BoardError {
        match error {
            BoardError::Client(_) | BoardError::Open { .. } | BoardError::NoBoard { .. } => BoardError::AfterSwitch(Box::new(error)),
            error => error,
        }
    }

    /// The code of this end.
    pub fn code(&self) -> Code {
        match self {
            BoardError::Abi { .. } | BoardError::Chip { .. } | BoardError::Operators { .. } | BoardError::Rollback { .. } => Code::Refused,
            BoardError::AfterSwitch(_)
            | BoardError::AnotherBoard { .. }
            | BoardError::NotConfirmed
            | BoardError::NotReverted { .. }
            | BoardError::Program { .. } => Code::Unknown,
            BoardError::Arena { .. } | BoardError::Slot { .. } => Code::NoSpace,
            BoardError::Client(ClientError::Line(_) | ClientError::Silent { .. }) | BoardError::NoBoard { .. } => Code::Unreachable,
            BoardError::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Code::Permission,
            BoardError::Open { .. } => Code::Unreachable,
            BoardError::Content { .. }
            | BoardError::Format(_)
            | BoardError::Golden(_)
            | BoardError::Image
            | BoardError::Role { .. }
            | BoardError::Uf2(_) => Code::Bundle,
            BoardError::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Code::NoSpace,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::Permission,
                _ => Code::Failed,
            },
            BoardError::Esp(error) => match error {
                EspError::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Code::Permission,
                EspError::Open { .. } | EspError::NoLoader { .. } => Code::Unreachable,
                EspError::Bounds { .. } | EspError::Image { .. } | EspError::Table(_) => Code::Bundle,
                EspError::Interrupted { state: State::AsBefore | State::Untouched, .. } => Code::Interrupted,
                EspError::Reset { .. } => Code::NotVerified,
                error => match error.state() {
                    State::Incomplete => Code::Incomplete,
                    State::AsBefore => Code::Failed,
                    State::Untouched if matches!(error, EspError::Gone { .. } | EspError::Silent { .. }) => Code::Unreachable,
                    State::Untouched => Code::Refused,
                },
            },
            BoardError::Client(_) | BoardError::OnTrial { .. } | BoardError::Several { .. } | BoardError::Volume { .. } => Code::Failed,
        }
    }
}
