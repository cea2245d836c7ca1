//! Operators that move elements and compute nothing.

use edgectl_graph::{DType, Dim, Op, Shape};

use super::fold::Elem;
use super::source::{Reason, Source, from_front, product};
use super::tensor::MAX_RANK;

type Row = Result<(Op, usize), Reason>;

/// The element types that deployable graphs have.
const DTYPES: &[DType] = &[DType::F32, DType::I32, DType::I8, DType::U8];

pub(super) fn identity(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    Ok((Op::Identity, 1))
}

pub(super) fn concat(source: &mut Source<'_>) -> Row {
    source.expect(usize::MAX, DTYPES)?;
    let axis = source.attributes.int("axis")?.ok_or("attribute \"axis\" is missing")?;
    let axis = source.axis(axis, source.shape(0)?.rank())?;
    Ok((Op::Concat { axis }, source.operands.len()))
}

pub(super) fn transpose(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let rank = source.shape(0)?.rank();
    let perm = source.attributes.sizes("perm")?.unwrap_or_else(|| (0..rank).rev().collect());
    Ok((Op::Transpose { perm }, 1))
}

pub(super) fn pad(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    match source.attributes.string("mode")? {
        None | Some("constant" | "") => {}
        Some(mode) => return Err(format!("attribute \"mode\" is \"{mode}\"")),
    }
    let value = if source.opset < 11 { source.attributes.float("value", 0.0)? } else { source.scalar(2)?.unwrap_or(0.0) };
    let (before, after) = amounts(source)?;
    Ok((Op::Pad { before, after, value }, 1))
}

/// Elements added before and after, per axis.
pub(super) fn amounts(source: &mut Source<'_>) -> Result<(Vec<usize>, Vec<usize>), Reason> {
    let pads = source.ints_by_opset("pads", 10, 1)?.ok_or("the padding is missing")?;
    let rank = source.shape(0)?.rank();
    let axes: Vec<usize> = match source.ints(3)? {
        Some(axes) => axes.iter().map(|&axis| source.axis(axis, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    let pads: Option<Vec<usize>> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect();
    let pads = pads.filter(|pads| pads.len() == 2 * axes.len()).ok_or("the padding has negative values or another length than the axes")?;
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    for (index, &axis) in axes.iter().enumerate() {
        (before[axis], after[axis]) = (pads[index], pads[index + axes.len()]);
    }
    Ok((before, after))
}

pub(super) fn reshape(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let allow_zero = source.attributes.flag("allowzero", false)?;
    let target = source.elems(1)?;
    let shape = resolve(source.shape(0)?, &target, allow_zero)?;
    Ok((Op::Reshape { shape }, 1))
}

/// The shape that a `Reshape` gives an input of shape `x`.
pub(super) fn resolve(x: &Shape, target: &[Elem], allow_zero: bool) -> Result<Shape, Reason> {
    let refused = || format!("{x} to [{}]", target.iter().map(Elem::to_string).collect::<Vec<_>>().join(","));
    if target.len() > MAX_RANK {
        return Err(format!("expected at most {MAX_RANK} dimensions, found {}", target.len()));
    }
    let mut dims = Vec::with_capacity(target.len());
    let mut open = None;
    for (axis, elem) in target.iter().enumerate() {
        dims.push(match elem {
            Elem::Symbol(name) => Dim::Symbol(name.clone()),
            Elem::Number(0) if !allow_zero => x.dims().get(axis).cloned().ok_or_else(refused)?,
            Elem::Number(-1) if open.replace(axis).is_some() => return Err(refused()),
            Elem::Number(-1) => Dim::Fixed(1),
            Elem::Number(size) => Dim::Fixed(usize::try_from(*size).map_err(|_| refused())?),
        });
    }
    if let Some(open) = open {
        dims[open] = missing(x, &dims).ok_or_else(refused)?;
    }
    Ok(Shape::from(dims))
}

/// The dimension that `dims` lack to have as many elements as `x`.
fn missing(x: &Shape, dims: &[Dim]) -> Option<Dim> {
    let mut rest: Vec<Dim> = x.dims().iter().filter(|dim| dim.fixed().is_none()).cloned().collect();
    for dim in dims.iter().filter(|dim| dim.fixed().is_none()) {
        rest.swap_remove(rest.iter().position(|other| other == dim)?);
    }
    let total = x.elements_per_sample()?;
    let known = Shape::from(dims.to_vec()).elements_per_sample()?;
    rest.push(Dim::Fixed(total.checked_div(known).filter(|size| size * known == total)?));
    product(&rest)
}

/// `[product of the dimensions before axis, product of the others]`
pub(super) fn flatten(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let axis = source.attributes.int_or("axis", 1)?;
    let shape = source.shape(0)?;
    // The axis may equal the rank.
    let split = if axis < 0 { source.axis(axis, shape.rank())? } else { source.axis(axis, shape.rank() + 1)? };
    let (before, after) = shape.dims().split_at(split);
    match (product(before), product(after)) {
        (Some(before), Some(after)) => Ok((Op::Reshape { shape: Shape::from(vec![before, after]) }, 1)),
        _ => Err(format!("the input has the dynamic shape {shape}")),
    }
}

pub(super) fn squeeze(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let axes = source.ints_by_opset("axes", 12, 1)?;
    let dims = squeezed(source.shape(0)?.dims(), axes.as_deref()).ok_or("axes without a size of one")?;
    Ok((Op::Reshape { shape: Shape::from(dims) }, 1))
}

pub(super) fn unsqueeze(source: &mut Source<'_>) -> Row {
    source.expect(1, DTYPES)?;
    let axes = source.ints_by_opset("axes", 12, 1)?.ok_or("the axes are missing")?;
    let dims = unsqueezed(source.shape(0)?.dims(), &axes, Dim::Fixed(1)).ok_or("axes outside the output, or given twice")?;
    Ok((Op::Reshape { shape: Shape::from(dims) }, 1))
}

/// Without axes, all dimensions of size one go; that needs all sizes. `None` where an axis has not the size one.
pub(super) fn squeezed(dims: &[Dim], axes: Option<&[i64]>) -> Option<Vec<Dim>> {
    let one = Dim::Fixed(1);
    let drop: Vec<usize> = match axes {
        Some(axes) => axes.iter().map(|&axis| from_front(axis, dims.len())).collect::<Option<_>>()?,
        None if dims.iter().all(|dim| dim.fixed().is_some()) => (0..dims.len()).filter(|&axis| dims[axis] == one).collect(),
        None => return None,
    };
    if drop.iter().any(|&axis| dims[axis] != one) {
        return None;
    }
    Some(dims.iter().enumerate().filter(|(axis, _)| !drop.contains(axis)).map(|(_, dim)| dim.clone()).collect())
}

/// `one` inserted at the axes of the result. `None` where an axis is outside or given twice.
pub(super) fn unsqueezed<T: Clone>(dims: &[T], axes: &[i64], one: T) -> Option<Vec<T>> {
    let rank = dims.len().checked_add(axes.len()).filter(|&rank| rank <= MAX_RANK)?;
    let mut insert = vec![false; rank];
    for &axis in axes {
        if std::mem::replace(&mut insert[from_front(axis, rank)?], true) {
            return None;
        }
    }
    let mut rest = dims.iter();
    insert.into_iter().map(|new| if new { Some(one.clone()) } else { rest.next().cloned() }).collect()
}
