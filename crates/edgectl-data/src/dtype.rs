//! Element types of stored arrays and their conversion to `f32`.

use half::f16;

/// The type of a stored element. Everything is handed on as `f32`: integers beyond 2^24 and `f64` are rounded to nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// A byte; every value but 0 is 1.
    Bool,
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
}

impl DType {
    /// Bytes of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::F16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// The short name, such as `f32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }

    /// Decodes little-endian elements; a trailing partial element is ignored.
    pub(crate) fn decode(self, bytes: &[u8], mut emit: impl FnMut(f64)) {
        macro_rules! each {
            ($type:ty, $widen:expr) => {{
                let (elements, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                elements.iter().for_each(|&raw| emit($widen(<$type>::from_le_bytes(raw))))
            }};
        }
        match self {
            Self::Bool => each!(u8, |v| f64::from(u8::from(v != 0))),
            Self::F16 => each!(f16, f16::to_f64),
            Self::F32 => each!(f32, f64::from),
            Self::F64 => each!(f64, |v| v),
            Self::I8 => each!(i8, f64::from),
            Self::I16 => each!(i16, f64::from),
            Self::I32 => each!(i32, f64::from),
            Self::I64 => each!(i64, |v| v as f64),
            Self::U8 => each!(u8, f64::from),
            Self::U16 => each!(u16, f64::from),
            Self::U32 => each!(u32, f64::from),
            Self::U64 => each!(u64, |v| v as f64),
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a stored value as a class index: whole, at least 0 and exact in an `f64`.
pub(crate) fn label(value: f64) -> Option<i64> {
    const EXACT: f64 = (1_u64 << 53) as f64;
    (value.fract() == 0.0 && (0.0..=EXACT).contains(&value)).then_some(value as i64)
}
