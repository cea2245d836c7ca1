//! edge-format
