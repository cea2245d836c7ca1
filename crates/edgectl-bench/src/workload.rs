//! What a program or a graph asks of a device, in the cost model's terms.

use edge_format::{AveragePool2dParams, Conv2dParams, DepthwiseConv2dParams, MaxPool2dParams, Op, OpCode, Program, Shape, Tensor};
use edgectl_graph::{Graph, Node, Window};
use edgectl_profile::{OpClass, OpWork, Workload};

use crate::program;

/// The work of an int8 program.
pub fn of_program(name: &str, program: Program<'_>) -> Workload {
    let facts = program::ops(program);
    let ops = program.ops().zip(facts).map(|(op, facts)| {
        let tensor = |id: Option<u32>| id.and_then(|id| program.tensor(id));
        let sizes = program_sizes(&op, tensor(op.input(0)).as_ref(), tensor(op.input(1)).as_ref());
        let activations = op.inputs().filter_map(|id| program.tensor(id)).filter(|tensor| tensor.constant().is_none());
        OpWork {
            name: facts.name,
            op: op.code.name().into(),
            class: class_of_code(op.code, &sizes),
            macs: facts.macs,
            outputs: op.outputs().filter_map(|id| program.tensor(id)).map(|tensor| u64::from(tensor.shape.elements())).sum(),
            inputs: activations.map(|tensor| u64::from(tensor.shape.elements())).sum(),
            weights: facts.parameters,
            in_channels: sizes.in_channels,
            out_channels: facts.shape.last().copied().unwrap_or(1),
            kernel: sizes.kernel,
            stride: sizes.stride,
            groups: sizes.groups,
        }
    });
    Workload { name: name.into(), ops: ops.collect() }
}

/// What windows and groups make of an op.
struct Sizes {
    kernel: [u32; 2],
    stride: [u32; 2],
    groups: u32,
    /// That one output element reads.
    in_channels: u32,
}

fn program_sizes(op: &Op<'_>, x: Option<&Tensor<'_>>, filter: Option<&Tensor<'_>>) -> Sizes {
    let last = |tensor: Option<&Tensor<'_>>| tensor.and_then(|tensor| tensor.shape.dims().last().copied()).unwrap_or(1);
    let side = |shape: Option<Shape>, axis: usize| shape.and_then(|shape| shape.dims().get(axis).copied()).unwrap_or(1);
    let window = |stride: [u32; 2], groups: u32, in_channels: u32| {
        let shape = filter.map(|filter| filter.shape);
        Sizes { kernel: [side(shape, 1), side(shape, 2)], stride, groups, in_channels }
    };
    let pool = |kernel: [u32; 2], stride: [u32; 2]| Sizes { kernel, stride, groups: 1, in_channels: 1 };
    if let Some(conv) = op.params::<Conv2dParams>() {
        return window([conv.stride_h, conv.stride_w], conv.groups, last(filter));
    }
    if let Some(conv) = op.params::<DepthwiseConv2dParams>() {
        return window([conv.stride_h, conv.stride_w], last(x), 1);
    }
    if let Some(params) = op.params::<AveragePool2dParams>() {
        return pool([params.kernel_h, params.kernel_w], [params.stride_h, params.stride_w]);
    }
    if let Some(params) = op.params::<MaxPool2dParams>() {
        return pool([params.kernel_h, params.kernel_w], [params.stride_h, params.stride_w]);
    }
    let in_channels = if matches!(op.code, OpCode::BatchMatmul | OpCode::FullyConnected) { last(x) } else { 1 };
    Sizes { kernel: [1, 1], stride: [1, 1], groups: 1, in_channels }
}

fn class_of_code(code: OpCode, sizes: &Sizes) -> OpClass {
    match code {
        OpCode::DepthwiseConv2d => OpClass::Depthwise,
        OpCode::Conv2d if sizes.kernel == [1, 1] && sizes.groups == 1 => OpClass::Pointwise,
        OpCode::Conv2d => OpClass::Conv,
        OpCode::BatchMatmul | OpCode::FullyConnected => OpClass::Dense,
        OpCode::AveragePool2d | OpCode::MaxPool2d | OpCode::Mean | OpCode::ReduceMax | OpCode::ReduceMin => OpClass::Pool,
        OpCode::Softmax => OpClass::Softmax,
        OpCode::Concat
        | OpCode::Copy
        | OpCode::Gather
        | OpCode::Pad
        | OpCode::ResizeNearest
        | OpCode::StridedSlice
        | OpCode::Transpose => OpClass::Movement,
        _ => OpClass::Elementwise,
    }
}
