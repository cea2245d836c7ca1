//! What is left of the elements along some axes.

use edge_format::{I16, Params};
use edge_runtime::prepare;
use edgectl_graph::{Node, Op};

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

/// The mean over all spatial axes of `[N, C, spatial...]`.
pub(super) fn spatial_mean(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let (x, _) = ends(builder, node)?;
    let axes: Vec<usize> = (2..builder.shape(x)?.len()).collect();
    mean(builder, node, &axes)
}

pub(super) fn mean(builder: &mut Builder<'_>, node: &Node, axes: &[usize]) -> Result<(), LowerError> {
    lower(builder, node, axes, prepare::mean)
}

/// `params` has the scales of input and output, the axes as bits and the number of elements that become one.
pub(super) fn lower<P: Into<Params>>(
    builder: &mut Builder<'_>,
    node: &Node,
    axes: &[usize],
    params: impl FnOnce(f32, f32, u32, u32) -> P,
) -> Result<(), LowerError>
where
    I16<P>: Into<Params>,
{
    let (x, output) = ends(builder, node)?;
    let shape = builder.shape(x)?;
    let order = builder.order(x)?;
    let input = builder.in_order(x, &order)?;
    let count: usize = axes.iter().map(|&axis| shape[axis]).product();
    let bits = axes.iter().fold(0, |bits, &axis| bits | 1 << layout::place(&order, axis));
    let params = params(builder.params(x)?.scale, builder.params(output)?.scale, bits, layout::dim(count)?);

    let keep_dims = !matches!(node.op, Op::Reduce { keep_dims: false, .. } | Op::ReduceMean { keep_dims: false, .. });
    let output_order = if keep_dims {
        order
    } else {
        // The axes that are left, renumbered without the others.
        let left = order.iter().filter(|axis| !axes.contains(axis));
        left.map(|&axis| axis - axes.iter().filter(|&&gone| gone < axis).count()).collect()
    };
    let tensor = builder.output(output, &output_order)?;
    builder.push_as(builder.params(output)?.ty, params, vec![input], tensor);
    Ok(())
}
