//! The last columns of a stream.

use edge_format::ShiftParams;
use edgectl_graph::Node;

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, axis: usize) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = builder.order(x)?;
    let input = builder.in_order(x, &order)?;
    let shape = layout::apply(&builder.shape(output)?, &order);
    let name = builder.graph().tensor(output).name.clone();
    let [before, after] = builder.kept(name, shape, builder.params(output)?);
    builder.alias(output, after, &order)?;
    let axis = layout::dim(layout::place(&order, axis))?;
    builder.push(ShiftParams { axis }, vec![input, before], after);
    Ok(())
}
