//! Operators over whole axes.

use edgectl_graph::{Activation, Op, Reduction};

use super::{axis, first_at_hand};
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const KEEP_DIMS: Field = Field(0, "a reduction's options");
const BETA: Field = Field(0, "a softmax's beta");

pub(super) fn mean(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    over_axes(importer, operator, |axes, keep_dims| Op::ReduceMean { axes, keep_dims })
}

pub(super) fn reduce(importer: &mut Importer<'_>, operator: &Operator<'_>, op: Reduction) -> Result<(), Stop> {
    over_axes(importer, operator, |axes, keep_dims| Op::Reduce { op, axes, keep_dims })
}

fn over_axes(importer: &mut Importer<'_>, operator: &Operator<'_>, op: impl Fn(Vec<usize>, bool) -> Op) -> Result<(), Stop> {
    let axes = importer.input(operator, 1)?;
    let axes = importer.integers(axes)?;
    let keep_dims = operator.bool(KEEP_DIMS)?;
    let (x, mut input, mut layout) = first_at_hand(importer, operator)?;
    let rank = importer.tensor(x).shape.len();
    let mut axes = axes.into_iter().map(|place| axis(place, rank)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() {
        return unsupported("it reduces no axis");
    }
    // Where axes go, those that stay must be in the order that the model states.
    let left = (0..rank).filter(|axis| !axes.contains(axis)).map(|axis| layout.axis(axis));
    if !keep_dims && !left.is_sorted() {
        layout = Layout::Plain;
        input = importer.number(x, layout)?;
    }
    let mut reduced: Vec<usize> = axes.iter().map(|&axis| layout.axis(axis)).collect();
    reduced.sort_unstable();
    let out = if keep_dims { layout } else { Layout::Plain };
    importer.emit(operator, out, op(reduced, keep_dims), vec![Some(input)], Activation::NONE)
}

/// Softmax over the last axis.
pub(super) fn softmax(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let beta = operator.f32(BETA)?;
    if beta != 1.0 {
        return unsupported(format!("its beta is {beta}, not 1"));
    }
    over_last_axis(importer, operator, |axis| Op::Softmax { axis })
}

pub(super) fn log_softmax(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    over_last_axis(importer, operator, |axis| Op::LogSoftmax { axis })
}

fn over_last_axis(importer: &mut Importer<'_>, operator: &Operator<'_>, op: fn(usize) -> Op) -> Result<(), Stop> {
    let (x, input, layout) = first_at_hand(importer, operator)?;
    let rank = importer.tensor(x).shape.len();
    let axis = layout.axis(axis(-1, rank)?);
    importer.emit(operator, layout, op(axis), vec![Some(input)], Activation::NONE)
}
