//! Operators that find elements.

use edgectl_graph::{Activation, Op};

use super::axis;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

pub(super) fn arg(importer: &mut Importer<'_>, operator: &Operator<'_>, smallest: bool) -> Result<(), Stop> {
    let (x, given) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    let [given] = importer.integers(given)?[..] else { return unsupported("it searches several axes") };
    let axis = axis(given, importer.tensor(x).shape.len())?;
    let x = importer.number(x, Layout::Plain)?;
    importer.emit(operator, Layout::Plain, Op::ArgMax { axis, keep_dims: false, smallest }, vec![Some(x)], Activation::NONE)
}

/// Values and indices, along the last axis.
pub(super) fn top_k(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let (x, k) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    let k = importer.integers(k)?.first().and_then(|&k| usize::try_from(k).ok());
    let (Some(k), [values, indices]) = (k, &operator.outputs[..]) else { return unsupported("it has not a constant k and two outputs") };
    let axis = axis(-1, importer.tensor(x).shape.len())?;
    if k == 0 || k > importer.tensor(x).shape[axis] {
        return unsupported(format!("{k} elements of {:?}", importer.tensor(x).shape));
    }
    let x = importer.number(x, Layout::Plain)?;
    for (&output, indices) in [values, indices].into_iter().zip([false, true]) {
        let op = Op::TopK { axis, k, smallest: false, indices };
        importer.emit_to(operator, output, Layout::Plain, op, vec![Some(x)], Activation::NONE)?;
    }
    Ok(())
}
