//! Fully connected layers.

use edge_format::FullyConnectedParams;
use edgectl_graph::{Activation, Node};

use super::{activation_range, conv, ends};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, activation: Activation) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let (shape, weights) = conv::weights(builder, node)?;
    let [outputs, columns] = shape[..] else { return Err(builder.no_kernel(node, "its weights are no matrix")) };
    let (input, weights) = match builder.columns(x) {
        // The input was flattened from another order than the graph's: the weights follow it.
        Some(order) => {
            let rows = weights.chunks_exact(columns.max(1));
            let weights = rows.flat_map(|row| order.iter().map(|&column| row[column])).collect();
            (builder.tensor_of(x)?, weights)
        }
        None => {
            let order = layout::identity(builder.shape(x)?.len());
            (builder.in_order(x, &order)?, weights.to_vec())
        }
    };
    let params = builder.params(output)?;
    let (activation_min, activation_max) = activation_range(activation, params);
    let inputs = conv::parameters(builder, node, input, &[outputs, columns], &weights, outputs)?;
    let order = layout::identity(builder.shape(output)?.len());
    let tensor = builder.output(output, &order)?;
    builder.push_as(params.ty, FullyConnectedParams { activation_min, activation_max }, inputs, tensor);
    Ok(())
}
