//! Operators that repeat elements: borders that are no constant, `Expand`, `Tile`. Each is a chain of gathers, one per axis.

use edgectl_graph::{DType, Dim, Op, Shape};

use super::source::{Reason, Source};

/// The operators that are applied to the first input one after the other.
type Chain = Result<Vec<Op>, Reason>;

const DTYPES: &[DType] = &[DType::F32, DType::I8, DType::U8];
/// The longest axis that is made: a few bytes may ask for any.
const MAX_SIZE: usize = 1 << 20;

/// `Pad` in a mode that repeats elements of the input.
pub(super) fn pad(source: &mut Source<'_>) -> Chain {
    source.expect(1, DTYPES)?;
    let mode = source.attributes.string("mode")?.unwrap_or_default();
    source.attributes.ignore("value");
    let shape = source.shape(0)?.clone();
    let (before, after) = super::ops_layout::amounts(source)?;
    let mut chain = vec![];
    for (axis, (before, after)) in before.into_iter().zip(after).enumerate().filter(|(_, (before, after))| before + after > 0) {
        let size = fixed(&shape, axis)?;
        let length = before.checked_add(after).and_then(|more| more.checked_add(size)).filter(|&length| length <= MAX_SIZE && size > 0);
        let length = length.ok_or_else(|| format!("{before} and {after} elements around axis {axis} of {shape}"))?;
        let place = |at: usize| match mode {
            // There and back again, the ends once.
            "reflect" => {
                let (period, start) = ((2 * (size - 1)).max(1), before % (2 * (size - 1)).max(1));
                let at = (at + period - start) % period;
                at.min(period - at).min(size - 1)
            }
            "wrap" => (at + size - before % size) % size,
            _ => at.saturating_sub(before).min(size - 1),
        };
        if mode == "reflect" && before.max(after) >= size {
            return Err(format!("{before} and {after} elements around axis {axis} of {shape}, which has no more to reflect"));
        }
        chain.push(gather(axis, (0..length).map(place).collect()));
    }
    match mode {
        "edge" | "reflect" | "wrap" => Ok(chain),
        other => Err(format!("attribute \"mode\" is \"{other}\"")),
    }
}

pub(super) fn tile(source: &mut Source<'_>) -> Chain {
    source.expect(1, DTYPES)?;
    let shape = source.shape(0)?.clone();
    let repeats = source.ints(1)?.filter(|repeats| repeats.len() == shape.rank()).ok_or("the repeats are not one per axis")?;
    let mut chain = vec![];
    for (axis, repeats) in repeats.into_iter().enumerate().filter(|(_, repeats)| *repeats != 1) {
        let size = fixed(&shape, axis)?;
        let length =
            usize::try_from(repeats).ok().and_then(|repeats| repeats.checked_mul(size)).filter(|length| (1..=MAX_SIZE).contains(length));
        let length = length.ok_or_else(|| format!("{repeats} times axis {axis} of {shape}"))?;
        chain.push(gather(axis, (0..length).map(|at| at % size).collect()));
    }
    Ok(chain)
}

pub(super) fn expand(source: &mut Source<'_>) -> Chain {
    source.expect(1, DTYPES)?;
    let shape = source.shape(0)?.clone();
    let wanted = source.ints(1)?.ok_or("the shape is missing")?;
    let missing = wanted.len().saturating_sub(shape.rank());
    let mut chain = vec![];
    let dims: Vec<Dim> = std::iter::repeat_n(Dim::Fixed(1), missing).chain(shape.dims().iter().cloned()).collect();
    if missing > 0 {
        chain.push(Op::Reshape { shape: Shape::from(dims.clone()) });
    }
    let first = dims.len() - wanted.len();
    for (axis, (dim, wanted)) in dims.iter().skip(first).zip(wanted).enumerate().filter(|(_, (_, wanted))| *wanted != 1) {
        let length = usize::try_from(wanted).ok().filter(|length| (1..=MAX_SIZE).contains(length));
        match (dim.fixed(), length) {
            (Some(size), Some(length)) if size == length => {}
            (Some(1), Some(length)) => chain.push(gather(first + axis, vec![0; length])),
            _ => return Err(format!("{shape} to {wanted} along axis {axis}")),
        }
    }
    Ok(chain)
}

fn gather(axis: usize, indices: Vec<usize>) -> Op {
    Op::Gather { axis, dims: vec![indices.len()], indices }
}

fn fixed(shape: &Shape, axis: usize) -> Result<usize, Reason> {
    shape.dims().get(axis).and_then(Dim::fixed).ok_or_else(|| format!("axis {axis} of {shape} is dynamic"))
}
