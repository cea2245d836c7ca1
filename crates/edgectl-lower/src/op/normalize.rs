//! Layer and group normalization.

use edge_runtime::prepare;
use edgectl_graph::{Node, QuantConst};

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

/// Over the axes from `axis` on, whose elements have scales and shifts of their own. Around zero instead of the mean unless `center`.
pub(super) fn layer(builder: &mut Builder<'_>, node: &Node, axis: usize, epsilon: f32, center: bool) -> Result<(), LowerError> {
    let (x, _) = ends(builder, node)?;
    let shape = builder.shape(x)?;
    // The normalized axes come last, as the graph has them.
    let mut order = builder.order(x)?;
    order.retain(|&other| other < axis);
    order.extend(axis..shape.len());
    let row = shape.iter().skip(axis).product();
    lower(builder, node, &order, Rows { row, inner: 1, epsilon, center })
}

/// Over groups of channels and all spatial axes; each channel has a scale and a shift.
pub(super) fn group(builder: &mut Builder<'_>, node: &Node, groups: usize, epsilon: f32) -> Result<(), LowerError> {
    let (x, _) = ends(builder, node)?;
    let shape = builder.shape(x)?;
    let inner: usize = shape.iter().skip(2).product();
    let channels = shape.get(1).copied().unwrap_or(1);
    let row = channels.checked_div(groups).unwrap_or(0) * inner;
    lower(builder, node, &layout::identity(shape.len()), Rows { row, inner, epsilon, center: true })
}

struct Rows {
    row: usize,
    inner: usize,
    epsilon: f32,
    center: bool,
}

fn lower(builder: &mut Builder<'_>, node: &Node, order: &[usize], rows: Rows) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let input = builder.in_order(x, order)?;
    let [input_scale, output_scale] = [builder.params(x)?.scale, builder.params(output)?.scale];
    let scales = real(builder, node, 1)?.ok_or_else(|| builder.no_kernel(node, "it has no scale"))?;
    let zeros = vec![0.0; scales.len()];
    let shifts = real(builder, node, 2)?.unwrap_or(&zeros);
    let mut constants = [vec![], vec![], vec![]];
    for (&scale, &shift) in scales.iter().zip(shifts) {
        let channel = prepare::normalize_channel(scale, shift, output_scale);
        constants.iter_mut().zip(channel).for_each(|(list, value)| list.push(value));
    }
    let params = prepare::normalize(input_scale, rows.epsilon, layout::dim(rows.row)?, layout::dim(rows.inner)?, rows.center);
    let mut inputs = vec![input];
    inputs.extend(constants.map(|values| builder.constant_i32("", &values)));
    let tensor = builder.output(output, order)?;
    builder.push(params, inputs, tensor);
    Ok(())
}

/// The numbers of a constant that stays real until now.
fn real<'g>(builder: &Builder<'g>, node: &Node, index: usize) -> Result<Option<&'g [f32]>, LowerError> {
    let Some(id) = node.input(index) else { return Ok(None) };
    let stays = matches!(builder.quantized.constant(id), Some(QuantConst::Real));
    let values = builder.graph().literal(id).filter(|_| stays).and_then(|literal| literal.as_f32());
    values.map(Some).ok_or_else(|| builder.no_kernel(node, "its scale or shift is computed"))
}
