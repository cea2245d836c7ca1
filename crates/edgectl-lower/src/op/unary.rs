//! Unary functions: tables, and factors where that is enough.

use edge_format::{LogisticI16Params, Params, TableI16Params, TableParams, TanhI16Params};
use edge_runtime::prepare;
use edge_runtime::table::{self, Table};
use edgectl_graph::{Activation, Node, QuantType, Unary};

use super::{activation_range, affine, ends};
use crate::LowerError;
use crate::builder::Builder;

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, unary: Unary) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    if builder.params(output)?.ty == QuantType::I16 {
        return wide(builder, node, unary);
    }
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

/// The function in int16.
fn wide(builder: &mut Builder<'_>, node: &Node, unary: Unary) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let (input, result) = (builder.params(x)?, builder.params(output)?);
    let slopes = |above, below, activation| -> Params {
        prepare::slopes(input.scale, result.scale, above, below, activation_range(activation, result)).into()
    };
    let params = match unary {
        Unary::Abs => slopes(1.0, -1.0, Activation::NONE),
        Unary::Clip { min, max } => slopes(1.0, 1.0, Activation { min, max }),
        Unary::LeakyRelu { alpha } => slopes(1.0, alpha, Activation::NONE),
        Unary::Neg => slopes(-1.0, -1.0, Activation::NONE),
        Unary::Relu => slopes(1.0, 1.0, Activation::RELU),
        Unary::Sigmoid | Unary::Tanh => {
            let (multiplier, right_shift) = prepare::sigmoid_i16(input.scale);
            let table = builder.constant_i16("", &[table::SIGMOID], &table::sigmoid_i16(f64::exp));
            return if unary == Unary::Sigmoid {
                replace(builder, node, LogisticI16Params { multiplier, right_shift }, &[table])
            } else {
                replace(builder, node, TanhI16Params { multiplier, right_shift }, &[table])
            };
        }
        other => {
            let table = table::interpolated(affine(input), affine(result), |x| other.eval(x));
            let table = builder.constant_i16("", &[table.len()], &table);
            return replace(builder, node, TableI16Params {}, &[table]);
        }
    };
    replace(builder, node, params, &[])
}

/// The same value with another scale, zero point or type.
pub(super) fn requantize(builder: &mut Builder<'_>, node: &Node) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    // Indices have no parameters.
    if builder.graph().is_real(output) {
        let (input, result) = (builder.params(x)?, builder.params(output)?);
        let wide = input.ty == QuantType::I16 || result.ty == QuantType::I16;
        if wide && input != result {
            let params = prepare::requantize(input.scale, result.scale, activation_range(Activation::NONE, result));
            return replace(builder, node, params, &[]);
        }
        if input != result {
            return apply(builder, node, &table::requantize(affine(input), affine(result)));
        }
    }
    let order = builder.order(x)?;
    let tensor = builder.in_order(x, &order)?;
    builder.alias(output, tensor, &order)
}

fn apply(builder: &mut Builder<'_>, node: &Node, table: &Table) -> Result<(), LowerError> {
    let table = builder.constant_i8("", &[table.len()], table);
    replace(builder, node, TableParams {}, &[table])
}

/// Appends an op of the first input, element by element, and of constants.
fn replace(builder: &mut Builder<'_>, node: &Node, params: impl Into<Params>, constants: &[usize]) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = builder.order(x)?;
    let input = builder.in_order(x, &order)?;
    let tensor = builder.output(output, &order)?;
    builder.push(params, [&[input], constants].concat(), tensor);
    Ok(())
}
