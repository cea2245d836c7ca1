//! Convolution: one and two spatial axes, grouped, depthwise.

use edge_format::{Conv2dParams, DepthwiseConv2dParams};
use edge_runtime::prepare;
use edgectl_graph::{Conv, Node, QuantConst, QuantType, TensorId, permute};

use super::{activation_range, ends};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, conv: &Conv) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = layout::channels_last(builder.shape(x)?.len());
    let input = builder.in_order(x, &order)?;
    let input = planar(builder, input);
    let (filter_shape, filter) = weights(builder, node)?;
    let channels = builder.shape(x)?[1];
    let [o, per_group, kh, kw] = match filter_shape[..] {
        [o, c, kh, kw] => [o, c, kh, kw],
        [o, c, kw] => [o, c, 1, kw],
        _ => return Err(builder.no_kernel(node, format!("a filter of rank {}", filter_shape.len()))),
    };
    let depthwise = conv.groups == channels && conv.groups > 1;
    // `[O, C / groups, KH, KW]` becomes `[O, KH, KW, C / groups]`, or `[1, KH, KW, O]` where each channel has its own filters.
    let (shape, perm) = if depthwise { ([1, kh, kw, o], [1, 2, 3, 0]) } else { ([o, kh, kw, per_group], [0, 2, 3, 1]) };
    let filter = permute(filter, &[o, per_group, kh, kw], &perm).ok_or_else(|| builder.no_kernel(node, "its filter has another size"))?;
    let [stride_h, stride_w] = planar_pair(&conv.window.strides, 1)?;
    let [dilation_h, dilation_w] = planar_pair(&conv.window.dilations, 1)?;
    let [pad_top, pad_left] = planar_pair(&conv.window.pads_begin, 0)?;
    let params = builder.params(output)?;
    let (activation_min, activation_max) = activation_range(conv.activation, params);

    let (ty, inputs) = (params.ty, parameters(builder, node, input, &shape, &filter, o)?);
    let result = builder.output(output, &order)?;
    let planar_result = planar(builder, result);
    if depthwise {
        let depth_multiplier = layout::dim(o / channels)?;
        let params = DepthwiseConv2dParams {
            stride_h,
            stride_w,
            dilation_h,
            dilation_w,
            pad_top,
            pad_left,
            depth_multiplier,
            activation_min,
            activation_max,
        };
        builder.push_as(ty, params, inputs, planar_result);
    } else {
        let groups = layout::dim(conv.groups)?;
        let params = Conv2dParams { stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, groups, activation_min, activation_max };
        builder.push_as(ty, params, inputs, planar_result);
    }
    Ok(())
}

/// A `[N, W, C]` tensor seen as `[N, 1, W, C]`; any other as it is.
pub(super) fn planar(builder: &mut Builder<'_>, tensor: usize) -> usize {
    match builder.tensors[tensor].shape[..] {
        [n, w, c] => builder.view(tensor, vec![n, 1, w, c]),
        _ => tensor,
    }
}

/// A window's attribute for height and width; `missing` for the height of a one-dimensional window.
pub(super) fn planar_pair(list: &[usize], missing: usize) -> Result<[u32; 2], LowerError> {
    match *list {
        [w] => Ok([layout::dim(missing)?, layout::dim(w)?]),
        [h, w] => Ok([layout::dim(h)?, layout::dim(w)?]),
        _ => Err(LowerError::TooLarge { found: list.len() }),
    }
}

/// The int8 weights of a node, in the order of the graph.
pub(super) fn weights<'g>(builder: &Builder<'g>, node: &Node) -> Result<(Vec<usize>, &'g [i8]), LowerError> {
    let id = node.input(1).ok_or_else(|| builder.no_kernel(node, "it has no weights"))?;
    match builder.quantized.constant(id) {
        Some(QuantConst::Weights { values, .. }) => Ok((builder.shape(id)?, values)),
        _ => Err(builder.no_kernel(node, "its weights are not int8 constants")),
    }
}

/// The inputs of a convolution or dense layer: the activation, the filter, bias, multipliers, shifts.
pub(super) fn parameters(
    builder: &mut Builder<'_>,
    node: &Node,
    input: usize,
    shape: &[usize],
    filter: &[i8],
    outputs: usize,
) -> Result<Vec<usize>, LowerError> {
    let (x, output) = ends(builder, node)?;
    let [input_scale, output_scale] = [builder.params(x)?.scale, builder.params(output)?.scale];
    let scales = node.input(1).and_then(|id| builder.quantized.constant(id));
    let Some(QuantConst::Weights { scales, .. }) = scales else {
        return Err(builder.no_kernel(node, "its weights are not int8 constants"));
    };
    let requantize = (0..outputs).map(|channel| {
        let scale = if scales.len() == 1 { scales[0] } else { scales[channel] };
        prepare::channel_multiplier(input_scale, scale, output_scale)
    });
    let (multipliers, shifts): (Vec<i32>, Vec<i32>) = requantize.unzip();
    let stored = node.input(2).and_then(|id| builder.quantized.constant(id));
    let bias = match stored {
        Some(QuantConst::Bias { values }) => values.to_vec(),
        _ => vec![0; outputs],
    };
    let wide_bias = match stored {
        Some(QuantConst::WideBias { values }) => Some(values.to_vec()),
        None if builder.params(x)?.ty == QuantType::I16 && !fits_int32(filter, outputs) => Some(vec![0; outputs]),
        _ => None,
    };
    let name = |id: Option<TensorId>| id.map_or_else(String::new, |id| builder.graph().tensor(id).name.clone());
    let (filter_name, bias_name) = (name(node.input(1)), name(node.input(2)));
    let filter = builder.constant_i8(&filter_name, shape, filter);
    let bias = match wide_bias {
        Some(values) => builder.constant_i64(&bias_name, &values),
        None => builder.constant_i32(&bias_name, &bias),
    };
    let words = [multipliers, shifts].map(|values| builder.constant_i32("", &values));
    Ok([input, filter, bias].into_iter().chain(words).collect())
}

/// Whether no sum of products with int16 can leave int32, whatever the input.
fn fits_int32(filter: &[i8], outputs: usize) -> bool {
    let greatest = filter.iter().map(|weight| u64::from(weight.unsigned_abs())).max().unwrap_or(0);
    let products = (filter.len() / outputs.max(1)) as u64;
    products * greatest * u64::from(i16::MIN.unsigned_abs()) <= i32::MAX as u64
}
