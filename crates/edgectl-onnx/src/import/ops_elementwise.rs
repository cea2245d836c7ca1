//! Arithmetic, activations, matrix products, reductions.

use edgectl_graph::{Activation, Binary, Op, Reduction, Unary};

use super::source::{Reason, Source};
use crate::dtype;
use crate::proto::tensor_proto::DataType;

type Row = Result<(Op, usize), Reason>;

pub(super) fn binary(source: &mut Source<'_>, op: Binary) -> Row {
    source.expect_f32(2)?;
    Ok((Op::Binary { op, activation: Activation::NONE }, 2))
}

/// The least or the greatest of one or two inputs.
pub(super) fn extreme(source: &mut Source<'_>, op: Binary) -> Row {
    if source.operands.len() == 1 {
        source.expect_f32(1)?;
        return Ok((Op::Identity, 1));
    }
    binary(source, op)
}

/// An elementwise function without attributes.
pub(super) fn plain(source: &mut Source<'_>, unary: Unary) -> Row {
    source.expect_f32(1)?;
    Ok((Op::Unary(unary), 1))
}

pub(super) fn clip(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    let (min, max) = if source.opset < 11 {
        (source.attributes.float("min", f32::MIN)?, source.attributes.float("max", f32::MAX)?)
    } else {
        (source.scalar(1)?.unwrap_or(f32::NEG_INFINITY), source.scalar(2)?.unwrap_or(f32::INFINITY))
    };
    if min <= max { Ok((Op::Unary(Unary::Clip { min, max }), 1)) } else { Err(format!("the bounds are {min} and {max}")) }
}

pub(super) fn elu(source: &mut Source<'_>) -> Row {
    let alpha = source.attributes.float("alpha", 1.0)?;
    plain(source, Unary::Elu { alpha })
}

pub(super) fn leaky_relu(source: &mut Source<'_>) -> Row {
    let alpha = source.attributes.float("alpha", 0.01)?;
    plain(source, Unary::LeakyRelu { alpha })
}

pub(super) fn gelu(source: &mut Source<'_>) -> Row {
    match source.attributes.string("approximate")? {
        None | Some("none") => plain(source, Unary::Gelu { tanh: false }),
        Some("tanh") => plain(source, Unary::Gelu { tanh: true }),
        Some(other) => Err(format!("attribute \"approximate\" is \"{other}\"")),
    }
}

/// Only with a constant exponent.
pub(super) fn pow(source: &mut Source<'_>) -> Row {
    let exponent = source.scalar(1)?.ok_or("the exponent is missing")?;
    same_shape(source)?;
    plain(source, Unary::Pow { exponent })
}

/// With one slope for all channels this is `LeakyRelu`.
pub(super) fn prelu(source: &mut Source<'_>) -> Row {
    source.expect_f32(2)?;
    if let Ok(Some(alpha)) = source.scalar(1)
        && same_shape(source).is_ok()
    {
        return plain(source, Unary::LeakyRelu { alpha });
    }
    Ok((Op::PRelu, 2))
}

pub(super) fn selu(source: &mut Source<'_>) -> Row {
    // The defaults of the specification.
    let (alpha, gamma) = (source.attributes.float("alpha", 1.673_263_2)?, source.attributes.float("gamma", 1.050_701)?);
    plain(source, Unary::Selu { alpha, gamma })
}

/// Only with `alpha` 1, where it is ELU.
pub(super) fn celu(source: &mut Source<'_>) -> Row {
    match source.attributes.float("alpha", 1.0)? {
        1.0 => plain(source, Unary::Elu { alpha: 1.0 }),
        alpha => Err(format!("attribute \"alpha\" is {alpha}")),
    }
}

/// Only with `alpha` 1, where it is SiLU.
pub(super) fn swish(source: &mut Source<'_>) -> Row {
    match source.attributes.float("alpha", 1.0)? {
        1.0 => plain(source, Unary::Silu),
        alpha => Err(format!("attribute \"alpha\" is {alpha}")),
    }
}

/// Fails where the second operand, which has one element, gives the result more dimensions than the first one has.
fn same_shape(source: &Source<'_>) -> Result<(), Reason> {
    let (x, other) = (source.shape(0)?, source.shape(1)?);
    if other.rank() <= x.rank() { Ok(()) } else { Err(format!("{x} and {other} do not broadcast to {x}")) }
}

pub(super) fn hard_sigmoid(source: &mut Source<'_>) -> Row {
    let (alpha, beta) = (source.attributes.float("alpha", 0.2)?, source.attributes.float("beta", 0.5)?);
    plain(source, Unary::HardSigmoid { alpha, beta })
}

/// Only the cast to the type that the input has; a float32 input as floats are all that is deployed.
pub(super) fn cast(source: &mut Source<'_>) -> Row {
    source.attributes.ignore("saturate");
    source.attributes.ignore("round_mode");
    source.expect_f32(1)?;
    match source.attributes.int("to")? {
        Some(to) if to == i64::from(i32::from(DataType::Float)) => Ok((Op::Identity, 1)),
        Some(to) => Err(format!("cast to {}", i32::try_from(to).map_or_else(|_| to.to_string(), dtype::name))),
        None => Err("attribute \"to\" is missing".into()),
    }
}

pub(super) fn dropout(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    for name in ["ratio", "seed"] {
        source.attributes.ignore(name);
    }
    if source.opset >= 12 && source.truth(2)?.unwrap_or(false) { Err("it is in training mode".into()) } else { Ok((Op::Identity, 1)) }
}

pub(super) fn gemm(source: &mut Source<'_>) -> Row {
    source.expect_f32(3)?;
    let attributes = &mut source.attributes;
    let op = Op::Gemm {
        alpha: attributes.float("alpha", 1.0)?,
        beta: attributes.float("beta", 1.0)?,
        trans_a: attributes.flag("transA", false)?,
        trans_b: attributes.flag("transB", false)?,
    };
    Ok((op, source.operands.len()))
}

pub(super) fn matmul(source: &mut Source<'_>) -> Row {
    source.expect_f32(2)?;
    Ok((Op::MatMul, 2))
}

pub(super) fn reduce_mean(source: &mut Source<'_>) -> Row {
    // The axes became an input with opset 18.
    Ok(match reduced(source, 17)? {
        Some((axes, keep_dims)) => (Op::ReduceMean { axes, keep_dims }, 1),
        None => (Op::Identity, 1),
    })
}

pub(super) fn reduce(source: &mut Source<'_>, op: Reduction) -> Row {
    let last = if op == Reduction::Sum { 12 } else { 17 };
    Ok(match reduced(source, last)? {
        Some((axes, keep_dims)) => (Op::Reduce { op, axes, keep_dims }, 1),
        None => (Op::Identity, 1),
    })
}

/// The axes, which are an attribute up to opset `last`, and whether they stay; `None` where nothing is reduced.
fn reduced(source: &mut Source<'_>, last: i64) -> Result<Option<(Vec<usize>, bool)>, Reason> {
    source.expect_f32(1)?;
    let keep_dims = source.attributes.flag("keepdims", true)?;
    let rank = source.shape(0)?.rank();
    let axes = source.ints_by_opset("axes", last, 1)?.unwrap_or_default();
    let noop = source.opset > last && source.attributes.flag("noop_with_empty_axes", false)?;
    if axes.is_empty() && noop {
        return Ok(None);
    }
    let axes = if axes.is_empty() { (0..rank).collect() } else { source.axes(&axes, rank)? };
    Ok(Some((axes, keep_dims)))
}

/// Before opset 13 the result sums to one over all axes from `axis` on together.
pub(super) fn softmax(source: &mut Source<'_>, op: fn(usize) -> Op) -> Row {
    source.expect_f32(1)?;
    let given = source.attributes.int_or("axis", if source.opset < 13 { 1 } else { -1 })?;
    let shape = source.shape(0)?;
    let axis = source.axis(given, shape.rank())?;
    if source.opset >= 13 {
        return Ok((op(axis), 1));
    }
    let mut wide = (axis..shape.rank()).filter(|&axis| shape.dims()[axis].fixed() != Some(1));
    match (wide.next(), wide.next()) {
        (only, None) => Ok((op(only.unwrap_or(axis)), 1)),
        _ => Err(format!("it spans several axes of {shape} (axis {given} at opset {})", source.opset)),
    }
}
