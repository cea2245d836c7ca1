//! The integers that activations are made of.

use edge_format::DType;

mod sealed {
    pub trait Sealed {}
}

/// An integer type of model inputs, outputs and activations.
pub trait Element: bytemuck::Pod + Ord + Into<i32> + sealed::Sealed {
    /// As the format names it.
    const DTYPE: DType;
    /// Least value.
    const LEAST: i32;
    /// Greatest value.
    const GREATEST: i32;

    /// The nearest value.
    fn saturate(q: i32) -> Self;

    /// The value of the low bits: of a number in range, that number.
    fn wrapping_from(q: i32) -> Self;
}

macro_rules! element {
    ($($type:ident = $dtype:ident,)*) => {$(
        impl sealed::Sealed for $type {}

        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            const LEAST: i32 = $type::MIN as i32;
            const GREATEST: i32 = $type::MAX as i32;

            #[inline(always)]
            fn saturate(q: i32) -> Self {
                q.max(Self::LEAST).min(Self::GREATEST) as $type
            }

            #[inline(always)]
            fn wrapping_from(q: i32) -> Self {
                q as $type
            }
        }
    )*};
}

element! {
    i8 = I8,
    i16 = I16,
    i32 = I32,
}
