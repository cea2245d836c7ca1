//! edgectl-lower
