//! What the typed operators compute, written down as plainly as their definitions, in double precision.

use std::collections::HashMap;

use edgectl_graph::{Activation, Binary, Coordinates, Data, Graph, Interpolation, Literal, Op, Reduction, Resize, Rounding, Unary, Window};

/// A value of a tensor, outermost dimension first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Array {
    fn from_fn(shape: &[usize], f: impl FnMut(&[usize]) -> f64) -> Array {
        let mut f = f;
        Array { shape: shape.to_vec(), values: indices(shape).iter().map(|index| f(index)).collect() }
    }

    fn of(literal: &Literal) -> Array {
        let values = match literal.data() {
            Data::F32(values) => values.iter().map(|&value| value.into()).collect(),
            _ => literal.to_i64s().unwrap().iter().map(|&value| value as f64).collect(),
        };
        Array { shape: literal.shape().to_vec(), values }
    }

    fn offset(&self, index: &[usize]) -> usize {
        assert_eq!(index.len(), self.shape.len());
        index.iter().zip(&self.shape).fold(0, |offset, (&i, &size)| {
            assert!(i < size);
            offset * size + i
        })
    }

    /// The element at an index.
    fn at(&self, index: &[usize]) -> f64 {
        self.values[self.offset(index)]
    }

    fn at_mut(&mut self, index: &[usize]) -> &mut f64 {
        let offset = self.offset(index);
        &mut self.values[offset]
    }

    /// The element at an index of a shape that this one broadcasts to.
    fn broadcast_at(&self, index: &[usize]) -> f64 {
        let own = &index[index.len() - self.shape.len()..];
        self.at(&own.iter().zip(&self.shape).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect::<Vec<_>>())
    }

    /// The element at spatial position `position - pads_begin`, or `None` in the padding.
    fn padded_at(&self, lead: &[usize], position: &[usize], window: &Window) -> Option<f64> {
        let spatial: Option<Vec<usize>> = position.iter().zip(&window.pads_begin).map(|(&p, &pad)| p.checked_sub(pad)).collect();
        let index = [lead, &spatial?].concat();
        index.iter().zip(&self.shape).all(|(&i, &size)| i < size).then(|| self.at(&index))
    }
}

/// All indices of a shape, in order.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &size| all.iter().flat_map(|index| (0..size).map(move |i| [&index[..], &[i]].concat())).collect())
}

/// The outputs of a graph with fixed shapes.
pub(crate) fn evaluate(graph: &Graph, inputs: &[Array]) -> Vec<Array> {
    let mut values = HashMap::new();
    values.extend(graph.iter_tensors().filter_map(|(id, tensor)| Some((id, Array::of(tensor.literal.as_ref()?)))));
    values.extend(graph.inputs().iter().copied().zip(inputs.iter().cloned()));
    for node in graph.nodes() {
        let operands: Vec<Option<&Array>> = node.inputs.iter().map(|input| input.map(|id| &values[&id])).collect();
        let shape = graph.fixed_shape(node.output().unwrap()).unwrap();
        let result = apply(&node.op, &operands, &shape);
        assert_eq!(result.shape, shape, "{}", graph.label(node));
        values.insert(node.output().unwrap(), result);
    }
    graph.outputs().iter().map(|id| values[id].clone()).collect()
}

fn apply(op: &Op, operands: &[Option<&Array>], shape: &[usize]) -> Array {
    let x = operands[0].unwrap();
    let operand = |index: usize| operands.get(index).copied().flatten();
    let result = match op {
        Op::AveragePool { pool, include_pad } => Array::from_fn(shape, |y| {
            let seen = seen(x, &y[..2], &y[2..], pool);
            let count = if *include_pad { seen.len() } else { seen.iter().flatten().count() };
            seen.iter().flatten().sum::<f64>() / count as f64
        }),
        Op::BatchNorm { epsilon } => Array::from_fn(shape, |y| {
            let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| operand(index).unwrap().values[y[1]]);
            (x.at(y) - mean) / (variance + f64::from(*epsilon)).sqrt() * scale + bias
        }),
        Op::Binary { op, .. } => Array::from_fn(shape, |y| {
            let (a, b) = (x.broadcast_at(y), operand(1).unwrap().broadcast_at(y));
            match op {
                Binary::Add => a + b,
                Binary::Div => a / b,
                Binary::Max => a.max(b),
                Binary::Min => a.min(b),
                Binary::Mul => a * b,
                Binary::Sub => a - b,
                _ => panic!("no definition of {op:?}"),
            }
        }),
        Op::Concat { axis } => Array::from_fn(shape, |y| {
            let mut index = y.to_vec();
            for part in operands.iter().flatten() {
                if index[*axis] < part.shape[*axis] {
                    return part.at(&index);
                }
                index[*axis] -= part.shape[*axis];
            }
            panic!("{y:?} is outside the parts")
        }),
        Op::Conv(conv) => {
            let (filter, bias) = (operand(1).unwrap(), operand(2));
            let depth = filter.shape[1];
            Array::from_fn(shape, |y| {
                let group = y[1] / (filter.shape[0] / conv.groups);
                let products = (0..depth).flat_map(|i| {
                    let seen = seen(x, &[y[0], group * depth + i], &y[2..], &conv.window);
                    let weights = indices(&conv.window.kernel);
                    let weights = weights.into_iter().map(move |k| filter.at(&[&[y[1], i], &k[..]].concat()));
                    seen.into_iter().zip(weights).map(|(x, w)| x.unwrap_or(0.0) * w)
                });
                products.sum::<f64>() + bias.map_or(0.0, |bias| bias.values[y[1]])
            })
        }
        Op::ConvTranspose(conv) => {
            // Each input element adds its window to the outputs of its group.
            let (filter, bias) = (operand(1).unwrap(), operand(2));
            let (depth, outputs) = (filter.shape[1], filter.shape[0] / conv.groups);
            let mut y = Array::from_fn(shape, |y| bias.map_or(0.0, |bias| bias.values[y[1]]));
            for i in indices(&x.shape) {
                for (output, k) in (0..outputs).flat_map(|output| indices(&conv.window.kernel).into_iter().map(move |k| (output, k))) {
                    let output = i[1] / depth * outputs + output;
                    let place = |(axis, k): (usize, &usize)| {
                        let Window { strides, dilations, pads_begin, .. } = &conv.window;
                        (i[2 + axis] * strides[axis] + k * dilations[axis]).checked_sub(pads_begin[axis])
                    };
                    let Some(position) = k.iter().enumerate().map(place).collect::<Option<Vec<_>>>() else { continue };
                    let at = [&[i[0], output], &position[..]].concat();
                    if at.iter().zip(shape).all(|(i, size)| i < size) {
                        *y.at_mut(&at) += x.at(&i) * filter.at(&[&[output, i[1] % depth], &k[..]].concat());
                    }
                }
            }
            y
        }
        Op::GroupNorm { groups, epsilon } => Array::from_fn(shape, |y| {
            let (size, spatial) = (shape[1] / groups, (2..shape.len()).collect::<Vec<_>>());
            let row: Vec<f64> = (0..size)
                .flat_map(|i| {
                    let mut at = y.to_vec();
                    at[1] = y[1] / size * size + i;
                    spatial.iter().for_each(|&axis| at[axis] = 0);
                    all_along(x, &spatial, &at)
                })
                .collect();
            normalized(x.at(y), &row, *epsilon, true) * operand(1).unwrap().values[y[1]] + operand(2).unwrap().values[y[1]]
        }),
        Op::LayerNorm { axis, epsilon, center } => Array::from_fn(shape, |y| {
            let axes: Vec<usize> = (*axis..shape.len()).collect();
            let mut at = y.to_vec();
            axes.iter().for_each(|&axis| at[axis] = 0);
            let value = normalized(x.at(y), &all_along(x, &axes, &at), *epsilon, *center);
            value * operand(1).unwrap().at(&y[*axis..]) + operand(2).map_or(0.0, |bias| bias.at(&y[*axis..]))
        }),
        Op::Dense { .. } => {
            let (weights, bias) = (operand(1).unwrap(), operand(2));
            Array::from_fn(shape, |y| {
                let (&o, lead) = y.split_last().unwrap();
                let products = (0..weights.shape[1]).map(|i| x.at(&[lead, &[i]].concat()) * weights.at(&[o, i]));
                products.sum::<f64>() + bias.map_or(0.0, |bias| bias.values[o])
            })
        }
        Op::Dequantize { axis } => Array::from_fn(shape, |y| {
            let parameter = |array: &Array| if array.values.len() == 1 { array.values[0] } else { array.values[y[*axis]] };
            (x.at(y) - operand(2).map_or(0.0, parameter)) * parameter(operand(1).unwrap())
        }),
        Op::Gather { axis, indices, dims } => Array::from_fn(shape, |y| {
            let (lead, rest) = y.split_at(*axis);
            let (place, rest) = rest.split_at(dims.len());
            let place = place.iter().zip(dims).fold(0, |place, (&i, &dim)| place * dim + i);
            x.at(&[lead, &[indices[place]], rest].concat())
        }),
        Op::Gemm { alpha, beta, trans_a, trans_b } => {
            let (b, c) = (operand(1).unwrap(), operand(2));
            let inner = x.shape[usize::from(!trans_a)];
            Array::from_fn(shape, |y| {
                let a_at = |i| if *trans_a { x.at(&[i, y[0]]) } else { x.at(&[y[0], i]) };
                let b_at = |i| if *trans_b { b.at(&[y[1], i]) } else { b.at(&[i, y[1]]) };
                let product: f64 = (0..inner).map(|i| a_at(i) * b_at(i)).sum();
                f64::from(*alpha) * product + c.map_or(0.0, |c| f64::from(*beta) * c.broadcast_at(y))
            })
        }
        Op::GlobalAveragePool => Array::from_fn(shape, |y| mean_at(x, &(2..x.shape.len()).collect::<Vec<_>>(), y)),
        Op::GlobalMaxPool => Array::from_fn(shape, |y| {
            let all = indices(&x.shape[2..]);
            all.iter().map(|position| x.at(&[&y[..2], position].concat())).fold(f64::NEG_INFINITY, f64::max)
        }),
        Op::Identity | Op::Reshape { .. } => Array { shape: shape.to_vec(), values: x.values.clone() },
        Op::MatMul => {
            let b = operand(1).unwrap();
            assert!(x.shape.len() >= 2 && b.shape.len() >= 2, "only products of matrices are defined here");
            Array::from_fn(shape, |y| {
                let (batch, matrix) = y.split_at(y.len() - 2);
                let at = |of: &Array, row: usize, column: usize| {
                    let own = &batch[y.len() - of.shape.len()..];
                    let batch = own.iter().zip(&of.shape).map(|(&i, &size)| if size == 1 { 0 } else { i });
                    of.at(&batch.chain([row, column]).collect::<Vec<_>>())
                };
                (0..b.shape[b.shape.len() - 2]).map(|i| at(x, matrix[0], i) * at(b, i, matrix[1])).sum()
            })
        }
        Op::MaxPool(pool) => {
            Array::from_fn(shape, |y| seen(x, &y[..2], &y[2..], pool).into_iter().flatten().fold(f64::NEG_INFINITY, f64::max))
        }
        Op::Pad { before, value, .. } => Array::from_fn(shape, |y| {
            let index: Option<Vec<usize>> = y.iter().zip(before).map(|(&i, &pad)| i.checked_sub(pad)).collect();
            let inside = index.filter(|index| index.iter().zip(&x.shape).all(|(&i, &size)| i < size));
            inside.map_or(f64::from(*value), |index| x.at(&index))
        }),
        Op::ReduceMean { axes, keep_dims } => {
            let kept: Vec<usize> = (0..x.shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { x.shape[axis] }).collect();
            let means = Array::from_fn(&kept, |y| mean_at(x, axes, y));
            Array { shape: if *keep_dims { kept } else { shape.to_vec() }, values: means.values }
        }
        Op::Reduce { op, axes, keep_dims } => {
            let kept: Vec<usize> = (0..x.shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { x.shape[axis] }).collect();
            let reduced = Array::from_fn(&kept, |y| {
                let all = all_along(x, axes, y);
                match op {
                    Reduction::Max => all.into_iter().fold(f64::NEG_INFINITY, f64::max),
                    Reduction::Min => all.into_iter().fold(f64::INFINITY, f64::min),
                    Reduction::Sum => all.iter().sum(),
                    other => panic!("no definition of {other:?}"),
                }
            });
            Array { shape: if *keep_dims { kept } else { shape.to_vec() }, values: reduced.values }
        }
        Op::DepthToSpace { block, channel_first } => Array::from_fn(shape, |y| {
            let (row, column) = (y[2] % block, y[3] % block);
            let place = row * block + column;
            let channel = if *channel_first { y[1] * block * block + place } else { place * shape[1] + y[1] };
            x.at(&[y[0], channel, y[2] / block, y[3] / block])
        }),
        Op::SpaceToDepth { block } => Array::from_fn(shape, |y| {
            let (place, channel) = (y[1] / x.shape[1], y[1] % x.shape[1]);
            x.at(&[y[0], channel, y[2] * block + place / block, y[3] * block + place % block])
        }),
        Op::Resize(resize) => Array::from_fn(shape, |y| resized(x, &y[..2], &y[2..], &shape[2..], resize)),
        Op::Slice { spans } => Array::from_fn(shape, |y| {
            let mut index = y.to_vec();
            for span in spans {
                index[span.axis] = (span.start as isize + span.step * y[span.axis] as isize) as usize;
            }
            x.at(&index)
        }),
        Op::Softmax { axis } => Array::from_fn(shape, |y| {
            let sum: f64 = (0..x.shape[*axis])
                .map(|i| {
                    let mut index = y.to_vec();
                    index[*axis] = i;
                    x.at(&index).exp()
                })
                .sum();
            x.at(y).exp() / sum
        }),
        Op::Transpose { perm } => Array::from_fn(shape, |y| {
            let mut index = vec![0; y.len()];
            perm.iter().zip(y).for_each(|(&axis, &i)| index[axis] = i);
            x.at(&index)
        }),
        Op::Unary(unary) => Array::from_fn(shape, |y| function(*unary, x.at(y))),
        other => panic!("no definition of {other:?}"),
    };
    let Activation { min, max } = op.activation().unwrap_or(Activation::NONE);
    Array { values: result.values.iter().map(|value| value.max(min.into()).min(max.into())).collect(), ..result }
}

/// What a window sees, `None` where it sees padding.
fn seen(x: &Array, lead: &[usize], y: &[usize], window: &Window) -> Vec<Option<f64>> {
    let position = |k: &[usize]| -> Vec<usize> {
        (0..k.len()).map(|axis| y[axis] * window.strides[axis] + k[axis] * window.dilations[axis]).collect()
    };
    indices(&window.kernel).iter().map(|k| x.padded_at(lead, &position(k), window)).collect()
}

/// An element of a resized image: the weighted elements around its place along each axis, one axis after the other.
fn resized(x: &Array, lead: &[usize], y: &[usize], sizes: &[usize], resize: &Resize) -> f64 {
    let axis = lead.len() - 2;
    let Some((&index, rest)) = y.split_first() else { return x.at(lead) };
    let (from, to) = (x.shape[lead.len()] as f64, sizes[axis] as f64);
    let position = match resize.coordinates {
        Coordinates::AlignCorners if to > 1.0 => index as f64 * (from - 1.0) / (to - 1.0),
        Coordinates::AlignCorners | Coordinates::Asymmetric => index as f64 * from / to,
        Coordinates::HalfPixel => (index as f64 + 0.5) * from / to - 0.5,
    };
    let at = |place: f64| resized(x, &[lead, &[place.clamp(0.0, from - 1.0) as usize]].concat(), rest, sizes, resize);
    match resize.interpolation {
        Interpolation::Linear => {
            let (before, weight) = (position.floor(), position - position.floor());
            at(before) * (1.0 - weight) + at(before + 1.0) * weight
        }
        Interpolation::Nearest(Rounding::Ceil) => at(position.ceil()),
        Interpolation::Nearest(Rounding::Floor) => at(position.floor()),
        Interpolation::Nearest(Rounding::PreferCeil) => at((position + 0.5).floor()),
        Interpolation::Nearest(Rounding::PreferFloor) => at((position - 0.5).ceil()),
    }
}

/// An element of a row that is normalized.
fn normalized(x: f64, row: &[f64], epsilon: f32, center: bool) -> f64 {
    let mean = if center { row.iter().sum::<f64>() / row.len() as f64 } else { 0.0 };
    let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / row.len() as f64;
    (x - mean) / (variance + f64::from(epsilon)).sqrt()
}

/// The mean over some axes, at an index where these are zero.
fn mean_at(x: &Array, axes: &[usize], y: &[usize]) -> f64 {
    let all = all_along(x, axes, y);
    all.iter().sum::<f64>() / all.len() as f64
}

/// All elements along some axes, at an index where these are zero.
fn all_along(x: &Array, axes: &[usize], y: &[usize]) -> Vec<f64> {
    let sizes: Vec<usize> = axes.iter().map(|&axis| x.shape[axis]).collect();
    let at = |position: Vec<usize>| {
        let mut index = y.to_vec();
        axes.iter().zip(&position).for_each(|(&axis, &i)| index[axis] = i);
        x.at(&index)
    };
    indices(&sizes).into_iter().map(at).collect()
}

fn function(unary: Unary, x: f64) -> f64 {
    match unary {
        Unary::Abs => x.abs(),
        Unary::Ceil => x.ceil(),
        Unary::Clip { min, max } => x.max(min.into()).min(max.into()),
        Unary::Elu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * (x.exp() - 1.0)
            }
        }
        Unary::Cos => x.cos(),
        Unary::Erf => erf(x),
        Unary::Exp => x.exp(),
        Unary::Floor => x.floor(),
        Unary::Gelu { tanh: false } => x / 2.0 * (1.0 + erf(x / 2f64.sqrt())),
        Unary::Gelu { tanh: true } => x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
        Unary::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        Unary::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Unary::LeakyRelu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * x
            }
        }
        Unary::Log => x.ln(),
        Unary::Mish => x * (1.0 + x.exp()).ln().tanh(),
        Unary::Neg => -x,
        Unary::Pow { exponent } => x.powf(exponent.into()),
        Unary::Reciprocal => 1.0 / x,
        Unary::Relu => x.max(0.0),
        Unary::Round => x.round_ties_even(),
        Unary::Selu { alpha, gamma } => {
            let bent = if x > 0.0 { x } else { f64::from(alpha) * (x.exp() - 1.0) };
            f64::from(gamma) * bent
        }
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        Unary::Silu => x / (1.0 + (-x).exp()),
        Unary::Sin => x.sin(),
        Unary::Softplus => (1.0 + x.exp()).ln(),
        Unary::Softsign => x / (1.0 + x.abs()),
        Unary::Sqrt => x.sqrt(),
        Unary::Tanh => x.tanh(),
        _ => panic!("no definition of {unary:?}"),
    }
}

/// The error function: the integral of `2 / sqrt(pi) * exp(-t^2)` from 0 to `x`, by Simpson's rule.
fn erf(x: f64) -> f64 {
    const STEPS: usize = 1000;
    let h = x / STEPS as f64;
    let f = |i: usize| (-(i as f64 * h).powi(2)).exp();
    let inner: f64 = (1..STEPS).map(|i| f(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    std::f64::consts::FRAC_2_SQRT_PI * h / 3.0 * (f(0) + inner + f(STEPS))
}
