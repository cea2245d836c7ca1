//! Transposed convolution: one and two spatial axes, grouped.

use edge_format::ConvTranspose2dParams;
use edgectl_graph::{ConvTranspose, Node, permute};

use super::conv::{parameters, planar, planar_pair, weights};
use super::{activation_range, ends};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, conv: &ConvTranspose) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = layout::channels_last(builder.shape(x)?.len());
    let input = builder.in_order(x, &order)?;
    let input = planar(builder, input);
    let (shape, filter) = weights(builder, node)?;
    let [o, per_group, kh, kw] = match shape[..] {
        [o, c, kh, kw] => [o, c, kh, kw],
        [o, c, kw] => [o, c, 1, kw],
        _ => return Err(builder.no_kernel(node, format!("a filter of rank {}", shape.len()))),
    };
    let filter = permute(filter, &[o, per_group, kh, kw], &[0, 2, 3, 1]);
    let filter = filter.ok_or_else(|| builder.no_kernel(node, "its filter has another size"))?;
    let [stride_h, stride_w] = planar_pair(&conv.window.strides, 1)?;
    let [dilation_h, dilation_w] = planar_pair(&conv.window.dilations, 1)?;
    let [pad_top, pad_left] = planar_pair(&conv.window.pads_begin, 0)?;
    let groups = layout::dim(conv.groups)?;
    let (activation_min, activation_max) = activation_range(conv.activation, builder.params(output)?);

    let inputs = parameters(builder, node, input, &[o, kh, kw, per_group], &filter, o)?;
    let result = builder.output(output, &order)?;
    let result = planar(builder, result);
    let params =
        ConvTranspose2dParams { stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, groups, activation_min, activation_max };
    builder.push(params, inputs, result);
    Ok(())
}
