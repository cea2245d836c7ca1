//! Constant tensors.

use std::fmt;
use std::sync::Arc;

use crate::{Fact, Shape};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// Truth value, one byte.
    Bool,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Signed 8 bit.
    I8,
    /// Signed 16 bit.
    I16,
    /// Signed 32 bit.
    I32,
    /// Signed 64 bit.
    I64,
    /// Any type that no deployable operator takes; the number is the front end's own code for it.
    Other(i32),
    /// Unsigned 8 bit.
    U8,
}

impl DType {
    /// The size of an element, where it is known.
    pub fn bytes(self) -> Option<usize> {
        Some(match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 => 2,
            DType::F32 | DType::I32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::Other(_) => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::Bool => "bool",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I8 => "i8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::Other(code) => return write!(f, "type{code}"),
        })
    }
}

/// The elements of a constant, outermost dimension first. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// Truth values.
    Bool(Arc<[bool]>),
    /// 32 bit floats.
    F32(Arc<[f32]>),
    /// 64 bit floats.
    F64(Arc<[f64]>),
    /// Signed 8 bit integers.
    I8(Arc<[i8]>),
    /// Signed 16 bit integers.
    I16(Arc<[i16]>),
    /// Signed 32 bit integers.
    I32(Arc<[i32]>),
    /// Signed 64 bit integers.
    I64(Arc<[i64]>),
    /// Elements of a type that no deployable operator takes, in the front end's own encoding.
    Other {
        /// The front end's code of the type.
        dtype: i32,
        /// The encoded tensor.
        bytes: Arc<[u8]>,
    },
    /// Unsigned 8 bit integers.
    U8(Arc<[u8]>),
}

impl Data {
    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Data::Bool(_) => DType::Bool,
            Data::F32(_) => DType::F32,
            Data::F64(_) => DType::F64,
            Data::I8(_) => DType::I8,
            Data::I16(_) => DType::I16,
            Data::I32(_) => DType::I32,
            Data::I64(_) => DType::I64,
            Data::Other { dtype, .. } => DType::Other(*dtype),
            Data::U8(_) => DType::U8,
        }
    }

    /// The number of elements, where the encoding is known.
    fn len(&self) -> Option<usize> {
        Some(match self {
            Data::Bool(v) => v.len(),
            Data::F32(v) => v.len(),
            Data::F64(v) => v.len(),
            Data::I8(v) => v.len(),
            Data::I16(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::Other { .. } => return None,
            Data::U8(v) => v.len(),
        })
    }
}

/// A constant tensor. The number of its elements always equals the product of its dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    shape: Vec<usize>,
    data: Data,
}

impl Literal {
    /// A constant of this shape, or `None` where the number of elements does not fit it.
    pub fn new(shape: impl Into<Vec<usize>>, data: Data) -> Option<Literal> {
        let shape = shape.into();
        let elements = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))?;
        data.len().is_none_or(|len| len == elements).then_some(Literal { shape, data })
    }

    /// A float32 constant, or `None` where the number of elements does not fit the shape.
    pub fn f32(shape: impl Into<Vec<usize>>, values: impl Into<Arc<[f32]>>) -> Option<Literal> {
        Literal::new(shape, Data::F32(values.into()))
    }

    /// A one-dimensional int64 constant, the form of ONNX's shapes and axes.
    pub fn i64s(values: impl Into<Arc<[i64]>>) -> Literal {
        let values = values.into();
        Literal { shape: vec![values.len()], data: Data::I64(values) }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// Type and shape.
    pub fn fact(&self) -> Fact {
        Fact::new(self.dtype(), Shape::new(self.shape.iter().copied()))
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The elements, where they are float32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(values) => Some(values),
            _ => None,
        }
    }

    /// The elements as int64, where they are integers of a known type.
    pub fn to_i64s(&self) -> Option<Vec<i64>> {
        Some(match &self.data {
            Data::I8(v) => v.iter().map(|&x| x.into()).collect(),
            Data::I16(v) => v.iter().map(|&x| x.into()).collect(),
            Data::I32(v) => v.iter().map(|&x| x.into()).collect(),
            Data::I64(v) => v.to_vec(),
            Data::U8(v) => v.iter().map(|&x| x.into()).collect(),
            _ => return None,
        })
    }

    /// The only element of a float32 constant of one element.
    pub fn scalar_f32(&self) -> Option<f32> {
        match self.as_f32()? {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// The same elements in another shape, or `None` where their number differs.
    pub fn reshaped(&self, shape: impl Into<Vec<usize>>) -> Option<Literal> {
        Literal::new(shape, self.data.clone())
    }

    /// A float32 constant with its dimensions permuted: `out.shape[i] = shape[perm[i]]`. `None` where it is of another type or `perm`
    /// is no permutation of its axes.
    pub fn permuted_f32(&self, perm: &[usize]) -> Option<Literal> {
        let values = permute(self.as_f32()?, &self.shape, perm)?;
        Literal::f32(perm.iter().map(|&axis| self.shape[axis]).collect::<Vec<_>>(), values)
    }
}

/// `values` of `shape` with the dimensions permuted: `out.shape[i] = shape[perm[i]]`. `None` where `perm` is no permutation of the axes
/// or the number of values does not fit the shape.
pub fn permute<T: Copy>(values: &[T], shape: &[usize], perm: &[usize]) -> Option<Vec<T>> {
    let mut seen = vec![false; shape.len()];
    for &axis in perm {
        if std::mem::replace(seen.get_mut(axis)?, true) {
            return None;
        }
    }
    if perm.len() != shape.len() || values.len() != shape.iter().product::<usize>() {
        return None;
    }
    // Without elements, the other dimensions may be so great that their product overflows.
    if values.is_empty() {
        return Some(vec![]);
    }
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let mut out = Vec::with_capacity(values.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..values.len() {
        out.push(values[index.iter().zip(perm).map(|(&i, &axis)| i * strides[axis]).sum::<usize>()]);
        for (i, &axis) in index.iter_mut().zip(perm).rev() {
            *i += 1;
            if *i < shape[axis] {
                break;
            }
            *i = 0;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_literal_holds_as_many_elements_as_its_shape() {
        assert!(Literal::f32([2, 3], vec![0.0; 6]).is_some());
        assert!(Literal::f32([2, 3], vec![0.0; 5]).is_none());
        assert!(Literal::f32([usize::MAX, 2], vec![0.0; 2]).is_none());
        assert_eq!(Literal::f32([], vec![7.0]).unwrap().scalar_f32(), Some(7.0));
    }

    #[test]
    fn permute_moves_channels_last() {
        let nchw: Vec<i32> = (0..12).collect();
        assert_eq!(permute(&nchw, &[1, 2, 2, 3], &[0, 2, 3, 1]).unwrap(), [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
        assert_eq!(permute(&nchw, &[3, 4], &[0, 0]), None);
        assert_eq!(permute(&nchw, &[3, 4], &[0]), None);
        assert_eq!(permute(&nchw, &[3, 4], &[0, 2]), None);
        assert_eq!(permute(&[9], &[], &[]).unwrap(), [9]);
        assert_eq!(permute::<u8>(&[], &[0, usize::MAX, usize::MAX], &[2, 1, 0]).unwrap(), []);
    }
}
