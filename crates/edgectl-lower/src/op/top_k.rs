//! The greatest or least elements along an axis: their values, or where they are.

use edge_format::TopKParams;
use edgectl_graph::Node;

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

/// `keep_dims` says whether the axis stays in the output, with as many elements as are asked for.
pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, axis: usize, keep_dims: bool, smallest: bool) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    // The kernel works on the last axis.
    let mut order = builder.order(x)?;
    order.retain(|&other| other != axis);
    let rows: Vec<usize> = order.clone();
    order.push(axis);
    let input = builder.in_order(x, &order)?;
    let output_order = if keep_dims { order } else { rows.iter().map(|&other| other - usize::from(other > axis)).collect() };
    let result = builder.output(output, &output_order)?;
    let mut physical = layout::apply(&builder.shape(x)?, &rows);
    physical.push(if keep_dims { builder.shape(output)?[axis] } else { 1 });
    let view = builder.view(result, physical);
    builder.push(TopKParams { smallest: smallest.into() }, vec![input], view);
    Ok(())
}
