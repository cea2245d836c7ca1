//! How much an invocation has to do, known before it runs.
//!
//! A program's shapes bound its work, but not by much: windows may be as large as the arena, and ops are many in a small file. Who
//! invokes programs from a stranger asks first.

use edge_format::{AveragePool2dParams, I16, MaxPool2dParams, Op, OpCode, Program, Tensor};

/// Steps of one invocation: products that are added up, or elements that are read or written. An upper bound, but for a small factor by
/// which some elementary functions take longer than others; saturates.
///
/// An operator that this function does not know is taken to read all of its inputs for each element of its outputs.
pub fn work(program: Program<'_>) -> u64 {
    program.ops().map(|op| op_work(program, &op)).fold(0, u64::saturating_add)
}

/// Steps of an op.
fn op_work(program: Program<'_>, op: &Op<'_>) -> u64 {
    let elements = |tensor: Tensor<'_>| u64::from(tensor.shape.elements());
    let sum = |tensors: &mut dyn Iterator<Item = u32>| tensors.filter_map(|tensor| program.tensor(tensor)).map(elements).sum::<u64>();
    let (inputs, outputs) = (sum(&mut op.inputs()), sum(&mut op.outputs()));
    let input = |index| op.input(index).and_then(|tensor| program.tensor(tensor));
    let first = |tensor: Tensor<'_>| tensor.shape.dims().first().copied().map(u64::from);
    let last = |tensor: Tensor<'_>| tensor.shape.dims().last().copied().map(u64::from);
    let per_output = match op.code {
        OpCode::Conv2d | OpCode::Conv2dI16 | OpCode::ConvTranspose2d | OpCode::FullyConnected | OpCode::FullyConnectedI16 => {
            input(1).and_then(|filter| elements(filter).checked_div(first(filter)?))
        }
        // Channels are last, but first in a packed filter.
        OpCode::DepthwiseConv2d | OpCode::DepthwiseConv2dI16 => input(1).and_then(|filter| {
            let channels = if filter.is_packed() { first(filter) } else { last(filter) };
            elements(filter).checked_div(channels?)
        }),
        OpCode::AveragePool2d => op.params().map(|params: AveragePool2dParams| window(params.kernel_h, params.kernel_w)),
        OpCode::AveragePool2dI16 => op.params().map(|I16::<AveragePool2dParams>(params)| window(params.kernel_h, params.kernel_w)),
        OpCode::MaxPool2d => op.params().map(|params: MaxPool2dParams| window(params.kernel_h, params.kernel_w)),
        OpCode::MaxPool2dI16 => op.params().map(|I16::<MaxPool2dParams>(params)| window(params.kernel_h, params.kernel_w)),
        OpCode::BatchMatmul | OpCode::TopK => input(0).and_then(last),
        OpCode::Add
        | OpCode::AddI16
        | OpCode::Concat
        | OpCode::Copy
        | OpCode::Div
        | OpCode::Gather
        | OpCode::LogSoftmax
        | OpCode::LogisticI16
        | OpCode::Maximum
        | OpCode::MaximumI16
        | OpCode::Mean
        | OpCode::MeanI16
        | OpCode::Minimum
        | OpCode::MinimumI16
        | OpCode::Mul
        | OpCode::MulI16
        | OpCode::Pad
        | OpCode::Prelu
        | OpCode::ReduceMax
        | OpCode::ReduceMaxI16
        | OpCode::ReduceMin
        | OpCode::ReduceMinI16
        | OpCode::Requantize
        | OpCode::ResizeBilinear
        | OpCode::ResizeNearest
        | OpCode::Shift
        | OpCode::Softmax
        | OpCode::SoftmaxI16
        | OpCode::StridedSlice
        | OpCode::Sub
        | OpCode::SubI16
        | OpCode::Table
        | OpCode::TableI16
        | OpCode::TanhI16
        | OpCode::Transpose => Some(1),
        _ => None,
    };
    outputs.saturating_mul(per_output.unwrap_or(inputs)).saturating_add(inputs).saturating_add(1)
}

fn window(height: u32, width: u32) -> u64 {
    u64::from(height).saturating_mul(width.into())
}
