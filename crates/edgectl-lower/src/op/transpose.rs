//! Transposes: the same bytes, whose axes have other names.

use edgectl_graph::Node;

use super::ends;
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, perm: &[usize]) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = builder.order(x)?;
    let tensor = builder.in_order(x, &order)?;
    // Output axis `i` is input axis `perm[i]`.
    let renamed: Vec<usize> = order.iter().map(|&axis| layout::place(perm, axis)).collect();
    builder.alias(output, tensor, &renamed)
}
