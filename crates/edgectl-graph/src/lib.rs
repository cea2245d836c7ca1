//! edgectl-graph
