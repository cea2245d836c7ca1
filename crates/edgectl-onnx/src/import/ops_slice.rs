//! Operators that take some of the elements, or find them: `Gather`, `Slice`, `Split`, `ArgMax`, `TopK`.

use edgectl_graph::{DType, Op, Span};

use super::source::{Reason, Source, from_front};

type Row = Result<(Op, usize), Reason>;

const DTYPES: &[DType] = &[DType::F32, DType::I32, DType::I8, DType::U8];

/// Only with constant indices.
pub(super) fn gather(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let given = source.attributes.int_or("axis", 0)?;
    let shape = source.shape(0)?;
    let axis = source.axis(given, shape.rank())?;
    let size = shape.dims()[axis].fixed().ok_or_else(|| format!("axis {axis} of {shape} is dynamic"))?;
    let values = source.ints(1)?.ok_or("the indices are missing")?;
    let dims = source.shape(1)?.fixed().ok_or("the indices have a dynamic shape")?;
    let indices: Option<Vec<usize>> = values.iter().map(|&index| from_front(index, size)).collect();
    let indices = indices.ok_or_else(|| format!("an index is outside of axis {axis} of {shape}"))?;
    Ok((Op::Gather { axis, indices, dims }, 1))
}

/// Only with constant bounds; a dynamic axis must be kept whole.
pub(super) fn slice(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let starts = source.ints_by_opset("starts", 9, 1)?.ok_or("the starts are missing")?;
    let ends = source.ints_by_opset("ends", 9, 2)?.ok_or("the ends are missing")?;
    let axes = source.ints_by_opset("axes", 9, 3)?;
    let steps = if source.opset <= 9 { None } else { source.ints(4)? };
    let shape = source.shape(0)?;
    let axes = axes.unwrap_or_else(|| (0i64..).take(starts.len()).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps differ in number".into());
    }
    let mut spans = vec![];
    for (index, &axis) in axes.iter().enumerate() {
        let axis = source.axis(axis, shape.rank())?;
        let (start, end, step) = (starts[index], ends[index], steps[index]);
        let Some(size) = shape.dims()[axis].fixed() else {
            if (start, step) == (0, 1) && end >= i64::from(i32::MAX) {
                continue;
            }
            return Err(format!("axis {axis} of {shape} is dynamic"));
        };
        let span =
            span(axis, size, start, end, step).ok_or_else(|| format!("{start}..{end} in steps of {step} of axis {axis} of {shape}"))?;
        if span != (Span { axis, start: 0, step: 1, len: size }) {
            spans.push(span);
        }
    }
    spans.sort_unstable_by_key(|span| span.axis);
    if spans.windows(2).any(|pair| pair[0].axis == pair[1].axis) {
        return Err("an axis is given twice".into());
    }
    if spans.is_empty() { Ok((Op::Identity, 1)) } else { Ok((Op::Slice { spans }, 1)) }
}

/// Numpy's rules for bounds; `None` where nothing is left or the step is 0.
fn span(axis: usize, size: usize, start: i64, end: i64, step: i64) -> Option<Span> {
    let signed = i64::try_from(size).ok()?;
    let from_end = |bound: i64| if bound < 0 { bound.saturating_add(signed) } else { bound };
    let (low, high) = if step < 0 { (-1, signed - 1) } else { (0, signed) };
    let start = from_end(start).clamp(low.max(0), high);
    let end = from_end(end).clamp(low, high);
    let distance = if step < 0 { start - end } else { end - start };
    let len = u64::try_from(distance).ok()?.div_ceil(Some(step.unsigned_abs()).filter(|&step| step > 0)?);
    let len = usize::try_from(len).ok().filter(|&len| len > 0)?;
    // A single element has no direction.
    let step = if len == 1 { 1 } else { isize::try_from(step).ok()? };
    Some(Span { axis, start: usize::try_from(start).ok()?, step, len })
}

/// The first of equal elements only.
pub(super) fn arg(source: &mut Source<'_>, smallest: bool) -> Row {
    source.expect_f32(1)?;
    let given = source.attributes.int_or("axis", 0)?;
    let keep_dims = source.attributes.flag("keepdims", true)?;
    if source.attributes.flag("select_last_index", false)? {
        return Err("attribute \"select_last_index\" is 1".into());
    }
    let axis = source.axis(given, source.shape(0)?.rank())?;
    Ok((Op::ArgMax { axis, keep_dims, smallest }, 1))
}

/// The values and the indices of a `TopK`.
pub(super) fn top_k(source: &mut Source<'_>) -> Result<Vec<Op>, Reason> {
    source.expect_f32(1)?;
    let given = source.attributes.int_or("axis", -1)?;
    let largest = source.attributes.flag("largest", true)?;
    // In any order, where they need not be sorted.
    source.attributes.ignore("sorted");
    let k = if source.opset < 10 { source.attributes.int("k")? } else { source.ints(1)?.and_then(|k| k.first().copied()) };
    let k = k.and_then(|k| usize::try_from(k).ok()).ok_or("k is missing or negative")?;
    let shape = source.shape(0)?;
    let axis = source.axis(given, shape.rank())?;
    if shape.dims()[axis].fixed().is_none_or(|size| k == 0 || k > size) {
        return Err(format!("{k} elements of axis {axis} of {shape}"));
    }
    Ok([false, true].map(|indices| Op::TopK { axis, k, smallest: !largest, indices }).to_vec())
}

/// The parts of a `Split`, one slice per output.
pub(super) fn split(source: &mut Source<'_>) -> Result<Vec<Op>, Reason> {
    source.expect(1, DTYPES)?;
    let given = source.attributes.int_or("axis", 0)?;
    let sizes = source.ints_by_opset("split", 12, 1)?;
    let count = if source.opset >= 18 { source.attributes.int("num_outputs")? } else { None };
    let shape = source.shape(0)?;
    let axis = source.axis(given, shape.rank())?;
    let size = shape.dims()[axis].fixed().ok_or_else(|| format!("axis {axis} of {shape} is dynamic"))?;
    let sizes: Vec<usize> = match sizes {
        Some(sizes) => {
            sizes.iter().map(|&size| usize::try_from(size).map_err(|_| format!("a part of {size}"))).collect::<Result<_, _>>()?
        }
        None => {
            let count = count.map_or(Ok(source.outputs), |count| usize::try_from(count).map_err(|_| format!("{count} parts")))?;
            let part = size.div_ceil(count.clamp(1, size.max(1)));
            (0..source.outputs.min(count)).map(|index| part.min(size.saturating_sub(index.saturating_mul(part)))).collect()
        }
    };
    let total = sizes.iter().try_fold(0usize, |total, &size| total.checked_add(size));
    if total != Some(size) || sizes.len() != source.outputs || sizes.contains(&0) {
        return Err(format!("parts of {sizes:?} of axis {axis} of {shape}"));
    }
    let mut start = 0;
    let parts = sizes.into_iter().map(|len| {
        let span = Span { axis, start, step: 1, len };
        start += len;
        if len == size { Op::Identity } else { Op::Slice { spans: vec![span] } }
    });
    Ok(parts.collect())
}
