//! Why a chip was not flashed, and in what state it is now.

use std::fmt::{self, Display};
use std::io;

use thiserror::Error;

use crate::chip::Chip;
use crate::image::ImageError;
use crate::table::TableError;

/// What a board does at its next reset, after something was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was written.
    Untouched,
    /// It starts what it started before: only places were written that nothing is started from.
    AsBefore,
    /// It may not start: it has to be flashed again, which works at any time.
    Incomplete,
}

impl Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Untouched => "nothing was written",
            State::AsBefore => "the board starts as before: what was written so far is not in use",
            State::Incomplete => "the board may not start before it is flashed again",
        })
    }
}

/// Why a chip was not flashed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EspError {
    /// Another chip.
    #[error("the board has a chip {found}: expected {}", .expected.name())]
    Chip {
        /// What it says it is.
        found: String,
        /// What it should be.
        expected: Chip,
    },
    /// Another board.
    #[error("the board's address is {found}: expected {expected}")]
    Mac {
        /// Of the chip.
        found: String,
        /// Of the one that is meant, or was there before.
        expected: String,
    },
    /// Silicon that an image is not made for.
    #[error("{name}: it needs a chip of revision {low} to {high}: found {found}")]
    Revision {
        /// Which part.
        name: String,
        /// Lowest.
        low: String,
        /// Highest.
        high: String,
        /// Of the chip.
        found: String,
    },
    /// A part is no image for the chip.
    #[error("{name} cannot be started")]
    Image {
        /// Which part.
        name: String,
        /// Why.
        source: ImageError,
    },
    /// The bundle's partition table is none.
    #[error("the partition table to be written is none")]
    Table(#[from] TableError),
    /// A part does not lie where it may.
    #[error("{name}, {bytes} bytes at {offset:#x}: expected {expected}")]
    Bounds {
        /// Which part.
        name: String,
        /// Where.
        offset: u32,
        /// Its length.
        bytes: usize,
        /// What should be.
        expected: String,
    },
    /// The chip is locked by its fuses.
    #[error("the chip has {what}: {why}")]
    Locked {
        /// By which.
        what: &'static str,
        /// What that means for what was asked.
        why: &'static str,
    },
    /// The chip cannot be read back.
    #[error("the chip is in secure download mode: what is written cannot be verified")]
    Unverifiable,
    /// The port cannot be opened.
    #[error("cannot open {port}")]
    Open {
        /// The port.
        port: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody answers as a loader does.
    #[error("{port}: no chip answers as its loader does: {why}")]
    NoLoader {
        /// The port.
        port: String,
        /// As espflash says it.
        why: String,
    },
    /// The port went away.
    #[error("the port {port} is gone; {state}")]
    Gone {
        /// The port.
        port: String,
        /// What the board does now.
        state: State,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("{what}: no answer in {seconds:.1} s; {state}")]
    Silent {
        /// What was asked for.
        what: String,
        /// How long was waited.
        seconds: f32,
        /// What the board does now.
        state: State,
    },
    /// The loader refuses.
    #[error("{what}: the chip refuses with code {code:#04x}; {state}")]
    Refused {
        /// What was asked for.
        what: String,
        /// Its code.
        code: u8,
        /// What the board does now.
        state: State,
    },
    /// What was written reads otherwise.
    #[error("{name}: {bytes} bytes at {offset:#x} read otherwise than they were written, {attempts} times; {state}")]
    Differs {
        /// Which part.
        name: String,
        /// From the beginning of the flash.
        offset: u32,
        /// How many.
        bytes: u32,
        /// How often it was tried.
        attempts: u32,
        /// What the board does now.
        state: State,
    },
    /// Somebody interrupted it.
    #[error("interrupted after {done} of {total} bytes; {state}")]
    Interrupted {
        /// Bytes that are there.
        done: u64,
        /// All of them.
        total: u64,
        /// What the board does now.
        state: State,
    },
    /// Written and verified, but the board cannot be started from here.
    #[error("all is written, but the board was not reset: {why}")]
    Reset {
        /// Why not.
        why: String,
    },
}

impl EspError {
    /// The name of this kind of failure, for programs. It does not change.
    pub fn name(&self) -> &'static str {
        match self {
            EspError::Chip { .. } => "esp_other_chip",
            EspError::Mac { .. } => "esp_other_board",
            EspError::Revision { .. } => "esp_revision",
            EspError::Image { .. } => "esp_image",
            EspError::Table(_) => "esp_partition_table",
            EspError::Bounds { .. } => "esp_bounds",
            EspError::Locked { .. } => "esp_locked",
            EspError::Unverifiable => "esp_unverifiable",
            EspError::Open { .. } => "esp_port",
            EspError::NoLoader { .. } => "esp_no_loader",
            EspError::Gone { .. } => "esp_gone",
            EspError::Silent { .. } => "esp_silent",
            EspError::Refused { .. } => "esp_refused",
            EspError::Differs { .. } => "esp_differs",
            EspError::Interrupted { .. } => "esp_interrupted",
            EspError::Reset { .. } => "esp_reset",
        }
    }

    /// What the board does at its next reset.
    pub fn state(&self) -> State {
        match self {
            EspError::Gone { state, .. }
            | EspError::Silent { state, .. }
            | EspError::Refused { state, .. }
            | EspError::Differs { state, .. }
            | EspError::Interrupted { state, .. } => *state,
            EspError::Reset { .. } => State::Incomplete,
            _ => State::Untouched,
        }
    }

    /// The same error of a board in this state.
    pub(crate) fn with_state(mut self, new: State) -> EspError {
        match &mut self {
            EspError::Gone { state, .. }
            | EspError::Silent { state, .. }
            | EspError::Refused { state, .. }
            | EspError::Differs { state, .. }
            | EspError::Interrupted { state, .. } => *state = new,
            _ => {}
        }
        self
    }
}
