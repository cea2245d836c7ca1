//! Slices: forward ones together in one op, each backward one by its indices.

use edge_format::{MAX_RANK, StridedSliceParams};
use edgectl_graph::{Node, Span};

use super::{ends, gather};
use crate::builder::Builder;
use crate::{LowerError, layout};

pub(super) fn lower(builder: &mut Builder<'_>, node: &Node, spans: &[Span]) -> Result<(), LowerError> {
    let (x, output) = ends(builder, node)?;
    let order = builder.order(x)?;
    let mut input = builder.in_order(x, &order)?;
    let mut physical = layout::apply(&builder.shape(x)?, &order);
    let result = builder.output(output, &order)?;
    let (forward, mut backward): (Vec<&Span>, Vec<&Span>) = spans.iter().partition(|span| span.step > 0);
    if !forward.is_empty() || backward.is_empty() {
        let (mut begin, mut stride) = ([0; MAX_RANK], [1; MAX_RANK]);
        for span in forward {
            let place = layout::place(&order, span.axis);
            let slots = begin.get_mut(place).zip(stride.get_mut(place));
            let (begin, stride) = slots.ok_or_else(|| builder.no_kernel(node, format!("more than {MAX_RANK} axes")))?;
            *begin = layout::dim(span.start)?;
            // A single element has no distance to another.
            *stride = if span.len == 1 { 1 } else { layout::dim(span.step.unsigned_abs())? };
            physical[place] = span.len;
        }
        let target = stage(builder, node, result, &physical, backward.is_empty())?;
        builder.push(StridedSliceParams { begin, stride }, vec![input], target);
        input = target;
    }
    while let Some(span) = backward.pop() {
        let place = layout::place(&order, span.axis);
        physical[place] = span.len;
        let target = stage(builder, node, result, &physical, backward.is_empty())?;
        gather::push(builder, input, place, span.indices(), target)?;
        input = target;
    }
    Ok(())
}

/// The tensor that an op writes: the result, or one on the way to it.
fn stage(builder: &mut Builder<'_>, node: &Node, result: usize, physical: &[usize], last: bool) -> Result<usize, LowerError> {
    if last {
        return Ok(result);
    }
    let (_, output) = ends(builder, node)?;
    let params = builder.params(output)?;
    Ok(builder.activation(format!("{}/part", builder.graph().tensor(output).name), physical.to_vec(), params))
}
