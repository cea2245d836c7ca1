//! Arithmetic and functions of single elements.

use edgectl_graph::{Activation, Binary, Op, TensorId, Unary};

use super::{first_at_hand, fused};
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const ACTIVATION: Field = Field(0, "an operator's activation");
const APPROXIMATE: Field = Field(0, "a GELU's options");
const ALPHA: Field = Field(0, "a leaky ReLU's slope");

pub(super) fn binary(importer: &mut Importer<'_>, operator: &Operator<'_>, op: Binary) -> Result<(), Stop> {
    let operands = [importer.input(operator, 0)?, importer.input(operator, 1)?];
    let activation = fused(operator, ACTIVATION)?;
    let (layout, inputs) = broadcast(importer, operands)?;
    importer.emit(operator, layout, Op::Binary { op, activation: Activation::NONE }, inputs, activation)
}

/// The values of two operands that broadcast, in one layout.
fn broadcast(importer: &mut Importer<'_>, operands: [usize; 2]) -> Result<(Layout, Vec<Option<TensorId>>), Stop> {
    let layout = match importer.layout_of(&operands) {
        // A constant with more axes cannot follow.
        Layout::ChannelsFirst if operands.iter().all(|&tensor| importer.tensor(tensor).shape.len() <= 4) => Layout::ChannelsFirst,
        _ => Layout::Plain,
    };
    let inputs = operands.iter().map(|&tensor| importer.number(tensor, layout).map(Some)).collect::<Result<_, _>>()?;
    Ok((layout, inputs))
}

pub(super) fn prelu(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let operands = [importer.input(operator, 0)?, importer.input(operator, 1)?];
    let (layout, inputs) = broadcast(importer, operands)?;
    importer.emit(operator, layout, Op::PRelu, inputs, Activation::NONE)
}

/// A function that TensorFlow Lite computes in float only.
pub(super) fn float(importer: &mut Importer<'_>, operator: &Operator<'_>, function: Unary) -> Result<(), Stop> {
    if importer.is_int8() {
        return unsupported("TensorFlow Lite has no int8 form of it");
    }
    unary(importer, operator, function)
}

pub(super) fn gelu(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let tanh = operator.bool(APPROXIMATE)?;
    unary(importer, operator, Unary::Gelu { tanh })
}

pub(super) fn unary(importer: &mut Importer<'_>, operator: &Operator<'_>, unary: Unary) -> Result<(), Stop> {
    let (_, x, layout) = first_at_hand(importer, operator)?;
    importer.emit(operator, layout, Op::Unary(unary), vec![Some(x)], Activation::NONE)
}

/// `RELU6` and `RELU_N1_TO_1`. In TensorFlow Lite Micro these only clamp: they know the scale of the input and not that of the output.
pub(super) fn clip(importer: &mut Importer<'_>, operator: &Operator<'_>, min: f32, max: f32) -> Result<(), Stop> {
    let (x, y) = (importer.input(operator, 0)?, importer.output(operator)?);
    if importer.is_int8() && importer.params(x)? != importer.params(y)? {
        return unsupported("its input and output differ in scale or zero point");
    }
    unary(importer, operator, Unary::Clip { min, max })
}

pub(super) fn leaky_relu(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let alpha = operator.f32(ALPHA)?;
    unary(importer, operator, Unary::LeakyRelu { alpha })
}

/// `QUANTIZE` and `DEQUANTIZE`: another scale and zero point for the same numbers.
pub(super) fn convert(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let output = importer.output(operator)?;
    if importer.is_int8() && !importer.tensor(output).is_quantized() {
        return unsupported("it is within the model, and not at its end");
    }
    let (_, x, layout) = first_at_hand(importer, operator)?;
    importer.emit(operator, layout, Op::Identity, vec![Some(x)], Activation::NONE)
}
