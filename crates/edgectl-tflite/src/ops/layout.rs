//! Operators that move elements and do not change them.

use edgectl_graph::{Activation, Op, Shape};

use super::{axis, first_at_hand, fused};
use crate::codes::{self, Type};
use crate::constant;
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const CONCATENATION_AXIS: Field = Field(0, "a concatenation's axis");
const CONCATENATION_ACTIVATION: Field = Field(1, "a concatenation's activation");

pub(super) fn concatenate(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let tensors = (0..operator.inputs.len()).map(|index| importer.input(operator, index)).collect::<Result<Vec<_>, _>>()?;
    let rank = tensors.first().map_or(0, |&tensor| importer.tensor(tensor).shape.len());
    let axis = axis(operator.i32(CONCATENATION_AXIS, 0)?.into(), rank)?;
    let activation = fused(operator, CONCATENATION_ACTIVATION)?;
    let layout = if rank == 4 { importer.layout_of(&tensors) } else { Layout::Plain };
    let inputs = tensors.iter().map(|&tensor| importer.number(tensor, layout).map(Some)).collect::<Result<_, _>>()?;
    importer.emit(operator, layout, Op::Concat { axis: layout.axis(axis) }, inputs, activation)
}

/// `PAD` fills with zero, `PADV2` with its third operand.
pub(super) fn pad(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let amounts = importer.input(operator, 1)?;
    let amounts = importer.integers(amounts)?;
    let amounts = amounts.iter().map(|&amount| usize::try_from(amount)).collect::<Result<Vec<_>, _>>();
    let value = if operator.code == codes::PADV2 { value(importer, operator)? } else { 0.0 };
    let (x, input, layout) = first_at_hand(importer, operator)?;
    let (pairs, rest) = amounts.as_deref().unwrap_or_default().as_chunks::<2>();
    if pairs.len() != importer.tensor(x).shape.len() || !rest.is_empty() {
        return unsupported("its paddings are not two for each axis");
    }
    let [before, after] = [0, 1].map(|end| layout.apply(&pairs.iter().map(|pair| pair[end]).collect::<Vec<_>>()));
    importer.emit(operator, layout, Op::Pad { before, after, value }, vec![Some(input)], Activation::NONE)
}

/// What `PADV2` fills with. Its int8 kernel takes the number as it is, without regard to the operand's own scale.
fn value(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<f32, Stop> {
    let tensor = importer.tensor(importer.input(operator, 2)?);
    if tensor.data.is_none_or(|data| data.len() > size_of::<f32>()) {
        return unsupported("what it fills with is no constant number");
    }
    let value = if importer.is_int8() {
        let params = importer.params(importer.output(operator)?)?;
        let value = constant::int8(tensor).filter(|values| values.len() == 1);
        value.map(|value| params.scale * (f32::from(value[0]) - f32::from(params.zero_point)))
    } else {
        constant::literal(tensor)?.scalar_f32().filter(|_| tensor.ty == Type::FLOAT32)
    };
    value.map_or_else(|| unsupported("what it fills with is no constant number"), Ok)
}

/// `RESHAPE`, `SQUEEZE` and `EXPAND_DIMS`: the model states the shape of the output.
pub(super) fn reshape(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let x = importer.input(operator, 0)?;
    let shape = Shape::new(importer.tensor(importer.output(operator)?).shape.iter().copied());
    let x = importer.number(x, Layout::Plain)?;
    importer.emit(operator, Layout::Plain, Op::Reshape { shape }, vec![Some(x)], Activation::NONE)
}

pub(super) fn transpose(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    let (x, perm) = (importer.input(operator, 0)?, importer.input(operator, 1)?);
    let rank = importer.tensor(x).shape.len();
    let perm = importer.integers(perm)?.into_iter().map(|place| axis(place, rank)).collect::<Result<_, _>>()?;
    let x = importer.number(x, Layout::Plain)?;
    importer.emit(operator, Layout::Plain, Op::Transpose { perm }, vec![Some(x)], Activation::NONE)
}
