//! From an operator of the model to nodes of the graph: one function per family, and the table that leads there.

mod elementwise;
mod layout;
mod recurrent;
mod reduce;
mod search;
mod select;
mod weighted;
mod window;

use edgectl_graph::{Activation, Binary, Op, Reduction, Unary};

use crate::codes as code;
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

/// Adds the nodes of an operator.
pub(crate) fn import(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    match operator.code {
        code::ABS => elementwise::unary(importer, operator, Unary::Abs),
        code::ADD => elementwise::binary(importer, operator, Binary::Add),
        code::ARG_MAX => search::arg(importer, operator, false),
        code::ARG_MIN => search::arg(importer, operator, true),
        code::AVERAGE_POOL_2D => window::pool(importer, operator, |pool| Op::AveragePool { pool, include_pad: false }),
        code::BATCH_MATMUL => weighted::product(importer, operator),
        code::CONCATENATION => layout::concatenate(importer, operator),
        code::CONV_2D => weighted::convolution(importer, operator),
        code::COS => elementwise::float(importer, operator, Unary::Cos),
        code::DEPTHWISE_CONV_2D => weighted::depthwise(importer, operator),
        code::DEPTH_TO_SPACE => window::blocks(importer, operator, |block| Op::DepthToSpace { block, channel_first: false }),
        code::DEQUANTIZE | code::QUANTIZE => elementwise::convert(importer, operator),
        code::DIV => elementwise::binary(importer, operator, Binary::Div),
        code::ELU => elementwise::unary(importer, operator, Unary::Elu { alpha: 1.0 }),
        code::EXP => elementwise::unary(importer, operator, Unary::Exp),
        code::EXPAND_DIMS | code::RESHAPE | code::SQUEEZE => layout::reshape(importer, operator),
        code::FLOOR => elementwise::float(importer, operator, Unary::Floor),
        code::FULLY_CONNECTED => weighted::dense(importer, operator),
        code::GATHER => select::gather(importer, operator),
        code::GELU => elementwise::gelu(importer, operator),
        code::HARD_SWISH => elementwise::unary(importer, operator, Unary::HardSwish),
        code::LEAKY_RELU => elementwise::leaky_relu(importer, operator),
        code::LOG => elementwise::unary(importer, operator, Unary::Log),
        code::LOGISTIC => elementwise::unary(importer, operator, Unary::Sigmoid),
        code::LOG_SOFTMAX => reduce::log_softmax(importer, operator),
        code::MAXIMUM => elementwise::binary(importer, operator, Binary::Max),
        code::MAX_POOL_2D => window::pool(importer, operator, Op::MaxPool),
        code::MEAN => reduce::mean(importer, operator),
        code::MINIMUM => elementwise::binary(importer, operator, Binary::Min),
        code::MIRROR_PAD => select::mirror(importer, operator),
        code::MUL => elementwise::binary(importer, operator, Binary::Mul),
        code::NEG => elementwise::float(importer, operator, Unary::Neg),
        code::PAD | code::PADV2 => layout::pad(importer, operator),
        code::PRELU => elementwise::prelu(importer, operator),
        code::REDUCE_MAX => reduce::reduce(importer, operator, Reduction::Max),
        code::REDUCE_MIN => reduce::reduce(importer, operator, Reduction::Min),
        code::RELU => elementwise::unary(importer, operator, Unary::Relu),
        code::RELU6 => elementwise::clip(importer, operator, 0.0, 6.0),
        code::RELU_N1_TO_1 => elementwise::clip(importer, operator, -1.0, 1.0),
        code::RESIZE_BILINEAR => window::resize(importer, operator, true),
        code::RESIZE_NEAREST_NEIGHBOR => window::resize(importer, operator, false),
        code::ROUND => elementwise::float(importer, operator, Unary::Round),
        code::RSQRT => elementwise::float(importer, operator, Unary::Pow { exponent: -0.5 }),
        code::SIN => elementwise::float(importer, operator, Unary::Sin),
        code::SLICE => select::slice(importer, operator),
        code::SOFTMAX => reduce::softmax(importer, operator),
        code::SPACE_TO_DEPTH => window::blocks(importer, operator, |block| Op::SpaceToDepth { block }),
        code::SPLIT => select::split(importer, operator, false),
        code::SPLIT_V => select::split(importer, operator, true),
        code::SQRT => elementwise::float(importer, operator, Unary::Sqrt),
        code::SQUARE => elementwise::float(importer, operator, Unary::Pow { exponent: 2.0 }),
        code::STRIDED_SLICE => select::strided_slice(importer, operator),
        code::SUB => elementwise::binary(importer, operator, Binary::Sub),
        code::SUM => reduce::reduce(importer, operator, Reduction::Sum),
        code::TANH => elementwise::unary(importer, operator, Unary::Tanh),
        code::TOPK_V2 => search::top_k(importer, operator),
        code::TRANSPOSE => layout::transpose(importer, operator),
        code::TRANSPOSE_CONV => weighted::transposed(importer, operator),
        code::UNIDIRECTIONAL_SEQUENCE_LSTM => recurrent::lstm(importer, operator),
        _ => unsupported(""),
    }
}

/// The activation that an operator's options fuse into it.
fn fused(operator: &Operator<'_>, field: Field) -> Result<Activation, Stop> {
    match operator.u8(field)? {
        0 => Ok(Activation::NONE),
        1 => Ok(Activation::RELU),
        2 => Ok(Activation { min: -1.0, max: 1.0 }),
        3 => Ok(Activation::RELU6),
        4 => unsupported("the activation TANH is fused into it"),
        5 => unsupported("the activation SIGN_BIT is fused into it"),
        other => unsupported(format!("activation number {other} is fused into it")),
    }
}

/// An axis that may be counted from the end.
fn axis(axis: i64, rank: usize) -> Result<usize, Stop> {
    let counted = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(counted).ok().filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => unsupported(format!("axis {axis} of a tensor of rank {rank}")),
    }
}

/// The value of the first input, in the layout in which it is at hand.
fn first_at_hand(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(usize, edgectl_graph::TensorId, Layout), Stop> {
    let x = importer.input(operator, 0)?;
    let layout = importer.layout_of(&[x]);
    Ok((x, importer.number(x, layout)?, layout))
}
