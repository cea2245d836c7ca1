//! A histogram of constant size whose content depends only on the values, not on their order.

use crate::Range;

/// Bins on each side of zero.
const HALF: i32 = 2048;
const BINS: usize = 2 * HALF as usize;

/// Counts of values in bins of equal width, aligned at zero.
///
/// The width is a power of two: the smallest with which every value so far has a bin. A value outside doubles the width as often as needed,
/// which joins neighbouring bins exactly. So two histograms of the same values are equal, in whatever order or parts they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// The bins' width is `2^exponent`.
    exponent: i32,
    /// `counts[i]` is that of the values in `[(i - HALF) * width, (i - HALF + 1) * width)`.
    counts: Box<[u64; BINS]>,
}

impl Histogram {
    /// Bytes that a histogram takes, whatever it has seen.
    pub const BYTES: usize = BINS * size_of::<u64>();

    /// A histogram that has seen nothing.
    pub fn new() -> Histogram {
        // No float32 is so small that it would fall between bins of this width.
        Histogram { exponent: -149, counts: Box::new([0; BINS]) }
    }

    /// Counts values, which must be finite.
    pub fn add(&mut self, values: &[f32]) {
        if let Some(extent) = Range::of(values) {
            self.add_within(values, extent);
        }
    }

    /// Counts values, the smallest and the greatest of which are known.
    pub(crate) fn add_within(&mut self, values: &[f32], Range { min, max }: Range) {
        self.widen(required_exponent(min.min(0.0)).max(required_exponent(max.max(0.0))));
        let inverse = inverse_width(self.exponent);
        // The bins of several values at once: a loop of vector instructions, which counting is not.
        let mut bins = [0; 256];
        for values in values.chunks(bins.len()) {
            bins.iter_mut().zip(values).for_each(|(bin, &x)| *bin = bin_of(f64::from(x) * inverse));
            bins[..values.len()].iter().for_each(|&bin| self.counts[bin % BINS] += 1);
        }
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        self.widen(other.exponent);
        let mut add = |other: &Histogram| self.counts.iter_mut().zip(other.counts.iter()).for_each(|(count, more)| *count += more);
        if other.exponent == self.exponent {
            return add(other);
        }
        let mut other = other.clone();
        other.widen(self.exponent);
        add(&other);
    }

    /// The number of values.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bins that hold any values, ascending: lower edge, upper edge, count.
    pub fn bins(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        let width = 1.0 / inverse_width(self.exponent);
        let edge = move |i: usize| (i as i32 - HALF) as f64 * width;
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(i, &count)| (edge(i), edge(i + 1), count))
    }

    /// The value below which a share of all values lies, linear within a bin. `share` in `0.0..=1.0`; `None` where nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.total();
        let wanted = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0u64;
        let mut last = None;
        for (low, high, count) in self.bins() {
            if (below + count) as f64 >= wanted {
                return Some(low + (high - low) * ((wanted - below as f64) / count as f64).clamp(0.0, 1.0));
            }
            below += count;
            last = Some(high);
        }
        last
    }

    /// Doubles the width until it is at least `2^exponent`.
    fn widen(&mut self, exponent: i32) {
        while self.exponent < exponent {
            let joined: Vec<u64> = self.counts.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect();
            self.counts.fill(0);
            // The bins of [-HALF, HALF) shrink to [-HALF / 2, HALF / 2).
            self.counts[HALF as usize / 2..][..HALF as usize].copy_from_slice(&joined);
            self.exponent += 1;
            // Nothing counted yet: the width may jump.
            if joined.iter().all(|&count| count == 0) {
                self.exponent = exponent;
            }
        }
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

/// The bin of a value, in widths from zero; within `-HALF..HALF`.
///
/// Between 4096 and 8192 float64 has the integer part in the upper twelve bits of its mantissa: adding what brings the value there takes the
/// floor.
fn bin_of(x: f64) -> usize {
    const _: () = assert!(BINS == 1 << 12);
    // The sum would round what is this close to zero up to it. No other float32 is as close to an integer.
    const CLOSEST: f64 = -1.0 / (1 << 30) as f64;
    let below = if x < CLOSEST { x } else { CLOSEST };
    let x = if x < 0.0 { below } else { x };
    ((x + (HALF + BINS as i32) as f64).to_bits() >> 40) as usize % BINS
}

fn inverse_width(exponent: i32) -> f64 {
    2f64.powi(-exponent)
}

/// The smallest exponent with which `x` has a bin.
fn required_exponent(x: f32) -> i32 {
    if x == 0.0 {
        return -149;
    }
    let magnitude = f64::from(x).abs().min(f64::from(f32::MAX));
    let mut exponent = magnitude.log2().floor() as i32 - HALF.ilog2() as i32;
    while !(-HALF..HALF).contains(&((magnitude.copysign(f64::from(x)) * inverse_width(exponent)).floor() as i32)) {
        exponent += 1;
    }
    exponent.max(-149)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_lie_within_a_bin_of_the_true_ones() {
        let values: Vec<f32> = (0..=10_000).map(|i| i as f32 / 10_000.0).collect();
        let mut histogram = Histogram::new();
        histogram.add(&values);
        for share in [0.0, 0.1, 0.5, 0.9, 0.9999, 1.0] {
            assert!((histogram.quantile(share).unwrap() - share).abs() <= 1.0 / 512.0, "{share}");
        }
        assert_eq!(Histogram::new().quantile(0.5), None);
    }

    #[test]
    fn extremes_have_a_bin() {
        let values = [f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -1e-45, 0.0, -0.0, 1024.0, -1024.0, 1023.0];
        for &x in &values {
            let mut histogram = Histogram::new();
            histogram.add(&[x]);
            let found = histogram.quantile(0.5).unwrap();
            assert!((found - f64::from(x)).abs() <= f64::from(x).abs() / 256.0 + 1e-44, "{x}: {found}");
        }
    }

    proptest! {
        #[test]
        fn bins_are_floors(x in -2048.0f32..2048.0, scale in -149i32..1) {
            for x in [f64::from(x), f64::from(x) * 2f64.powi(scale), f64::from(x.trunc()), -2048.0, -0.0, -f64::MIN_POSITIVE] {
                prop_assert_eq!(bin_of(x) as f64, x.floor() + f64::from(HALF), "{:e}", x);
            }
        }

        #[test]
        fn order_and_parts_do_not_matter(values in prop::collection::vec(-1e6f32..1e6, 1..200), cut in 0usize..200, scale in -30i32..30) {
            let values: Vec<f32> = values.iter().enumerate().map(|(i, x)| if i % 3 == 0 { x * 2f32.powi(scale) } else { *x }).collect();
            let mut whole = Histogram::new();
            whole.add(&values);
            let (first, second) = values.split_at(cut.min(values.len()));
            let (mut a, mut b) = (Histogram::new(), Histogram::new());
            second.iter().rev().for_each(|&x| b.add(&[x]));
            a.add(first);
            a.merge(&b);
            prop_assert_eq!(&a, &whole);
            prop_assert_eq!(whole.total(), values.len() as u64);
        }
    }
}
