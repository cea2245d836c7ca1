//! Normalizations of activations by their own mean and variance.

use edgectl_graph::Op;

use super::source::{Reason, Source};

type Row = Result<(Op, usize), Reason>;

/// Around the mean, or around zero.
pub(super) fn layer(source: &mut Source<'_>, center: bool) -> Row {
    let count = if center { 3 } else { 2 };
    source.expect_f32(count)?;
    // In which precision the mean is computed.
    source.attributes.ignore("stash_type");
    let (given, epsilon) = (source.attributes.int_or("axis", -1)?, source.attributes.float("epsilon", 1e-5)?);
    if source.outputs > 1 {
        return Err("the mean or the deviation is an output".into());
    }
    let axis = source.axis(given, source.shape(0)?.rank())?;
    Ok((Op::LayerNorm { axis, epsilon, center }, source.operands.len().min(count)))
}

/// Each channel by itself.
pub(super) fn instance(source: &mut Source<'_>) -> Row {
    source.expect_f32(3)?;
    let epsilon = source.attributes.float("epsilon", 1e-5)?;
    let shape = source.shape(0)?;
    let groups = shape.dims().get(1).and_then(|dim| dim.fixed()).ok_or_else(|| format!("the input has the shape {shape}"))?;
    Ok((Op::GroupNorm { groups, epsilon }, 3))
}

/// With a scale and a shift per channel; before opset 21 they were per group.
pub(super) fn group(source: &mut Source<'_>) -> Row {
    source.expect_f32(3)?;
    source.attributes.ignore("stash_type");
    let epsilon = source.attributes.float("epsilon", 1e-5)?;
    let groups = source
        .attributes
        .int("num_groups")?
        .and_then(|groups| usize::try_from(groups).ok())
        .ok_or("attribute \"num_groups\" is missing")?;
    if source.opset < 21 {
        return Err("its scale and bias are per group".into());
    }
    Ok((Op::GroupNorm { groups, epsilon }, 3))
}
