//! Sets of operators that firmwares are built with, for firmware and host to agree on.

use edge_format::OpCode;
use edge_runtime::Registration;

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

/// The kernels of some operators, out of all: a firmware that has a table of these alone links no others.
///
/// # Panics
/// Where there is none for one of them. It is for constants: then the compiler says so.
pub const fn select<const N: usize>(all: &[Registration], codes: &[OpCode; N]) -> [Registration; N] {
    let mut table = [all[0]; N];
    let mut index = 0;
    while index < N {
        let mut at = 0;
        while all[at].op as u32 != codes[index] as u32 {
            at += 1;
        }
        table[index] = all[at];
        index += 1;
    }
    table
}
