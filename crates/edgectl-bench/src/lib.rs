//! What a model costs on a device: time, memory, energy; how sure that is; and whether it is within budget.

pub mod host;
pub mod machine;
pub mod measure;
pub mod program;
pub mod stats;
