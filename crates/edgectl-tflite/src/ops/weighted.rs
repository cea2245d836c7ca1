//! Operators with weights: convolutions and fully connected layers.

use edgectl_graph::{Activation, Conv, ConvTranspose, Op, Shape, Window};

use super::fused;
use super::window::{pair, pair_or, planar, slide};
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const PADDING: Field = Field(0, "a convolution's padding");
const STRIDE_W: Field = Field(1, "a convolution's stride");
const STRIDE_H: Field = Field(2, "a convolution's stride");
const CONV_ACTIVATION: Field = Field(3, "a convolution's activation");
const CONV_DILATION_W: Field = Field(4, "a convolution's dilation");
const CONV_DILATION_H: Field = Field(5, "a convolution's dilation");
const DEPTHWISE_ACTIVATION: Field = Field(4, "a convolution's activation");
const DEPTHWISE_DILATION_W: Field = Field(5, "a convolution's dilation");
const DEPTHWISE_DILATION_H: Field = Field(6, "a convolution's dilation");
const TRANSPOSED_ACTIVATION: Field = Field(3, "a transposed convolution's activation");
const TRANSPOSED: [Field; 2] = [Field(0, "a matrix product's first operand"), Field(1, "a matrix product's second operand")];
const DENSE_ACTIVATION: Field = Field(0, "a fully connected layer's activation");
const DENSE_WEIGHTS_FORMAT: Field = Field(1, "a fully connected layer's format of weights");
const DENSE_KEEP_NUM_DIMS: Field = Field(2, "a fully connected layer's options");

/// Filter `[O, H, W, C / groups]`.
pub(super) fn convolution(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let activation = fused(operator, CONV_ACTIVATION)?;
    let dilations = [CONV_DILATION_H, CONV_DILATION_W];
    let (x, filter) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    let channels = importer.tensor(x).shape.get(3).copied().unwrap_or_default();
    let [_, kernel_h, kernel_w, depth] = importer.tensor(filter).shape[..] else {
        return unsupported(format!("its filter is of rank {}", importer.tensor(filter).shape.len()));
    };
    if depth == 0 || channels % depth != 0 {
        return unsupported(format!("its filter has {depth} channels, its input {channels}"));
    }
    let window = window(importer, operator, [kernel_h, kernel_w], dilations)?;
    let filter = importer.weights(filter, &[0, 3, 1, 2], 0)?;
    emit(importer, operator, Conv { window, groups: channels / depth, activation }, filter)
}

/// Filter `[1, H, W, C * multiplier]`; the outputs of one input channel lie side by side.
pub(super) fn depthwise(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let activation = fused(operator, DEPTHWISE_ACTIVATION)?;
    let dilations = [DEPTHWISE_DILATION_H, DEPTHWISE_DILATION_W];
    let (x, filter) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    let groups = importer.tensor(x).shape.get(3).copied().unwrap_or_default();
    let [1, kernel_h, kernel_w, _] = importer.tensor(filter).shape[..] else {
        return unsupported(format!("its filter is of shape {:?}", importer.tensor(filter).shape));
    };
    let window = window(importer, operator, [kernel_h, kernel_w], dilations)?;
    let filter = importer.weights(filter, &[3, 0, 1, 2], 3)?;
    emit(importer, operator, Conv { window, groups, activation }, filter)
}

/// Operands shape, filter `[O, H, W, C]`, input. The windows are those of a convolution from the output to the input.
pub(super) fn transposed(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let activation = fused(operator, TRANSPOSED_ACTIVATION)?;
    let (filter, x, y) = (importer.input(operator, 1)?, importer.input(operator, 2)?, importer.output(operator)?);
    let [_, kernel_h, kernel_w, _] = importer.tensor(filter).shape[..] else {
        return unsupported(format!("its filter is of rank {}", importer.tensor(filter).shape.len()));
    };
    if kernel_h == 0 || kernel_w == 0 {
        return unsupported("its filter is empty");
    }
    let (from, to) = (planar(importer, x)?, planar(importer, y)?);
    let window = slide(operator.u8(PADDING)?, to, [kernel_h, kernel_w], pair(operator, [STRIDE_H, STRIDE_W])?, [1, 1])?;
    let mut conv = ConvTranspose { window, output_pads: vec![0; 2], groups: 1, activation };
    conv.window.pads_end.fill(0);
    for (axis, (&from, &to)) in from.iter().zip(&to).enumerate() {
        // What the last window reaches beyond the output is cut off, what it lacks is added.
        let Some(uncut) = conv.output_size(axis, from) else {
            return unsupported(format!("an input of {from} with {conv} gives no output"));
        };
        (conv.window.pads_end[axis], conv.output_pads[axis]) = (uncut.saturating_sub(to), to.saturating_sub(uncut));
    }
    let filter = importer.weights(filter, &[0, 3, 1, 2], 0)?;
    let bias = importer.bias(operator.input(3))?;
    let x = importer.number(x, Layout::ChannelsFirst)?;
    importer.emit(operator, Layout::ChannelsFirst, Op::ConvTranspose(conv), vec![Some(x), Some(filter), bias], activation)
}

fn window(importer: &Importer<'_>, operator: &Operator<'_>, kernel: [usize; 2], dilations: [Field; 2]) -> Result<Window, Stop> {
    let size = planar(importer, importer.input(operator, 0)?)?;
    if kernel.contains(&0) {
        return unsupported("its filter is empty");
    }
    let strides = pair(operator, [STRIDE_H, STRIDE_W])?;
    slide(operator.u8(PADDING)?, size, kernel, strides, pair_or(operator, dilations, 1)?)
}

fn emit(importer: &mut Importer<'_>, operator: &Operator<'_>, conv: Conv, filter: edgectl_graph::TensorId) -> Result<(), Stop> {
    let bias = importer.bias(operator.input(2))?;
    let x = importer.input(operator, 0)?;
    let x = importer.number(x, Layout::ChannelsFirst)?;
    let activation = conv.activation;
    importer.emit(operator, Layout::ChannelsFirst, Op::Conv(conv), vec![Some(x), Some(filter), bias], activation)
}

/// Product of two tensors, either of which may be transposed first.
pub(super) fn product(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let mut inputs = vec![];
    for (index, field) in TRANSPOSED.into_iter().enumerate() {
        let tensor = importer.input(operator, index)?;
        let mut input = importer.number(tensor, Layout::Plain)?;
        if operator.bool(field)? {
            let mut perm: Vec<usize> = (0..importer.tensor(tensor).shape.len()).collect();
            let [.., rows, columns] = &mut perm[..] else { return unsupported("an operand is no matrix") };
            std::mem::swap(rows, columns);
            input = importer.intermediate("transposed", Op::Transpose { perm }, vec![Some(input)], tensor)?;
        }
        inputs.push(Some(input));
    }
    importer.emit(operator, Layout::Plain, Op::MatMul, inputs, Activation::NONE)
}

/// Weights `[O, I]`. Unless the axes are to be kept, the input counts as `[N, I]`, whatever its shape.
pub(super) fn dense(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let activation = fused(operator, DENSE_ACTIVATION)?;
    let keep = operator.bool(DENSE_KEEP_NUM_DIMS)?;
    match operator.u8(DENSE_WEIGHTS_FORMAT)? {
        0 => {}
        format => return unsupported(format!("its weights are in format {format}, shuffled for one kind of processor")),
    }
    let (x, weights, y) = (importer.input(operator, 0)?, importer.input(operator, 1)?, importer.output(operator)?);
    let [outputs, columns] = importer.tensor(weights).shape[..] else {
        return unsupported(format!("its weights are of rank {}", importer.tensor(weights).shape.len()));
    };
    let weights = importer.weights(weights, &[0, 1], 0)?;
    let bias = importer.bias(operator.input(2))?;
    let shape = importer.tensor(x).shape.clone();
    let mut input = importer.number(x, Layout::Plain)?;
    let mut lead = shape[..shape.len().saturating_sub(1)].to_vec();
    if !keep && shape.len() != 2 {
        let elements = Shape::new(shape.iter().copied()).elements().unwrap_or_default();
        lead = vec![elements / columns.max(1)];
        let rows = Shape::new([lead[0], columns]);
        input = importer.intermediate("rows", Op::Reshape { shape: rows }, vec![Some(input)], x)?;
    }
    let (inputs, computed) = (vec![Some(input), Some(weights), bias], [lead, vec![outputs]].concat());
    let stated = &importer.tensor(y).shape;
    if computed == *stated {
        return importer.emit(operator, Layout::Plain, Op::Dense { activation }, inputs, activation);
    }
    let rows = importer.intermediate("rows", Op::Dense { activation }, inputs, y)?;
    let shape = Shape::new(stated.iter().copied());
    importer.emit(operator, Layout::Plain, Op::Reshape { shape }, vec![Some(rows)], Activation::NONE)
}
