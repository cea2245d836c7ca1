//! Makes float models smaller: removes channels, so that the graph itself shrinks, or sets weights to zero.

mod compensate;
mod cut;
mod dependencies;
mod edits;
mod entries;
mod error;
mod importance;
mod linear;
mod lossless;
mod mask;
mod plan;
mod rules;
mod statistics;
mod weights;

pub use dependencies::{Dependencies, Fixed, Group, Member, Unit, UnitId};
pub use error::PruneError;
pub use importance::{Norm, Scores, Taylor, batch_norm_scale, magnitude, reconstruction};
pub use lossless::{Idle, Lossless, lossless};
pub use mask::{Masks, Pattern};
pub use plan::{Keep, Plan, Scope};
pub use statistics::Statistics;
