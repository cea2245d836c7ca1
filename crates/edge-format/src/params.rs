//! Parameters of each operator, as words.
//!
//! Scales and zero points are the tensors' own and not repeated here. A requantization is
//! `round(x * multiplier_q31 * 2^(shift - 31))`, a shift above zero being to the left.

use crate::op::{OpCode, OpParams};
use crate::shape::MAX_RANK;

/// A field: one or more words.
trait Field: Sized {
    const WORDS: usize;
    fn take(words: &mut &[u32]) -> Option<Self>;
    fn put(&self, put: &mut dyn FnMut(u32));
}

impl Field for u32 {
    const WORDS: usize = 1;
    #[cfg_attr(not(target_os = "none"), inline)]
    fn take(words: &mut &[u32]) -> Option<Self> {
        let (&word, rest) = words.split_first()?;
        *words = rest;
        Some(u32::from_le(word))
    }
    fn put(&self, put: &mut dyn FnMut(u32)) {
        put(*self);
    }
}

impl Field for i32 {
    const WORDS: usize = 1;
    #[cfg_attr(not(target_os = "none"), inline)]
    fn take(words: &mut &[u32]) -> Option<Self> {
        u32::take(words).map(u32::cast_signed)
    }
    fn put(&self, put: &mut dyn FnMut(u32)) {
        put(self.cast_unsigned());
    }
}

impl<const N: usize> Field for [u32; N] {
    const WORDS: usize = N;
    #[cfg_attr(not(target_os = "none"), inline)]
    fn take(words: &mut &[u32]) -> Option<Self> {
        let mut array = [0; N];
        for element in &mut array {
            *element = u32::take(words)?;
        }
        Some(array)
    }
    fn put(&self, put: &mut dyn FnMut(u32)) {
        self.iter().copied().for_each(put);
    }
}

impl<const N: usize> Field for [i32; N] {
    const WORDS: usize = N;
    #[cfg_attr(not(target_os = "none"), inline)]
    fn take(words: &mut &[u32]) -> Option<Self> {
        <[u32; N]>::take(words).map(|words| words.map(u32::cast_signed))
    }
    fn put(&self, put: &mut dyn FnMut(u32)) {
        self.map(i32::cast_unsigned).put(put);
    }
}

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident for $op:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl $name {
            /// Length in words.
            pub const WORDS: usize = 0 $(+ <$type as Field>::WORDS)*;
        }

        impl OpParams for $name {
            const OP: OpCode = OpCode::$op;
            const WORDS: usize = $name::WORDS;

            #[cfg_attr(not(target_os = "none"), inline)]
            fn decode(words: &[u32]) -> Option<Self> {
                // A length that is known, so that each field is a load and nothing else.
                let mut _words = words.first_chunk::<{ $name::WORDS }>()?.as_slice();
                Some(Self { $($field: Field::take(&mut _words)?,)* })
            }

            fn encode(&self, _put: &mut dyn FnMut(u32)) {
                $(self.$field.put(_put);)*
            }
        }
    )*};
}

params! {
    /// Parameters of [`OpCode::Conv2d`]. Padding at the bottom and on the right follows from the output's shape.
    Conv2dParams for Conv2d {
        /// Rows between windows.
        stride_h: u32,
        /// Columns between windows.
        stride_w: u32,
        /// Rows between taps; 1 is dense.
        dilation_h: u32,
        /// Columns between taps; 1 is dense.
        dilation_w: u32,
        /// Rows of padding above.
        pad_top: u32,
        /// Columns of padding on the left.
        pad_left: u32,
        /// Groups: divides the channels of input and output.
        groups: u32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::DepthwiseConv2d`]. Padding at the bottom and on the right follows from the output's shape.
    DepthwiseConv2dParams for DepthwiseConv2d {
        /// Rows between windows.
        stride_h: u32,
        /// Columns between windows.
        stride_w: u32,
        /// Rows between taps; 1 is dense.
        dilation_h: u32,
        /// Columns between taps; 1 is dense.
        dilation_w: u32,
        /// Rows of padding above.
        pad_top: u32,
        /// Columns of padding on the left.
        pad_left: u32,
        /// Output channels per input channel; those of one input channel are adjacent.
        depth_multiplier: u32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::ConvTranspose2d`]: tap `k` of the window of input `i` falls on output
    /// `i * stride + k * dilation - pad`. Padding at the bottom and on the right follows from the output's shape.
    ConvTranspose2dParams for ConvTranspose2d {
        /// Rows of the output between windows.
        stride_h: u32,
        /// Columns of the output between windows.
        stride_w: u32,
        /// Rows between taps; 1 is dense.
        dilation_h: u32,
        /// Columns between taps; 1 is dense.
        dilation_w: u32,
        /// Rows cut off above.
        pad_top: u32,
        /// Columns cut off on the left.
        pad_left: u32,
        /// Groups: divides the channels of input and output.
        groups: u32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::FullyConnected`].
    FullyConnectedParams for FullyConnected {
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::AveragePool2d`]. Padding at the bottom and on the right follows from the output's shape.
    AveragePool2dParams for AveragePool2d {
        /// Rows of a window.
        kernel_h: u32,
        /// Columns of a window.
        kernel_w: u32,
        /// Rows between windows.
        stride_h: u32,
        /// Columns between windows.
        stride_w: u32,
        /// Rows of padding above.
        pad_top: u32,
        /// Columns of padding on the left.
        pad_left: u32,
        /// 0: divide by the number of elements inside the input, as TensorFlow Lite does. 1: padding counts as
        /// real zeros and the divisor is the whole window, as ONNX's `count_include_pad`.
        include_pad: u32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::MaxPool2d`]. Padding at the bottom and on the right follows from the output's shape.
    MaxPool2dParams for MaxPool2d {
        /// Rows of a window.
        kernel_h: u32,
        /// Columns of a window.
        kernel_w: u32,
        /// Rows between windows.
        stride_h: u32,
        /// Columns between windows.
        stride_w: u32,
        /// Rows of padding above.
        pad_top: u32,
        /// Columns of padding on the left.
        pad_left: u32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Mean`].
    MeanParams for Mean {
        /// Bit `a` is set where axis `a` is reduced.
        axes: u32,
        /// Multiplier of the sum; for a mean the division by the number of elements is in it.
        multiplier_q31: i32,
        /// Shift of the sum.
        shift: i32,
    }

    /// Parameters of [`OpCode::Add`]. Each input, less its zero point and shifted left by `left_shift`, is requantized
    /// to a common scale; their sum is requantized to the output's.
    AddParams for Add {
        /// Bits of headroom that inputs are raised by; 20 in TensorFlow Lite.
        left_shift: u32,
        /// Multiplier of the first input.
        input1_multiplier_q31: i32,
        /// Shift of the first input.
        input1_shift: i32,
        /// Multiplier of the second input.
        input2_multiplier_q31: i32,
        /// Shift of the second input.
        input2_shift: i32,
        /// Multiplier of the sum.
        output_multiplier_q31: i32,
        /// Shift of the sum.
        output_shift: i32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Sub`]: as [`AddParams`], with the second requantized input subtracted.
    SubParams for Sub {
        /// Bits of headroom that inputs are raised by; 20 in TensorFlow Lite.
        left_shift: u32,
        /// Multiplier of the first input.
        input1_multiplier_q31: i32,
        /// Shift of the first input.
        input1_shift: i32,
        /// Multiplier of the second input.
        input2_multiplier_q31: i32,
        /// Shift of the second input.
        input2_shift: i32,
        /// Multiplier of the difference.
        output_multiplier_q31: i32,
        /// Shift of the difference.
        output_shift: i32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Mul`].
    MulParams for Mul {
        /// Multiplier of the product.
        multiplier_q31: i32,
        /// Shift of the product.
        shift: i32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Div`].
    DivParams for Div {
        /// Multiplier of the quotient.
        multiplier_q31: i32,
        /// Shift of the quotient.
        shift: i32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Prelu`].
    PreluParams for Prelu {
        /// Multiplier of what is not negative.
        positive_multiplier_q31: i32,
        /// Its shift.
        positive_shift: i32,
        /// Multiplier of the product of what is negative with its slope.
        negative_multiplier_q31: i32,
        /// Its shift.
        negative_shift: i32,
    }

    /// Parameters of [`OpCode::Normalize`]. A normalized element with 20 fractional bits, times its channel's multiplier and shift, plus
    /// its bias, is the output with 8 fractional bits.
    NormalizeParams for Normalize {
        /// Elements that are normalized together.
        row: u32,
        /// Adjacent elements of one channel, which come one after the other in a row and go on in the next.
        inner: u32,
        /// 1: around the mean. 0: around zero.
        center: u32,
        /// What is added to the variance, in squares of the input's scale, times the square of `row`: low half of 64 bits.
        epsilon_low: u32,
        /// High half.
        epsilon_high: u32,
    }

    /// Parameters of [`OpCode::TopK`].
    TopKParams for TopK {
        /// 0: the greatest elements. 1: the least ones.
        smallest: u32,
    }

    /// Parameters of [`OpCode::Concat`].
    ConcatParams for Concat {
        /// Axis along which the inputs follow each other.
        axis: u32,
    }

    /// Parameters of [`OpCode::Pad`]. What is added behind follows from the output's shape.
    PadParams for Pad {
        /// Elements added before each axis; 0 beyond the rank.
        before: [u32; MAX_RANK],
        /// The output's value (quantized) outside of the input.
        value: i32,
    }

    /// Parameters of [`OpCode::Transpose`].
    TransposeParams for Transpose {
        /// Axis `i` of the output is axis `perm[i]` of the input; 0 beyond the rank.
        perm: [u32; MAX_RANK],
    }

    /// Parameters of [`OpCode::Softmax`] in gemmlowp's fixed point with 5 integer bits.
    SoftmaxParams for Softmax {
        /// `beta * input scale * 2^26` as multiplier.
        multiplier_q31: i32,
        /// Its shift, to the left.
        left_shift: u32,
        /// A difference to the row's maximum below this one counts as zero probability.
        diff_min: i32,
    }

    /// Parameters of [`OpCode::LogSoftmax`] in gemmlowp's fixed point with 5 integer bits.
    LogSoftmaxParams for LogSoftmax {
        /// `input scale * 2^26` as multiplier.
        multiplier_q31: i32,
        /// Its shift, to the left.
        left_shift: u32,
        /// Multiplier that takes the first one back.
        reverse_multiplier_q31: i32,
        /// Its shift.
        reverse_shift: i32,
        /// A difference to the row's maximum below this one counts as zero probability.
        diff_min: i32,
    }

    /// [`OpCode::Table`] has no parameters.
    TableParams for Table {}

    /// [`OpCode::Copy`] has no parameters.
    CopyParams for Copy {}

    /// Parameters of [`OpCode::Maximum`].
    MaximumParams for Maximum {
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Minimum`].
    MinimumParams for Minimum {
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::StridedSlice`]: element `i` of the output's axis is `begin + i * stride` of the input's.
    StridedSliceParams for StridedSlice {
        /// First element of each axis; 0 beyond the rank.
        begin: [u32; MAX_RANK],
        /// Distance between elements, from 1 to the input's dimension; 1 beyond the rank.
        stride: [u32; MAX_RANK],
    }

    /// Parameters of [`OpCode::ReduceMax`].
    ReduceMaxParams for ReduceMax {
        /// Bit `a` is set where axis `a` is reduced.
        axes: u32,
    }

    /// Parameters of [`OpCode::ReduceMin`].
    ReduceMinParams for ReduceMin {
        /// Bit `a` is set where axis `a` is reduced.
        axes: u32,
    }

    /// Parameters of [`OpCode::BatchMatmul`].
    BatchMatmulParams for BatchMatmul {
        /// 0: the second input is `[.., K, N]`. 1: it is `[.., N, K]`.
        transpose_b: u32,
        /// Multiplier of the sum of products.
        multiplier_q31: i32,
        /// Shift of the sum of products.
        shift: i32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// [`OpCode::ResizeNearest`] has no parameters.
    ResizeNearestParams for ResizeNearest {}

    /// Parameters of [`OpCode::ResizeBilinear`]: row `i` of the output lies at `(i * scale_h + offset_h) / 1024` in the
    /// input, a column likewise.
    ResizeBilinearParams for ResizeBilinear {
        /// 1024ths of an input row per row.
        scale_h: i32,
        /// Place of the first row in 1024ths.
        offset_h: i32,
        /// 1024ths of an input column per column.
        scale_w: i32,
        /// Place of the first column in 1024ths.
        offset_w: i32,
    }

    /// Parameters of [`OpCode::SoftmaxI16`].
    SoftmaxI16Params for SoftmaxI16 {
        /// `beta * input scale * 65535 / 10` as multiplier.
        multiplier_q31: i32,
        /// Its shift.
        shift: i32,
    }

    /// [`OpCode::TableI16`] has no parameters.
    TableI16Params for TableI16 {}

    /// Parameters of [`OpCode::LogisticI16`].
    LogisticI16Params for LogisticI16 {
        /// `input scale * 3 * 4096 * 2^right_shift`, up to 65535.
        multiplier: u32,
        /// Bits of the product that are rounded off, up to 31.
        right_shift: u32,
    }

    /// Parameters of [`OpCode::TanhI16`].
    TanhI16Params for TanhI16 {
        /// As of [`LogisticI16Params`].
        multiplier: u32,
        /// As of [`LogisticI16Params`].
        right_shift: u32,
    }

    /// Parameters of [`OpCode::Requantize`].
    RequantizeParams for Requantize {
        /// Multiplier of `q - zero_point` where it is not negative.
        multiplier_q31: i32,
        /// Its shift.
        shift: i32,
        /// Multiplier where it is negative.
        negative_multiplier_q31: i32,
        /// Its shift.
        negative_shift: i32,
        /// Least output.
        activation_min: i32,
        /// Greatest output.
        activation_max: i32,
    }

    /// Parameters of [`OpCode::Gather`].
    GatherParams for Gather {
        /// The axis.
        axis: u32,
    }

    /// Parameters of [`OpCode::Lstm`]. Per gate (input, forget, cell, output), sums of products become 16-bit numbers with 12
    /// fractional bits.
    LstmParams for Lstm {
        /// 0: x is `[N, T, I]`. 1: it is `[T, N, I]`.
        time_major: u32,
        /// Multipliers of the sums over the input.
        input_multiplier_q31: [i32; 4],
        /// Their shifts.
        input_shift: [i32; 4],
        /// Multipliers of the sums over the hidden state.
        recurrent_multiplier_q31: [i32; 4],
        /// Their shifts.
        recurrent_shift: [i32; 4],
        /// Multiplier of the product of forget gate and cell.
        forget_multiplier_q31: i32,
        /// Its shift.
        forget_shift: i32,
        /// Multiplier of the product of input gate and cell gate.
        update_multiplier_q31: i32,
        /// Its shift.
        update_shift: i32,
        /// Multiplier of the product of output gate and hyperbolic tangent of the cell.
        hidden_multiplier_q31: i32,
        /// Its shift.
        hidden_shift: i32,
        /// The cell's scale is 2 to the power of this.
        cell_scale_log2: i32,
        /// Greatest magnitude of the cell, as it is stored; 0: no bound.
        cell_clip: i32,
    }

    /// Parameters of [`OpCode::Gru`]. Per gate (update, reset, new), sums of products become 16-bit numbers with 12 fractional
    /// bits.
    GruParams for Gru {
        /// 0: x is `[N, T, I]`. 1: it is `[T, N, I]`.
        time_major: u32,
        /// 0: the reset gate scales hidden before the recurrent product. 1: it scales the recurrent product and its bias.
        reset_after: u32,
        /// Multipliers of the sums over the input.
        input_multiplier_q31: [i32; 3],
        /// Their shifts.
        input_shift: [i32; 3],
        /// Multipliers of the sums over the hidden state.
        recurrent_multiplier_q31: [i32; 3],
        /// Their shifts.
        recurrent_shift: [i32; 3],
        /// Multiplier from scale 2^-15 to y's.
        hidden_multiplier_q31: i32,
        /// Its shift.
        hidden_shift: i32,
    }

    /// Parameters of [`OpCode::Shift`].
    ShiftParams for Shift {
        /// The axis that moves.
        axis: u32,
    }
}

impl From<AddParams> for SubParams {
    fn from(params: AddParams) -> Self {
        Self {
            left_shift: params.left_shift,
            input1_multiplier_q31: params.input1_multiplier_q31,
            input1_shift: params.input1_shift,
            input2_multiplier_q31: params.input2_multiplier_q31,
            input2_shift: params.input2_shift,
            output_multiplier_q31: params.output_multiplier_q31,
            output_shift: params.output_shift,
            activation_min: params.activation_min,
            activation_max: params.activation_max,
        }
    }
}

impl From<SubParams> for AddParams {
    fn from(params: SubParams) -> Self {
        Self {
            left_shift: params.left_shift,
            input1_multiplier_q31: params.input1_multiplier_q31,
            input1_shift: params.input1_shift,
            input2_multiplier_q31: params.input2_multiplier_q31,
            input2_shift: params.input2_shift,
            output_multiplier_q31: params.output_multiplier_q31,
            output_shift: params.output_shift,
            activation_min: params.activation_min,
            activation_max: params.activation_max,
        }
    }
}
