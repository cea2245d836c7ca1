//! What the caller states about stored values and how they become the model's input.

use std::str::FromStr;

/// How stored values become the model's input. Nothing is implied: the default changes no value and no axis.
///
/// The steps, in this order: resize; `value = (raw * scale - mean) / std`; transpose from `layout` to `model_layout`; drop or add unit
/// dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preprocess {
    /// Bilinear resize of images (rank 2, or rank 3 with a layout), half-pixel centres, edges clamped, no antialiasing: ONNX `Resize`
    /// with mode `linear` and `half_pixel`.
    pub resize: Option<ImageSize>,
    /// Factor of the raw values.
    pub scale: Ratio,
    /// Subtracted after scaling: none, one value, or one per channel (rank 1: per element).
    pub mean: Vec<f32>,
    /// Divides after subtracting: none, one value, or one per channel (rank 1: per element). Not 0.
    pub std: Vec<f32>,
    /// Layout of stored samples of rank 3. None = that of the format (images), else not stated and never transposed.
    pub layout: Option<Layout>,
    /// Layout of a model's input of rank 3; matters only where the stored layout is known.
    pub model_layout: Layout,
}

/// The order of the axes of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Channels, height, width (ONNX).
    #[default]
    Nchw,
    /// Height, width, channels (image files, TensorFlow Lite).
    Nhwc,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nchw => "nchw",
            Self::Nhwc => "nhwc",
        })
    }
}

impl FromStr for Layout {
    type Err = ParseOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "nchw" => Ok(Self::Nchw),
            "nhwc" => Ok(Self::Nhwc),
            _ => Err(ParseOptionError { what: "layout", expected: "nchw or nhwc", found: text.to_owned() }),
        }
    }
}

/// Height and width in pixels, written `HxW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Rows, 1 to 16384.
    pub height: usize,
    /// Columns, 1 to 16384.
    pub width: usize,
}

impl ImageSize {
    /// The longest side that is resized to.
    pub const MAX_SIDE: usize = 16_384;
}

impl std::fmt::Display for ImageSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl FromStr for ImageSize {
    type Err = ParseOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let side = |side: &str| side.parse().ok().filter(|side| (1..=Self::MAX_SIDE).contains(side));
        text.split_once('x').and_then(|(height, width)| Some(Self { height: side(height)?, width: side(width)? })).ok_or_else(|| {
            ParseOptionError { what: "size of images", expected: "HEIGHTxWIDTH with sides of 1 to 16384", found: text.to_owned() }
        })
    }
}

/// A factor, written as a number (`0.5`) or a fraction (`1/255`). Finite and not 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Ratio {
    /// The ratio as a number.
    pub fn value(self) -> f64 {
        self.0
    }

    /// None where `value` is 0 or not finite.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value != 0.0).then_some(Self(value))
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for Ratio {
    type Err = ParseOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let number = |part: &str| part.trim().parse::<f64>().ok();
        number(numerator).zip(number(denominator)).and_then(|(n, d)| Self::new(n / d)).ok_or_else(|| ParseOptionError {
            what: "ratio",
            expected: "a number or fraction other than 0, such as 0.5 or 1/255",
            found: text.to_owned(),
        })
    }
}

/// An option's text that does not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a {what}, expected {expected}")]
pub struct ParseOptionError {
    /// The kind of value.
    pub what: &'static str,
    /// What is allowed.
    pub expected: &'static str,
    /// The text given.
    pub found: String,
}
