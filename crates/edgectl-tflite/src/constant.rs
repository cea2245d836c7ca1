//! The elements of constants.

use edgectl_graph::{DType, Data, Literal};
use half::f16;

use crate::TfliteError;
use crate::codes::Type;
use crate::schema::Tensor;

/// The graph's name of a type.
pub(crate) fn dtype(ty: Type) -> DType {
    match ty {
        Type::BOOL => DType::Bool,
        Type::FLOAT32 => DType::F32,
        Type::FLOAT64 => DType::F64,
        Type::INT16 => DType::I16,
        Type::INT32 => DType::I32,
        Type::INT64 => DType::I64,
        Type::INT8 => DType::I8,
        Type::UINT8 => DType::U8,
        Type(code) => DType::Other(code.into()),
    }
}

/// The elements of an int8 constant.
pub(crate) fn int8(tensor: &Tensor<'_>) -> Option<Vec<i8>> {
    let bytes = tensor.data.filter(|_| tensor.ty == Type::INT8)?;
    Some(bytes.iter().map(|byte| byte.cast_signed()).collect())
}

/// The elements of an int16 constant.
pub(crate) fn int16(tensor: &Tensor<'_>) -> Option<Vec<i16>> {
    let bytes = tensor.data.filter(|_| tensor.ty == Type::INT16)?;
    Some(numbers(bytes, i16::from_le_bytes))
}

/// The elements of an int64 constant.
pub(crate) fn int64(tensor: &Tensor<'_>) -> Option<Vec<i64>> {
    let bytes = tensor.data.filter(|_| tensor.ty == Type::INT64)?;
    Some(numbers(bytes, i64::from_le_bytes))
}

/// The elements of an int32 constant.
pub(crate) fn int32(tensor: &Tensor<'_>) -> Option<Vec<i32>> {
    let bytes = tensor.data.filter(|_| tensor.ty == Type::INT32)?;
    Some(numbers(bytes, i32::from_le_bytes))
}

fn numbers<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()
}

/// A constant; whole numbers that have scales, and narrow floats, as float32.
pub(crate) fn literal(tensor: &Tensor<'_>) -> Result<Literal, TfliteError> {
    let bad = |expected: &str, found: String| TfliteError::Tensor { tensor: tensor.name.clone(), expected: expected.into(), found };
    let bytes = tensor.data.unwrap_or_default();
    if tensor.sparse {
        return Err(bad("dense data", "sparse data".into()));
    }
    let scaled = !tensor.scales.is_empty();
    let data = match tensor.ty {
        Type::INT8 if scaled => dequantize(tensor, bytes.iter().map(|byte| byte.cast_signed().into()))?,
        Type::UINT8 if scaled => dequantize(tensor, bytes.iter().map(|&byte| byte.into()))?,
        Type::INT16 if scaled => dequantize(tensor, numbers(bytes, i16::from_le_bytes).into_iter().map(f64::from))?,
        Type::INT64 if scaled => dequantize(tensor, numbers(bytes, i64::from_le_bytes).into_iter().map(|q| q as f64))?,
        Type::INT32 if scaled => dequantize(tensor, numbers(bytes, i32::from_le_bytes).into_iter().map(f64::from))?,
        Type::BOOL => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        Type::FLOAT16 => Data::F32(numbers(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()).into()),
        Type::FLOAT32 => Data::F32(numbers(bytes, f32::from_le_bytes).into()),
        Type::FLOAT64 => Data::F64(numbers(bytes, f64::from_le_bytes).into()),
        Type::INT16 => Data::I16(numbers(bytes, i16::from_le_bytes).into()),
        Type::INT32 => Data::I32(numbers(bytes, i32::from_le_bytes).into()),
        Type::INT64 => Data::I64(numbers(bytes, i64::from_le_bytes).into()),
        Type::INT8 => Data::I8(bytes.iter().map(|byte| byte.cast_signed()).collect()),
        Type::UINT8 => Data::U8(bytes.into()),
        Type(code) => Data::Other { dtype: code.into(), bytes: bytes.into() },
    };
    let (shape, found) = (&tensor.shape, bytes.len());
    // The conversions drop what does not fill an element: the number of bytes must be right as well.
    let exact = match (tensor.ty, dtype(tensor.ty).bytes()) {
        (Type::FLOAT16, _) => found % 2 == 0,
        (_, Some(size)) => found % size == 0,
        (_, None) => true,
    };
    let literal = Literal::new(shape.clone(), data).filter(|_| exact);
    literal.ok_or_else(|| bad(&format!("the elements of {}{shape:?}", tensor.ty), format!("{found} bytes")))
}

/// `scale * (q - zero_point)`, with a scale for all or one for each place along an axis.
fn dequantize(tensor: &Tensor<'_>, values: impl Iterator<Item = f64>) -> Result<Data, TfliteError> {
    let Tensor { scales, zero_points, shape, axis, .. } = tensor;
    // Some converters give the bias of a depthwise convolution the dimension of its filter.
    let axis = if shape.len() == 1 { 0 } else { usize::try_from(*axis).unwrap_or(usize::MAX) };
    let along = shape.get(axis).copied().filter(|_| scales.len() > 1).unwrap_or(1);
    if scales.len() != along || zero_points.len() > 1 && zero_points.len() != along {
        let found = format!("{} scales and {} zero points for {shape:?}", scales.len(), zero_points.len());
        let expected = format!("one scale, or one for each place along dimension {}", tensor.axis);
        return Err(TfliteError::Tensor { tensor: tensor.name.clone(), expected, found });
    }
    let inner = shape.get(axis.saturating_add(1)..).unwrap_or_default().iter().fold(1usize, |product, &dim| product.saturating_mul(dim));
    let zero = |place: usize| zero_points.get(if zero_points.len() > 1 { place } else { 0 }).map_or(0.0, |&zero| zero as f64);
    let real = |(index, q): (usize, f64)| {
        let place = index / inner.max(1) % along;
        (f64::from(scales[place]) * (q - zero(place))) as f32
    };
    Ok(Data::F32(values.enumerate().map(real).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tensor(ty: Type, shape: &[usize], data: &'static [u8]) -> Tensor<'static> {
        let (scales, zero_points) = (vec![], vec![]);
        Tensor { name: "w".into(), ty, shape: shape.to_vec(), data: Some(data), scales, zero_points, axis: 0, sparse: false }
    }

    #[test]
    fn scales_run_along_their_axis() {
        let bytes = &[0x00, 0x01, 0x02, 0xff, 0x80, 0x7f];
        let whole = Tensor { scales: vec![0.5], zero_points: vec![1], ..tensor(Type::INT8, &[2, 3], bytes) };
        assert_eq!(literal(&whole).unwrap().as_f32().unwrap(), [-0.5, 0.0, 0.5, -1.0, -64.5, 63.0]);
        let columns = Tensor { scales: vec![1.0, 2.0, 4.0], axis: 1, ..tensor(Type::INT8, &[2, 3], bytes) };
        assert_eq!(literal(&columns).unwrap().as_f32().unwrap(), [0.0, 2.0, 8.0, -1.0, -256.0, 508.0]);
        let rows = Tensor { axis: 0, ..columns };
        let error = literal(&rows).unwrap_err().to_string();
        assert_eq!(
            error,
            "tensor \"w\": expected one scale, or one for each place along dimension 0, found 3 scales and 0 zero points for [2, 3]"
        );
    }

    #[test]
    fn narrow_floats_become_float32() {
        assert_eq!(literal(&tensor(Type::FLOAT16, &[2], &[0x00, 0x3c, 0x00, 0xc0])).unwrap().as_f32().unwrap(), [1.0, -2.0]);
    }

    #[test]
    fn data_must_fill_the_shape_exactly() {
        for (ty, shape, data) in [(Type::INT8, [2], &[0; 3][..]), (Type::FLOAT32, [1], &[0; 5]), (Type::FLOAT16, [1], &[0; 3])] {
            let error = literal(&tensor(ty, &shape, data)).unwrap_err().to_string();
            assert_eq!(error, format!("tensor \"w\": expected the elements of {ty}{shape:?}, found {} bytes", data.len()));
        }
        let sparse = Tensor { sparse: true, ..tensor(Type::INT8, &[1], &[0]) };
        assert_eq!(literal(&sparse).unwrap_err().to_string(), "tensor \"w\": expected dense data, found sparse data");
    }
}
