//! edgectl-testkit
