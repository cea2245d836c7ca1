//! One file per operator: from a node to ops.

mod binary;
mod blocks;
mod concat;
mod conv;
mod conv_transpose;
mod delay;
mod dense;
mod gather;
mod matmul;
mod normalize;
mod pad;
mod pool;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod slice;
mod softmax;
mod top_k;
mod transpose;
mod unary;

use edge_format::{ReduceMaxParams, ReduceMinParams};
use edge_runtime::affine::Affine;
use edge_runtime::prepare;
use edgectl_graph::{Activation, Node, Op, QuantParams, QuantType, Reduction, TensorId};

use crate::LowerError;
use crate::builder::Builder;

/// Appends the ops of a node.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    match &node.op {
        Op::ArgMax { axis, keep_dims, smallest } => top_k::lower(builder, node, *axis, *keep_dims, *smallest),
        Op::AveragePool { pool, include_pad } => pool::average(builder, node, pool, *include_pad),
        Op::Binary { op, activation } => binary::lower(builder, node, *op, *activation),
        Op::Concat { axis } => concat::lower(builder, node, *axis),
        Op::Conv(conv) => conv::lower(builder, node, conv),
        Op::ConvTranspose(conv) => conv_transpose::lower(builder, node, conv),
        Op::Delay { axis, .. } => delay::lower(builder, node, *axis),
        Op::Dense { activation } => dense::lower(builder, node, *activation),
        Op::DepthToSpace { block, channel_first } => blocks::depth_to_space(builder, node, *block, *channel_first),
        Op::Gather { axis, indices, dims } => gather::lower(builder, node, *axis, indices, dims.len()),
        Op::GlobalAveragePool => reduce::spatial_mean(builder, node),
        Op::GlobalMaxPool => pool::global_max(builder, node),
        Op::GroupNorm { groups, epsilon } => normalize::group(builder, node, *groups, *epsilon),
        Op::Identity => unary::requantize(builder, node),
        Op::LayerNorm { axis, epsilon, center } => normalize::layer(builder, node, *axis, *epsilon, *center),
        Op::LogSoftmax { axis } => softmax::log(builder, node, *axis),
        Op::MatMul => matmul::lower(builder, node),
        Op::MaxPool(pool) => pool::max(builder, node, pool),
        Op::PRelu => binary::prelu(builder, node),
        Op::Pad { before, value, .. } => pad::lower(builder, node, before, *value),
        Op::Reduce { op, axes, .. } => match op {
            Reduction::Max => reduce::lower(builder, node, axes, |_, _, axes, _| ReduceMaxParams { axes }),
            Reduction::Min => reduce::lower(builder, node, axes, |_, _, axes, _| ReduceMinParams { axes }),
            Reduction::Sum => reduce::lower(builder, node, axes, |from, to, axes, _| prepare::sum(from, to, axes)),
            _ => Err(builder.no_kernel(node, "there is no integer kernel for it")),
        },
        Op::Recurrent(recurrent) => recurrent::lower(builder, node, recurrent),
        Op::ReduceMean { axes, .. } => reduce::mean(builder, node, axes),
        Op::Reshape { .. } => reshape::lower(builder, node),
        Op::Resize(resize) => resize::lower(builder, node, resize),
        Op::Slice { spans } => slice::lower(builder, node, spans),
        Op::Softmax { axis } => softmax::lower(builder, node, *axis),
        Op::SpaceToDepth { block } => blocks::space_to_depth(builder, node, *block),
        Op::TopK { axis, smallest, .. } => top_k::lower(builder, node, *axis, true, *smallest),
        Op::Transpose { perm } => transpose::lower(builder, node, perm),
        Op::Unary(unary) => unary::lower(builder, node, *unary),
        _ => Err(builder.no_kernel(node, "it has no int8 form")),
    }
}

/// The first input and the output of a node that has both, as every typed operator does.
fn ends(builder: &Builder<'_>, node: &Node) -> Result<(TensorId, TensorId), LowerError> {
    node.input(0).zip(node.output()).ok_or_else(|| builder.no_kernel(node, "it has no input or no output"))
}

/// Parameters as the runtime takes them.
fn affine(params: QuantParams) -> Affine {
    Affine { scale: params.scale, zero_point: params.zero_point.into() }
}

/// Least and greatest integer that an activation lets through.
fn activation_range(activation: Activation, output: QuantParams) -> (i32, i32) {
    match output.ty {
        QuantType::I8 => prepare::activation_range(activation.min, activation.max, affine(output)),
        QuantType::I16 => prepare::activation_range_of::<i16>(activation.min, activation.max, affine(output)),
    }
}
