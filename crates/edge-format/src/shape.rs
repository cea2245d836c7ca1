//! Data types and shapes: what a tensor's bytes mean.

use core::fmt;

/// Most dimensions that a tensor can have.
pub const MAX_RANK: usize = 6;

/// Data type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DType {
    /// Signed 8-bit: activations and weights.
    I8 = 0,
    /// Unsigned 8-bit.
    U8 = 1,
    /// Signed 16-bit.
    I16 = 2,
    /// Signed 32-bit: biases, multipliers, shifts.
    I32 = 3,
    /// IEEE 754 single precision. Reserved: no kernel reads it.
    F32 = 4,
    /// Signed 64-bit: biases of layers with int16 activations that sum up in 64 bits.
    I64 = 5,
}

impl DType {
    /// Every data type, in the order of its code.
    pub const ALL: [DType; 6] = [DType::I8, DType::U8, DType::I16, DType::I32, DType::F32, DType::I64];

    /// The data type of a code in the file.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Size of one element in bytes.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub const fn size_bytes(self) -> u32 {
        match self {
            DType::I8 | DType::U8 => 1,
            DType::I16 => 2,
            DType::I32 | DType::F32 => 4,
            DType::I64 => 8,
        }
    }

    /// Least and greatest zero point that can be meant by a tensor of this type.
    pub const fn zero_point_range(self) -> (i32, i32) {
        match self {
            DType::I8 => (i8::MIN as i32, i8::MAX as i32),
            DType::U8 => (0, u8::MAX as i32),
            DType::I16 => (i16::MIN as i32, i16::MAX as i32),
            DType::I32 | DType::F32 | DType::I64 => (0, 0),
        }
    }

    /// Short lower-case name: `i8`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::I8 => "i8",
            DType::U8 => "u8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::F32 => "f32",
            DType::I64 => "i64",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Dimensions of a tensor, outermost first: at most [`MAX_RANK`], each at least 1, fewer than 2^31 elements.
///
/// A scalar has rank 0 and one element.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [u32; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// A shape, or `None` where the rank is above [`MAX_RANK`], a dimension is 0, or there would be 2^31
    /// elements or more.
    pub fn new(dims: &[u32]) -> Option<Self> {
        let mut shape = Self { dims: [0; MAX_RANK], rank: u8::try_from(dims.len()).ok()? };
        shape.dims.get_mut(..dims.len())?.copy_from_slice(dims);
        let elements = dims.iter().try_fold(1u32, |product, &dim| product.checked_mul(dim))?;
        (elements != 0 && elements <= i32::MAX as u32).then_some(shape)
    }

    /// A shape that was found to be one.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub(crate) fn checked(dims: [u32; MAX_RANK], rank: u8) -> Self {
        Self { dims, rank }
    }

    /// The dimensions, outermost first.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn dims(&self) -> &[u32] {
        self.dims.get(..self.rank()).unwrap_or_default()
    }

    /// Number of dimensions.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// Number of elements: 1 to 2^31 - 1.
    #[cfg_attr(not(target_os = "none"), inline)]
    pub fn elements(&self) -> u32 {
        self.dims().iter().product()
    }

    /// The dimensions as `N` numbers, where the rank is `N`.
    pub fn array<const N: usize>(&self) -> Option<[usize; N]> {
        let dims: &[u32; N] = self.dims().try_into().ok()?;
        Some(dims.map(|dim| dim as usize))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}
