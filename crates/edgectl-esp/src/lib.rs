//! ESP32 chips: what lies in their flash, and how it gets there through the loader in their ROM.
//!
//! espflash builds images, resets chips, finds out what they are and loads its stub. What it leaves to its caller is here: the chip that is
//! expected, image headers, bounds before anything is erased, locked chips, verification, retries, and lines that say anything at all.
//!
//! | module | role |
//! |---|---|
//! | [`chip`] | the chips |
//! | [`table`] | partition tables |
//! | [`image`] | images of applications: from ELF files, and what a header says |
//! | [`ota`] | the record that chooses among applications |
//! | [`session`] | a chip in its loader: who it is, whether it is locked, how to get back to it |
//! | [`plan`] | what is to be written, checked before the first sector is erased |
//! | [`write`](mod@write) | writing and verification |
//! | `loader` | commands and answers, with deadlines |

#![forbid(unsafe_code)]

pub mod chip;
mod error;
pub mod image;
mod loader;
pub mod ota;
pub mod plan;
pub mod session;
pub mod table;
pub mod write;

pub use chip::Chip;
pub use error::{EspError, State};
pub use plan::{Plan, Region};
pub use session::{Facts, Patience, Security, Session, Where};
pub use table::{Partition, PartitionTable, TableError};
pub use write::{FlashEvent, Written};
