//! edgectl-float
