//! Many devices: an inventory says which, a rollout brings a release to them group by group and stops by itself when it goes wrong.
//!
//! | module | role |
//! |---|---|
//! | [`inventory`] | `fleet.yaml`: groups, tags, variables, pinned host keys |
//! | [`journal`] | what this side has done, so that it goes on after it was interrupted |
//! | [`rollout`] | the order of things: the canary first, then the rest, within thresholds |

pub mod inventory;
pub mod journal;
pub mod rollout;

pub use inventory::{FleetDevice, Group, Inventory, InventoryError, Limits};
pub use journal::{JournalError, RolloutJournal};
pub use rollout::{Deploy, DeviceEnd, FleetEvent, Rollout, RolloutEnd};
