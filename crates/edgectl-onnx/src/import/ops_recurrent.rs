//! Recurrent layers: `LSTM` and `GRU` in one direction, from a state of zeros.

use edgectl_graph::{Cell, Dim, Literal, Op, Recurrent, Shape, Span};

use super::source::{Reason, Source};
use crate::gates::Order;

/// What a node becomes: the layer with its constants, and how its outputs follow from the hidden states of all steps.
pub(super) struct Parts {
    pub(super) layer: Recurrent,
    /// Weights, recurrent weights, bias, and what depends on the cell, with the ends of their names.
    pub(super) constants: [(&'static str, Literal); 4],
    /// Adds the axis of directions.
    pub(super) all: Op,
    /// Takes the last step.
    pub(super) last: Op,
}

/// The parts of an `LSTM` or `GRU`.
pub(super) fn parts(source: &mut Source<'_>, is_lstm: bool) -> Result<Parts, Reason> {
    source.expect_f32(4)?;
    let attributes = &mut source.attributes;
    let direction = attributes.string("direction")?.unwrap_or("forward");
    if !direction.eq_ignore_ascii_case("forward") {
        return Err(format!("attribute \"direction\" is \"{direction}\""));
    }
    let defaults: &[&str] = if is_lstm { &["Sigmoid", "Tanh", "Tanh"] } else { &["Sigmoid", "Tanh"] };
    let activations = attributes.strings("activations")?.unwrap_or_else(|| defaults.iter().map(|&name| name.into()).collect());
    if activations.len() != defaults.len() || activations.iter().zip(defaults).any(|(own, default)| !own.eq_ignore_ascii_case(default)) {
        return Err(format!("attribute \"activations\" is {activations:?}"));
    }
    let batch_major = attributes.flag("layout", false)?;
    let cell = if is_lstm {
        if attributes.flag("input_forget", false)? {
            return Err("attribute \"input_forget\" is 1".into());
        }
        Cell::Lstm { clip: 0.0 }
    } else {
        Cell::Gru { reset_after: attributes.flag("linear_before_reset", false)? }
    };
    let hidden_size = attributes.int("hidden_size")?;
    // What old versions asked for.
    attributes.ignore("output_sequence");

    let shape = source.shape(0)?.clone();
    let [outer, inner, _] = shape.dims() else { return Err(format!("the input has the shape {shape}")) };
    let (batch, steps) = if batch_major { (outer, inner) } else { (inner, outer) };
    let count = steps.fixed().filter(|&steps| steps > 0).ok_or_else(|| format!("the input has the shape {shape}"))?;
    if source.ints(4)?.is_some_and(|lengths| lengths.iter().any(|&length| usize::try_from(length) != Ok(count))) {
        return Err("its sequences are of different lengths".into());
    }
    let states = if is_lstm { 5..7 } else { 5..6 };
    for index in states {
        if source.floats(index)?.is_some_and(|state| state.iter().any(|&value| value != 0.0)) {
            return Err(format!("input {index} is an initial state other than zero"));
        }
    }
    if is_lstm && source.floats(7)?.is_some_and(|peepholes| peepholes.iter().any(|&value| value != 0.0)) {
        return Err("it has peepholes".into());
    }
    let constant = |index: usize| source.floats(index)?.ok_or_else(|| format!("input {index} is missing"));
    let (weights, recurrent) = (constant(1)?, constant(2)?);
    let (gates, order) = (cell.gates(), Order::of(cell));
    let (Some([1, rows, inputs]), Some([1, recurrent_rows, units])) = (source.fixed::<3>(1)?, source.fixed::<3>(2)?) else {
        return Err("its weights are not of one direction".into());
    };
    let fits = rows == recurrent_rows && Some(rows) == units.checked_mul(gates) && rows > 0;
    if !fits || hidden_size.is_some_and(|size| usize::try_from(size) != Ok(units)) {
        return Err(format!("{rows} and {recurrent_rows} rows of weights for {units} units"));
    }
    let biases = source.floats(3)?.unwrap_or_else(|| vec![0.0; 2 * rows]);
    if biases.len() != 2 * rows {
        return Err(format!("{} biases for {units} units", biases.len()));
    }
    let (mut bias, recurrent_bias) = (order.imported(&biases[..rows]), order.imported(&biases[rows..]));
    let last = if is_lstm {
        bias.iter_mut().zip(&recurrent_bias).for_each(|(bias, other)| *bias += other);
        ("cell", Literal::f32(vec![1, units], vec![0.0; units]))
    } else {
        ("recurrent_bias", Literal::f32(vec![rows], recurrent_bias))
    };
    let literals = [
        ("weights", Literal::f32(vec![rows, inputs], order.imported(&weights))),
        ("recurrent_weights", Literal::f32(vec![rows, units], order.imported(&recurrent))),
        ("bias", Literal::f32(vec![rows], bias)),
        last,
    ];
    let mut complete = literals.into_iter().filter_map(|(name, literal)| Some((name, literal?)));
    let constants = [complete.next(), complete.next(), complete.next(), complete.next()];
    let [Some(weights), Some(recurrent), Some(bias), Some(last)] = constants else {
        return Err("its weights do not fit their shapes".into());
    };
    let one = Dim::Fixed(1);
    let all = match batch_major {
        true => vec![batch.clone(), steps.clone(), one, Dim::Fixed(units)],
        false => vec![steps.clone(), one, batch.clone(), Dim::Fixed(units)],
    };
    let span = Span { axis: usize::from(batch_major), start: count - 1, step: 1, len: 1 };
    Ok(Parts {
        layer: Recurrent { cell, time_major: !batch_major },
        constants: [weights, recurrent, bias, last],
        all: Op::Reshape { shape: Shape::from(all) },
        last: Op::Slice { spans: vec![span] },
    })
}
