//! Pooling over windows.

use edge_format::{AveragePool2dParams, MaxPool2dParams};
use edgectl_graph::{Node, Pool, QuantType, Window};

use super::conv::{planar, planar_pair};
use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn average(builder: &mut Builder<'_>, node: &Node, pool: &Pool, include_pad: bool) -> Result<(), LowerError> {
    undilated(builder, node, pool)?;
    let [kernel_h, kernel_w] = planar_pair(&pool.kernel, 1)?;
    let [stride_h, stride_w] = planar_pair(&pool.strides, 1)?;
    let [pad_top, pad_left] = planar_pair(&pool.pads_begin, 0)?;
    let (input, output, ty) = tensors(builder, node)?;
    let ((activation_min, activation_max), include_pad) = (ty.range(), include_pad.into());
    builder.push_as(
        ty,
        AveragePool2dParams { kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, include_pad, activation_min, activation_max },
        vec![input],
        output,
    );
    Ok(())
}

pub(super) fn max(builder: &mut Builder<'_>, node: &Node, pool: &Pool) -> Result<(), LowerError> {
    undilated(builder, node, pool)?;
    let [kernel_h, kernel_w] = planar_pair(&pool.kernel, 1)?;
    let [stride_h, stride_w] = planar_pair(&pool.strides, 1)?;
    let [pad_top, pad_left] = planar_pair(&pool.pads_begin, 0)?;
    let (input, output, ty) = tensors(builder, node)?;
    let (activation_min, activation_max) = ty.range();
    builder.push_as(
        ty,
        MaxPool2dParams { kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, activation_min, activation_max },
        vec![input],
        output,
    );
    Ok(())
}

/// The maximum over all spatial axes: a window as large as the input.
pub(super) fn global_max(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let (x, _) = ends(builder, node)?;
    let window = Window::new(&builder.shape(x)?[2..]);
    max(builder, node, &window)
}

fn undilated(builder: &Builder<'_>, node: &Node, pool: &Pool) -> Result<(), LowerError> {
    if pool.dilations.iter().all(|&dilation| dilation == 1) { Ok(()) } else { Err(builder.no_kernel(node, "a dilated window")) }
}

/// Input and output, seen as images, and their type.
fn tensors(builder: &mut Builder<'_>, node: &Node) -> Result<(usize, usize, QuantType), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = layout::channels_last(builder.shape(x)?.len());
    let input = builder.in_order(x, &order)?;
    let result = builder.output(output, &order)?;
    Ok((planar(builder, input), planar(builder, result), builder.params(output)?.ty))
}
