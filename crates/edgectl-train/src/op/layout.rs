//! Operators that move elements.

use crate::tape::{Error, Result, Tensor, apply};
use edgectl_graph::{Coordinates, Interpolation, Resize, Span, permute};

use crate::kernel::axis::AxisMap;

/// Dimensions permuted.
pub(crate) fn transpose(perm: &[usize], x: &Tensor) -> Result<Tensor> {
    if perm.iter().copied().eq(0..perm.len()) {
        return Ok(x.clone());
    }
    let (dims, perm) = (x.dims().to_vec(), perm.to_vec());
    let shape: Vec<usize> = perm.iter().map(|&axis| x.dim(axis)).collect::<Result<_>>()?;
    let mut back = vec![0; perm.len()];
    perm.iter().enumerate().for_each(|(to, &from)| back[from] = to);
    let permuted = shape.clone();
    let forward = move |args: &[&[f32]]| permute(args[0], &dims, &perm).unwrap_or_default();
    apply(shape, &[x], forward, move |seen| [permute(seen.dy, &permuted, &back)])
}

/// Tensors one after the other along an axis.
pub(crate) fn concat(axis: usize, all: &[Tensor]) -> Result<Tensor> {
    Tensor::cat(all, axis)
}

fn along(axis: usize, map: AxisMap, x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inner = shape[axis + 1..].iter().product();
    shape[axis] = map.terms.len();
    let (values, back) = (shape.iter().product(), map.clone());
    apply(
        shape,
        &[x],
        move |args| {
            let mut y = vec![0.0; values];
            map.forward(inner, args[0], &mut y);
            y
        },
        move |seen| {
            let mut dx = vec![0.0; seen.args[0].len()];
            back.backward(inner, seen.dy, &mut dx);
            [Some(dx), None, None]
        },
    )
}

/// Every so many elements of some axes.
pub(crate) fn slice(spans: &[Span], x: &Tensor) -> Result<Tensor> {
    spans.iter().try_fold(x.clone(), |x, span| along(span.axis, AxisMap::pick(x.dim(span.axis)?, span.indices().map(Some)), &x))
}

/// The elements at some indices of an axis.
pub(crate) fn gather(axis: usize, indices: &[usize], dims: &[usize], x: &Tensor) -> Result<Tensor> {
    let y = along(axis, AxisMap::pick(x.dim(axis)?, indices.iter().copied().map(Some)), x)?;
    y.reshape([&x.dims()[..axis], dims, &x.dims()[axis + 1..]].concat())
}

/// A constant frame.
pub(crate) fn pad(before: &[usize], after: &[usize], value: f32, x: &Tensor) -> Result<Tensor> {
    let mut frames = before.iter().zip(after).enumerate().filter(|(_, (before, after))| **before + **after > 0);
    frames.try_fold(x.clone(), |x, (axis, (&before, &after))| {
        let size = x.dim(axis)?;
        let indices = (0..before + size + after).map(|i| i.checked_sub(before).filter(|&i| i < size));
        along(axis, AxisMap { fill: value, ..AxisMap::pick(size, indices) }, &x)
    })
}

/// The spatial axes in another size.
pub(crate) fn resize(resize: &Resize, x: &Tensor) -> Result<Tensor> {
    resize.sizes.iter().enumerate().try_fold(x.clone(), |x, (spatial, &to)| {
        let axis = spatial + 2;
        let from = x.dim(axis)?;
        let map = match resize.interpolation {
            Interpolation::Nearest(rounding) => AxisMap::pick(from, Resize::nearest(resize.coordinates, rounding, from, to).map(Some)),
            Interpolation::Linear => AxisMap { from, terms: (0..to).map(|i| linear(resize.coordinates, i, from, to)).collect(), fill: 0.0 },
        };
        along(axis, map, &x)
    })
}

/// The elements between which element `i` lies, and their weights.
fn linear(coordinates: Coordinates, i: usize, from: usize, to: usize) -> Vec<(usize, f32)> {
    let (i, from_size, to_size) = (i as f32, from as f32, to as f32);
    let at = match coordinates {
        Coordinates::AlignCorners if to > 1 => i * (from_size - 1.0) / (to_size - 1.0),
        Coordinates::HalfPixel => (i + 0.5) * from_size / to_size - 0.5,
        _ => i * from_size / to_size,
    };
    let at = at.clamp(0.0, from_size - 1.0);
    let low = at.floor();
    let (weight, first) = (at - low, low as usize);
    let second = (first + 1).min(from - 1);
    if second == first || weight == 0.0 { vec![(first, 1.0)] } else { vec![(first, 1.0 - weight), (second, weight)] }
}

/// Blocks of channels become squares of pixels.
pub(crate) fn depth_to_space(block: usize, channel_first: bool, x: &Tensor) -> Result<Tensor> {
    let [n, c, h, w] = image(x)?;
    let depth = c / (block * block);
    let (split, perm) = if channel_first {
        ((n, depth, block, block, h, w), [0, 1, 4, 2, 5, 3])
    } else {
        ((n, block, block, depth, h, w), [0, 3, 4, 1, 5, 2])
    };
    transpose(&perm, &x.reshape(split)?)?.reshape((n, depth, h * block, w * block))
}

/// Squares of pixels become channels.
pub(crate) fn space_to_depth(block: usize, x: &Tensor) -> Result<Tensor> {
    let [n, c, h, w] = image(x)?;
    let split = x.reshape((n, c, h / block, block, w / block, block))?;
    transpose(&[0, 3, 5, 1, 2, 4], &split)?.reshape((n, c * block * block, h / block, w / block))
}

fn image(x: &Tensor) -> Result<[usize; 4]> {
    <[usize; 4]>::try_from(x.dims()).map_err(|_| Error::Msg(format!("{:?} is no image", x.dims())))
}
