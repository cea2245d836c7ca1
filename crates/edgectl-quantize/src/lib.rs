//! edgectl-quantize
