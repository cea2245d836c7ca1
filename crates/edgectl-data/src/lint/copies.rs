//! Samples that are there more than once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use super::Finding;

/// The most samples that are looked at: what bounds the memory.
const MAX_HASHES: usize = 1 << 20;
/// The share of copies from which on they are found.
const LEAST_SHARE: f64 = 0.05;

/// Counts samples that are copies of others, bit by bit. A sample is what all inputs of a model get together: one of them may well be the
/// same in many samples.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    hashes: HashSet<u64>,
    samples: u64,
}

impl Copies {
    /// Adds a sample: the values of each input.
    pub fn add<'a>(&mut self, inputs: impl IntoIterator<Item = &'a [f32]>) {
        if self.hashes.len() >= MAX_HASHES {
            return;
        }
        let mut hasher = DefaultHasher::new();
        for values in inputs {
            hasher.write_usize(values.len());
            values.iter().for_each(|x| hasher.write_u32(x.to_bits()));
        }
        self.hashes.insert(hasher.finish());
        self.samples += 1;
    }

    /// What there is to say about them.
    pub fn finding(&self) -> Option<Finding> {
        let found = self.samples - self.hashes.len() as u64;
        (found as f64 > LEAST_SHARE * self.samples as f64).then_some(Finding::Duplicates { found, samples: self.samples })
    }
}
