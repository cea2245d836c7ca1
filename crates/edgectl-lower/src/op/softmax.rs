//! Softmax and its logarithm.

use edge_format::Params;
use edge_runtime::{prepare, table};
use edgectl_graph::{Node, QuantType};

use super::ends;
use crate::LowerError;
use crate::builder::Builder;

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, axis: usize) -> Result<(), LowerError> {
    let (_, output) = ends(builder, node)?;
    if builder.params(output)?.ty == QuantType::I8 {
        return along(builder, node, axis, &[], |scale| prepare::softmax(scale, 1.0).into());
    }
    let tables = table::softmax_i16(f32::exp).map(|table| builder.constant_i16("", &[table.len()], &table));
    along(builder, node, axis, &tables, |scale| prepare::softmax_i16(scale, 1.0).into())
}

pub(super) fn log(builder: &mut Builder<'_>, node: &Node, axis: usize) -> Result<(), LowerError> {
    along(builder, node, axis, &[], |scale| prepare::log_softmax(scale).into())
}

fn along(
    builder: &mut Builder<'_>,
    node: &Node,
    axis: usize,
    tables: &[usize],
    params: impl FnOnce(f32) -> Params,
) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    // The kernel works on the last axis.
    let mut order = builder.order(x)?;
    if order.last() != Some(&axis) {
        order.retain(|&other| other != axis);
        order.push(axis);
    }
    let input = builder.in_order(x, &order)?;
    let params = params(builder.params(x)?.scale);
    let tensor = builder.output(output, &order)?;
    builder.push(params, [&[input], tables].concat(), tensor);
    Ok(())
}
