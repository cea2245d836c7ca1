//! Unary functions: tables.

use edge_format::TableParams;
use edge_runtime::table::{self, Table};
use edgectl_graph::{Node, Unary};

use super::{affine, ends};
use crate::LowerError;
use crate::builder::Builder;

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, unary: Unary) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let (input, result) = (affine(builder.params(x)?), affine(builder.params(output)?));
    let table = match unary {
        Unary::Abs => table::abs(input, result),
        Unary::Clip { min, max } => table::clamp(input, result, min, max),
        Unary::HardSwish => table::hard_swish(input, result),
        Unary::Log => table::log(input, result, f32::ln),
        Unary::LeakyRelu { alpha } => table::leaky_relu(input, result, alpha),
        Unary::Relu => table::clamp(input, result, 0.0, f32::INFINITY),
        Unary::Sigmoid => table::logistic(input),
        Unary::Tanh => table::tanh(input),
        other => table::from_fn(input, result, |x| other.eval(x)),
    };
    apply(builder, node, &table)
}

/// The same value with another scale and zero point.
pub(super) fn requantize(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    // Indices have no parameters.
    if builder.graph().is_real(output) {
        let (input, result) = (builder.params(x)?, builder.params(output)?);
        if input != result {
            return apply(builder, node, &table::requantize(affine(input), affine(result)));
        }
    }
    let order = builder.order(x)?;
    let tensor = builder.in_order(x, &order)?;
    builder.alias(output, tensor, &order)
}

fn apply(builder: &mut Builder<'_>, node: &Node, table: &Table) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = builder.order(x)?;
    let input = builder.in_order(x, &order)?;
    let table = builder.constant_i8("", &[table.len()], table);
    let tensor = builder.output(output, &order)?;
    builder.push(TableParams {}, vec![input, table], tensor);
    Ok(())
}
