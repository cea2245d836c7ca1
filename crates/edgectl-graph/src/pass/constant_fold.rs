//! Constant folding.

use super::matching::finite_literal;
use crate::{Data, Graph, Literal, Node, Op, Pass, Patch, Unary};

/// `op(constants) -> constant`
///
/// The result takes the name of the tensor that it replaces. Outputs of the graph, tensors that an opaque node knows by name, computed
/// values that are not finite and such as would need much memory or time stay. Sums are made in double precision; a single operation in single
/// precision is rounded as a device would round it.
pub(super) struct ConstantFold;

/// A result may have as many elements as its operands together, or this many.
const SMALL: usize = 1 << 20;
/// The greatest number of multiplications that a folded matrix product may need.
const MAX_PRODUCTS: usize = 1 << 24;

impl Pass for ConstantFold {
    fn name(&self) -> &'static str {
        "constant-fold"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(_, node)| fold(graph, node))
    }
}

fn fold(graph: &Graph, node: &Node) -> Option<Patch> {
    let operands: Vec<&Literal> = node.inputs.iter().map(|input| graph.literal((*input)?)).collect::<Option<_>>()?;
    let output = node.output()?;
    let shape = graph.shape(output)?.fixed()?;
    let elements = graph.shape(output)?.elements()?;
    let given: usize = operands.iter().map(|operand| operand.elements()).sum();
    // Where the output may be replaced by a constant operand, it may be replaced by any constant.
    if elements == 0 || elements > given.max(SMALL) || !graph.can_redirect(output, node.input(0)?) {
        return None;
    }
    let literal = evaluate(&node.op, &operands, &shape)?;
    let mut patch = Patch::new(graph, format!("fold \"{}\"", graph.label(node)));
    let constant = patch.constant(&graph.tensor(output).name, literal);
    patch.redirect(output, constant);
    Some(patch)
}

fn evaluate(op: &Op, operands: &[&Literal], shape: &[usize]) -> Option<Literal> {
    let x = *operands.first()?;
    if operands.iter().any(|operand| matches!(operand.data(), Data::Other { .. })) {
        return None;
    }
    match op {
        Op::Identity => Some(x.clone()),
        Op::Reshape { .. } => x.reshaped(shape),
        Op::Transpose { perm } => x.permuted_f32(perm),
        Op::Unary(unary) => finite_literal(shape, x.as_f32()?.iter().map(|&value| unary.eval(value).into())),
        Op::Binary { op, activation } => {
            let b = operands.get(1)?;
            let pairs = spread(x, shape)?.zip(spread(b, shape)?);
            let clamp = Unary::Clip { min: activation.min, max: activation.max };
            finite_literal(shape, pairs.map(|(a, b)| clamp.eval(op.eval(a, b)).into()))
        }
        Op::Concat { axis } => {
            let mut parts = Frame::new(shape, 0.0);
            let mut start = vec![0; shape.len()];
            for operand in operands {
                parts.copy(operand, &start)?;
                start[*axis] += operand.shape()[*axis];
            }
            Literal::f32(shape, parts.values)
        }
        Op::Pad { before, value, .. } => {
            let mut frame = Frame::new(shape, *value);
            frame.copy(x, before)?;
            finite_literal(shape, frame.values.into_iter().map(f64::from))
        }
        Op::Gather { axis, indices, .. } => take(x, *axis, indices)?.reshaped(shape),
        Op::Slice { spans } => spans.iter().try_fold(x.clone(), |x, span| take(&x, span.axis, &span.indices().collect::<Vec<_>>())),
        Op::ReduceMean { axes, .. } => mean(x, axes, shape),
        Op::MatMul => product(x, operands.get(1)?, None, 1.0, 0.0),
        Op::Gemm { alpha, beta, trans_a, trans_b } => {
            let oriented = |literal: &Literal, transposed| if transposed { literal.permuted_f32(&[1, 0]) } else { Some(literal.clone()) };
            let (a, b) = (oriented(x, *trans_a)?, oriented(operands.get(1)?, *trans_b)?);
            product(&a, &b, operands.get(2).copied(), *alpha, *beta)
        }
        Op::Dequantize { axis } => dequantize(operands, *axis),
        _ => None,
    }
}

/// The distance between neighbours along each axis.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// For each element of `shape`, in order, the sum of its indices times `strides`.
fn offsets(shape: &[usize], strides: Vec<usize>) -> impl Iterator<Item = usize> {
    let mut index = vec![0; shape.len()];
    let mut offset = 0;
    (0..shape.iter().product()).map(move |_| {
        let here = offset;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
        here
    })
}

/// The elements of a float32 constant broadcast to a shape.
fn spread<'a>(literal: &'a Literal, shape: &'a [usize]) -> Option<impl Iterator<Item = f32> + 'a> {
    let values = literal.as_f32()?;
    let lead = shape.len().checked_sub(literal.shape().len())?;
    let own = strides(literal.shape()).into_iter().zip(literal.shape()).map(|(stride, &size)| if size == 1 { 0 } else { stride });
    let strides = std::iter::repeat_n(0, lead).chain(own).collect();
    Some(offsets(shape, strides).map(|offset| values[offset]))
}

/// A tensor that others are copied into.
struct Frame {
    values: Vec<f32>,
    strides: Vec<usize>,
}

impl Frame {
    fn new(shape: &[usize], value: f32) -> Frame {
        Frame { values: vec![value; shape.iter().product()], strides: strides(shape) }
    }

    fn copy(&mut self, literal: &Literal, start: &[usize]) -> Option<()> {
        let base: usize = start.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
        for (offset, &value) in offsets(literal.shape(), self.strides.clone()).zip(literal.as_f32()?) {
            self.values[base + offset] = value;
        }
        Some(())
    }
}

/// The elements at some indices of an axis.
fn take(x: &Literal, axis: usize, indices: &[usize]) -> Option<Literal> {
    let values = x.as_f32()?;
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let rows = values.chunks(x.shape()[axis] * inner);
    let picked = rows.flat_map(|row| indices.iter().flat_map(move |&index| &row[index * inner..(index + 1) * inner]));
    let values: Vec<f32> = picked.copied().collect();
    let mut shape = x.shape().to_vec();
    shape[axis] = indices.len();
    Literal::f32(shape, values)
}

fn mean(x: &Literal, axes: &[usize], shape: &[usize]) -> Option<Literal> {
    let kept: Vec<usize> = x.shape().iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size }).collect();
    let strides = strides(&kept).into_iter().enumerate().map(|(axis, stride)| if axes.contains(&axis) { 0 } else { stride });
    let mut sums = vec![0.0; kept.iter().product()];
    for (offset, &value) in offsets(x.shape(), strides.collect()).zip(x.as_f32()?) {
        sums[offset] += f64::from(value);
    }
    let count: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    finite_literal(shape, sums.into_iter().map(|sum| sum / count as f64))
}

/// `alpha * a * b + beta * c` of matrices.
fn product(a: &Literal, b: &Literal, c: Option<&Literal>, alpha: f32, beta: f32) -> Option<Literal> {
    let (&[rows, inner], &[_, columns]) = (a.shape(), b.shape()) else { return None };
    if rows.checked_mul(inner)?.checked_mul(columns)? > MAX_PRODUCTS {
        return None;
    }
    let shape = [rows, columns];
    let (a, b) = (a.as_f32()?, b.as_f32()?);
    let mut values: Vec<f64> = (0..rows * columns)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let products = (0..inner).map(|i| f64::from(a[row * inner + i]) * f64::from(b[i * columns + column]));
            f64::from(alpha) * products.sum::<f64>()
        })
        .collect();
    if let Some(c) = c {
        values.iter_mut().zip(spread(c, &shape)?).for_each(|(value, c)| *value += f64::from(beta) * f64::from(c));
    }
    finite_literal(&shape, values)
}

/// With one scale and zero point, or one per element along `axis`.
fn dequantize(operands: &[&Literal], axis: usize) -> Option<Literal> {
    let (q, scale) = (*operands.first()?, *operands.get(1)?);
    let scales = scale.as_f32()?;
    let zero_points = match operands.get(2) {
        Some(zero_point) if zero_point.shape() == scale.shape() => zero_point.to_i64s()?,
        Some(_) => return None,
        None => vec![0; scales.len()],
    };
    let per_channel = scales.len() != 1;
    if per_channel && (scale.shape().len() != 1 || q.shape().get(axis) != Some(&scales.len())) {
        return None;
    }
    let strides = (0..q.shape().len()).map(|other| usize::from(per_channel && other == axis)).collect();
    let values = q.to_i64s()?;
    let real = values.iter().zip(offsets(q.shape(), strides)).map(|(&q, channel)| {
        let steps = i128::from(q) - i128::from(zero_points[channel]);
        steps as f64 * f64::from(scales[channel])
    });
    finite_literal(q.shape(), real)
}
