//! What is known of a slot: where it lies, what it holds, and why it does not do what it is asked for.

use serde::{Deserialize, Serialize};

use crate::image::{Digest, Header, as_bytes};
use crate::journal::{MAX_WRITE_BYTES, SLOTS};

/// A part of the flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub offset: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// Bytes that are erased at a time there.
    pub erase_bytes: u32,
}

/// Where everything lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The journal's areas.
    pub journal: [Region; 2],
    /// The slots.
    pub slots: [Region; SLOTS],
}

impl Layout {
    /// Whether the regions fit a flash of such units and capacity, and each other.
    pub const fn is_valid(&self, write_bytes: usize, erase_bytes: usize, capacity: u32) -> bool {
        let regions = [self.journal[0], self.journal[1], self.slots[0], self.slots[1]];
        let (mut at, mut valid) = (0, write_bytes > 0 && write_bytes <= MAX_WRITE_BYTES && erase_bytes.is_multiple_of(write_bytes));
        while at < regions.len() {
            let region = regions[at];
            valid = valid
                && region.bytes > 0
                && region.erase_bytes > 0
                && (region.erase_bytes as usize).is_multiple_of(erase_bytes)
                && region.offset.is_multiple_of(region.erase_bytes)
                && region.bytes.is_multiple_of(region.erase_bytes)
                && region.offset <= capacity
                && region.bytes <= capacity - region.offset;
            let mut other = 0;
            while other < at {
                let earlier = regions[other];
                valid = valid && (region.offset + region.bytes <= earlier.offset || earlier.offset + earlier.bytes <= region.offset);
                other += 1;
            }
            at += 1;
        }
        valid
    }

    /// Longest image that either slot takes.
    pub fn slot_bytes(&self) -> u32 {
        self.slots.iter().map(|slot| slot.bytes).min().unwrap_or_default()
    }
}

/// What a slot is in. The numbers are those of the journal and of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nothing.
    #[default]
    Empty = 0,
    /// Being erased for an image. Until that is through, the digest is that of what lay there before.
    Erasing = 1,
    /// An image arrives.
    Receiving = 2,
    /// A whole image, its digest verified.
    Written = 3,
    /// To be run at the next reset, or running since the last one, once.
    Trial = 4,
    /// Good.
    Confirmed = 5,
    /// Not to be run: see the verdict.
    Rejected = 6,
}

impl State {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        use State::*;
        [Empty, Erasing, Receiving, Written, Trial, Confirmed, Rejected].into_iter().find(|&state| state as u8 == code)
    }
}

/// Why an image is rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is not.
    #[default]
    None = 0,
    /// Its digest is wrong, or it is no image.
    Damaged = 1,
    /// The device was reset before anybody confirmed it.
    Unconfirmed = 2,
    /// It computed other bytes than its golden vectors have, or cannot be run.
    SelfTest = 3,
    /// The host said so.
    Host = 4,
    /// Its security version is below the floor.
    Rollback = 5,
}

impl Verdict {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        use Verdict::*;
        [None, Damaged, Unconfirmed, SelfTest, Host, Rollback].into_iter().find(|&verdict| verdict as u8 == code)
    }
}

impl core::fmt::Display for Verdict {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Verdict::None => "not rejected",
            Verdict::Damaged => "its digest is wrong",
            Verdict::Unconfirmed => "the device was reset before it was confirmed",
            Verdict::SelfTest => "its self-test failed",
            Verdict::Host => "the host rejected it",
            Verdict::Rollback => "its security version is below the floor",
        })
    }
}

/// What is known of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What it is in.
    pub state: State,
    /// Why it is rejected.
    pub verdict: Verdict,
    /// How often it was started on trial.
    pub boots: u8,
    /// Whether the image was found in flash, not received.
    pub found: bool,
    /// Rises with each activation: of two confirmed images the greater runs.
    pub age: u32,
    /// Of the image.
    pub security_version: u32,
    /// Length of the image.
    pub length: u32,
    /// Of the image.
    #[serde(with = "as_bytes")]
    pub digest: Digest,
}

impl Slot {
    pub(crate) fn new(state: State, header: &Header) -> Self {
        let Header { security_version, length, digest, .. } = *header;
        Self { state, security_version, length, digest, ..Self::default() }
    }
}

/// How far an image has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The slot that it goes to.
    pub slot: u8,
    /// Bytes that are there: the next one wanted.
    pub received: u32,
}

/// Why a slot does not do what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotError {
    /// The flash does not erase or write.
    Flash,
    /// The image is longer than a slot, or too short for one.
    Length {
        /// Of the image.
        found: u32,
        /// Longest.
        limit: u32,
    },
    /// The security version is below the highest that was ever confirmed.
    Rollback {
        /// The highest confirmed.
        floor: u32,
        /// Of the image.
        found: u32,
    },
    /// The running image is on trial: the other slot is what the device would go back to.
    OnTrial,
    /// No image is arriving.
    NotReceiving,
    /// A piece that does not come next, or is not of whole writable units.
    Piece {
        /// The next byte wanted.
        received: u32,
        /// Pieces but the last are multiples of so many bytes.
        unit: u16,
    },
    /// What has arrived is not what was announced. It is rejected.
    Digest,
    /// No slot holds that image in a state for that.
    NoSuchImage,
}

impl core::fmt::Display for SlotError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            SlotError::Flash => f.write_str("its flash does not take what is written"),
            SlotError::Length { found, limit } => write!(f, "the image has {found} bytes, a slot takes {limit}"),
            SlotError::Rollback { floor, found } => {
                write!(f, "the image has security version {found}, and {floor} was confirmed before")
            }
            SlotError::OnTrial => f.write_str("the running image is on trial, and the other slot is what the device would go back to"),
            SlotError::NotReceiving => f.write_str("no image was begun"),
            SlotError::Piece { received, unit } => write!(f, "it expects byte {received} next, in multiples of {unit}"),
            SlotError::Digest => f.write_str("what has arrived is not what was announced"),
            SlotError::NoSuchImage => f.write_str("it holds no such image, or not in a state for that"),
        }
    }
}
