//! Which kernels there are: a table of functions, so that a firmware links the ones that it names.

use edge_format::OpCode;

use crate::CheckError;
use crate::kernel::{Frame, Node};

/// A kernel.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// The operator that it executes.
    pub op: OpCode,
    /// Checks operands and parameters, so completely that `run` cannot fail.
    pub check: fn(&Node<'_>) -> Result<(), CheckError>,
    /// Executes an op that `check` has accepted. `None` where an operand is not what `check` demands.
    pub run: fn(Frame<'_, '_>) -> Option<()>,
}

/// A table of kernels.
#[derive(Clone, Copy, Debug)]
pub struct Resolver<'r> {
    preferred: &'r [Registration],
    kernels: &'r [Registration],
}

impl<'r> Resolver<'r> {
    /// A resolver of these kernels; of two for one operator the first counts.
    pub const fn new(kernels: &'r [Registration]) -> Self {
        Self { preferred: &[], kernels }
    }

    /// The same resolver with kernels that come before its own.
    pub const fn with_preferred(self, preferred: &'r [Registration]) -> Self {
        Self { preferred, ..self }
    }

    /// The kernels.
    pub const fn kernels(&self) -> &'r [Registration] {
        self.kernels
    }

    /// The kernel of an operator.
    pub fn find(&self, op: OpCode) -> Option<&'r Registration> {
        self.preferred.iter().chain(self.kernels).find(|kernel| kernel.op == op)
    }
}

impl Resolver<'static> {
    /// Every kernel of this crate.
    pub const fn all() -> Self {
        use crate::kernel::*;
        Self::new(&[
            add::KERNEL,
            average_pool2d::KERNEL,
            batch_matmul::KERNEL,
            concat::KERNEL,
            conv2d::KERNEL,
            conv_transpose2d::KERNEL,
            copy::KERNEL,
            depthwise_conv2d::KERNEL,
            div::KERNEL,
            fully_connected::KERNEL,
            gather::KERNEL,
            gru::KERNEL,
            i16::add::KERNEL,
            i16::average_pool2d::KERNEL,
            i16::conv2d::KERNEL,
            i16::depthwise_conv2d::KERNEL,
            i16::fully_connected::KERNEL,
            i16::logistic::KERNEL,
            i16::max_pool2d::KERNEL,
            i16::maximum::KERNEL,
            i16::mean::KERNEL,
            i16::minimum::KERNEL,
            i16::mul::KERNEL,
            i16::reduce_max::KERNEL,
            i16::reduce_min::KERNEL,
            i16::requantize::KERNEL,
            i16::softmax::KERNEL,
            i16::sub::KERNEL,
            i16::table::KERNEL,
            i16::tanh::KERNEL,
            log_softmax::KERNEL,
            lstm::KERNEL,
            max_pool2d::KERNEL,
            maximum::KERNEL,
            mean::KERNEL,
            minimum::KERNEL,
            mul::KERNEL,
            normalize::KERNEL,
            pad::KERNEL,
            prelu::KERNEL,
            reduce_max::KERNEL,
            reduce_min::KERNEL,
            resize_bilinear::KERNEL,
            resize_nearest::KERNEL,
            shift::KERNEL,
            softmax::KERNEL,
            strided_slice::KERNEL,
            sub::KERNEL,
            table::KERNEL,
            top_k::KERNEL,
            transpose::KERNEL,
        ])
    }
}
