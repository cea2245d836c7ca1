//! Brings bundles to devices and proves them there.
