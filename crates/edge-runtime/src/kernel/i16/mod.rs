//! Kernels of int16 activations with int8 weights: a firmware that registers none of them links none of them.
//!
//! Operators whose arithmetic does not depend on the width are those of int8 with another type. The others have files of their own.

mod accumulate;
pub mod conv2d;
pub mod depthwise_conv2d;
pub mod fully_connected;
mod interpolate;
pub mod logistic;
pub mod requantize;
mod sigmoid;
pub mod softmax;
pub mod table;
pub mod tanh;

macro_rules! as_int8 {
    ($($name:ident = $op:ident,)*) => {$(
        #[doc = concat!("[`", stringify!($name), "`](crate::kernel::", stringify!($name), ") of int16.")]
        pub mod $name {
            use edge_format::{I16, OpCode};

            use crate::kernel::{Frame, Node, $name};
            use crate::{CheckError, Registration};

            /// The kernel.
            pub const KERNEL: Registration = Registration { op: OpCode::$op, check, run };

            /// Checks what the int8 kernel checks.
            pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
                let I16(params) = node.params()?;
                $name::check_as::<i16>(node, params)
            }

            /// Computes what the int8 kernel computes.
            pub fn run(frame: Frame<'_, '_>) -> Option<()> {
                let I16(params) = frame.params()?;
                $name::run_as::<i16>(frame, params)
            }
        }
    )*};
}

as_int8! {
    add = AddI16,
    average_pool2d = AveragePool2dI16,
    max_pool2d = MaxPool2dI16,
    maximum = MaximumI16,
    mean = MeanI16,
    minimum = MinimumI16,
    mul = MulI16,
    reduce_max = ReduceMaxI16,
    reduce_min = ReduceMinI16,
    sub = SubI16,
}
