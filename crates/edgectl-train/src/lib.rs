//! Trains graphs further.
