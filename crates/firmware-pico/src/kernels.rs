//! The operators that the firmware executes.

#[cfg(not(feature = "all-operators"))]
use edge_device::operators::{CONVOLUTIONAL, select};
use edge_runtime::{Core, Resolver};

/// Every operator, in its form for this core.
#[cfg(feature = "all-operators")]
pub const RESOLVER: Resolver<'static> = ALL;

/// [`CONVOLUTIONAL`]. What is not named is not linked.
#[cfg(not(feature = "all-operators"))]
pub const RESOLVER: Resolver<'static> = Resolver::new(&TABLE);

#[cfg(not(feature = "all-operators"))]
const TABLE: [edge_runtime::Registration; CONVOLUTIONAL.len()] = select(ALL.kernels(), &CONVOLUTIONAL);

#[cfg(not(feature = "dual-core"))]
const ALL: Resolver<'static> = Resolver::for_core(Core::HERE);

#[cfg(feature = "dual-core")]
const ALL: Resolver<'static> = Resolver::for_cores::<crate::second_core::Pair>(Core::HERE);
