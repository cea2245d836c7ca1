//! What a model asks of a device: a list of operators with their sizes, and nothing of any format, data type or device.

use serde::{Deserialize, Serialize};

/// What kernels distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpClass {
    /// A convolution with a kernel larger than 1×1, grouped or not, transposed too; in `costs`, what [`OpClass::Conv3x3`] and
    /// [`OpClass::ConvLarge`] are not.
    Conv,
    /// A 3×3 convolution with stride 1, one group and at least 8 input channels, for which libraries have their fastest kernels
    /// (Winograd's on Linux).
    #[serde(rename = "conv-3x3")]
    Conv3x3,
    /// A convolution whose kernel is longer than 3 on a side: libraries have code written for kernels up to 3×3, and general code for the rest.
    ConvLarge,
    /// A convolution with as many groups as input channels; in `costs`, what [`OpClass::DepthwiseLarge`] is not.
    Depthwise,
    /// A depthwise convolution whose kernel is longer than 3 on a side.
    DepthwiseLarge,
    /// A fully connected layer or a matrix product; in `costs`, with a single row.
    Dense,
    /// Addition, multiplication, activation functions: each output element from few input elements.
    Elementwise,
    /// A matrix product with several rows: attention, layers that are applied to each token.
    #[serde(rename = "matmul")]
    MatMul,
    /// What moves bytes: concatenation, padding, transposition, resizing; a reshape without a copy has no outputs.
    Movement,
    /// A 1×1 convolution, grouped or not.
    Pointwise,
    /// Pooling and reductions.
    Pool,
    /// Softmax, layer normalization: several passes with exponentials or roots.
    Softmax,
}

impl OpClass {
    /// All of them, in the order of their names.
    pub const ALL: [OpClass; 12] = [
        OpClass::Conv,
        OpClass::Conv3x3,
        OpClass::ConvLarge,
        OpClass::Depthwise,
        OpClass::DepthwiseLarge,
        OpClass::Dense,
        OpClass::Elementwise,
        OpClass::MatMul,
        OpClass::Movement,
        OpClass::Pointwise,
        OpClass::Pool,
        OpClass::Softmax,
    ];

    /// The class whose costs apply where a profile states none for this one; itself where nothing stands in for it.
    pub fn stand_in(self) -> OpClass {
        match self {
            OpClass::Conv3x3 | OpClass::ConvLarge => OpClass::Conv,
            OpClass::DepthwiseLarge => OpClass::Depthwise,
            OpClass::MatMul => OpClass::Dense,
            class => class,
        }
    }

    /// The name that profiles use.
    pub fn name(self) -> &'static str {
        match self {
            OpClass::Conv => "conv",
            OpClass::Conv3x3 => "conv-3x3",
            OpClass::ConvLarge => "conv-large",
            OpClass::Depthwise => "depthwise",
            OpClass::DepthwiseLarge => "depthwise-large",
            OpClass::Dense => "dense",
            OpClass::Elementwise => "elementwise",
            OpClass::MatMul => "matmul",
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
    /// Kernel positions that lie inside the input, over all pixels of the output, as [`inner_taps`] counts them; outside of convolutions and
    /// pooling, the pixels of the output.
    pub inner_taps: u64,
}

/// How many kernel positions lie inside an input of `input` (height, width), over all pixels of an output of `output`, when the kernel begins
/// `pad` before the input; the others read padding, which kernels for microcontrollers skip.
pub fn inner_taps(input: [u32; 2], output: [u32; 2], kernel: [u32; 2], stride: [u32; 2], dilation: [u32; 2], pad: [u32; 2]) -> u64 {
    let along = |axis: usize| -> u64 {
        let [input, output, kernel] = [input, output, kernel].map(|sides| u64::from(sides[axis]));
        let [stride, dilation, pad] = [stride, dilation, pad].map(|sides| u64::from(sides[axis]));
        let inside = |tap: u64| {
            // Positions p with 0 <= p * stride + tap * dilation - pad < input.
            let offset = tap.saturating_mul(dilation);
            let first = pad.saturating_sub(offset).div_ceil(stride.max(1));
            let end = (input.saturating_add(pad)).saturating_sub(offset).div_ceil(stride.max(1)).min(output);
            end.saturating_sub(first)
        };
        // Windows this long are not padded in earnest, and counting would take long.
        if kernel > 4096 { kernel.saturating_mul(output) } else { (0..kernel).map(inside).fold(0, u64::saturating_add) }
    };
    along(0).saturating_mul(along(1))
}

impl OpWork {
    /// A depthwise convolution, a 1×1 one or any other.
    pub fn conv_class(kernel: [u32; 2], groups: u32, in_channels_of_tensor: u32) -> OpClass {
        match kernel {
            _ if groups > 1 && groups == in_channels_of_tensor => OpClass::Depthwise,
            [1, 1] => OpClass::Pointwise,
            _ => OpClass::Conv,
        }
    }

    /// The class whose coefficients apply.
    pub fn cost_class(&self) -> OpClass {
        let large = self.kernel.iter().any(|side| *side > 3);
        match (self.class, self.kernel, self.stride, self.groups) {
            (OpClass::Conv, [1, 1], _, _) => OpClass::Pointwise,
            (OpClass::Conv, [3, 3], [1, 1], 1) if self.in_channels >= 8 => OpClass::Conv3x3,
            (OpClass::Conv, ..) if large => OpClass::ConvLarge,
            (OpClass::Depthwise, ..) if large => OpClass::DepthwiseLarge,
            (OpClass::Dense, ..) if self.outputs > u64::from(self.out_channels) => OpClass::MatMul,
            (class, ..) => class,
        }
    }

    /// Multiplications that read the input, not padding: for depthwise convolutions, which are the ones that leave padding out.
    pub fn effective_macs(&self) -> f64 {
        match self.class {
            OpClass::Depthwise => (self.inner_taps as f64 * f64::from(self.out_channels)).min(self.macs as f64),
            _ => self.macs as f64,
        }
    }

    /// How often a kernel starts its innermost loop over channels: elements of the output times positions of the kernel.
    pub fn taps(&self) -> f64 {
        self.outputs as f64 * f64::from(self.kernel[0]) * f64::from(self.kernel[1])
    }

    /// Elements that a convolution gathers into a matrix (im2col): those under the kernel, for each pixel of the output.
    pub fn gathered(&self) -> f64 {
        self.macs as f64 * f64::from(self.groups) / f64::from(self.out_channels.max(1))
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
