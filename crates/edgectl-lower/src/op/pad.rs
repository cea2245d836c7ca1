//! Constant padding.

use edge_format::{MAX_RANK, PadParams};
use edgectl_graph::{Node, QuantType};

use super::{affine, ends};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, amounts: &[usize], value: f32) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = builder.order(x)?;
    let input = builder.in_order(x, &order)?;
    let mut before = [0; MAX_RANK];
    for (slot, amount) in before.iter_mut().zip(layout::apply(amounts, &order)) {
        *slot = layout::dim(amount)?;
    }
    let params = builder.params(output)?;
    let value = match params.ty {
        QuantType::I8 => affine(params).quantize(value).into(),
        QuantType::I16 => affine(params).quantize_i16(value).into(),
    };
    let tensor = builder.output(output, &order)?;
    builder.push(PadParams { before, value }, vec![input], tensor);
    Ok(())
}
