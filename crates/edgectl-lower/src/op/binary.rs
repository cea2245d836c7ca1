//! Elementwise arithmetic: add, sub, mul, div, max, min, and rectifiers with several slopes.

use edge_format::{I16, MaximumParams, MinimumParams};
use edge_runtime::prepare;
use edgectl_graph::{Activation, Binary, Node, QuantParams, QuantType, TensorId};

use super::{activation_range, ends};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, op: Binary, activation: Activation) -> Result<(), LowerError> {
    let Operands { inputs, scales: [scale_a, scale_b], output: tensor, params } = operands(builder, node)?;
    let range = activation_range(activation, params);
    match (op, params.ty) {
        (Binary::Add, QuantType::I16) => builder.push(I16(prepare::add_i16(scale_a, scale_b, params.scale, range)), inputs, tensor),
        (Binary::Sub, QuantType::I16) => builder.push(I16(prepare::sub_i16(scale_a, scale_b, params.scale, range)), inputs, tensor),
        (Binary::Add, _) => builder.push(prepare::add(scale_a, scale_b, params.scale, range), inputs, tensor),
        (Binary::Div, QuantType::I8) => builder.push(prepare::div(scale_a, scale_b, params.scale, range), inputs, tensor),
        (Binary::Max, ty) => builder.push_as(ty, MaximumParams { activation_min: range.0, activation_max: range.1 }, inputs, tensor),
        (Binary::Min, ty) => builder.push_as(ty, MinimumParams { activation_min: range.0, activation_max: range.1 }, inputs, tensor),
        (Binary::Mul, ty) => builder.push_as(ty, prepare::mul(scale_a, scale_b, params.scale, range), inputs, tensor),
        (Binary::Sub, _) => builder.push(prepare::sub(scale_a, scale_b, params.scale, range), inputs, tensor),
        _ => return Err(builder.no_kernel(node, "there is no integer kernel for it")),
    }
    Ok(())
}

/// `x` where it is positive, else its product with a slope.
pub(super) fn prelu(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let Operands { inputs, scales: [scale, slope_scale], output, params } = operands(builder, node)?;
    builder.push(prepare::prelu(scale, slope_scale, params.scale), inputs, output);
    Ok(())
}

/// Two operands that broadcast to the output.
struct Operands {
    inputs: Vec<usize>,
    scales: [f32; 2],
    output: usize,
    params: QuantParams,
}

fn operands(builder: &mut Builder<'_>, node: &Node) -> Result<Operands, LowerError> {
    let (a, output) = ends(builder, node)?;
    let b = node.input(1).ok_or_else(|| builder.no_kernel(node, "it has one operand"))?;
    let rank = builder.shape(output)?.len();
    // An operand of full rank says in which order all lie, so that no activation is moved.
    let leader = [a, b].into_iter().find_map(|id| builder.own_order(id).filter(|order| order.len() == rank));
    let order = leader.map_or_else(|| layout::identity(rank), <[usize]>::to_vec);
    let inputs = vec![operand(builder, a, &order)?, operand(builder, b, &order)?];
    let (scales, params) = ([builder.params(a)?.scale, builder.params(b)?.scale], builder.params(output)?);
    Ok(Operands { inputs, scales, output: builder.output(output, &order)?, params })
}

/// An operand in an order of the output's axes; axes that it lacks count as ones in front.
fn operand(builder: &mut Builder<'_>, id: TensorId, order: &[usize]) -> Result<usize, LowerError> {
    let shape = builder.shape(id)?;
    let missing = order.len() - shape.len();
    // The operand's own axes, in the order in which they stand among the output's.
    let own: Vec<usize> = order.iter().filter_map(|&axis| axis.checked_sub(missing)).collect();
    let tensor = builder.in_order(id, &own)?;
    let physical = order.iter().map(|&axis| axis.checked_sub(missing).map_or(1, |axis| shape[axis])).collect();
    Ok(builder.view(tensor, physical))
}
