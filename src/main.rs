//! The `edgectl` binary.

fn main() {}
