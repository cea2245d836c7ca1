//! Concatenation.

use edge_format::ConcatParams;
use edgectl_graph::Node;

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, axis: usize) -> Result<(), LowerError> {
    let (_, output) = ends(builder, node)?;
    let leader = node.inputs.iter().flatten().copied().find(|&id| builder.own_order(id).is_some());
    let order = builder.order(leader.unwrap_or(output))?;
    let inputs = node.inputs.iter().flatten().map(|&id| builder.in_order(id, &order)).collect::<Result<Vec<_>, _>>()?;
    let tensor = builder.output(output, &order)?;
    builder.push(ConcatParams { axis: layout::place(&order, axis) as u32 }, inputs, tensor);
    Ok(())
}
