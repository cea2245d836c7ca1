//! Parameters of the operators with int16 activations: those of the int8 operator, under another code.

use crate::op::{OpCode, OpParams};
use crate::params::*;

/// Parameters of the int16 form of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I16<P>(pub P);

/// An operator with an int16 form of the same parameters.
pub trait HasI16: OpParams {
    /// The int16 form.
    const I16: OpCode;
}

impl<P: OpParams> I16<P> {
    /// Length in words.
    pub const WORDS: usize = P::WORDS;
}

impl<P: HasI16> OpParams for I16<P> {
    const OP: OpCode = P::I16;
    const WORDS: usize = P::WORDS;

    #[cfg_attr(not(target_os = "none"), inline)]
    fn decode(words: &[u32]) -> Option<Self> {
        P::decode(words).map(Self)
    }

    fn encode(&self, put: &mut dyn FnMut(u32)) {
        self.0.encode(put);
    }
}

macro_rules! has_i16 {
    ($($params:ident => $op:ident,)*) => {$(
        impl HasI16 for $params {
            const I16: OpCode = OpCode::$op;
        }
    )*};
}

has_i16! {
    AddParams => AddI16,
    AveragePool2dParams => AveragePool2dI16,
    Conv2dParams => Conv2dI16,
    DepthwiseConv2dParams => DepthwiseConv2dI16,
    FullyConnectedParams => FullyConnectedI16,
    MaxPool2dParams => MaxPool2dI16,
    MaximumParams => MaximumI16,
    MeanParams => MeanI16,
    MinimumParams => MinimumI16,
    MulParams => MulI16,
    ReduceMaxParams => ReduceMaxI16,
    ReduceMinParams => ReduceMinI16,
    SubParams => SubI16,
}
