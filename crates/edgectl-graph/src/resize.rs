//! Resizing of images: where an output element lies in the input.

use std::fmt;

/// The attributes of a resize.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resize {
    /// The sizes of the output's spatial axes.
    pub sizes: Vec<usize>,
    /// Where an element lies.
    pub coordinates: Coordinates,
    /// What is read there.
    pub interpolation: Interpolation,
}

/// Where element `i` of an axis lies in the input, `scale` being the input's size divided by the output's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// `i * (input - 1) / (output - 1)`: the first and the last elements meet.
    AlignCorners,
    /// `i * scale`
    Asymmetric,
    /// `(i + 1/2) * scale - 1/2`
    HalfPixel,
}

/// What is read between elements. Beyond the edge there are copies of the last element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Weighted by distance.
    Linear,
    /// The nearest element.
    Nearest(Rounding),
}

/// Which element is the nearest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The one behind.
    Ceil,
    /// The one before.
    Floor,
    /// The closer one; of two the one behind.
    PreferCeil,
    /// The closer one; of two the one before.
    PreferFloor,
}

impl Resize {
    /// The input element for each element of an axis that goes from size `from` to `to`, where the nearest one is read.
    ///
    /// In single precision, as engines compute it: `AlignCorners` and `HalfPixel` with `PreferCeil`, and `Asymmetric` with `Floor` are
    /// those of TensorFlow Lite.
    pub fn nearest(coordinates: Coordinates, rounding: Rounding, from: usize, to: usize) -> impl Iterator<Item = usize> {
        let scale = match coordinates {
            Coordinates::AlignCorners if to > 1 => (from as f32 - 1.0) / (to as f32 - 1.0),
            _ => from as f32 / to as f32,
        };
        let centre = if coordinates == Coordinates::HalfPixel { 0.5 } else { 0.0 };
        (0..to).map(move |index| {
            let position = (index as f32 + centre) * scale;
            let nearest = match rounding {
                Rounding::Ceil => (position - centre).ceil(),
                Rounding::Floor => (position - centre).floor(),
                Rounding::PreferCeil => (position + (0.5 - centre)).floor(),
                Rounding::PreferFloor => (position - (0.5 + centre)).ceil(),
            };
            (nearest.max(0.0) as usize).min(from.saturating_sub(1))
        })
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.sizes.iter().map(usize::to_string).collect();
        let (coordinates, interpolation) = (self.coordinates, self.interpolation);
        write!(f, "sizes={} {}", sizes.join("x"), format!("{coordinates:?} {interpolation:?}").to_lowercase())
    }
}
