//! Windows that slide over height and width.

use edgectl_graph::{Activation, Coordinates, Interpolation, Op, Pool, Resize, Rounding, Window};

use super::fused;
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const PADDING: Field = Field(0, "a pooling's padding");
const STRIDE_W: Field = Field(1, "a pooling's stride");
const STRIDE_H: Field = Field(2, "a pooling's stride");
const FILTER_W: Field = Field(3, "a pooling's window");
const FILTER_H: Field = Field(4, "a pooling's window");
const BLOCK: Field = Field(0, "a block's size");
const BILINEAR: [Field; 2] = [Field(2, "a resize's options"), Field(3, "a resize's options")];
const NEAREST: [Field; 2] = [Field(0, "a resize's options"), Field(1, "a resize's options")];
const ACTIVATION: Field = Field(5, "a pooling's activation");

pub(super) fn pool(importer: &mut Importer<'_>, operator: &Operator<'_>, op: impl Fn(Pool) -> Op) -> Result<(), Stop> {
    let x = importer.input(operator, 0)?;
    let size = planar(importer, x)?;
    let kernel = pair(operator, [FILTER_H, FILTER_W])?;
    let strides = pair(operator, [STRIDE_H, STRIDE_W])?;
    let window = slide(operator.u8(PADDING)?, size, kernel, strides, [1, 1])?;
    let activation = fused(operator, ACTIVATION)?;
    let input = importer.number(x, Layout::ChannelsFirst)?;
    importer.emit(operator, Layout::ChannelsFirst, op(window), vec![Some(input)], activation)
}

/// Squares of pixels to channels, or back.
pub(super) fn blocks(importer: &mut Importer<'_>, operator: &Operator<'_>, op: impl Fn(usize) -> Op) -> Result<(), Stop> {
    let block = operator.i32(BLOCK, 0)?;
    let Some(block) = usize::try_from(block).ok().filter(|&block| block > 0) else { return unsupported(format!("its block is {block}")) };
    let x = importer.input(operator, 0)?;
    planar(importer, x)?;
    let input = importer.number(x, Layout::ChannelsFirst)?;
    importer.emit(operator, Layout::ChannelsFirst, op(block), vec![Some(input)], Activation::NONE)
}

/// The output states the size.
pub(super) fn resize(importer: &mut Importer<'_>, operator: &Operator<'_>, linear: bool) -> Result<(), Stop> {
    let fields = if linear { BILINEAR } else { NEAREST };
    let (corners, half) = (operator.bool(fields[0])?, operator.bool(fields[1])?);
    let x = importer.input(operator, 0)?;
    planar(importer, x)?;
    let output = importer.output(operator)?;
    let sizes = planar(importer, output)?.to_vec();
    let coordinates = match (corners, half) {
        (true, false) => Coordinates::AlignCorners,
        (false, true) => Coordinates::HalfPixel,
        (false, false) => Coordinates::Asymmetric,
        (true, true) => return unsupported("it aligns both corners and centres"),
    };
    let interpolation = match coordinates {
        _ if linear => Interpolation::Linear,
        Coordinates::Asymmetric => Interpolation::Nearest(Rounding::Floor),
        _ => Interpolation::Nearest(Rounding::PreferCeil),
    };
    let input = importer.number(x, Layout::ChannelsFirst)?;
    let op = Op::Resize(Resize { sizes, coordinates, interpolation });
    importer.emit(operator, Layout::ChannelsFirst, op, vec![Some(input)], Activation::NONE)
}

/// Height and width of a tensor `[N, H, W, C]`.
pub(super) fn planar(importer: &Importer<'_>, tensor: usize) -> Result<[usize; 2], Stop> {
    match importer.tensor(tensor).shape[..] {
        [_, h, w, _] => Ok([h, w]),
        _ => unsupported(format!("its input is of rank {}", importer.tensor(tensor).shape.len())),
    }
}

/// Two options that are at least one; absent ones are one where that is the schema's default.
pub(super) fn pair_or(operator: &Operator<'_>, fields: [Field; 2], default: i32) -> Result<[usize; 2], Stop> {
    let mut pair = [0; 2];
    for (number, field) in pair.iter_mut().zip(fields) {
        let found = operator.i32(field, default)?;
        match usize::try_from(found).ok().filter(|&found| found > 0) {
            Some(found) => *number = found,
            None => return unsupported(format!("{} is {found}", field.1)),
        }
    }
    Ok(pair)
}

/// Two options that are at least one.
pub(super) fn pair(operator: &Operator<'_>, fields: [Field; 2]) -> Result<[usize; 2], Stop> {
    pair_or(operator, fields, 0)
}

/// The window of a padding mode, with the padding in numbers. `SAME` (0) gives as many windows as there are strides, and puts an odd
/// element of padding behind; `VALID` (1) has none.
pub(super) fn slide(padding: u8, size: [usize; 2], kernel: [usize; 2], strides: [usize; 2], dilations: [usize; 2]) -> Result<Window, Stop> {
    let mut window = Window { strides: strides.to_vec(), dilations: dilations.to_vec(), ..Window::new(&kernel) };
    match padding {
        0 => {
            for axis in 0..2 {
                let reach = (kernel[axis] - 1).saturating_mul(dilations[axis]).saturating_add(1);
                let last = size[axis].div_ceil(strides[axis]).saturating_sub(1).saturating_mul(strides[axis]);
                let total = last.saturating_add(reach).saturating_sub(size[axis]);
                window.pads_begin[axis] = total / 2;
                window.pads_end[axis] = total - total / 2;
            }
        }
        1 => {}
        other => return unsupported(format!("its padding mode is {other}")),
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pads(size: usize, kernel: usize, stride: usize, dilation: usize) -> (usize, usize, Option<usize>) {
        match slide(0, [size; 2], [kernel; 2], [stride; 2], [dilation; 2]) {
            Ok(window) => (window.pads_begin[0], window.pads_end[0], window.output_size(0, size)),
            Err(_) => panic!("SAME is a padding mode"),
        }
    }

    #[test]
    fn same_padding_gives_one_window_per_stride() {
        assert_eq!(pads(49, 10, 2, 1), (4, 5, Some(25)));
        assert_eq!(pads(28, 3, 1, 1), (1, 1, Some(28)));
        assert_eq!(pads(28, 3, 2, 1), (0, 1, Some(14)));
        assert_eq!(pads(7, 3, 1, 2), (2, 2, Some(7)));
        assert_eq!(pads(9, 1, 3, 1), (0, 0, Some(3)));
        for size in 1..20 {
            for kernel in 1..6 {
                for stride in 1..5 {
                    for dilation in 1..4 {
                        assert_eq!(pads(size, kernel, stride, dilation).2, Some(size.div_ceil(stride)));
                    }
                }
            }
        }
    }
}
