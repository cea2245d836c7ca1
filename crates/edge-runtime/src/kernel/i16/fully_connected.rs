//! Matrix product of int16 with constant int8 weights.

use edge_format::{DType, FullyConnectedParams, I16, OpCode};

use super::accumulate::{self, Outputs, dot};
use crate::kernel::fully_connected::check_shapes;
use crate::kernel::{Frame, Node, total};
use crate::{CheckError, Registration};

/// The kernel.
pub const KERNEL: Registration = Registration { op: OpCode::FullyConnectedI16, check, run };

/// Checks shapes and constants.
pub fn check(node: &Node<'_>) -> Result<(), CheckError> {
    let I16::<FullyConnectedParams>(params) = node.params()?;
    accumulate::check(node, check_shapes(node, DType::I16)?, (params.activation_min, params.activation_max))
}

/// Computes output by output.
pub fn run(frame: Frame<'_, '_>) -> Option<()> {
    let I16::<FullyConnectedParams>(params) = frame.params()?;
    let [channels, inputs] = frame.input_like(1)?.0.array::<2>()?;
    let outputs = Outputs::new(&frame, (params.activation_min, params.activation_max))?;
    let (x, filter) = (frame.input_of::<i16>(0)?, frame.input(1)?);
    for (x, output) in total::rows(x, inputs)?.zip(total::rows_mut(frame.into_output_of::<i16>()?, channels)?) {
        for ((channel, output), filter) in output.iter_mut().enumerate().zip(total::rows(filter, inputs)?) {
            *output = outputs.of(channel, dot(x, filter))?;
        }
    }
    Some(())
}
