//! Constants: `TensorProto` → [`Literal`], and types and shapes: `ValueInfoProto` → [`Fact`].

use std::collections::HashSet;
use std::sync::Arc;

use edgectl_graph::{DType, Data, Dim, Fact, Literal, Shape};
use prost::Message;

use crate::proto::tensor_proto::DataType;
use crate::proto::tensor_shape_proto::dimension;
use crate::proto::{TensorProto, ValueInfoProto, type_proto};
use crate::{OnnxError, dtype};

/// No tensor has more dimensions than this; NumPy's limit.
pub(super) const MAX_RANK: usize = 64;

/// The number of bytes that a tensor's elements take; `None` where they have no fixed layout or the product overflows.
pub(super) fn raw_bytes(tensor: &TensorProto) -> Option<u64> {
    let bits = dtype::bits(tensor.data_type())?;
    let elements = tensor.dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(u64::try_from(dim).ok()?))?;
    Some(elements.checked_mul(bits as u64)?.div_ceil(8))
}

/// The constant that a tensor stands for. External data must have been read into it.
pub(super) fn literal(mut tensor: TensorProto) -> Result<Literal, OnnxError> {
    let name = tensor.name().to_owned();
    let error = |what: String| OnnxError::Tensor { tensor: name.clone(), what };
    if tensor.dims.len() > MAX_RANK {
        return Err(error(format!("expected at most {MAX_RANK} dimensions, found {}", tensor.dims.len())));
    }
    if tensor.segment.is_some() {
        return Err(error("data in segments are not supported".into()));
    }
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let dims = dims.ok_or_else(|| error(format!("expected dimensions of at least 0, found {:?}", tensor.dims)))?;
    let elements = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let elements = elements.ok_or_else(|| error(format!("the dimensions {dims:?} are too large")))?;
    let size = |unit: &str, expected: u64, found: usize| OnnxError::TensorSize {
        tensor: name.clone(),
        dtype: dtype::name(tensor.data_type()),
        dims: tensor.dims.clone(),
        expected: format!("{expected} {unit}"),
        found: format!("{found} {unit}"),
    };
    if let Some(raw) = &tensor.raw_data {
        match raw_bytes(&tensor) {
            Some(expected) if expected != raw.len() as u64 => return Err(size("bytes", expected, raw.len())),
            _ => {}
        }
    } else if let Some(found) = typed_values(&tensor)
        && found != elements
    {
        return Err(size("values", elements as u64, found));
    }
    let data = match data(&tensor).map_err(&error)? {
        Some(data) => data,
        None => {
            tensor.name = None;
            Data::Other { dtype: tensor.data_type(), bytes: tensor.encode_to_vec().into() }
        }
    };
    Literal::new(dims, data).ok_or_else(|| error("the data do not fit the dimensions".into()))
}

/// The number of values in the typed field for a tensor's element type; `None` where several elements share a value.
fn typed_values(tensor: &TensorProto) -> Option<usize> {
    use DataType::*;
    Some(match DataType::try_from(tensor.data_type()).ok()? {
        Float => tensor.float_data.len(),
        Complex64 => tensor.float_data.len() / 2,
        Double => tensor.double_data.len(),
        Complex128 => tensor.double_data.len() / 2,
        Int64 => tensor.int64_data.len(),
        Uint32 | Uint64 => tensor.uint64_data.len(),
        String => tensor.string_data.len(),
        Bfloat16 | Bool | Float16 | Int16 | Int32 | Int8 | Uint16 | Uint8 => tensor.int32_data.len(),
        _ => return None,
    })
}

/// The elements, where the graph knows their type.
fn data(tensor: &TensorProto) -> Result<Option<Data>, String> {
    fn raw<const N: usize, T>(bytes: &[u8], decode: fn([u8; N]) -> T) -> Arc<[T]> {
        bytes.as_chunks().0.iter().map(|&chunk| decode(chunk)).collect()
    }
    fn narrow<T: TryFrom<i32>>(values: &[i32]) -> Result<Arc<[T]>, String> {
        values.iter().map(|&value| T::try_from(value).map_err(|_| format!("the value {value} does not fit the element type"))).collect()
    }
    if let Some(values) = super::widen::elements(tensor) {
        return Ok(Some(Data::F32(values.into())));
    }
    let bytes = tensor.raw_data.as_deref();
    Ok(Some(match (dtype::from_code(tensor.data_type()), bytes) {
        (DType::Bool, Some(bytes)) => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        (DType::Bool, None) => Data::Bool(tensor.int32_data.iter().map(|&value| value != 0).collect()),
        (DType::F32, Some(bytes)) => Data::F32(raw(bytes, f32::from_le_bytes)),
        (DType::F32, None) => Data::F32(tensor.float_data.as_slice().into()),
        (DType::F64, Some(bytes)) => Data::F64(raw(bytes, f64::from_le_bytes)),
        (DType::F64, None) => Data::F64(tensor.double_data.as_slice().into()),
        (DType::I8, Some(bytes)) => Data::I8(raw(bytes, i8::from_le_bytes)),
        (DType::I8, None) => Data::I8(narrow(&tensor.int32_data)?),
        (DType::I16, Some(bytes)) => Data::I16(raw(bytes, i16::from_le_bytes)),
        (DType::I16, None) => Data::I16(narrow(&tensor.int32_data)?),
        (DType::I32, Some(bytes)) => Data::I32(raw(bytes, i32::from_le_bytes)),
        (DType::I32, None) => Data::I32(tensor.int32_data.as_slice().into()),
        (DType::I64, Some(bytes)) => Data::I64(raw(bytes, i64::from_le_bytes)),
        (DType::I64, None) => Data::I64(tensor.int64_data.as_slice().into()),
        (DType::U8, Some(bytes)) => Data::U8(bytes.into()),
        (DType::U8, None) => Data::U8(narrow(&tensor.int32_data)?),
        _ => return Ok(None),
    }))
}

/// The fact that a value's type declares: `None` where it is no tensor, or its element type or rank are open.
///
/// A dimension without size and name becomes a symbol named after the tensor and the axis, unlike any of `taken`.
pub(crate) fn fact(info: &ValueInfoProto, taken: &HashSet<String>) -> Option<Fact> {
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref()?.value.as_ref() else { return None };
    let code = tensor.elem_type.filter(|&code| code != i32::from(DataType::Undefined))?;
    let dims = &tensor.shape.as_ref()?.dim;
    if dims.len() > MAX_RANK {
        return None;
    }
    let dims = dims.iter().enumerate().map(|(axis, dim)| match &dim.value {
        // Some exporters write a dynamic dimension as -1 or, for inputs, 0.
        Some(dimension::Value::DimValue(size)) if *size > 0 => {
            usize::try_from(*size).map_or_else(|_| unnamed(info, axis, taken), Dim::Fixed)
        }
        Some(dimension::Value::DimParam(name)) if !name.is_empty() => Dim::symbol(name),
        _ => unnamed(info, axis, taken),
    });
    Some(Fact::new(dtype::from_code(code), Shape::from(dims.collect::<Vec<_>>())))
}

fn unnamed(info: &ValueInfoProto, axis: usize, taken: &HashSet<String>) -> Dim {
    let mut name = format!("{}_dim{axis}", info.name());
    while taken.contains(&name) {
        name.push('_');
    }
    Dim::symbol(&name)
}

/// The names of all dimensions that a model names.
pub(crate) fn symbols<'a>(infos: impl Iterator<Item = &'a ValueInfoProto>) -> HashSet<String> {
    let mut names = HashSet::new();
    for info in infos {
        if let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
            for dim in tensor.shape.iter().flat_map(|shape| &shape.dim) {
                if let Some(dimension::Value::DimParam(name)) = &dim.value {
                    names.insert(name.clone());
                }
            }
        }
    }
    names
}
