//! Half precision: such models are read as the float32 models that they approximate.

use half::{bf16, f16};

use crate::proto::tensor_proto::DataType;
use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

const NARROW: [DataType; 2] = [DataType::Float16, DataType::Bfloat16];

fn is_narrow(code: i32) -> bool {
    NARROW.iter().any(|&narrow| i32::from(narrow) == code)
}

/// Declares every value of a model as float32 that is float16 or bfloat16, and lets casts to those types be to float32. Returns how many
/// inputs and outputs changed their type. (Constants are widened when they are read: their data may lie in other files.)
pub(super) fn declarations(model: &mut ModelProto) -> usize {
    let Some(GraphProto { input, output, value_info, node, .. }) = &mut model.graph else { return 0 };
    node.iter_mut().for_each(cast);
    let changed = input.iter_mut().chain(output).map(info).filter(|&changed| changed).count();
    for value in value_info {
        info(value);
    }
    changed
}

fn info(value: &mut ValueInfoProto) -> bool {
    let Some(type_proto::Value::TensorType(tensor)) = value.r#type.as_mut().and_then(|kind| kind.value.as_mut()) else { return false };
    let narrow = tensor.elem_type.is_some_and(is_narrow);
    if narrow {
        tensor.elem_type = Some(DataType::Float.into());
    }
    narrow
}

fn cast(node: &mut NodeProto) {
    if node.op_type() == "Cast" {
        let to = node.attribute.iter_mut().filter(|attribute| attribute.name() == "to");
        to.filter(|to| i32::try_from(to.i()).is_ok_and(is_narrow)).for_each(|to| to.i = Some(i64::from(i32::from(DataType::Float))));
    }
}

/// The elements of a constant of half precision; `None` for one of another type.
pub(super) fn elements(tensor: &TensorProto) -> Option<Vec<f32>> {
    let widen: fn(u16) -> f32 = match DataType::try_from(tensor.data_type()).ok()? {
        DataType::Float16 => |bits| f16::from_bits(bits).to_f32(),
        DataType::Bfloat16 => |bits| bf16::from_bits(bits).to_f32(),
        _ => return None,
    };
    Some(match &tensor.raw_data {
        Some(bytes) => bytes.as_chunks().0.iter().map(|&bytes| widen(u16::from_le_bytes(bytes))).collect(),
        // Bit patterns, in the low halves.
        None => tensor.int32_data.iter().map(|&bits| widen(bits as u16)).collect(),
    })
}
