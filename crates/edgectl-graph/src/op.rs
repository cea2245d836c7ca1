//! The operators.

use std::fmt;
use std::sync::Arc;

use crate::{ConvTranspose, Recurrent, Resize, Shape, Unary};

/// What a node computes. Axes count from the front and are never negative.
///
/// Inputs and outputs of each operator are in its documentation; `x` is the activation, constants come after it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// The index of the greatest or least element along an axis, the first of equal ones; whole numbers (int64).
    ArgMax {
        /// The axis.
        axis: usize,
        /// Whether the axis stays with size one.
        keep_dims: bool,
        /// Whether it is the least element.
        smallest: bool,
    },
    /// Mean over a window. `x [N, C, spatial...]`.
    AveragePool {
        /// The window.
        pool: Pool,
        /// Whether padding counts as zeros in the mean; otherwise it is left out of it.
        include_pad: bool,
    },
    /// `y = (x - mean) / sqrt(var + epsilon) * scale + bias`, per channel (axis 1). Inputs `x, scale [C], bias [C], mean [C], var [C]`.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Elementwise arithmetic on `a, b` with numpy's broadcasting, then the activation.
    Binary {
        /// The arithmetic.
        op: Binary,
        /// Applied to the result.
        activation: Activation,
    },
    /// The inputs one after the other along an axis.
    Concat {
        /// The axis along which the inputs are joined.
        axis: usize,
    },
    /// Convolution. Inputs `x [N, C, spatial...], filter [O, C / groups, kernel...], bias [O]` (the bias may be absent).
    Conv(Conv),
    /// Transposed convolution. Inputs `x [N, C, spatial...], filter [O, C / groups, kernel...], bias [O]` (the bias may be absent). Like
    /// any layer's, its filter has the output channels first.
    ConvTranspose(ConvTranspose),
    /// The last elements along an axis of a stream, of which each input is a part: it remembers those of earlier inputs, and begins with
    /// zeros. No model has it: it is what makes a graph take a window piece by piece.
    Delay {
        /// The axis of time.
        axis: usize,
        /// The number of elements, not less than the input has.
        len: usize,
    },
    /// Fully connected layer. Inputs `x [..., I], weights [O, I], bias [O]` (the bias may be absent); output `[..., O]`.
    Dense {
        /// Applied to the result.
        activation: Activation,
    },
    /// Blocks of channels become squares of pixels: `[N, C, H, W]` to `[N, C / block^2, H * block, W * block]`.
    DepthToSpace {
        /// The side of a square.
        block: usize,
        /// Whether the channels of a result are adjacent in the input (CRD); otherwise the pixels of a square are `C / block^2`
        /// channels apart (DCR).
        channel_first: bool,
    },
    /// `real = scale * (q - zero_point)`. Inputs `q, scale, zero_point` (the zero point may be absent).
    Dequantize {
        /// The axis of per-channel parameters; without meaning where they are scalars.
        axis: usize,
    },
    /// The elements at some indices of an axis: axis `axis` of `x` becomes axes of the shape `dims`.
    Gather {
        /// The axis.
        axis: usize,
        /// One index per element of `dims`.
        indices: Vec<usize>,
        /// The shape in which the indices lie; empty where the axis goes.
        dims: Vec<usize>,
    },
    /// `alpha * A * B + beta * C`, `A` and `B` transposed where said. Inputs `A, B, C` (`C` may be absent).
    Gemm {
        /// Factor of the product.
        alpha: f32,
        /// Factor of `C`.
        beta: f32,
        /// Whether `A` is transposed first.
        trans_a: bool,
        /// Whether `B` is transposed first.
        trans_b: bool,
    },
    /// Mean over all spatial axes, which stay with size one. `x [N, C, spatial...]`.
    GlobalAveragePool,
    /// Maximum over all spatial axes, which stay with size one. `x [N, C, spatial...]`.
    GlobalMaxPool,
    /// Each group of channels less its mean, over its standard deviation, `* scale + bias` per channel; one channel per group is instance
    /// normalization. Inputs `x [N, C, spatial...], scale [C], bias [C]`.
    GroupNorm {
        /// Number of groups.
        groups: usize,
        /// Added to the variance.
        epsilon: f32,
    },
    /// The input unchanged (also: dropout when a model is not being trained).
    Identity,
    /// What lies along the axes from one on, less its mean, over its standard deviation, `* scale + bias`. Inputs `x, scale, bias` (the bias
    /// may be absent), the last two of the shape of these axes.
    LayerNorm {
        /// The first of the axes.
        axis: usize,
        /// Added to the variance.
        epsilon: f32,
        /// Whether the mean is taken away; without that it is root-mean-square normalization.
        center: bool,
    },
    /// The logarithm of the softmax along an axis.
    LogSoftmax {
        /// The axis over which the softmax sums to one.
        axis: usize,
    },
    /// Matrix product with numpy's rules.
    MatMul,
    /// Maximum over a window; padding never wins. `x [N, C, spatial...]`.
    MaxPool(Pool),
    /// An operator that is carried along but cannot be deployed.
    Opaque(Opaque),
    /// `x` where it is positive, `slope * x` otherwise. Inputs `x, slope`; the slope broadcasts to the shape of `x`.
    PRelu,
    /// A constant frame around `x`.
    Pad {
        /// Elements added before, per axis.
        before: Vec<usize>,
        /// Elements added after, per axis.
        after: Vec<usize>,
        /// The value of the added elements.
        value: f32,
    },
    /// `q = saturate(round_half_even(x / scale) + zero_point)`. Inputs `x, scale, zero_point` (the zero point may be absent).
    Quantize {
        /// The axis of per-channel parameters; without meaning where they are scalars.
        axis: usize,
        /// The type of `q`.
        dtype: crate::DType,
    },
    /// A layer that goes through a sequence. Inputs and output: see [`Recurrent`].
    Recurrent(Recurrent),
    /// Maximum, minimum or sum over some axes.
    Reduce {
        /// Which of them.
        op: Reduction,
        /// The axes, ascending.
        axes: Vec<usize>,
        /// Whether the axes stay with size one.
        keep_dims: bool,
    },
    /// Mean over some axes.
    ReduceMean {
        /// The axes, ascending.
        axes: Vec<usize>,
        /// Whether the axes stay with size one.
        keep_dims: bool,
    },
    /// The same elements in another shape (also: flatten, squeeze, unsqueeze).
    Reshape {
        /// The shape of the output.
        shape: Shape,
    },
    /// The spatial axes in another size. `x [N, C, spatial...]`.
    Resize(Resize),
    /// Every so many elements of some axes.
    Slice {
        /// One per axis that is not kept whole, by ascending axis.
        spans: Vec<Span>,
    },
    /// `exp(x) / sum(exp(x))` along an axis.
    Softmax {
        /// The axis over which the result sums to one.
        axis: usize,
    },
    /// Squares of pixels become channels: `[N, C, H, W]` to `[N, block^2 * C, H / block, W / block]`, the pixels of a square being `C`
    /// channels apart.
    SpaceToDepth {
        /// The side of a square.
        block: usize,
    },
    /// The greatest or least elements along an axis, in order; of equal ones the first comes first.
    TopK {
        /// The axis.
        axis: usize,
        /// How many elements.
        k: usize,
        /// Whether they are the least ones.
        smallest: bool,
        /// Whether the output is where they are (int64) instead of what they are.
        indices: bool,
    },
    /// Dimensions permuted: `y.shape[i] = x.shape[perm[i]]`.
    Transpose {
        /// The input axis of each output axis.
        perm: Vec<usize>,
    },
    /// An elementwise function of one input.
    Unary(Unary),
}

impl Op {
    /// The operator's name in dumps, tables and messages: ONNX's, where ONNX has one.
    pub fn name(&self) -> &str {
        match self {
            Op::ArgMax { smallest: false, .. } => "ArgMax",
            Op::ArgMax { .. } => "ArgMin",
            Op::AveragePool { .. } => "AveragePool",
            Op::BatchNorm { .. } => "BatchNormalization",
            Op::Binary { op, .. } => op.name(),
            Op::Concat { .. } => "Concat",
            Op::Conv(_) => "Conv",
            Op::ConvTranspose(_) => "ConvTranspose",
            Op::Dense { .. } => "Dense",
            Op::Delay { .. } => "Delay",
            Op::DepthToSpace { .. } => "DepthToSpace",
            Op::Dequantize { .. } => "DequantizeLinear",
            Op::Gather { .. } => "Gather",
            Op::Gemm { .. } => "Gemm",
            Op::GlobalAveragePool => "GlobalAveragePool",
            Op::GlobalMaxPool => "GlobalMaxPool",
            Op::GroupNorm { .. } => "GroupNormalization",
            Op::Identity => "Identity",
            Op::LayerNorm { center: true, .. } => "LayerNormalization",
            Op::LayerNorm { .. } => "RMSNormalization",
            Op::LogSoftmax { .. } => "LogSoftmax",
            Op::MatMul => "MatMul",
            Op::MaxPool(_) => "MaxPool",
            Op::Opaque(opaque) => &opaque.op_type,
            Op::PRelu => "PRelu",
            Op::Pad { .. } => "Pad",
            Op::Quantize { .. } => "QuantizeLinear",
            Op::Recurrent(recurrent) => recurrent.cell.name(),
            Op::Reduce { op, .. } => op.name(),
            Op::ReduceMean { .. } => "ReduceMean",
            Op::Reshape { .. } => "Reshape",
            Op::Resize(_) => "Resize",
            Op::Slice { .. } => "Slice",
            Op::Softmax { .. } => "Softmax",
            Op::SpaceToDepth { .. } => "SpaceToDepth",
            Op::TopK { .. } => "TopK",
            Op::Transpose { .. } => "Transpose",
            Op::Unary(unary) => unary.name(),
        }
    }

    /// Whether it is a layer: its second input are weights with the output channels first, its third one a bias or nothing.
    pub fn is_layer(&self) -> bool {
        matches!(self, Op::Conv(_) | Op::ConvTranspose(_) | Op::Dense { .. })
    }

    /// Whether it normalizes: its second input are scales, its third one shifts or nothing, which stay real.
    pub fn is_normalization(&self) -> bool {
        matches!(self, Op::GroupNorm { .. } | Op::LayerNorm { .. })
    }

    /// The clamp that is applied to the result, for operators that can have one.
    pub fn activation(&self) -> Option<Activation> {
        match self {
            Op::Binary { activation, .. } | Op::Dense { activation } => Some(*activation),
            Op::Conv(conv) => Some(conv.activation),
            Op::ConvTranspose(conv) => Some(conv.activation),
            _ => None,
        }
    }

    /// The same operator with another clamp, for operators that can have one.
    pub fn with_activation(&self, activation: Activation) -> Option<Op> {
        let mut op = self.clone();
        match &mut op {
            Op::Binary { activation: own, .. } | Op::Dense { activation: own } => *own = activation,
            Op::Conv(conv) => conv.activation = activation,
            Op::ConvTranspose(conv) => conv.activation = activation,
            _ => return None,
        }
        Some(op)
    }
}

/// A clamp fused into the operator before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activation {
    /// Lower bound, or minus infinity.
    pub min: f32,
    /// Upper bound, or infinity; never below `min`.
    pub max: f32,
}

impl Activation {
    /// No clamp.
    pub const NONE: Activation = Activation { min: f32::NEG_INFINITY, max: f32::INFINITY };
    /// `max(x, 0)`.
    pub const RELU: Activation = Activation { min: 0.0, max: f32::INFINITY };
    /// `min(max(x, 0), 6)`.
    pub const RELU6: Activation = Activation { min: 0.0, max: 6.0 };
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Activation::NONE => f.write_str("none"),
            Activation::RELU => f.write_str("relu"),
            Activation::RELU6 => f.write_str("relu6"),
            Activation { min, max } => write!(f, "clip({min},{max})"),
        }
    }
}

/// Elementwise arithmetic of two inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a / b`
    Div,
    /// The greater of both.
    Max,
    /// The lesser of both.
    Min,
    /// `a * b`
    Mul,
    /// `a - b`
    Sub,
}

impl Binary {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Binary::Add => "Add",
            Binary::Div => "Div",
            Binary::Max => "Max",
            Binary::Min => "Min",
            Binary::Mul => "Mul",
            Binary::Sub => "Sub",
        }
    }

    /// The result for two numbers.
    pub fn eval(self, a: f32, b: f32) -> f32 {
        match self {
            Binary::Add => a + b,
            Binary::Div => a / b,
            Binary::Max => a.max(b),
            Binary::Min => a.min(b),
            Binary::Mul => a * b,
            Binary::Sub => a - b,
        }
    }
}

/// What is left of many elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduction {
    /// The greatest one.
    Max,
    /// The least one.
    Min,
    /// Their sum.
    Sum,
}

impl Reduction {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Max => "ReduceMax",
            Reduction::Min => "ReduceMin",
            Reduction::Sum => "ReduceSum",
        }
    }
}

/// Some elements of an axis: `start`, `start + step`, `start + 2 * step`...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The axis.
    pub axis: usize,
    /// The first element.
    pub start: usize,
    /// The distance between elements; negative to go backward, never 0.
    pub step: isize,
    /// The number of elements.
    pub len: usize,
}

impl Span {
    /// `None` where an element is outside of an axis of this size, or the step is 0.
    pub(crate) fn check(&self, size: usize) -> Option<()> {
        let reach = isize::try_from(self.len.saturating_sub(1)).ok()?.checked_mul(self.step)?;
        let last = self.start.checked_add_signed(reach)?;
        (self.step != 0 && (self.len == 0 || self.start.max(last) < size)).then_some(())
    }

    /// The indices of the elements.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        let (start, step) = (self.start, self.step);
        (0..self.len).map(move |i| start.wrapping_add_signed(step.wrapping_mul(i as isize)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{:+}x{}", self.axis, self.start, self.step, self.len)
    }
}

/// A window that slides over the spatial axes; every list has one entry per spatial axis (one or two).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Size of the window.
    pub kernel: Vec<usize>,
    /// Step between windows, at least one.
    pub strides: Vec<usize>,
    /// Distance between the elements of a window, at least one.
    pub dilations: Vec<usize>,
    /// Padding before the first element.
    pub pads_begin: Vec<usize>,
    /// Padding after the last element.
    pub pads_end: Vec<usize>,
}

impl Window {
    /// A window of this size that moves by one, without padding.
    pub fn new(kernel: &[usize]) -> Window {
        let rank = kernel.len();
        Window {
            kernel: kernel.to_vec(),
            strides: vec![1; rank],
            dilations: vec![1; rank],
            pads_begin: vec![0; rank],
            pads_end: vec![0; rank],
        }
    }

    /// The number of windows along a spatial axis of this size; `None` where not one fits.
    pub fn output_size(&self, axis: usize, size: usize) -> Option<usize> {
        let extent = self.kernel[axis].checked_sub(1)?.checked_mul(self.dilations[axis])?.checked_add(1)?;
        let padded = size.checked_add(self.pads_begin[axis])?.checked_add(self.pads_end[axis])?;
        Some(padded.checked_sub(extent)? / self.strides[axis] + 1)
    }

    /// Whether every list has `rank` entries and strides, dilations and kernel are at least one.
    pub(crate) fn is_well_formed(&self, rank: usize) -> bool {
        let lists = [&self.kernel, &self.strides, &self.dilations, &self.pads_begin, &self.pads_end];
        lists.iter().all(|list| list.len() == rank) && lists[..3].iter().all(|list| list.iter().all(|&n| n > 0))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |v: &[usize]| v.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        write!(f, "kernel={} strides={}", list(&self.kernel), list(&self.strides))?;
        if self.dilations.iter().any(|&d| d != 1) {
            write!(f, " dilations={}", list(&self.dilations))?;
        }
        if self.pads_begin.iter().chain(&self.pads_end).any(|&p| p != 0) {
            write!(f, " pads={}:{}", list(&self.pads_begin), list(&self.pads_end))?;
        }
        Ok(())
    }
}

/// A pooling window.
pub type Pool = Window;

/// The attributes of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Kernel, strides, dilations and padding (with zeros).
    pub window: Window,
    /// Number of groups; each sees `C / groups` input channels. Equal to `C` for a depthwise convolution.
    pub groups: usize,
    /// Applied to the result.
    pub activation: Activation,
}

/// An operator outside the typed set, in its front end's own encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// The operator's domain; empty for the front end's default one.
    pub domain: String,
    /// The operator's name.
    pub op_type: String,
    /// Why it is not a typed operator, e.g. `attribute "mode" is "reflect"`; empty where the operator as such is unknown.
    pub reason: String,
    /// The node as its front end encodes it.
    pub payload: Arc<[u8]>,
}
