//! edgectl-data
