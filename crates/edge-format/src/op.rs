//! The operator table. Adding an operator is one row here and one `struct` in `params.rs`.

use core::fmt;

use crate::params::*;
use crate::wide::I16;

/// What an operator's parameters have in common.
pub trait OpParams: Sized {
    /// The operator that takes them.
    const OP: OpCode;

    /// Length in words.
    const WORDS: usize;

    /// Reads them from words as they lie in the file; `None` where there are too few.
    fn decode(words: &[u32]) -> Option<Self>;

    /// Hands each word to `put`.
    fn encode(&self, put: &mut dyn FnMut(u32));
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident($params:ty) = $code:literal, $label:literal, $in_place:literal;)*) => {
        /// Operators, with their codes in the file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum OpCode { $($(#[$doc])* $name = $code),* }

        impl OpCode {
            /// Every operator.
            pub const ALL: &'static [OpCode] = &[$(OpCode::$name),*];

            /// The operator of a code in the file.
            #[cfg_attr(not(target_os = "none"), inline)]
            pub fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// Lower-case name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }

            /// Whether the output may take the place of an input: same offset in the arena, same number of bytes.
            ///
            /// `Copy`, `Requantize` and the tables take the place of their first input; `Add`, `Sub`, `Mul`, `Div`, `Prelu`,
            /// `Maximum` and `Minimum` of either one that has the output's shape. In any other op the output must lie apart from all inputs.
            pub const fn in_place(self) -> bool {
                match self { $(Self::$name => $in_place),* }
            }

            /// How many states the op updates: its last inputs before, its last outputs after, in the same places.
            pub const fn states(self) -> usize {
                match self {
                    Self::Gru | Self::Lstm => 2,
                    Self::Shift => 1,
                    _ => 0,
                }
            }

            /// Length of the parameters in words.
            #[cfg_attr(not(target_os = "none"), inline)]
            pub const fn param_words(self) -> usize {
                match self { $(Self::$name => <$params>::WORDS),* }
            }
        }

        /// Parameters of any operator, for those who handle all of them: the writer, a dump.
        ///
        /// A kernel decodes its own type with [`Op::params`](crate::Op::params), so that a firmware does not link
        /// the decoders of operators that it lacks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Params { $(
            #[doc = concat!("Parameters of [`OpCode::", stringify!($name), "`].")]
            $name($params)
        ),* }

        impl Params {
            /// The operator that takes them.
            pub const fn op_code(&self) -> OpCode {
                match self { $(Self::$name(_) => OpCode::$name),* }
            }

            /// Reads the parameters of `op` from words as they lie in the file; `None` where there are too few.
            pub fn decode(op: OpCode, words: &[u32]) -> Option<Self> {
                match op { $(OpCode::$name => <$params>::decode(words).map(Self::$name)),* }
            }

            /// Hands each word to `put`.
            pub fn encode(&self, put: &mut dyn FnMut(u32)) {
                match self { $(Self::$name(params) => params.encode(put)),* }
            }
        }

        $(impl From<$params> for Params {
            fn from(params: $params) -> Self {
                Self::$name(params)
            }
        })*
    };
}

// Operator (parameters) = code in the file, name, may run in place.
operators! {
    /// 2-D convolution, NHWC; a 1-D convolution has height 1. Inputs: x `[N, H, W, C]` i8, filter
    /// `[O, KH, KW, C / groups]` i8, bias `[O]` i32, multiplier_q31 `[O]` i32, shift `[O]` i32.
    Conv2d(Conv2dParams) = 1, "conv2d", false;
    /// Depthwise convolution, NHWC. Inputs: x `[N, H, W, C]` i8, filter `[1, KH, KW, C * depth_multiplier]` i8, bias,
    /// multiplier_q31 and shift `[C * depth_multiplier]` i32.
    DepthwiseConv2d(DepthwiseConv2dParams) = 2, "depthwise_conv2d", false;
    /// Matrix product. Inputs: x `[.., I]` i8, filter `[O, I]` i8, bias, multiplier_q31 and shift `[O]` i32. Output: as
    /// many rows of `O` as x has rows of `I`.
    FullyConnected(FullyConnectedParams) = 3, "fully_connected", false;
    /// Average over windows, NHWC. Input: x `[N, H, W, C]` i8. Output has the input's scale and zero point.
    AveragePool2d(AveragePool2dParams) = 4, "average_pool2d", false;
    /// Maximum over windows, NHWC. Input: x `[N, H, W, C]` i8. Output has the input's scale and zero point.
    MaxPool2d(MaxPool2dParams) = 5, "max_pool2d", false;
    /// Mean or, by its multiplier, sum over axes. Input: x i8. Output: the axes that are left, with or without ones in place of the others.
    Mean(MeanParams) = 6, "mean", false;
    /// Sum with numpy broadcasting. Inputs: two i8.
    Add(AddParams) = 7, "add", true;
    /// Difference, first minus second, with numpy broadcasting. Inputs: two i8.
    Sub(SubParams) = 8, "sub", true;
    /// Product with numpy broadcasting. Inputs: two i8.
    Mul(MulParams) = 9, "mul", true;
    /// Joins along an axis. Inputs: one or more i8, with the output's scale and zero point.
    Concat(ConcatParams) = 10, "concat", false;
    /// Surrounds with a constant. Input: x i8.
    Pad(PadParams) = 11, "pad", false;
    /// Permutes axes. Input: x i8.
    Transpose(TransposeParams) = 12, "transpose", false;
    /// Softmax over the last axis. Input: x i8. Output: i8 of scale 1/256 and zero point -128.
    Softmax(SoftmaxParams) = 13, "softmax", false;
    /// Any unary function, tabulated. Inputs: x i8, table `[256]` i8 in data, whose entry `i` is the output for
    /// `q = i - 128`.
    Table(TableParams) = 14, "table", true;
    /// Copies bytes: a reshape that cannot share its input's place. Input: x of any data type.
    Copy(CopyParams) = 15, "copy", true;
    /// Greater of two with numpy broadcasting. Inputs: two i8, with the output's scale and zero point.
    Maximum(MaximumParams) = 16, "maximum", true;
    /// Lesser of two with numpy broadcasting. Inputs: two i8, with the output's scale and zero point.
    Minimum(MinimumParams) = 17, "minimum", true;
    /// Every so many elements of each axis. Input: x i8. Output has the input's scale and zero point.
    StridedSlice(StridedSliceParams) = 18, "strided_slice", false;
    /// Elements at some indices of an axis. Inputs: x i8, indices i32 in data, as many as the output has along the axis.
    /// Output has the input's scale and zero point.
    Gather(GatherParams) = 19, "gather", false;
    /// Rows and columns of images by index, NHWC. Inputs: x `[N, H, W, C]` i8, rows `[OH]` and columns `[OW]` i32 in data.
    /// Output has the input's scale and zero point.
    ResizeNearest(ResizeNearestParams) = 20, "resize_nearest", false;
    /// Bilinear interpolation of images, NHWC. Input: x `[N, H, W, C]` i8. Output has the input's scale and zero point.
    ResizeBilinear(ResizeBilinearParams) = 21, "resize_bilinear", false;
    /// Maximum over axes. Input: x i8. Output: as of `Mean`, with the input's scale and zero point.
    ReduceMax(ReduceMaxParams) = 22, "reduce_max", false;
    /// Minimum over axes. Input: x i8. Output: as of `Mean`, with the input's scale and zero point.
    ReduceMin(ReduceMinParams) = 23, "reduce_min", false;
    /// Matrix products of two activations. Inputs: a `[.., M, K]` i8, b `[.., K, N]` i8, or `[.., N, K]` where it is
    /// transposed. Output: `[.., M, N]`. All of one rank; the axes before the last two broadcast.
    BatchMatmul(BatchMatmulParams) = 24, "batch_matmul", false;
    /// Transposed 2-D convolution, NHWC; a 1-D one has height 1. Inputs: x `[N, H, W, C]` i8, filter `[O, KH, KW, C / groups]` i8,
    /// bias, multiplier_q31 and shift `[O]` i32. Output: `[N, OH, OW, O]`; pixels that no window reaches have the bias alone.
    ConvTranspose2d(ConvTranspose2dParams) = 25, "conv_transpose2d", false;
    /// Quotient, first by second, with numpy broadcasting. Inputs: two i8. A quotient by zero saturates; zero by zero is zero.
    Div(DivParams) = 26, "div", true;
    /// First input where it is positive, else its product with the second, with numpy broadcasting. Inputs: x i8, slope i8.
    Prelu(PreluParams) = 27, "prelu", true;
    /// Logarithm of the softmax over the last axis. Input: x i8. Output: i8 of scale 1/16 and zero point 127.
    LogSoftmax(LogSoftmaxParams) = 28, "log_softmax", false;
    /// The greatest or least elements along the last axis, in order, as many as the output has; of equal ones the first. Input: x i8.
    /// Output: i8 values with the input's scale and zero point, or their i32 indices.
    TopK(TopKParams) = 29, "top_k", false;
    /// Rows less their mean, over their standard deviation, times a scale, plus a shift, each per channel: layer, group, instance and
    /// root-mean-square normalization. Inputs: x i8, multiplier_q31, shift and bias `[C]` i32. Elements count through the channels.
    Normalize(NormalizeParams) = 30, "normalize", false;
    /// Long short-term memory over a sequence. Inputs: x `[N, T, I]` i8, or `[T, N, I]` where it is time major; filter
    /// `[4 * U, I]` i8 and recurrent filter `[4 * U, U]` i8, gates in the order input, forget, cell, output; bias `[4 * U]` i32
    /// of x's and the filter's scale; table `[256]` i16 of the sigmoid; hidden `[N, U]` i8, cell `[N, U]` i16. Outputs: y
    /// `[N, T, U]` or `[T, N, U]` i8, hidden and cell after the last step. Hidden has y's scale and zero point; the cell's are a
    /// power of two and 0.
    Lstm(LstmParams) = 40, "lstm", false;
    /// Gated recurrent unit over a sequence. Inputs: x as of `Lstm`; filter `[3 * U, I]` i8 and recurrent filter `[3 * U, U]` i8,
    /// gates in the order update, reset, new; bias `[3 * U]` i32 of x's and the filter's scale; recurrent bias `[3 * U]` i32 of
    /// y's and the recurrent filter's scale; table `[256]` i16 of the sigmoid; hidden `[N, U]` i8, and the same finer `[N, U]` i16
    /// of scale 2^-15. Outputs: y as of `Lstm`, scratch `[U]` i8, both forms of hidden after the last step.
    Gru(GruParams) = 41, "gru", false;
    /// Appends to a window that slides: what is as long as the input leaves it at the front. Inputs: x i8, window i8. Output: the
    /// window after. All have one scale and zero point, and agree but for the axis, along which the window is at least as long.
    Shift(ShiftParams) = 42, "shift", false;
    /// As `Conv2d`, of i16 activations; bias `[O]` i32 to sum up in 32 bits, or i64 to sum up in 64.
    Conv2dI16(I16<Conv2dParams>) = 50, "conv2d_i16", false;
    /// As `DepthwiseConv2d`, of i16 activations; bias as of `Conv2dI16`.
    DepthwiseConv2dI16(I16<DepthwiseConv2dParams>) = 51, "depthwise_conv2d_i16", false;
    /// As `FullyConnected`, of i16 activations; bias as of `Conv2dI16`.
    FullyConnectedI16(I16<FullyConnectedParams>) = 52, "fully_connected_i16", false;
    /// As `Add`, of i16.
    AddI16(I16<AddParams>) = 53, "add_i16", true;
    /// As `Sub`, of i16.
    SubI16(I16<SubParams>) = 54, "sub_i16", true;
    /// As `Mul`, of i16.
    MulI16(I16<MulParams>) = 55, "mul_i16", true;
    /// As `Maximum`, of i16.
    MaximumI16(I16<MaximumParams>) = 56, "maximum_i16", true;
    /// As `Minimum`, of i16.
    MinimumI16(I16<MinimumParams>) = 57, "minimum_i16", true;
    /// As `AveragePool2d`, of i16.
    AveragePool2dI16(I16<AveragePool2dParams>) = 58, "average_pool2d_i16", false;
    /// As `MaxPool2d`, of i16.
    MaxPool2dI16(I16<MaxPool2dParams>) = 59, "max_pool2d_i16", false;
    /// As `Mean`, of i16.
    MeanI16(I16<MeanParams>) = 60, "mean_i16", false;
    /// As `ReduceMax`, of i16.
    ReduceMaxI16(I16<ReduceMaxParams>) = 61, "reduce_max_i16", false;
    /// As `ReduceMin`, of i16.
    ReduceMinI16(I16<ReduceMinParams>) = 62, "reduce_min_i16", false;
    /// Softmax over the last axis. Inputs: x i16; `exp` over -10 to 0 and `1 / (1 + x)` over 0 to 1 as tables of `TableI16`
    /// whose output's scale is 1/32768. Output: i16 of scale 1/32768.
    SoftmaxI16(SoftmaxI16Params) = 63, "softmax_i16", false;
    /// Any unary function, interpolated. Inputs: x i16, table `[513]` i16 in data, whose entry `i` is the output for
    /// `q = 128 * i - 32768`.
    TableI16(TableI16Params) = 64, "table_i16", true;
    /// `1 / (1 + exp(-x))`. Inputs: x i16, table `[256]` i16 in data, whose entry `i` has the bits of
    /// `65536 / (1 + exp(-i / 24))` as u16. Output: i16 of scale 1/32768.
    LogisticI16(LogisticI16Params) = 65, "logistic_i16", true;
    /// Hyperbolic tangent. Inputs and output: as of `LogisticI16`.
    TanhI16(TanhI16Params) = 66, "tanh_i16", true;
    /// Another type or scale, with one factor for numbers below zero and one for the others: between i8 and i16, or from one of
    /// i16 to another, as leaky rectifiers and absolute values do too. Input: x i8 or i16. Output: i8 or i16, in place
    /// of the input where it has its size.
    Requantize(RequantizeParams) = 67, "requantize", true;
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
