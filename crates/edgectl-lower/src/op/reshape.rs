//! Reshapes: the same bytes under another shape.

use edgectl_graph::{Node, Op, TensorId, permute};

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let (from, to) = (builder.shape(x)?, builder.shape(output)?);
    let order = builder.order(x)?;
    if !layout::same_bytes(&from, &order, &layout::identity(from.len())) && only_flattened_for_dense(builder, output, &to) {
        // Weights are moved once, here, instead of the activation at every inference.
        let elements: Vec<usize> = (0..to[1]).collect();
        if let Some(columns) = permute(&elements, &from, &order) {
            let tensor = builder.tensor_of(x)?;
            builder.alias(output, tensor, &[0, 1])?;
            builder.set_columns(output, columns);
            return Ok(());
        }
    }
    if let Some(regrouped) = layout::regroup(&from, &to, &order) {
        let tensor = builder.in_order(x, &order)?;
        return builder.alias(output, tensor, &regrouped);
    }
    // Bytes move: at once to where a reader wants them, if one does and that is the same bytes for both shapes.
    let channels_last = layout::channels_last(to.len());
    let (before, after) = match layout::regroup(&to, &from, &channels_last) {
        Some(before) if is_read_channels_last(builder, output) => (before, channels_last),
        _ => (layout::identity(from.len()), layout::identity(to.len())),
    };
    let tensor = builder.in_order(x, &before)?;
    builder.alias(output, tensor, &after)
}

/// Whether an operator whose kernel wants channels last reads a value.
fn is_read_channels_last(builder: &Builder<'_>, id: TensorId) -> bool {
    let graph = builder.graph();
    let wants = |op: &Op| {
        let windows = matches!(op, Op::AveragePool { .. } | Op::Conv(_) | Op::ConvTranspose(_) | Op::MaxPool(_));
        windows || matches!(op, Op::GlobalMaxPool | Op::Resize(_))
    };
    graph.consumers(id).iter().any(|&reader| wants(&graph.node(reader).op))
}

/// Whether a value is one row that nothing but dense layers read.
fn only_flattened_for_dense(builder: &Builder<'_>, id: TensorId, shape: &[usize]) -> bool {
    let graph = builder.graph();
    let row = matches!(shape, [1, _]) && !graph.outputs().contains(&id);
    row && graph.consumers(id).iter().all(|&reader| {
        let reader = graph.node(reader);
        matches!(reader.op, Op::Dense { .. }) && reader.input(0) == Some(id)
    })
}
