//! What a program or a graph asks of a device, in the cost model's terms.

use edge_format::{
    AveragePool2dParams, Conv2dParams, ConvTranspose2dParams, DepthwiseConv2dParams, MaxPool2dParams, Op, OpCode, Program, Shape, Tensor,
};
use edgectl_graph::{Graph, Node, Op as GraphOp, TensorId, Window};
use edgectl_profile::{OpClass, OpWork, Workload, inner_taps};

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
            inner_taps: sizes
                .inner_taps(nhwc(tensor(op.input(0)).as_ref()), nhwc(op.outputs().next().and_then(|id| program.tensor(id)).as_ref())),
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
    dilation: [u32; 2],
    /// Before the first row and column.
    pad: [u32; 2],
}

impl Sizes {
    /// Of what has neither.
    const NONE: Sizes = Sizes { kernel: [1, 1], stride: [1, 1], groups: 1, in_channels: 1, dilation: [1, 1], pad: [0, 0] };

    /// For height and width of the input and the output.
    fn inner_taps(&self, input: [u32; 2], output: [u32; 2]) -> u64 {
        inner_taps(input, output, self.kernel, self.stride, self.dilation, self.pad)
    }
}

/// Height and width of a tensor that has them.
fn nhwc(tensor: Option<&Tensor<'_>>) -> [u32; 2] {
    match tensor.map(|tensor| tensor.shape.dims()) {
        Some([_, height, width, _]) => [*height, *width],
        _ => [1, 1],
    }
}

fn program_sizes(op: &Op<'_>, x: Option<&Tensor<'_>>, filter: Option<&Tensor<'_>>) -> Sizes {
    let last = |tensor: Option<&Tensor<'_>>| tensor.and_then(|tensor| tensor.shape.dims().last().copied()).unwrap_or(1);
    let side = |shape: Option<Shape>, axis: usize| shape.and_then(|shape| shape.dims().get(axis).copied()).unwrap_or(1);
    let window = |stride: [u32; 2], groups: u32, in_channels: u32| {
        let shape = filter.map(|filter| filter.shape);
        Sizes { kernel: [side(shape, 1), side(shape, 2)], stride, groups, in_channels, ..Sizes::NONE }
    };
    let pool = |kernel: [u32; 2], stride: [u32; 2]| Sizes { kernel, stride, ..Sizes::NONE };
    if let Some(conv) = op.params::<Conv2dParams>() {
        let (dilation, pad) = ([conv.dilation_h, conv.dilation_w], [conv.pad_top, conv.pad_left]);
        return Sizes { dilation, pad, ..window([conv.stride_h, conv.stride_w], conv.groups, last(filter)) };
    }
    if let Some(conv) = op.params::<ConvTranspose2dParams>() {
        return window([conv.stride_h, conv.stride_w], conv.groups, last(filter));
    }
    if let Some(conv) = op.params::<DepthwiseConv2dParams>() {
        let (dilation, pad) = ([conv.dilation_h, conv.dilation_w], [conv.pad_top, conv.pad_left]);
        return Sizes { dilation, pad, ..window([conv.stride_h, conv.stride_w], last(x), 1) };
    }
    if let Some(params) = op.params::<AveragePool2dParams>() {
        return pool([params.kernel_h, params.kernel_w], [params.stride_h, params.stride_w]);
    }
    if let Some(params) = op.params::<MaxPool2dParams>() {
        return pool([params.kernel_h, params.kernel_w], [params.stride_h, params.stride_w]);
    }
    let in_channels = if matches!(op.code, OpCode::BatchMatmul | OpCode::FullyConnected) { last(x) } else { 1 };
    Sizes { in_channels, ..Sizes::NONE }
}

fn class_of_code(code: OpCode, sizes: &Sizes) -> OpClass {
    match code {
        OpCode::DepthwiseConv2d => OpClass::Depthwise,
        OpCode::Conv2d if sizes.kernel == [1, 1] && sizes.groups == 1 => OpClass::Pointwise,
        OpCode::Conv2d | OpCode::ConvTranspose2d => OpClass::Conv,
        OpCode::BatchMatmul | OpCode::FullyConnected => OpClass::Dense,
        OpCode::AveragePool2d | OpCode::MaxPool2d | OpCode::Mean | OpCode::ReduceMax | OpCode::ReduceMin => OpClass::Pool,
        OpCode::Softmax => OpClass::Softmax,
        OpCode::Concat | OpCode::Copy | OpCode::Gather | OpCode::Pad | OpCode::ResizeNearest | OpCode::StridedSlice | OpCode::Transpose => {
            OpClass::Movement
        }
        _ => OpClass::Elementwise,
    }
}

/// The work of a float graph whose shapes are fixed; what cannot be known counts as nothing.
pub fn of_graph(name: &str, graph: &Graph) -> Workload {
    let ops = graph.nodes().iter().filter(|node| !is_free(&node.op)).map(|node| node_work(graph, node));
    Workload { name: name.into(), ops: ops.collect() }
}

/// What every engine does without touching a byte.
fn is_free(op: &GraphOp) -> bool {
    matches!(op, GraphOp::Identity | GraphOp::Reshape { .. })
}

fn node_work(graph: &Graph, node: &Node) -> OpWork {
    let cost = graph.cost(node);
    let shape = |id: TensorId| graph.fixed_shape(id).unwrap_or_default();
    let elements = |id: TensorId| shape(id).iter().product::<usize>() as u64;
    let x = node.input(0).map(shape).unwrap_or_default();
    let output = node.output().map(shape).unwrap_or_default();
    let channels = |shape: &[usize]| shape.get(1).or(shape.last()).copied().unwrap_or(1) as u32;
    let sizes = match &node.op {
        GraphOp::Conv(conv) => window_sizes(&conv.window, conv.groups as u32, channels(&x) / (conv.groups as u32).max(1)),
        GraphOp::AveragePool { pool: window, .. } | GraphOp::MaxPool(window) => window_sizes(window, 1, 1),
        GraphOp::Dense { .. } | GraphOp::Gemm { .. } | GraphOp::MatMul => {
            Sizes { in_channels: x.last().copied().unwrap_or(1) as u32, ..Sizes::NONE }
        }
        _ => Sizes::NONE,
    };
    let activations = node.inputs.iter().flatten().filter(|&&id| graph.literal(id).is_none());
    OpWork {
        name: graph.label(node),
        op: node.op.name().into(),
        class: class_of_op(&node.op, &sizes, channels(&x)),
        macs: cost.macs,
        outputs: cost.output_elements,
        inputs: activations.map(|&id| elements(id)).sum(),
        weights: cost.parameters,
        in_channels: sizes.in_channels,
        out_channels: channels(&output),
        kernel: sizes.kernel,
        stride: sizes.stride,
        groups: sizes.groups,
        inner_taps: sizes.inner_taps(nchw(&x), nchw(&output)),
    }
}

/// Height and width of a shape; one spatial axis is a row of height 1.
fn nchw(shape: &[usize]) -> [u32; 2] {
    match *shape {
        [_, _, width] => [1, width as u32],
        [_, _, height, width] => [height as u32, width as u32],
        _ => [1, 1],
    }
}

fn window_sizes(window: &Window, groups: u32, in_channels: u32) -> Sizes {
    // One spatial axis is a row of height 1.
    let pair = |sides: &[usize]| match *sides {
        [width] => [1, width as u32],
        [height, width, ..] => [height as u32, width as u32],
        [] => [1, 1],
    };
    let dilation = pair(&window.dilations);
    let pad = match *window.pads_begin {
        [left] => [0, left as u32],
        [top, left, ..] => [top as u32, left as u32],
        [] => [0, 0],
    };
    Sizes { kernel: pair(&window.kernel), stride: pair(&window.strides), groups, in_channels, dilation, pad }
}

fn class_of_op(op: &GraphOp, sizes: &Sizes, channels: u32) -> OpClass {
    match op {
        GraphOp::Conv(_) => OpWork::conv_class(sizes.kernel, sizes.groups, channels),
        GraphOp::Dense { .. } | GraphOp::Gemm { .. } | GraphOp::MatMul => OpClass::Dense,
        GraphOp::AveragePool { .. }
        | GraphOp::GlobalAveragePool
        | GraphOp::GlobalMaxPool
        | GraphOp::MaxPool(_)
        | GraphOp::Reduce { .. }
        | GraphOp::ReduceMean { .. } => OpClass::Pool,
        GraphOp::Softmax { .. } => OpClass::Softmax,
        GraphOp::Concat { .. }
        | GraphOp::DepthToSpace { .. }
        | GraphOp::Gather { .. }
        | GraphOp::Pad { .. }
        | GraphOp::Resize(_)
        | GraphOp::Slice { .. }
        | GraphOp::SpaceToDepth { .. }
        | GraphOp::Transpose { .. } => OpClass::Movement,
        _ => OpClass::Elementwise,
    }
}
