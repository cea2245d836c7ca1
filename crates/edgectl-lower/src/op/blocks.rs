//! Channels to squares of pixels and back: a transpose of blocks, channels being last.

use edge_format::TransposeParams;
use edgectl_graph::Node;

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn depth_to_space(builder: &mut Builder<'_>, node: &Node, block: usize, channel_first: bool) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let (from, to) = (builder.shape(x)?, builder.shape(output)?);
    let ([n, _, h, w], [_, channels, ..]) = (&from[..], &to[..]) else { return Err(builder.no_kernel(node, "its input is no image")) };
    let (n, channels, h, w) = (*n, *channels, *h, *w);
    if channel_first {
        transpose(builder, node, vec![n, h, w, channels, block, block], [0, 1, 4, 2, 5, 3])
    } else {
        transpose(builder, node, vec![n, h, w, block, block, channels], [0, 1, 3, 2, 4, 5])
    }
}

pub(super) fn space_to_depth(builder: &mut Builder<'_>, node: &Node, block: usize) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let (from, to) = (builder.shape(x)?, builder.shape(output)?);
    let ([n, channels, ..], [_, _, h, w]) = (&from[..], &to[..]) else { return Err(builder.no_kernel(node, "its input is no image")) };
    transpose(builder, node, vec![*n, *h, block, *w, block, *channels], [0, 1, 3, 2, 4, 5])
}

/// Permutes the axes of the input, channels last and seen as `shape`.
fn transpose(builder: &mut Builder<'_>, node: &Node, shape: Vec<usize>, perm: [u32; 6]) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = layout::channels_last(4);
    let input = builder.in_order(x, &order)?;
    let permuted = perm.iter().map(|&axis| shape[axis as usize]).collect();
    let input = builder.view(input, shape);
    let result = builder.output(output, &order)?;
    let result = builder.view(result, permuted);
    builder.push(TransposeParams { perm }, vec![input], result);
    Ok(())
}
