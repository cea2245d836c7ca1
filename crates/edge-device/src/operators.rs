//! Sets of operators that firmwares are built with, for firmware and host to agree on.

use edge_format::OpCode;

/// What convolutional and dense networks of int8 are made of: small enough for every chip. The rest is in firmwares that have every operator.
pub const CONVOLUTIONAL: [OpCode; 27] = {
    use OpCode::*;
    [
        Add,
        AveragePool2d,
        Concat,
        Conv2d,
        Copy,
        DepthwiseConv2d,
        Div,
        FullyConnected,
        Gather,
        LogSoftmax,
        MaxPool2d,
        Maximum,
        Mean,
        Minimum,
        Mul,
        Pad,
        Prelu,
        ReduceMax,
        ReduceMin,
        ResizeBilinear,
        ResizeNearest,
        Shift,
        Softmax,
        StridedSlice,
        Sub,
        Table,
        Transpose,
    ]
};
