//! Integer arithmetic on shapes, which exporters leave in a model, evaluated at import.
//!
//! The elements of a folded tensor are numbers or symbols: a shape with a dynamic batch is carried through operators that only move
//! elements, so that it can arrive at a `Reshape`. Arithmetic on a symbol is not folded.

use std::fmt;
use std::sync::Arc;

use edgectl_graph::{DType, Data, Dim, Fact, Literal, Shape};

use super::ops_layout::{resolve, squeezed, unsqueezed};
use super::source::{Source, from_front};
use crate::dtype;

/// Tensors with more elements are not folded: shapes are short, and a small model must not stand for endless arithmetic.
const MAX_ELEMENTS: usize = 1024;

/// An element of a folded tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elem {
    Number(i64),
    Symbol(Arc<str>),
}

impl Elem {
    fn number(&self) -> Option<i64> {
        match self {
            Elem::Number(number) => Some(*number),
            Elem::Symbol(_) => None,
        }
    }
}

impl fmt::Display for Elem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Elem::Number(number) => write!(f, "{number}"),
            Elem::Symbol(name) => f.write_str(name),
        }
    }
}

impl From<&Dim> for Elem {
    fn from(dim: &Dim) -> Elem {
        match dim {
            Dim::Fixed(size) => Elem::Number(i64::try_from(*size).unwrap_or(i64::MAX)),
            Dim::Symbol(name) => Elem::Symbol(name.clone()),
        }
    }
}

/// A tensor whose value is known at import.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Wholly.
    Literal(Literal),
    /// But for the symbols in it.
    Symbolic(Ints),
}

impl Value {
    pub(super) fn fact(&self) -> Fact {
        match self {
            Value::Literal(literal) => literal.fact(),
            Value::Symbolic(ints) => Fact::new(ints.dtype, Shape::new(ints.shape.iter().copied())),
        }
    }

    /// The elements, where they are integers.
    pub(super) fn elems(&self) -> Option<Vec<Elem>> {
        Some(self.ints()?.elems)
    }

    fn ints(&self) -> Option<Ints> {
        let literal = match self {
            Value::Symbolic(ints) => return Some(ints.clone()),
            Value::Literal(literal) => literal,
        };
        if literal.elements() > MAX_ELEMENTS {
            return None;
        }
        let numbers = match literal.data() {
            Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
            Data::I32(_) | Data::I64(_) => literal.to_i64s()?,
            _ => return None,
        };
        Some(Ints { dtype: literal.dtype(), shape: literal.shape().to_vec(), elems: numbers.into_iter().map(Elem::Number).collect() })
    }
}

/// A tensor of booleans, int32 or int64; as many elements as the shape says.
#[derive(Clone, Debug)]
pub(super) struct Ints {
    dtype: DType,
    shape: Vec<usize>,
    elems: Vec<Elem>,
}

impl Ints {
    fn new(dtype: DType, shape: Vec<usize>, elems: Vec<Elem>) -> Option<Ints> {
        (shape.iter().product::<usize>() == elems.len()).then_some(Ints { dtype, shape, elems })
    }

    fn vector(dtype: DType, elems: Vec<Elem>) -> Ints {
        Ints { dtype, shape: vec![elems.len()], elems }
    }

    fn numbers(&self) -> Option<Vec<i64>> {
        self.elems.iter().map(Elem::number).collect()
    }

    fn single(&self) -> Option<i64> {
        match self.elems[..] {
            [Elem::Number(number)] => Some(number),
            _ => None,
        }
    }

    fn is_vector(&self) -> bool {
        self.shape.len() == 1
    }

    fn into_value(self) -> Option<Value> {
        let Some(numbers) = self.numbers() else { return (self.dtype == DType::I64).then_some(Value::Symbolic(self)) };
        let data = match self.dtype {
            DType::Bool => Data::Bool(numbers.iter().map(|&number| number != 0).collect()),
            DType::I32 => Data::I32(numbers.iter().map(|&number| i32::try_from(number).ok()).collect::<Option<_>>()?),
            _ => Data::I64(numbers.into()),
        };
        Literal::new(self.shape, data).map(Value::Literal)
    }
}

/// The value of a node's only output, where the operands' values suffice.
pub(super) fn fold(op_type: &str, source: &mut Source<'_>) -> Option<Value> {
    let folded = match op_type {
        "Shape" => shape(source),
        "Size" => {
            Some(Ints { dtype: DType::I64, shape: vec![], elems: vec![Elem::Number(source.shape(0).ok()?.elements()?.try_into().ok()?)] })
        }
        _ => {
            let row = TABLE.binary_search_by_key(&op_type, |row| row.0).ok().map(|index| TABLE[index].1)?;
            let values: Option<Vec<Option<Ints>>> = source
                .operands
                .iter()
                .map(|operand| match operand {
                    None => Some(None),
                    Some(operand) => operand.value?.ints().map(Some),
                })
                .collect();
            row(source, &values?)
        }
    }?;
    source.attributes.finish().ok()?;
    folded.into_value()
}

type Fold = fn(&mut Source<'_>, &[Option<Ints>]) -> Option<Ints>;

/// Sorted.
const TABLE: &[(&str, Fold)] = &[
    ("Add", |_, x| arithmetic(x, i64::checked_add)),
    ("Cast", cast),
    ("Concat", concat),
    ("ConstantOfShape", constant_of_shape),
    ("Div", |_, x| arithmetic(x, i64::checked_div)),
    ("Equal", |_, x| equal(x)),
    ("Expand", |_, x| expand(x)),
    ("Gather", gather),
    ("Identity", |_, x| input(x, 0).cloned()),
    ("Mul", |_, x| arithmetic(x, i64::checked_mul)),
    ("Range", |_, x| range(x)),
    ("Reshape", reshape),
    ("Slice", slice),
    ("Squeeze", squeeze),
    ("Sub", |_, x| arithmetic(x, i64::checked_sub)),
    ("Unsqueeze", unsqueeze),
    ("Where", |_, x| select(x)),
];

fn input(values: &[Option<Ints>], index: usize) -> Option<&Ints> {
    values.get(index)?.as_ref()
}

fn shape(source: &mut Source<'_>) -> Option<Ints> {
    let (start, end) = (source.attributes.int_or("start", 0).ok()?, source.attributes.int("end").ok()?);
    let dims = source.shape(0).ok()?.dims();
    let rank = i64::try_from(dims.len()).ok()?;
    let clamp = |axis: i64| usize::try_from(if axis < 0 { axis.saturating_add(rank) } else { axis }.clamp(0, rank)).ok();
    let dims = dims.get(clamp(start)?..clamp(end.unwrap_or(rank))?).unwrap_or_default();
    Some(Ints::vector(DType::I64, dims.iter().map(Elem::from).collect()))
}

fn cast(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let x = input(values, 0)?;
    let dtype = dtype::from_code(source.attributes.int("to").ok()??.try_into().ok()?);
    let elems = match dtype {
        DType::I32 | DType::I64 => x.elems.clone(),
        DType::Bool => x.numbers()?.into_iter().map(|number| Elem::Number((number != 0).into())).collect(),
        _ => return None,
    };
    Ints::new(dtype, x.shape.clone(), elems)
}

fn concat(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let first = input(values, 0)?;
    from_front(source.attributes.int("axis").ok()??, 1)?;
    let mut elems = vec![];
    for value in values {
        let value = value.as_ref().filter(|value| value.is_vector() && value.dtype == first.dtype)?;
        elems.extend_from_slice(&value.elems);
        if elems.len() > MAX_ELEMENTS {
            return None;
        }
    }
    Some(Ints::vector(first.dtype, elems))
}

fn constant_of_shape(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let value = super::tensor::literal(source.attributes.tensor("value").ok()??.clone()).ok()?;
    let value = Value::Literal(value).ints()?;
    let shape: Vec<usize> = input(values, 0)?.numbers()?.into_iter().map(|size| usize::try_from(size).ok()).collect::<Option<_>>()?;
    let elements = elements(&shape)?;
    Ints::new(value.dtype, shape, vec![Elem::Number(value.single()?); elements])
}

/// The number of elements of a result, where it may be folded.
fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)).filter(|&elements| elements <= MAX_ELEMENTS)
}

/// A vector gathered by numbers of any shape.
fn gather(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let (x, indices) = (input(values, 0)?, input(values, 1)?);
    from_front(source.attributes.int_or("axis", 0).ok()?, 1).filter(|_| x.is_vector())?;
    let elems = indices.numbers()?.into_iter().map(|index| Some(x.elems[from_front(index, x.elems.len())?].clone()));
    Ints::new(x.dtype, indices.shape.clone(), elems.collect::<Option<_>>()?)
}

fn range(values: &[Option<Ints>]) -> Option<Ints> {
    let (start, limit, delta) = (input(values, 0)?, input(values, 1)?.single()?, input(values, 2)?.single()?);
    let mut elems = vec![];
    let mut at = start.single()?;
    while delta != 0 && (if delta > 0 { at < limit } else { at > limit }) {
        if elems.len() == MAX_ELEMENTS {
            return None;
        }
        elems.push(Elem::Number(at));
        at = at.checked_add(delta)?;
    }
    (delta != 0).then_some(Ints::vector(start.dtype, elems))
}

fn reshape(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let x = input(values, 0)?;
    let allow_zero = source.attributes.flag("allowzero", false).ok()?;
    let target = &input(values, 1)?.elems;
    let shape = resolve(&Shape::new(x.shape.iter().copied()), target, allow_zero).ok()?.fixed()?;
    elements(&shape)?;
    Ints::new(x.dtype, shape, x.elems.clone())
}

/// A slice of a vector. The bounds are inputs from opset 10 on.
fn slice(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let x = input(values, 0)?;
    let mut list = |name: &str, index: usize| match source.opset {
        ..10 => source.attributes.ints(name).ok().map(|list| list.map(<[i64]>::to_vec)),
        _ => input(values, index).map(Ints::numbers).map_or(Some(None), |list| list.map(Some)),
    };
    let (starts, ends, axes) = (list("starts", 1)??, list("ends", 2)??, list("axes", 3)?.unwrap_or(vec![0]));
    let steps = if source.opset < 10 { None } else { list("steps", 4)? }.unwrap_or(vec![1]);
    let ([start], [end], [axis], [step]) = (&starts[..], &ends[..], &axes[..], &steps[..]) else { return None };
    from_front(*axis, 1).filter(|_| x.is_vector() && *step > 0)?;
    let len = i64::try_from(x.elems.len()).ok()?;
    let clamp = |at: i64| usize::try_from(if at < 0 { at.saturating_add(len) } else { at }.clamp(0, len)).ok();
    let elems = x.elems.get(clamp(*start)?..clamp(*end)?).unwrap_or_default();
    let step = usize::try_from(*step).ok()?;
    Some(Ints::vector(x.dtype, elems.iter().step_by(step).cloned().collect()))
}

/// Axes as an attribute up to opset 12, as an input after it. The outer `None`: not known.
fn axes(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Option<Vec<i64>>> {
    if source.opset < 13 {
        return source.attributes.ints("axes").ok().map(|axes| axes.map(<[i64]>::to_vec));
    }
    input(values, 1).map(Ints::numbers).map_or(Some(None), |axes| axes.map(Some))
}

fn squeeze(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let x = input(values, 0)?;
    let dims: Vec<_> = x.shape.iter().copied().map(Dim::Fixed).collect();
    let shape = Shape::from(squeezed(&dims, axes(source, values)?.as_deref())?).fixed()?;
    Ints::new(x.dtype, shape, x.elems.clone())
}

fn unsqueeze(source: &mut Source<'_>, values: &[Option<Ints>]) -> Option<Ints> {
    let x = input(values, 0)?;
    Ints::new(x.dtype, unsqueezed(&x.shape, &axes(source, values)??, 1)?, x.elems.clone())
}

fn arithmetic(values: &[Option<Ints>], eval: fn(i64, i64) -> Option<i64>) -> Option<Ints> {
    let (a, b) = (input(values, 0)?, input(values, 1)?);
    let shape = broadcast_shape(&a.shape, &b.shape)?;
    let (left, right) = (broadcast(a, &shape)?, broadcast(b, &shape)?);
    let elems = left.iter().zip(&right).map(|(x, y)| eval(x.number()?, y.number()?).map(Elem::Number));
    Ints::new(a.dtype, shape, elems.collect::<Option<_>>()?).filter(|_| a.dtype == b.dtype && a.dtype != DType::Bool)
}

/// A dimension's symbol equals itself and no negative number; whether it equals another number is open.
fn equal(values: &[Option<Ints>]) -> Option<Ints> {
    let (a, b) = (input(values, 0)?, input(values, 1)?);
    let shape = broadcast_shape(&a.shape, &b.shape)?;
    let (left, right) = (broadcast(a, &shape)?, broadcast(b, &shape)?);
    let elems = left.iter().zip(&right).map(|pair| match pair {
        (Elem::Number(x), Elem::Number(y)) => Some(x == y),
        (Elem::Symbol(x), Elem::Symbol(y)) => (x == y).then_some(true),
        (Elem::Symbol(_), Elem::Number(x)) | (Elem::Number(x), Elem::Symbol(_)) => (*x < 0).then_some(false),
    });
    Ints::new(DType::Bool, shape, elems.map(|equal| equal.map(|equal| Elem::Number(equal.into()))).collect::<Option<_>>()?)
}

fn select(values: &[Option<Ints>]) -> Option<Ints> {
    let (condition, a, b) = (input(values, 0)?, input(values, 1)?, input(values, 2)?);
    let shape = broadcast_shape(&broadcast_shape(&a.shape, &b.shape)?, &condition.shape)?;
    let (condition, left, right) = (broadcast(condition, &shape)?, broadcast(a, &shape)?, broadcast(b, &shape)?);
    let elems = condition.iter().zip(left.iter().zip(&right)).map(|(which, (x, y))| Some(if which.number()? != 0 { x } else { y }.clone()));
    Ints::new(a.dtype, shape, elems.collect::<Option<_>>()?).filter(|_| a.dtype == b.dtype)
}

fn expand(values: &[Option<Ints>]) -> Option<Ints> {
    let x = input(values, 0)?;
    let target: Vec<usize> = input(values, 1)?.numbers()?.into_iter().map(|size| usize::try_from(size).ok()).collect::<Option<_>>()?;
    let shape = broadcast_shape(&x.shape, &target)?;
    let elems = broadcast(x, &shape)?;
    Ints::new(x.dtype, shape, elems)
}

/// The shape to which two shapes broadcast by NumPy's rules, where a tensor of it may be folded.
fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |index| shape[index]);
    let dims = (0..rank).map(|axis| match (at(a, axis), at(b, axis)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    });
    let shape: Vec<usize> = dims.collect::<Option<_>>()?;
    elements(&shape)?;
    Some(shape)
}

/// The elements of `x` as a tensor of `shape`, to which its own shape broadcasts.
fn broadcast(x: &Ints, shape: &[usize]) -> Option<Vec<Elem>> {
    let skip = shape.len().checked_sub(x.shape.len())?;
    (0..elements(shape)?)
        .map(|flat| {
            let (mut rest, mut index, mut stride) = (flat, 0, 1);
            for (axis, &size) in shape.iter().enumerate().rev() {
                let at = rest % size;
                rest /= size;
                if let Some(&own) = axis.checked_sub(skip).and_then(|axis| x.shape.get(axis)) {
                    index += if own == 1 { 0 } else { at * stride };
                    stride *= own;
                }
            }
            x.elems.get(index).cloned()
        })
        .collect()
}
