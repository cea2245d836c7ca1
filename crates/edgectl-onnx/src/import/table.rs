//! The operators that become typed: one row each.
//!
//! To add an operator, write a row here and its function in the module of its family.

use edgectl_graph::{Binary, Op, Reduction, Unary};

use super::source::{Reason, Source};
use super::{
    ops_elementwise as elementwise, ops_layout as layout, ops_normalization as normalization, ops_quant as quant, ops_resize as resize,
    ops_slice as slice, ops_transposed as transposed, ops_window as window,
};

/// Turns a node into a typed operator and the number of leading inputs that it reads, or says why it cannot.
pub(super) type Row = fn(&mut Source<'_>) -> Result<(Op, usize), Reason>;

/// The operator's name in the default domain, and its row. Sorted.
const TABLE: &[(&str, Row)] = &[
    ("Abs", |source| elementwise::plain(source, Unary::Abs)),
    ("Add", |source| elementwise::binary(source, Binary::Add)),
    ("ArgMax", |source| slice::arg(source, false)),
    ("ArgMin", |source| slice::arg(source, true)),
    ("AveragePool", window::average_pool),
    ("BatchNormalization", window::batch_norm),
    ("Cast", elementwise::cast),
    ("Ceil", |source| elementwise::plain(source, Unary::Ceil)),
    ("Celu", elementwise::celu),
    ("Clip", elementwise::clip),
    ("Concat", layout::concat),
    ("Conv", window::conv),
    ("ConvTranspose", transposed::conv_transpose),
    ("Cos", |source| elementwise::plain(source, Unary::Cos)),
    ("DepthToSpace", resize::depth_to_space),
    ("DequantizeLinear", quant::dequantize),
    ("Div", |source| elementwise::binary(source, Binary::Div)),
    ("Dropout", elementwise::dropout),
    ("Elu", elementwise::elu),
    ("Erf", |source| elementwise::plain(source, Unary::Erf)),
    ("Exp", |source| elementwise::plain(source, Unary::Exp)),
    ("Flatten", layout::flatten),
    ("Floor", |source| elementwise::plain(source, Unary::Floor)),
    ("Gather", slice::gather),
    ("Gelu", elementwise::gelu),
    ("Gemm", elementwise::gemm),
    ("GlobalAveragePool", |source| window::global_pool(source, Op::GlobalAveragePool)),
    ("GlobalMaxPool", |source| window::global_pool(source, Op::GlobalMaxPool)),
    ("GroupNormalization", normalization::group),
    ("HardSigmoid", elementwise::hard_sigmoid),
    ("HardSwish", |source| elementwise::plain(source, Unary::HardSwish)),
    ("Identity", layout::identity),
    ("InstanceNormalization", normalization::instance),
    ("LayerNormalization", |source| normalization::layer(source, true)),
    ("LeakyRelu", elementwise::leaky_relu),
    ("Log", |source| elementwise::plain(source, Unary::Log)),
    ("LogSoftmax", |source| elementwise::softmax(source, |axis| Op::LogSoftmax { axis })),
    ("MatMul", elementwise::matmul),
    ("Max", |source| elementwise::extreme(source, Binary::Max)),
    ("MaxPool", window::max_pool),
    ("Min", |source| elementwise::extreme(source, Binary::Min)),
    ("Mish", |source| elementwise::plain(source, Unary::Mish)),
    ("Mul", |source| elementwise::binary(source, Binary::Mul)),
    ("Neg", |source| elementwise::plain(source, Unary::Neg)),
    ("PRelu", elementwise::prelu),
    ("Pad", layout::pad),
    ("Pow", elementwise::pow),
    ("QuantizeLinear", quant::quantize),
    ("RMSNormalization", |source| normalization::layer(source, false)),
    ("Reciprocal", |source| elementwise::plain(source, Unary::Reciprocal)),
    ("ReduceMax", |source| elementwise::reduce(source, Reduction::Max)),
    ("ReduceMean", elementwise::reduce_mean),
    ("ReduceMin", |source| elementwise::reduce(source, Reduction::Min)),
    ("ReduceSum", |source| elementwise::reduce(source, Reduction::Sum)),
    ("Relu", |source| elementwise::plain(source, Unary::Relu)),
    ("Reshape", layout::reshape),
    ("Resize", resize::resize),
    ("Round", |source| elementwise::plain(source, Unary::Round)),
    ("Selu", elementwise::selu),
    ("Sigmoid", |source| elementwise::plain(source, Unary::Sigmoid)),
    ("Sign", |source| elementwise::plain(source, Unary::Sign)),
    ("Sin", |source| elementwise::plain(source, Unary::Sin)),
    ("Slice", slice::slice),
    ("Softmax", |source| elementwise::softmax(source, |axis| Op::Softmax { axis })),
    ("Softplus", |source| elementwise::plain(source, Unary::Softplus)),
    ("Softsign", |source| elementwise::plain(source, Unary::Softsign)),
    ("SpaceToDepth", resize::space_to_depth),
    ("Sqrt", |source| elementwise::plain(source, Unary::Sqrt)),
    ("Squeeze", layout::squeeze),
    ("Sub", |source| elementwise::binary(source, Binary::Sub)),
    ("Swish", elementwise::swish),
    ("Tanh", |source| elementwise::plain(source, Unary::Tanh)),
    ("Transpose", layout::transpose),
    ("Unsqueeze", layout::unsqueeze),
    ("Upsample", resize::upsample),
];

/// The row of an operator.
pub(super) fn row(op_type: &str) -> Option<Row> {
    TABLE.binary_search_by_key(&op_type, |row| row.0).ok().map(|index| TABLE[index].1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sorted() {
        assert!(super::TABLE.is_sorted_by_key(|row| row.0));
    }
}
