//! Removes channels of graphs.
