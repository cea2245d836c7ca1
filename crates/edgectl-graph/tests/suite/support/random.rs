//! Reproducible random numbers: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Numbers with a magnitude of 0.5 to 1.5, so that they can be divisors.
    pub(crate) fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| {
                let bits = self.next();
                let magnitude = 0.5 + (bits >> 40) as f32 / (1 << 24) as f32;
                if bits & 1 == 0 { magnitude } else { -magnitude }
            })
            .collect()
    }

    /// The numbers `0..len` in random order.
    pub(crate) fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut perm: Vec<usize> = (0..len).collect();
        (1..len).for_each(|i| perm.swap(i, self.below(i + 1)));
        perm
    }
}
