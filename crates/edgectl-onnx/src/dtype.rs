//! Element types: ONNX's codes, their names and their sizes.

use edgectl_graph::DType;

use crate::proto::tensor_proto::DataType;

/// The type of this code.
pub(crate) fn from_code(code: i32) -> DType {
    match DataType::try_from(code) {
        Ok(DataType::Bool) => DType::Bool,
        Ok(DataType::Double) => DType::F64,
        Ok(DataType::Float) => DType::F32,
        Ok(DataType::Int16) => DType::I16,
        Ok(DataType::Int32) => DType::I32,
        Ok(DataType::Int64) => DType::I64,
        Ok(DataType::Int8) => DType::I8,
        Ok(DataType::Uint8) => DType::U8,
        _ => DType::Other(code),
    }
}

/// ONNX's code of a type.
pub(crate) fn code(dtype: DType) -> i32 {
    let known = match dtype {
        DType::Bool => DataType::Bool,
        DType::F32 => DataType::Float,
        DType::F64 => DataType::Double,
        DType::I16 => DataType::Int16,
        DType::I32 => DataType::Int32,
        DType::I64 => DataType::Int64,
        DType::I8 => DataType::Int8,
        DType::Other(code) => return code,
        DType::U8 => DataType::Uint8,
        _ => DataType::Undefined,
    };
    known.into()
}

/// ONNX's name of a type, lower case, e.g. `float16`.
pub(crate) fn name(code: i32) -> String {
    DataType::try_from(code).map_or_else(|_| format!("type {code}"), |known| known.as_str_name().to_lowercase())
}

/// The size of an element in `raw_data`; `None` for types whose data have no fixed layout here (strings, unknown types).
pub(crate) fn bits(code: i32) -> Option<usize> {
    use DataType::*;
    Some(match DataType::try_from(code).ok()? {
        Float6e2m3 | Float6e3m2 | String | Undefined => return None,
        Int2 | Uint2 => 2,
        Float4e2m1 | Int4 | Uint4 => 4,
        Bool | Float8e4m3fn | Float8e4m3fnuz | Float8e5m2 | Float8e5m2fnuz | Float8e8m0 | Int8 | Uint8 => 8,
        Bfloat16 | Float16 | Int16 | Uint16 => 16,
        Float | Int32 | Uint32 => 32,
        Complex64 | Double | Int64 | Uint64 => 64,
        Complex128 => 128,
    })
}
