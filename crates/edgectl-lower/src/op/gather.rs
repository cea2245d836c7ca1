//! Elements at indices of an axis.

use edge_format::GatherParams;
use edgectl_graph::Node;

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

/// `rank` is that of the indices, whose axes take the place of `axis`.
pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, axis: usize, indices: &[usize], rank: usize) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let shape = builder.shape(x)?;
    // Where the indices have several axes, these must lie side by side.
    let order = if rank <= 1 { builder.order(x)? } else { layout::identity(shape.len()) };
    let output_order = match rank {
        0 => order.iter().filter(|&&other| other != axis).map(|&other| other - usize::from(other > axis)).collect(),
        1 => order.clone(),
        _ => layout::identity(builder.shape(output)?.len()),
    };
    let input = builder.in_order(x, &order)?;
    let place = layout::place(&order, axis);
    let mut physical = layout::apply(&shape, &order);
    physical[place] = indices.len();
    let result = builder.output(output, &output_order)?;
    let view = builder.view(result, physical);
    push(builder, input, place, indices.iter().copied(), view)
}

/// Appends the op that takes the elements at `indices` of a physical axis.
pub(super) fn push(
    builder: &mut Builder<'_>,
    input: usize,
    axis: usize,
    indices: impl Iterator<Item = usize>,
    output: usize,
) -> Result<(), LowerError> {
    let indices = indices.map(|index| layout::dim(index).map(u32::cast_signed)).collect::<Result<Vec<_>, _>>()?;
    let indices = builder.constant_i32("", &indices);
    builder.push(GatherParams { axis: layout::dim(axis)? }, vec![input, indices], output);
    Ok(())
}
