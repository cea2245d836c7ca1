//! Shape and type inference of the typed operators.

use crate::{Binary, Conv, DType, Dim, Fact, Graph, GraphError, Node, Op, Shape, Span, Window};

impl Graph {
    /// The fact of a node's output; `None` where an input's is not known or the operator is opaque. `label` names the node in errors.
    pub(crate) fn infer(&self, node: &Node, label: impl FnOnce() -> String) -> Result<Option<Fact>, GraphError> {
        let expected = match arity(&node.op) {
            None => return Ok(None),
            Some((least, most, words)) => {
                let given = node.inputs.len();
                let required = node.inputs.iter().take(least).all(Option::is_some);
                if given < least || given > most || !required { Some((words, given)) } else { None }
            }
        };
        if let Some((expected, found)) = expected {
            return Err(GraphError::Arity { node: label(), op: node.op.name().into(), expected, found });
        }
        let mut facts = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            match input {
                None => facts.push(None),
                Some(id) => match &self.tensor(*id).fact {
                    None => return Ok(None),
                    Some(fact) => facts.push(Some(fact)),
                },
            }
        }
        infer(&node.op, &facts).map(Some).map_err(|what| GraphError::Operand { node: label(), op: node.op.name().into(), what })
    }

    /// Computes the facts of all typed nodes' outputs anew.
    pub(crate) fn infer_all(&mut self) -> Result<(), GraphError> {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if matches!(node.op, Op::Opaque(_)) {
                continue;
            }
            let fact = self.infer(node, || self.label(node))?;
            if let Some(id) = node.output() {
                self.tensors[id.0].fact = fact;
            }
        }
        Ok(())
    }
}

/// The least and the greatest number of inputs, in numbers and in words; `None` for opaque operators.
fn arity(op: &Op) -> Option<(usize, usize, &'static str)> {
    Some(match op {
        Op::Opaque(_) => return None,
        Op::Concat { .. } => (1, usize::MAX, "1 or more"),
        Op::BatchNorm { .. } | Op::Recurrent(_) => (5, 5, "5"),
        Op::Binary { .. } | Op::MatMul | Op::PRelu => (2, 2, "2"),
        Op::GroupNorm { .. } => (3, 3, "3"),
        op if op.is_layer() || op.is_normalization() => (2, 3, "2 or 3"),
        Op::Dequantize { .. } | Op::Gemm { .. } | Op::Quantize { .. } => (2, 3, "2 or 3"),
        _ => (1, 1, "1"),
    })
}

type Inferred = Result<Fact, String>;

fn infer(op: &Op, facts: &[Option<&Fact>]) -> Inferred {
    // `arity` has made sure that the required inputs are there.
    let fact = |index: usize| facts.get(index).copied().flatten();
    let x = fact(0).ok_or("the first input is missing")?;
    if !matches!(
        op,
        Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Concat { .. }
            | Op::Identity
            | Op::Dequantize { .. }
            | Op::Binary { .. }
            | Op::Pad { .. }
            | Op::Gather { .. }
            | Op::Slice { .. }
    ) && x.dtype != DType::F32
    {
        return Err(format!("expected f32 elements, found {}", x.dtype));
    }
    let shape = match op {
        Op::ArgMax { axis, keep_dims, .. } => return Ok(Fact::new(DType::I64, reduced(&x.shape, &[*axis], *keep_dims)?)),
        Op::AveragePool { pool, .. } | Op::MaxPool(pool) => pooled(&x.shape, pool)?,
        Op::BatchNorm { .. } => {
            let channels = channels(&x.shape)?;
            for index in 1..5 {
                expect_vector(fact(index), channels, "parameters")?;
            }
            x.shape.clone()
        }
        Op::Binary { op, .. } => {
            let other = fact(1).ok_or("the second input is missing")?;
            if other.dtype != x.dtype {
                return Err(format!("expected operands of one type, found {} and {}", x.dtype, other.dtype));
            }
            if x.dtype != DType::F32 && !matches!(op, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div) {
                return Err(format!("expected f32 elements, found {}", x.dtype));
            }
            broadcast(&x.shape, &other.shape)?
        }
        Op::Concat { axis } => concat(facts, *axis)?,
        Op::Conv(conv) => convolved(&x.shape, fact(1), fact(2), conv)?,
        Op::ConvTranspose(conv) => {
            let filter = fact(1).ok_or("the filter is missing")?.shape.fixed().ok_or("expected a filter of fixed shape")?;
            let output = conv.output(&x.shape, &filter)?;
            expect_vector(fact(2), &output.dims()[1], "a bias")?;
            output
        }
        Op::Delay { axis, len } => {
            check_axis(&x.shape, *axis)?;
            if x.shape.dims()[*axis].fixed().is_none_or(|size| size > *len) {
                return Err(format!("the last {len} along axis {axis} of parts of {}", x.shape));
            }
            let size = |(at, dim): (usize, &Dim)| if at == *axis { Dim::Fixed(*len) } else { dim.clone() };
            Shape::from(x.shape.dims().iter().enumerate().map(size).collect::<Vec<_>>())
        }
        Op::Dense { .. } => dense(&x.shape, fact(1), fact(2))?,
        Op::Dequantize { .. } => return Ok(Fact::f32(x.shape.clone())),
        Op::Gather { axis, indices, dims } => gathered(&x.shape, *axis, indices, dims)?,
        Op::Gemm { trans_a, trans_b, .. } => gemm(&x.shape, fact(1), fact(2), *trans_a, *trans_b)?,
        Op::GlobalAveragePool | Op::GlobalMaxPool => {
            channels(&x.shape)?;
            Shape::from(
                x.shape.dims().iter().enumerate().map(|(axis, dim)| if axis < 2 { dim.clone() } else { Dim::Fixed(1) }).collect::<Vec<_>>(),
            )
        }
        Op::GroupNorm { groups, .. } => {
            let channels = channels(&x.shape)?;
            if channels.fixed().is_none_or(|channels| channels.checked_rem(*groups) != Some(0)) {
                return Err(format!("{groups} groups do not divide the channels of {}", x.shape));
            }
            (1..3).try_for_each(|index| expect_vector(fact(index), channels, "parameters"))?;
            x.shape.clone()
        }
        Op::LayerNorm { axis, .. } => {
            check_axis(&x.shape, *axis)?;
            for parameter in [fact(1), fact(2)].into_iter().flatten() {
                if parameter.shape.dims() != &x.shape.dims()[*axis..] {
                    return Err(format!("parameters {} do not fit axes {axis}.. of {}", parameter.shape, x.shape));
                }
            }
            x.shape.clone()
        }
        Op::Identity | Op::Unary(_) => x.shape.clone(),
        Op::MatMul => matmul(&x.shape, &fact(1).ok_or("the second input is missing")?.shape)?,
        Op::Opaque(_) => return Err("an opaque operator has no rule".into()),
        Op::Pad { before, after, .. } => padded(&x.shape, before, after)?,
        Op::Quantize { dtype, .. } => return Ok(Fact::new(*dtype, x.shape.clone())),
        Op::Recurrent(recurrent) => recurrent.output(facts)?,
        Op::Reduce { axes, keep_dims, .. } | Op::ReduceMean { axes, keep_dims } => reduced(&x.shape, axes, *keep_dims)?,
        Op::Reshape { shape } => reshaped(&x.shape, shape)?,
        Op::Resize(resize) => {
            let spatial = spatial_sizes(&x.shape)?;
            if spatial.len() != resize.sizes.len() || spatial.iter().chain(&resize.sizes).any(|&size| size == 0 || size > 1 << 24) {
                return Err(format!("{} does not resize to {:?}", x.shape, resize.sizes));
            }
            let sizes: Vec<Dim> = resize.sizes.iter().map(|&size| Dim::Fixed(size)).collect();
            Shape::from([&x.shape.dims()[..2], &sizes].concat())
        }
        Op::DepthToSpace { block, .. } => blocks(&x.shape, *block, true)?,
        Op::SpaceToDepth { block } => blocks(&x.shape, *block, false)?,
        Op::Slice { spans } => sliced(&x.shape, spans)?,
        Op::PRelu => {
            let slope = &fact(1).ok_or("the slope is missing")?.shape;
            if broadcast(&x.shape, slope)? != x.shape {
                return Err(format!("slope {slope} does not broadcast to {}", x.shape));
            }
            x.shape.clone()
        }
        Op::LogSoftmax { axis } | Op::Softmax { axis } => {
            check_axis(&x.shape, *axis)?;
            x.shape.clone()
        }
        Op::TopK { axis, k, indices, .. } => {
            let size = fixed_axis(&x.shape, *axis)?;
            if *k == 0 || *k > size {
                return Err(format!("{k} elements of axis {axis} of {}", x.shape));
            }
            let mut dims = x.shape.dims().to_vec();
            dims[*axis] = Dim::Fixed(*k);
            return Ok(Fact::new(if *indices { DType::I64 } else { x.dtype }, Shape::from(dims)));
        }
        Op::Transpose { perm } => transposed(&x.shape, perm)?,
    };
    Ok(Fact::new(x.dtype, shape))
}

fn check_axis(shape: &Shape, axis: usize) -> Result<(), String> {
    if axis < shape.rank() { Ok(()) } else { Err(format!("axis {axis} is outside the shape {shape}")) }
}

/// The channel dimension of a `[N, C, spatial...]` shape with one or two spatial axes or none.
fn channels(shape: &Shape) -> Result<&Dim, String> {
    match shape.dims() {
        [_, channels, ..] => Ok(channels),
        _ => Err(format!("expected a shape [N,C,...], found {shape}")),
    }
}

fn expect_vector(fact: Option<&Fact>, len: &Dim, what: &str) -> Result<(), String> {
    match fact {
        Some(fact) if fact.shape.dims() != std::slice::from_ref(len) => {
            Err(format!("expected {what} of shape [{len}], found {}", fact.shape))
        }
        _ => Ok(()),
    }
}

/// The spatial part of a sliding window's output.
fn slide(x: &Shape, window: &Window) -> Result<Vec<Dim>, String> {
    let spatial = x
        .rank()
        .checked_sub(2)
        .filter(|rank| (1..=2).contains(rank))
        .ok_or_else(|| format!("expected a shape [N,C,W] or [N,C,H,W], found {x}"))?;
    if !window.is_well_formed(spatial) {
        return Err(format!("expected a window with {spatial} spatial axes and positive kernel, strides and dilations, found {window}"));
    }
    (0..spatial)
        .map(|axis| {
            let dim = &x.dims()[axis + 2];
            let size = dim.fixed().ok_or_else(|| format!("expected fixed spatial dimensions, found {x}"))?;
            let size =
                window.output_size(axis, size).ok_or_else(|| format!("the window ({window}) is larger than its padded input {x}"))?;
            Ok(Dim::Fixed(size))
        })
        .collect()
}

/// The fixed spatial sizes of a `[N, C, W]` or `[N, C, H, W]` shape.
fn spatial_sizes(x: &Shape) -> Result<Vec<usize>, String> {
    let sizes: Option<Vec<usize>> = x.dims().iter().skip(2).map(Dim::fixed).collect();
    let sizes = sizes.filter(|sizes| (1..=2).contains(&sizes.len()));
    sizes.ok_or_else(|| format!("expected a shape [N,C,W] or [N,C,H,W] of fixed size, found {x}"))
}

/// Channels to squares of pixels, or back.
fn blocks(x: &Shape, block: usize, to_space: bool) -> Result<Shape, String> {
    let refused = || format!("{x} has no blocks of {block}");
    let [batch, channels, height, width] = x.dims() else { return Err(refused()) };
    let area = block.checked_mul(block).filter(|&area| area > 0).ok_or_else(refused)?;
    let divided = |dim: &Dim, by: usize| dim.fixed().filter(|size| size % by == 0).map(|size| size / by);
    let multiplied = |dim: &Dim, by: usize| dim.fixed().and_then(|size| size.checked_mul(by));
    let sizes = if to_space {
        [divided(channels, area), multiplied(height, block), multiplied(width, block)]
    } else {
        [multiplied(channels, area), divided(height, block), divided(width, block)]
    };
    let sizes: Option<Vec<Dim>> = sizes.into_iter().map(|size| size.map(Dim::Fixed)).collect();
    Ok(Shape::from([std::slice::from_ref(batch), &sizes.ok_or_else(refused)?].concat()))
}

fn pooled(x: &Shape, pool: &Window) -> Result<Shape, String> {
    let spatial = slide(x, pool)?;
    Ok(Shape::from([&x.dims()[..2], &spatial].concat()))
}

fn convolved(x: &Shape, filter: Option<&Fact>, bias: Option<&Fact>, conv: &Conv) -> Result<Shape, String> {
    let filter = filter.ok_or("the filter is missing")?.shape.fixed().ok_or("expected a filter of fixed shape")?;
    let spatial = slide(x, &conv.window)?;
    let channels = x.dims()[1].fixed().ok_or_else(|| format!("expected a fixed number of channels, found {x}"))?;
    let fits = filter.len() == spatial.len() + 2
        && filter[2..] == conv.window.kernel[..]
        && conv.groups > 0
        && filter[1].checked_mul(conv.groups) == Some(channels)
        && filter[0] % conv.groups == 0
        && filter[0] > 0;
    if !fits {
        let filter = Shape::new(filter);
        return Err(format!("filter {filter} with {} groups and {} does not fit the input {x}", conv.groups, conv.window));
    }
    let out = Dim::Fixed(filter[0]);
    expect_vector(bias, &out, "a bias")?;
    Ok(Shape::from([vec![x.dims()[0].clone(), out], spatial].concat()))
}

fn dense(x: &Shape, weights: Option<&Fact>, bias: Option<&Fact>) -> Result<Shape, String> {
    let weights = &weights.ok_or("the weights are missing")?.shape;
    match (x.dims(), weights.dims()) {
        ([batch @ .., inner], [out, columns]) if inner == columns => {
            expect_vector(bias, out, "a bias")?;
            Ok(Shape::from([batch, std::slice::from_ref(out)].concat()))
        }
        _ => Err(format!("weights {weights} do not fit the input {x}")),
    }
}

fn gemm(a: &Shape, b: Option<&Fact>, c: Option<&Fact>, trans_a: bool, trans_b: bool) -> Result<Shape, String> {
    let b = &b.ok_or("the second input is missing")?.shape;
    let ([a0, a1], [b0, b1]) = (a.dims(), b.dims()) else {
        return Err(format!("expected two matrices, found {a} and {b}"));
    };
    let (rows, inner_a) = if trans_a { (a1, a0) } else { (a0, a1) };
    let (inner_b, columns) = if trans_b { (b1, b0) } else { (b0, b1) };
    if inner_a != inner_b {
        return Err(format!("inner dimensions of {a} and {b} differ"));
    }
    let out = Shape::from(vec![rows.clone(), columns.clone()]);
    match c {
        Some(c) if broadcast(&out, &c.shape)? != out => Err(format!("{} does not broadcast to {out}", c.shape)),
        _ => Ok(out),
    }
}

fn matmul(a: &Shape, b: &Shape) -> Result<Shape, String> {
    let mismatch = || format!("inner dimensions of {a} and {b} differ");
    match (a.dims(), b.dims()) {
        ([], _) | (_, []) => Err(format!("expected two arrays, found {a} and {b}")),
        ([inner_a], [inner_b]) => {
            if inner_a == inner_b {
                Ok(Shape::default())
            } else {
                Err(mismatch())
            }
        }
        ([inner_a], [batch @ .., inner_b, columns]) => {
            if inner_a == inner_b {
                Ok(Shape::from([batch, std::slice::from_ref(columns)].concat()))
            } else {
                Err(mismatch())
            }
        }
        ([rows @ .., inner_a], [inner_b]) => {
            if inner_a == inner_b {
                Ok(Shape::from(rows.to_vec()))
            } else {
                Err(mismatch())
            }
        }
        ([batch_a @ .., rows, inner_a], [batch_b @ .., inner_b, columns]) => {
            if inner_a != inner_b {
                return Err(mismatch());
            }
            let batch = broadcast(&Shape::from(batch_a.to_vec()), &Shape::from(batch_b.to_vec()))?;
            Ok(Shape::from([batch.dims(), &[rows.clone(), columns.clone()]].concat()))
        }
    }
}

/// Numpy's broadcasting.
pub(crate) fn broadcast(a: &Shape, b: &Shape) -> Result<Shape, String> {
    let one = Dim::Fixed(1);
    let rank = a.rank().max(b.rank());
    let at = |shape: &Shape, axis: usize| (axis + shape.rank()).checked_sub(rank).map_or(&one, |i| &shape.dims()[i]).clone();
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Ok(x),
            (x, y) if y == one => Ok(x),
            (x, y) if x == one => Ok(y),
            _ => Err(format!("{a} and {b} do not broadcast to one shape")),
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Shape::from)
}

fn concat(facts: &[Option<&Fact>], axis: usize) -> Result<Shape, String> {
    let facts: Vec<_> = facts.iter().map(|fact| fact.ok_or("an input is missing")).collect::<Result<_, _>>()?;
    let first = facts[0];
    check_axis(&first.shape, axis)?;
    let mut dims = first.shape.dims().to_vec();
    let mut total = 0usize;
    for fact in facts {
        let fits = fact.dtype == first.dtype
            && fact.shape.rank() == dims.len()
            && fact.shape.dims().iter().zip(&dims).enumerate().all(|(i, (a, b))| i == axis || a == b);
        let size = fact.shape.dims().get(axis).and_then(Dim::fixed).filter(|_| fits);
        total =
            size.and_then(|size| total.checked_add(size)).ok_or_else(|| format!("{fact} cannot be joined to {first} along axis {axis}"))?;
    }
    dims[axis] = Dim::Fixed(total);
    Ok(Shape::from(dims))
}

fn fixed_axis(x: &Shape, axis: usize) -> Result<usize, String> {
    check_axis(x, axis)?;
    x.dims()[axis].fixed().ok_or_else(|| format!("axis {axis} of {x} is dynamic"))
}

fn gathered(x: &Shape, axis: usize, indices: &[usize], dims: &[usize]) -> Result<Shape, String> {
    let size = fixed_axis(x, axis)?;
    if let Some(index) = indices.iter().find(|&&index| index >= size) {
        return Err(format!("index {index} is outside of axis {axis} of {x}"));
    }
    if dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)) != Some(indices.len()) {
        return Err(format!("expected as many indices as {dims:?} has elements, found {}", indices.len()));
    }
    let middle: Vec<Dim> = dims.iter().map(|&dim| Dim::Fixed(dim)).collect();
    Ok(Shape::from([&x.dims()[..axis], &middle, &x.dims()[axis + 1..]].concat()))
}

fn sliced(x: &Shape, spans: &[Span]) -> Result<Shape, String> {
    if !spans.is_sorted_by(|a, b| a.axis < b.axis) {
        return Err("expected slices of ascending axes".into());
    }
    let mut dims = x.dims().to_vec();
    for span in spans {
        let size = fixed_axis(x, span.axis)?;
        span.check(size).ok_or_else(|| format!("slice {span} is outside of {x}"))?;
        dims[span.axis] = Dim::Fixed(span.len);
    }
    Ok(Shape::from(dims))
}

fn padded(x: &Shape, before: &[usize], after: &[usize]) -> Result<Shape, String> {
    if before.len() != x.rank() || after.len() != x.rank() {
        return Err(format!("expected padding for {} axes, found {} and {}", x.rank(), before.len(), after.len()));
    }
    x.dims()
        .iter()
        .zip(before.iter().zip(after))
        .map(|(dim, (&before, &after))| match dim {
            dim if before == 0 && after == 0 => Ok(dim.clone()),
            Dim::Fixed(size) => {
                size.checked_add(before).and_then(|n| n.checked_add(after)).map(Dim::Fixed).ok_or_else(|| "the padding overflows".into())
            }
            Dim::Symbol(_) => Err(format!("a dynamic dimension of {x} is padded")),
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Shape::from)
}

fn reduced(x: &Shape, axes: &[usize], keep_dims: bool) -> Result<Shape, String> {
    if !axes.is_sorted_by(|a, b| a < b) {
        return Err(format!("expected ascending axes, found {axes:?}"));
    }
    axes.iter().try_for_each(|&axis| check_axis(x, axis))?;
    let dims = x.dims().iter().enumerate().filter_map(|(axis, dim)| match axes.contains(&axis) {
        true if keep_dims => Some(Dim::Fixed(1)),
        true => None,
        false => Some(dim.clone()),
    });
    Ok(Shape::from(dims.collect::<Vec<_>>()))
}

fn reshaped(x: &Shape, shape: &Shape) -> Result<Shape, String> {
    let fits =
        x.symbols() == shape.symbols() && x.elements_per_sample().is_some() && x.elements_per_sample() == shape.elements_per_sample();
    if fits { Ok(shape.clone()) } else { Err(format!("{x} has not as many elements as {shape}")) }
}

fn transposed(x: &Shape, perm: &[usize]) -> Result<Shape, String> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank()) {
        return Err(format!("{perm:?} is no permutation of the axes of {x}"));
    }
    Ok(Shape::from(perm.iter().map(|&axis| x.dims()[axis].clone()).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims.iter().copied())
    }

    #[test]
    fn broadcasting_is_numpys() {
        assert_eq!(broadcast(&shape(&[2, 1, 3]), &shape(&[4, 1])).unwrap(), shape(&[2, 4, 3]));
        let batch = Shape::from(vec![Dim::symbol("n"), Dim::Fixed(8)]);
        assert_eq!(broadcast(&batch, &shape(&[8])).unwrap(), batch);
        assert_eq!(broadcast(&batch, &shape(&[1, 8])).unwrap(), batch);
        assert_eq!(broadcast(&shape(&[2]), &shape(&[3])).unwrap_err(), "[2] and [3] do not broadcast to one shape");
    }

    #[test]
    fn a_reshape_keeps_elements_and_symbols() {
        let batch = Shape::from(vec![Dim::symbol("n"), Dim::Fixed(8)]);
        let split = Shape::from(vec![Dim::symbol("n"), Dim::Fixed(2), Dim::Fixed(4)]);
        assert_eq!(reshaped(&batch, &split).unwrap(), split);
        assert_eq!(reshaped(&batch, &shape(&[8])).unwrap_err(), "[n,8] has not as many elements as [8]");
    }

    #[test]
    fn slices_and_indices_stay_inside() {
        let x = Shape::from(vec![Dim::symbol("n"), Dim::Fixed(8), Dim::Fixed(3)]);
        let span = |axis, start, step, len| Span { axis, start, step, len };
        assert_eq!(sliced(&x, &[span(1, 1, 3, 3), span(2, 2, -2, 2)]).unwrap().to_string(), "[n,3,2]");
        for wrong in [span(1, 1, 3, 4), span(2, 2, -2, 3), span(1, 0, 0, 2), span(1, 8, 1, 1), span(1, 1, isize::MAX, 9), span(3, 0, 1, 1)]
        {
            assert!(sliced(&x, &[wrong]).is_err(), "{wrong}");
        }
        assert_eq!(sliced(&x, &[span(0, 0, 1, 1)]).unwrap_err(), "axis 0 of [n,8,3] is dynamic");
        assert!(sliced(&x, &[span(1, 0, 1, 1), span(1, 0, 1, 1)]).is_err());
        assert_eq!(gathered(&x, 1, &[7, 0, 0, 1], &[2, 2]).unwrap().to_string(), "[n,2,2,3]");
        assert_eq!(gathered(&x, 2, &[1], &[]).unwrap().to_string(), "[n,8]");
        assert_eq!(gathered(&x, 2, &[3], &[1]).unwrap_err(), "index 3 is outside of axis 2 of [n,8,3]");
        assert!(gathered(&x, 2, &[0, 1], &[3]).is_err());
    }

    #[test]
    fn windows_count_as_onnx_counts_them() {
        let mut window = Window::new(&[10, 4]);
        window.strides = vec![2, 2];
        window.pads_begin = vec![4, 1];
        window.pads_end = vec![5, 1];
        assert_eq!(pooled(&shape(&[1, 1, 49, 10]), &window).unwrap(), shape(&[1, 1, 25, 5]));
        window.dilations = vec![7, 1];
        assert!(pooled(&shape(&[1, 1, 49, 10]), &window).unwrap_err().contains("larger than its padded input"));
    }

    #[test]
    fn matrix_products_follow_numpy() {
        assert_eq!(matmul(&shape(&[5, 1, 2, 3]), &shape(&[4, 3, 7])).unwrap(), shape(&[5, 4, 2, 7]));
        assert_eq!(matmul(&shape(&[3]), &shape(&[3, 7])).unwrap(), shape(&[7]));
        assert_eq!(matmul(&shape(&[2, 3]), &shape(&[3])).unwrap(), shape(&[2]));
        assert_eq!(matmul(&shape(&[2, 3]), &shape(&[4, 7])).unwrap_err(), "inner dimensions of [2,3] and [4,7] differ");
    }
}
