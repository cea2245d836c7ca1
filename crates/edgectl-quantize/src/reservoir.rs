//! A bounded choice of a layer's input patches that depends on their values only, not on the order in which they are seen.

use std::cmp::Ordering;

use crate::layer::Geometry;

/// Patches that are kept at most.
const ROWS: usize = 1024;
/// Elements that are kept at most, in all patches together.
const ELEMENTS: usize = 1 << 18;
/// Patches that are offered of one sample.
const PER_SAMPLE: usize = 8;

/// The patches with the smallest hashes of those offered.
#[derive(Clone, Debug)]
pub(crate) struct Reservoir {
    geometry: Geometry,
    /// Ascending.
    kept: Vec<Patch>,
}

/// A patch, ordered by hash and then by content.
#[derive(Clone, Debug)]
struct Patch {
    hash: u64,
    values: Box<[f32]>,
}

impl Patch {
    fn order(&self, other: &Patch) -> Ordering {
        let content = || self.values.iter().map(|x| x.to_bits()).cmp(other.values.iter().map(|x| x.to_bits()));
        self.hash.cmp(&other.hash).then_with(content)
    }
}

impl Reservoir {
    pub(crate) fn new(geometry: Geometry) -> Reservoir {
        Reservoir { geometry, kept: vec![] }
    }

    /// Another of the same layer that has seen nothing.
    pub(crate) fn fork(&self) -> Reservoir {
        Reservoir::new(self.geometry.clone())
    }

    fn capacity(&self) -> usize {
        ROWS.min(ELEMENTS / self.geometry.patch().max(1)).max(1)
    }

    /// The most bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.capacity() * (self.geometry.patch() * size_of::<f32>() + size_of::<Patch>())
    }

    /// Offers patches of one sample's input of the layer, at places which its values choose.
    pub(crate) fn observe(&mut self, input: &[f32]) {
        let positions = self.geometry.positions(input.len());
        let seed = hash(input);
        for i in 0..PER_SAMPLE.min(positions) {
            let position = if positions <= PER_SAMPLE { i } else { (mix(seed ^ i as u64) % positions as u64) as usize };
            let values: Box<[f32]> = self.geometry.gather(input, position).into();
            self.keep(Patch { hash: mix(hash(&values) ^ mix(seed)), values });
        }
    }

    /// Offers what another reservoir of the same layer has kept.
    pub(crate) fn merge(&mut self, other: &Reservoir) {
        other.kept.iter().for_each(|patch| self.keep(patch.clone()));
    }

    fn keep(&mut self, patch: Patch) {
        let place = self.kept.partition_point(|kept| kept.order(&patch) == Ordering::Less);
        if place < self.capacity() {
            self.kept.insert(place, patch);
            self.kept.truncate(self.capacity());
        }
    }

    /// The patches, in an order that depends on their values only.
    pub(crate) fn patches(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.kept.iter().map(|patch| &*patch.values)
    }
}

/// A hash of values that is the same on every machine.
fn hash(values: &[f32]) -> u64 {
    values.iter().fold(0, |hash, x| mix(hash ^ u64::from(x.to_bits())))
}

/// The finalizer of SplitMix64 (G. Steele et al., 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
