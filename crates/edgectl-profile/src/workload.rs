//! What a model asks of a device: a list of operators with their sizes, and nothing of any format, data type or device.

use serde::{Deserialize, Serialize};

/// What kernels distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpClass {
    /// A convolution with a kernel larger than 1×1, grouped or not, transposed too.
    Conv,
    /// A convolution with as many groups as input channels.
    Depthwise,
    /// A fully connected layer or a matrix product.
    Dense,
    /// Addition, multiplication, activation functions: each output element from few input elements.
    Elementwise,
    /// What moves bytes: concatenation, padding, transposition, resizing; a reshape without a copy has no outputs.
    Movement,
    /// A 1×1 convolution.
    Pointwise,
    /// Pooling and reductions.
    Pool,
    /// Softmax, layer normalization: several passes with exponentials or roots.
    Softmax,
}

impl OpClass {
    /// All of them, in the order of their names.
    pub const ALL: [OpClass; 8] = [
        OpClass::Conv,
        OpClass::Depthwise,
        OpClass::Dense,
        OpClass::Elementwise,
        OpClass::Movement,
        OpClass::Pointwise,
        OpClass::Pool,
        OpClass::Softmax,
    ];

    /// The name that profiles use.
    pub fn name(self) -> &'static str {
        match self {
            OpClass::Conv => "conv",
            OpClass::Depthwise => "depthwise",
            OpClass::Dense => "dense",
            OpClass::Elementwise => "elementwise",
            OpClass::Movement => "movement",
            OpClass::Pointwise => "pointwise",
            OpClass::Pool => "pool",
            OpClass::Softmax => "softmax",
        }
    }
}

/// One operator, for one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpWork {
    /// What a reader recognizes it by: the node's or its output's name.
    pub name: String,
    /// The operator as its format names it (`Conv2D`, `Gelu`), compared with the profile's `operators`.
    pub op: String,
    /// What kernels distinguish.
    pub class: OpClass,
    /// Multiply-accumulate operations; 0 for what has none.
    pub macs: u64,
    /// Elements of all outputs.
    pub outputs: u64,
    /// Elements of the inputs that are not weights.
    pub inputs: u64,
    /// Elements of weights and biases.
    pub weights: u64,
    /// Channels that one output element reads: the input channels divided by the groups; 1 for depthwise convolutions.
    pub in_channels: u32,
    /// Channels of the output.
    pub out_channels: u32,
    /// Height and width of the kernel or the pooling window; `[1, 1]` where there is none.
    pub kernel: [u32; 2],
    /// Height and width of the stride; `[1, 1]` where there is none.
    pub stride: [u32; 2],
    /// Groups of a convolution, else 1.
    pub groups: u32,
}

impl OpWork {
    /// A depthwise convolution, a 1×1 one or any other.
    pub fn conv_class(kernel: [u32; 2], groups: u32, in_channels_of_tensor: u32) -> OpClass {
        match (kernel, groups) {
            (_, groups) if groups > 1 && groups == in_channels_of_tensor => OpClass::Depthwise,
            ([1, 1], 1) => OpClass::Pointwise,
            _ => OpClass::Conv,
        }
    }

    /// Elements of the output times positions of the kernel: how often a kernel starts its innermost loop over channels.
    pub fn taps(&self) -> u64 {
        self.outputs.saturating_mul(u64::from(self.kernel[0]).saturating_mul(u64::from(self.kernel[1])))
    }
}

/// A model's operators in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The model's name, for messages.
    pub name: String,
    /// At least one, or there is nothing to estimate.
    pub ops: Vec<OpWork>,
}

impl Workload {
    /// Multiply-accumulate operations of all operators.
    pub fn macs(&self) -> u64 {
        self.ops.iter().fold(0, |sum, op| sum.saturating_add(op.macs))
    }

    /// Elements of all weights and biases.
    pub fn weights(&self) -> u64 {
        self.ops.iter().fold(0, |sum, op| sum.saturating_add(op.weights))
    }
}
