//! The operators that the firmware executes.

#[cfg(not(feature = "all-operators"))]
use edge_device::operators::{CONVOLUTIONAL, select};
use edge_runtime::{Core, Resolver};

/// Every operator, in its form for this core.
#[cfg(feature = "all-operators")]
pub const RESOLVER: Resolver<'static> = Resolver::for_core(Core::HERE);

/// [`CONVOLUTIONAL`]. What is not named is not linked.
#[cfg(not(feature = "all-operators"))]
pub const RESOLVER: Resolver<'static> = Resolver::new(&TABLE);

#[cfg(not(feature = "all-operators"))]
const TABLE: [edge_runtime::Registration; CONVOLUTIONAL.len()] = select(Resolver::for_core(Core::HERE).kernels(), &CONVOLUTIONAL);
