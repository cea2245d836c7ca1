//! Augmentation: other samples that have the same label. What happens to a sample follows from the seed, the epoch and its place alone.

use std::fmt;
use std::str::FromStr;

/// A random change of a sample. Images are `[C, H, W]`; windows of sensors have time on the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Augmentation {
    /// A square of an image is zero: its side in pixels (T. DeVries, G. Taylor: Cutout, 2017).
    Cutout(usize),
    /// An image may be mirrored left to right.
    Flip,
    /// Normal noise is added: its standard deviation.
    Noise(f32),
    /// All values times a factor from 1 less this to 1 plus this.
    Scale(f32),
    /// An image may be moved by up to so many pixels along each axis; what comes in is zero.
    Shift(usize),
    /// A stretch of time of up to this length is zero.
    TimeMask(usize),
    /// A window may be moved by up to so many steps; what comes in is a copy of the end.
    TimeShift(usize),
}

/// A text that names no augmentation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\": expected flip, shift=PIXELS, cutout=PIXELS, noise=STD, scale=SHARE, time-shift=STEPS or time-mask=STEPS")]
pub struct ParseAugmentationError {
    found: String,
}

impl FromStr for Augmentation {
    type Err = ParseAugmentationError;

    fn from_str(text: &str) -> Result<Augmentation, ParseAugmentationError> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let number = || value?.parse::<f32>().ok().filter(|value| value.is_finite() && *value >= 0.0);
        let steps = || value?.parse::<usize>().ok();
        let found = match name {
            "cutout" => steps().map(Augmentation::Cutout),
            "flip" if value.is_none() => Some(Augmentation::Flip),
            "noise" => number().map(Augmentation::Noise),
            "scale" => number().filter(|share| *share < 1.0).map(Augmentation::Scale),
            "shift" => steps().map(Augmentation::Shift),
            "time-mask" => steps().map(Augmentation::TimeMask),
            "time-shift" => steps().map(Augmentation::TimeShift),
            _ => None,
        };
        found.ok_or_else(|| ParseAugmentationError { found: text.into() })
    }
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Augmentation::Cutout(side) => write!(f, "cutout={side}"),
            Augmentation::Flip => f.write_str("flip"),
            Augmentation::Noise(deviation) => write!(f, "noise={deviation}"),
            Augmentation::Scale(share) => write!(f, "scale={share}"),
            Augmentation::Shift(pixels) => write!(f, "shift={pixels}"),
            Augmentation::TimeMask(steps) => write!(f, "time-mask={steps}"),
            Augmentation::TimeShift(steps) => write!(f, "time-shift={steps}"),
        }
    }
}

impl Augmentation {
    /// Whether it applies to samples of this shape.
    pub(crate) fn fits(self, shape: &[usize]) -> bool {
        match self {
            Augmentation::Cutout(_) | Augmentation::Flip | Augmentation::Shift(_) => shape.len() == 3,
            _ => true,
        }
    }

    /// Changes a sample of a shape that [fits](Augmentation::fits).
    pub(crate) fn apply(self, shape: &[usize], values: &mut [f32], random: &mut fastrand::Rng) {
        let width = shape.last().copied().unwrap_or(1).max(1);
        let height = if shape.len() == 3 { shape[1].max(1) } else { 1 };
        match self {
            Augmentation::Cutout(side) => {
                let (top, left) = (random.usize(0..height), random.usize(0..width));
                for plane in values.chunks_exact_mut(height * width) {
                    for row in plane.chunks_exact_mut(width).skip(top.saturating_sub(side / 2)).take(side) {
                        row.iter_mut().skip(left.saturating_sub(side / 2)).take(side).for_each(|value| *value = 0.0);
                    }
                }
            }
            Augmentation::Flip => {
                if random.bool() {
                    values.chunks_exact_mut(width).for_each(<[f32]>::reverse);
                }
            }
            Augmentation::Noise(deviation) => values.iter_mut().for_each(|value| *value += deviation * normal(random)),
            Augmentation::Scale(share) => {
                let factor = 1.0 + share * (2.0 * random.f32() - 1.0);
                values.iter_mut().for_each(|value| *value *= factor);
            }
            Augmentation::Shift(pixels) => {
                let mut by = || random.usize(0..2 * pixels + 1) as isize - pixels as isize;
                let (dy, dx) = (by(), by());
                for plane in values.chunks_exact_mut(height * width) {
                    let old = plane.to_vec();
                    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                        for (x, value) in row.iter_mut().enumerate() {
                            let from = |at: usize, by: isize, size: usize| at.checked_add_signed(by).filter(|&at| at < size);
                            let source = from(y, dy, height).zip(from(x, dx, width));
                            *value = source.map_or(0.0, |(y, x)| old[y * width + x]);
                        }
                    }
                }
            }
            Augmentation::TimeMask(steps) => {
                let (len, start) = (random.usize(0..steps.min(width) + 1), random.usize(0..width));
                values.chunks_exact_mut(width).flat_map(|row| row.iter_mut().skip(start).take(len)).for_each(|value| *value = 0.0);
            }
            Augmentation::TimeShift(steps) => {
                let by = random.usize(0..2 * steps + 1) as isize - steps as isize;
                for row in values.chunks_exact_mut(width) {
                    let old = row.to_vec();
                    row.iter_mut().enumerate().for_each(|(t, value)| *value = old[(t as isize + by).clamp(0, width as isize - 1) as usize]);
                }
            }
        }
    }
}

/// A number of the standard normal distribution (G. Box, M. Muller, 1958).
pub(crate) fn normal(random: &mut fastrand::Rng) -> f32 {
    // Not zero, whose logarithm is infinite.
    let (u, v) = (1.0 - random.f64(), random.f64());
    ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["cutout=4", "flip", "noise=0.05", "scale=0.1", "shift=2", "time-mask=8", "time-shift=3"] {
            assert_eq!(text.parse::<Augmentation>().unwrap().to_string(), text);
        }
        for text in ["", "flip=1", "shift", "shift=-1", "noise=nan", "scale=1", "mirror"] {
            assert!(text.parse::<Augmentation>().is_err(), "{text}");
        }
    }

    #[test]
    fn shifted_images_keep_what_stays_inside() {
        let image: Vec<f32> = (1..=12).map(|i| i as f32).collect();
        for seed in 0..20 {
            let mut shifted = image.clone();
            Augmentation::Shift(1).apply(&[1, 3, 4], &mut shifted, &mut fastrand::Rng::with_seed(seed));
            let inner = shifted.iter().filter(|value| **value != 0.0).count();
            assert!(inner >= 6 && shifted.iter().all(|value| *value == 0.0 || image.contains(value)));
        }
    }

    #[test]
    fn the_seed_decides() {
        let run = |seed| {
            let mut values = vec![1.0; 32];
            Augmentation::Noise(0.1).apply(&[1, 32], &mut values, &mut fastrand::Rng::with_seed(seed));
            values
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
