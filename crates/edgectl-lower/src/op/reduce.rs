//! What is left of the elements along some axes.

use edge_format::Params;
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
    lower(builder, node, axes, |from, to, bits, count| Some(prepare::mean(from, to, bits, count).into()))
}

/// `params` has the scales of input and output, the axes as bits and the number of elements that become one.
pub(super) fn lower(
    builder: &mut Builder<'_>,
    node: &Node,
    axes: &[usize],
    params: impl FnOnce(f32, f32, u32, u32) -> Option<Params>,
) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let shape = builder.shape(x)?;
    let order = builder.order(x)?;
    let input = builder.in_order(x, &order)?;
    let count: usize = axes.iter().map(|&axis| shape[axis]).product();
    let bits = axes.iter().fold(0, |bits, &axis| bits | 1 << layout::place(&order, axis));
    let params = params(builder.params(x)?.scale, builder.params(output)?.scale, bits, layout::dim(count)?);
    let params = params.ok_or_else(|| builder.no_kernel(node, "there is no integer kernel for it"))?;

    let keep_dims = !matches!(node.op, Op::Reduce { keep_dims: false, .. } | Op::ReduceMean { keep_dims: false, .. });
    let output_order = if keep_dims {
        order
    } else {
        // The axes that are left, renumbered without the others.
        let left = order.iter().filter(|axis| !axes.contains(axis));
        left.map(|&axis| axis - axes.iter().filter(|&&gone| gone < axis).count()).collect()
    };
    let tensor = builder.output(output, &output_order)?;
    builder.push(params, vec![input], tensor);
    Ok(())
}
