//! Quantization parameters that are already in the model.

use edgectl_graph::{DType, Op, Shape};

use super::source::{Reason, Source};
use crate::dtype;

type Row = Result<(Op, usize), Reason>;

/// The number of float32 among the types.
const FLOAT: i64 = 1;

pub(super) fn quantize(source: &mut Source<'_>) -> Row {
    source.expect_f32(2)?;
    // It bears on 8 bit floats only, which are refused below.
    source.attributes.ignore("saturate");
    if !matches!(source.attributes.int_or("precision", 0)?, 0 | FLOAT) {
        return Err("it divides in another precision than float32".into());
    }
    let axis = axis(source)?;
    let wanted = source.attributes.int_or("output_dtype", 0)?;
    let wanted = i32::try_from(wanted).map_err(|_| format!("attribute \"output_dtype\" is {wanted}"))?;
    let dtype = match source.optional(2) {
        Some(zero_point) => zero_point.fact.dtype,
        None if wanted != 0 => dtype::from_code(wanted),
        None => DType::U8,
    };
    if wanted != 0 && dtype::from_code(wanted) != dtype {
        return Err("attribute \"output_dtype\" is not the type of the zero point".into());
    }
    match dtype {
        DType::I8 | DType::U8 => Ok((Op::Quantize { axis, dtype }, source.operands.len())),
        other => Err(format!("quantized to {}", dtype::name(dtype::code(other)))),
    }
}

pub(super) fn dequantize(source: &mut Source<'_>) -> Row {
    source.expect(1, &[DType::I8, DType::I32, DType::U8])?;
    if !matches!(source.attributes.int_or("output_dtype", 0)?, 0 | FLOAT) {
        return Err("its output is not float32".into());
    }
    let dtype = source.operand(0)?.fact.dtype;
    if source.operand(1)?.fact.dtype != DType::F32 || source.optional(2).is_some_and(|zero_point| zero_point.fact.dtype != dtype) {
        return Err("the scale is not float32, or the zero point has another type than the input".into());
    }
    Ok((Op::Dequantize { axis: axis(source)? }, source.operands.len()))
}

/// The axis of per-channel parameters; 0 where they are per-tensor.
fn axis(source: &mut Source<'_>) -> Result<usize, Reason> {
    let given = source.attributes.int_or("axis", 1)?;
    if source.attributes.int_or("block_size", 0)? != 0 {
        return Err("it is quantized in blocks".into());
    }
    let (shape, scale) = (source.shape(0)?, source.shape(1)?);
    // onnxruntime writes a scalar zero point beside a scale of shape [1].
    let alike = |other: &Shape| *other == *scale || (other.elements() == Some(1) && scale.elements() == Some(1));
    if source.optional(2).is_some_and(|zero_point| !alike(&zero_point.fact.shape)) {
        return Err("scale and zero point differ in shape".into());
    }
    match scale.dims() {
        [] => Ok(0),
        [one] if one.fixed() == Some(1) => Ok(source.axis(given, shape.rank()).unwrap_or(0)),
        [channels] => {
            let axis = source.axis(given, shape.rank())?;
            if shape.dims()[axis] == *channels { Ok(axis) } else { Err(format!("{channels} scales for axis {axis} of {shape}")) }
        }
        _ => Err("it is quantized in blocks".into()),
    }
}
