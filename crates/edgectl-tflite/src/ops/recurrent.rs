//! Recurrent layers.

use edgectl_graph::{Activation, Cell, Op, Recurrent};

use crate::codes::Type;
use crate::flat::Field;
use crate::importer::{Importer, Layout, Stop, unsupported};
use crate::schema::Operator;

const ACTIVATION: Field = Field(0, "a recurrent layer's activation");
const CELL_CLIP: Field = Field(1, "a recurrent layer's bound of its cell");
const TIME_MAJOR: Field = Field(3, "a recurrent layer's order of axes");

/// The number of the activation that Keras's layer has.
const TANH: u8 = 4;

const GATES: usize = 4;

/// Operands x, four filters, four recurrent filters, three peepholes, four biases, a projection and its bias, hidden state, cell, four
/// coefficients of a layer normalization. The state, which lasts in TensorFlow Lite until someone resets it, begins as zeros.
pub(super) fn lstm(importer: &mut Importer<'_>, operator: &Operator<'_>) -> Result<(), Stop> {
    for (places, what) in [(9..12, "peepholes"), (16..18, "a projection"), (20..24, "layer normalization")] {
        if places.into_iter().any(|place| operator.input(place).is_some()) {
            return unsupported(format!("it has {what}"));
        }
    }
    if operator.input(1).is_none() {
        return unsupported("its input and forget gates are coupled");
    }
    match operator.u8(ACTIVATION)? {
        TANH => {}
        other => return unsupported(format!("activation number {other} is fused into it")),
    }
    let clip = operator.f32(CELL_CLIP)?;
    if !(clip.is_finite() && clip >= 0.0) {
        return unsupported(format!("its cell is bounded by {clip}"));
    }
    let gates = |first: usize| -> Result<[usize; GATES], Stop> {
        let mut gates = [0; GATES];
        for (gate, place) in gates.iter_mut().zip(first..) {
            *gate = importer.input(operator, place)?;
        }
        Ok(gates)
    };
    let (filters, recurrent, biases) = (gates(1)?, gates(5)?, gates(12)?);
    let (hidden, cell, y) = (importer.input(operator, 18)?, importer.input(operator, 19)?, importer.output(operator)?);
    if importer.is_int8() {
        if importer.tensor(cell).ty != Type::INT16 {
            return unsupported(format!("its cell is {}", importer.tensor(cell).ty));
        }
        if importer.params(hidden)? != importer.params(y)? {
            return unsupported("its hidden state and its output have different scales");
        }
    }
    let units = importer.tensor(recurrent[0]).shape.get(1).copied().unwrap_or_default();
    let (filters, recurrent) = (importer.stacked_weights(&filters)?, importer.stacked_weights(&recurrent)?);
    let bias = importer.stacked_bias(&biases)?;
    let cell = importer.cell(cell, units)?;
    let x = importer.input(operator, 0)?;
    let x = importer.number(x, Layout::Plain)?;
    let op = Op::Recurrent(Recurrent { cell: Cell::Lstm { clip }, time_major: operator.bool(TIME_MAJOR)? });
    let inputs = [x, filters, recurrent, bias, cell].map(Some).to_vec();
    importer.emit(operator, Layout::Plain, op, inputs, Activation::NONE)
}
