//! The operators that the firmware executes.

#[cfg(not(feature = "all-operators"))]
use edge_device::operators::CONVOLUTIONAL;
use edge_runtime::{Core, Resolver};

/// Every operator, in its form for this core.
#[cfg(feature = "all-operators")]
pub const RESOLVER: Resolver<'static> = Resolver::for_core(Core::HERE);

/// [`CONVOLUTIONAL`]. What is not named is not linked.
#[cfg(not(feature = "all-operators"))]
pub const RESOLVER: Resolver<'static> = Resolver::new(&TABLE);

#[cfg(not(feature = "all-operators"))]
const TABLE: [edge_runtime::Registration; CONVOLUTIONAL.len()] = {
    let all = Resolver::for_core(Core::HERE).kernels();
    let mut table = [all[0]; CONVOLUTIONAL.len()];
    let mut index = 0;
    while index < CONVOLUTIONAL.len() {
        let mut at = 0;
        while all[at].op as u32 != CONVOLUTIONAL[index] as u32 {
            at += 1;
        }
        table[index] = all[at];
        index += 1;
    }
    table
};
