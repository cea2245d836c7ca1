//! Matrix products of two activations.

use edge_format::BatchMatmulParams;
use edge_runtime::prepare;
use edgectl_graph::{Activation, Node};

use super::{activation_range, ends};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let (a, output) = ends(builder, node)?;
    let b = node.input(1).ok_or_else(|| builder.no_kernel(node, "it has one operand"))?;
    let (a_shape, b_shape) = (builder.shape(a)?, builder.shape(b)?);
    if a_shape.len() < 2 || b_shape.len() < 2 {
        return Err(builder.no_kernel(node, "an operand is no matrix"));
    }
    let input_a = builder.in_order(a, &layout::identity(a_shape.len()))?;
    // A second operand that was transposed, as keys are in attention, is read as it lies.
    let mut swapped = layout::identity(b_shape.len());
    swapped.swap(b_shape.len() - 2, b_shape.len() - 1);
    let lies_swapped = |order: &[usize]| {
        layout::same_bytes(&b_shape, order, &swapped) && !layout::same_bytes(&b_shape, order, &layout::identity(b_shape.len()))
    };
    let transposed = builder.own_order(b).is_some_and(lies_swapped);
    let order = if transposed { swapped } else { layout::identity(b_shape.len()) };
    let input_b = builder.in_order(b, &order)?;

    let params = builder.params(output)?;
    let (multiplier_q31, shift) = prepare::channel_multiplier(builder.params(a)?.scale, builder.params(b)?.scale, params.scale);
    let (activation_min, activation_max) = activation_range(Activation::NONE, params);
    let rank = builder.shape(output)?.len();
    let result = builder.output(output, &layout::identity(rank))?;
    let inputs = vec![of_rank(builder, input_a, rank), of_rank(builder, input_b, rank)];
    let transpose_b = transposed.into();
    builder.push(BatchMatmulParams { transpose_b, multiplier_q31, shift, activation_min, activation_max }, inputs, result);
    Ok(())
}

/// The same tensor with ones in front.
fn of_rank(builder: &mut Builder<'_>, tensor: usize, rank: usize) -> usize {
    let own = &builder.tensors[tensor].shape;
    let shape = std::iter::repeat_n(1, rank.saturating_sub(own.len())).chain(own.iter().copied()).collect();
    builder.view(tensor, shape)
}
