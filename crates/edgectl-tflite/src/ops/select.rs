//! Operators that take some of the elements: slices, splits, gathers, borders that reflect.

use edgectl_graph::{Activation, Op, Span};

use super::axis;
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const GATHER_AXIS: Field = Field(0, "a gather's axis");
const GATHER_BATCH: Field = Field(1, "a gather's batch dimensions");
const MIRROR_MODE: Field = Field(0, "a mirrored padding's mode");
const MASKS: [Field; 5] = [
    Field(0, "a slice's begin mask"),
    Field(1, "a slice's end mask"),
    Field(2, "a slice's ellipsis mask"),
    Field(3, "a slice's mask of new axes"),
    Field(4, "a slice's mask of dropped axes"),
];

/// Only with constant indices.
pub(super) fn gather(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let (x, indices) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    if operator.i32(GATHER_BATCH, 0)? != 0 {
        return unsupported("it has batch dimensions");
    }
    let shape = importer.tensor(x).shape.clone();
    let axis = axis(operator.i32(GATHER_AXIS, 0)?.into(), shape.len())?;
    let dims = importer.tensor(indices).shape.clone();
    let indices = importer.integers(indices)?.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>();
    let Some(indices) = indices.ok().filter(|indices| indices.iter().all(|&index| index < shape[axis])) else {
        return unsupported(format!("an index is outside of axis {axis} of {shape:?}"));
    };
    take(importer, operator, x, vec![Op::Gather { axis, indices, dims }])
}

/// A begin and a size for each axis; a size of -1 is all that is left.
pub(super) fn slice(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let [x, begin, size] = [importer.input(operator, 0)?, importer.input(operator, 1)?, importer.input(operator, 2)?];
    let (begin, size) = (importer.integers(begin)?, importer.integers(size)?);
    let shape = importer.tensor(x).shape.clone();
    if [begin.len(), size.len()] != [shape.len(); 2] {
        return unsupported("its bounds are not one for each axis");
    }
    let spans = (0..).zip(shape.iter().zip(begin.into_iter().zip(size))).map(|(axis, (&whole, (begin, size)))| {
        let start = usize::try_from(begin).ok()?;
        let len = if size == -1 { whole.checked_sub(start)? } else { usize::try_from(size).ok()? };
        (len > 0 && start.checked_add(len)? <= whole).then_some(Span { axis, start, step: 1, len })
    });
    let Some(spans) = spans.collect::<Option<Vec<_>>>() else { return unsupported(format!("its bounds are outside of {shape:?}")) };
    take(importer, operator, x, vec![Op::Slice { spans }])
}

/// Bounds and steps of each axis, with masks for bounds that are open and axes that go.
pub(super) fn strided_slice(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let x = importer.input(operator, 0)?;
    let shape = importer.tensor(x).shape.clone();
    let mut lists = vec![];
    for index in 1..4 {
        let list = importer.input(operator, index)?;
        lists.push(importer.integers(list)?);
    }
    let mut masks = [0; 5];
    for (mask, field) in masks.iter_mut().zip(MASKS) {
        *mask = operator.i32(field, 0)?;
    }
    let [open_begin, open_end, ellipsis, new, dropped] = masks;
    if ellipsis != 0 || new != 0 || lists.iter().any(|list| list.len() > shape.len() || list.len() != lists[0].len()) {
        return unsupported("it has an ellipsis, new axes, or lists of different lengths");
    }
    let mut spans = vec![];
    for (axis, &size) in shape.iter().enumerate().take(lists[0].len()) {
        let bit = |mask: i32| mask >> axis & 1 == 1;
        let (signed, step) = (size as i64, lists[2][axis]);
        let from_front = |bound: i64| if bound < 0 { bound.saturating_add(signed) } else { bound };
        let (low, high) = if step < 0 { (-1, signed - 1) } else { (0, signed) };
        let mut start = from_front(lists[0][axis]).clamp(low, high);
        let mut end = from_front(lists[1][axis]).clamp(low, high);
        if bit(open_begin) {
            start = if step < 0 { high } else { 0 };
        }
        if bit(open_end) {
            end = if step < 0 { -1 } else { high };
        }
        if bit(dropped) {
            end = start + 1;
        }
        let distance = if step < 0 && !bit(dropped) { start - end } else { end - start };
        let len =
            u64::try_from(distance).ok().zip(Some(step.unsigned_abs()).filter(|&step| step > 0)).map(|(all, step)| all.div_ceil(step));
        let span = len.filter(|&len| len > 0).and_then(|len| {
            let step = if len == 1 { 1 } else { isize::try_from(step).ok()? };
            let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
            (start < size).then_some(Span { axis, start, step, len })
        });
        let Some(span) = span else { return unsupported(format!("nothing is left of axis {axis} of {shape:?}")) };
        spans.push(span);
    }
    let mut ops = vec![Op::Slice { spans }];
    if dropped != 0 {
        let output = importer.output(operator)?;
        let shape = edgectl_graph::Shape::new(importer.tensor(output).shape.iter().copied());
        ops.push(Op::Reshape { shape });
    }
    take(importer, operator, x, ops)
}

/// Parts of one size (`SPLIT`: axis, x), or of sizes that are given (`SPLIT_V`: x, sizes, axis).
pub(super) fn split(importer: &mut Importer<'_>, operator: &Operator<'_>, given: bool) -> Result<(), Stop> {
    let (x, along) = if given { (0, 2) } else { (1, 0) };
    let (x, along) = (importer.input(operator, x)?, importer.input(operator, along)?);
    let shape = importer.tensor(x).shape.clone();
    let [along] = importer.integers(along)?[..] else { return unsupported("it splits several axes") };
    let axis = axis(along, shape.len())?;
    let x = importer.number(x, Layout::Plain)?;
    let mut start = 0usize;
    for &output in &operator.outputs {
        let len = importer.tensor(output).shape.get(axis).copied().unwrap_or_default();
        if len == 0 || start.checked_add(len).is_none_or(|end| end > shape[axis]) {
            return unsupported(format!("its parts do not fill axis {axis} of {shape:?}"));
        }
        let spans = vec![Span { axis, start, step: 1, len }];
        importer.emit_to(operator, output, Layout::Plain, Op::Slice { spans }, vec![Some(x)], Activation::NONE)?;
        start += len;
    }
    Ok(())
}

/// Borders that reflect, with the edge (`SYMMETRIC`) or without it (`REFLECT`).
pub(super) fn mirror(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let (x, amounts) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    let shape = importer.tensor(x).shape.clone();
    let amounts = importer.integers(amounts)?.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    let symmetric = match operator.u8(MIRROR_MODE)? {
        0 => 0,
        1 => 1,
        other => return unsupported(format!("its mode is {other}")),
    };
    if amounts.len() != 2 * shape.len() {
        return unsupported("its paddings are not two for each axis");
    }
    let mut ops = vec![];
    for (axis, (pair, &size)) in amounts.as_chunks::<2>().0.iter().zip(&shape).enumerate().filter(|(_, (pair, _))| **pair != [0, 0]) {
        let [before, after] = *pair;
        if before.max(after) + 1 > size + symmetric {
            return unsupported(format!("{before} and {after} elements around axis {axis} of {shape:?}"));
        }
        // The edge once or twice on the way back.
        let back = |distance: usize| distance - symmetric;
        let indices: Vec<usize> = (1..=before).rev().map(back).chain(0..size).chain((1..=after).map(|i| size - 1 - back(i))).collect();
        ops.push(Op::Gather { axis, dims: vec![indices.len()], indices });
    }
    take(importer, operator, x, ops)
}

/// Adds operators that are applied to a tensor one after the other.
fn take(importer: &mut Importer<'_>, operator: &Operator<'_>, x: usize, mut ops: Vec<Op>) -> Result<(), Stop> {
    let last = ops.pop().unwrap_or(Op::Identity);
    let mut value = importer.number(x, Layout::Plain)?;
    for op in ops {
        // Elements stay as they are, and so does their scale.
        value = importer.intermediate("part", op, vec![Some(value)], x)?;
    }
    importer.emit(operator, Layout::Plain, last, vec![Some(value)], Activation::NONE)
}
