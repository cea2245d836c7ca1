//! From the model as it is stored to the model that is meant: operators that nobody needs go, conversions at its edges too, and then it is
//! plain in which arithmetic it computes.

use std::collections::{HashMap, HashSet};

use crate::codes::{self, Type};
use crate::schema::{Model, Operator, Port, Tensor};
use crate::{TfliteError, Warning};

/// Where the states begin among the operands of a recurrent layer.
const LSTM_STATES: usize = 18;

/// In which arithmetic a model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Int8,
}

/// Brings a model into the form that [`import`](crate::import) goes through.
pub(crate) fn arrange(model: &mut Model<'_>, warnings: &mut Vec<Warning>) -> Result<Kind, TfliteError> {
    remove_unused(model);
    widen_constants(model)?;
    let kind = kind(model, warnings)?;
    match kind {
        Kind::Int8 => remove_conversions(model),
        Kind::Float => count_narrow_constants(model, warnings),
    }
    Ok(kind)
}

/// The operands whose values an operator needs. The shape operand of a reshape or a transposed convolution is not among them: the output
/// has the shape already; nor is a recurrent layer's state, which it has itself.
pub(crate) fn operands<'o>(operator: &'o Operator<'_>) -> &'o [Option<usize>] {
    match (operator.code, &operator.inputs[..]) {
        (codes::RESHAPE | codes::EXPAND_DIMS | codes::SQUEEZE, [x, ..]) => std::slice::from_ref(x),
        (codes::TRANSPOSE_CONV, [_, rest @ ..]) => rest,
        (codes::UNIDIRECTIONAL_SEQUENCE_LSTM, all) => all.get(..LSTM_STATES).unwrap_or(all),
        (_, all) => all,
    }
}

fn reads(operator: &Operator<'_>) -> impl Iterator<Item = usize> {
    operands(operator).iter().copied().flatten()
}

/// Removes operators that no output depends on: the chains that compute a shape which is known, above all.
fn remove_unused(model: &mut Model<'_>) {
    let mut used: HashSet<usize> = model.outputs.iter().map(|port| port.tensor).collect();
    model.operators.reverse();
    model.operators.retain(|operator| {
        let live = operator.outputs.iter().any(|output| used.contains(output));
        if live {
            used.extend(reads(operator));
        }
        live
    });
    model.operators.reverse();
}

/// Constants behind `DEQUANTIZE` take its place.
fn widen_constants(model: &mut Model<'_>) -> Result<(), TfliteError> {
    let Model { operators, tensors, flat, .. } = model;
    let mut charged = Ok(());
    operators.retain(|operator| match (operator.code, &operator.inputs[..], &operator.outputs[..]) {
        (codes::DEQUANTIZE, &[Some(input)], &[output]) if tensors[input].data.is_some() && tensors[output].data.is_none() => {
            let Tensor { name, scales, zero_points, .. } = &tensors[input];
            if charged.is_ok() {
                charged = flat.charge(name.len() + size_of_val(&scales[..]) + size_of_val(&zero_points[..]));
            }
            if charged.is_ok() {
                let name = std::mem::take(&mut tensors[output].name);
                tensors[output] = Tensor { name, ..tensors[input].clone() };
            }
            false
        }
        _ => true,
    });
    charged
}

/// The arithmetic of a model: that of its operators, without regard to conversions.
fn kind(model: &Model<'_>, warnings: &mut Vec<Warning>) -> Result<Kind, TfliteError> {
    let (mut int8, mut float) = (0, 0);
    for operator in &model.operators {
        let activations = reads(operator).chain(operator.outputs.iter().copied()).map(|tensor| &model.tensors[tensor]);
        let types: Vec<_> = activations.filter(|tensor| tensor.data.is_none()).collect();
        let converts = matches!(operator.code, codes::DEQUANTIZE | codes::QUANTIZE);
        if converts && types.iter().any(|tensor| !tensor.is_quantized()) {
            continue;
        }
        // Whole numbers without a scale are indices and shapes.
        if let Some(other) = types.iter().find(|tensor| !(tensor.is_quantized() || tensor.ty == Type::FLOAT32 || tensor.scales.is_empty()))
        {
            return Err(TfliteError::Type { tensor: other.name.clone(), found: other.ty.to_string() });
        }
        let is_int8 = types.iter().any(|tensor| tensor.is_quantized());
        *(if is_int8 { &mut int8 } else { &mut float }) += 1;
    }
    match (int8, float) {
        (0, _) => Ok(Kind::Float),
        (_, 0) => Ok(Kind::Int8),
        (int8, float) => {
            warnings.push(Warning::Mixed { int8, float });
            Ok(Kind::Float)
        }
    }
}

/// An int8 model's inputs and outputs are its int8 tensors. Where it converts from or to other types at its edges, these conversions go:
/// who runs a program quantizes its inputs and dequantizes its outputs.
fn remove_conversions(model: &mut Model<'_>) {
    let Model { operators, tensors, inputs, outputs, .. } = model;
    let mut readers = vec![0usize; tensors.len()];
    operators.iter().flat_map(reads).for_each(|tensor| readers[tensor] += 1);
    let written: HashSet<usize> = inputs.iter().map(|port| port.tensor).collect();
    let results: HashSet<usize> = outputs.iter().map(|port| port.tensor).collect();
    let (mut moved_inputs, mut moved_outputs) = (HashMap::new(), HashMap::new());
    operators.retain(|operator| {
        let (codes::QUANTIZE | codes::DEQUANTIZE, &[Some(x)], &[y]) = (operator.code, &operator.inputs[..], &operator.outputs[..]) else {
            return true;
        };
        let (from, to) = (&tensors[x], &tensors[y]);
        if written.contains(&x) && readers[x] == 1 && !results.contains(&x) && only_converts(to, from) {
            moved_inputs.insert(x, y);
            return false;
        }
        if results.contains(&y) && readers[y] == 0 && !results.contains(&x) && !written.contains(&x) && only_converts(from, to) {
            moved_outputs.insert(y, x);
            return false;
        }
        true
    });
    let moved = |ports: &mut [Port], moves: &HashMap<usize, usize>| {
        ports.iter_mut().for_each(|port| port.tensor = *moves.get(&port.tensor).unwrap_or(&port.tensor));
    };
    moved(inputs, &moved_inputs);
    moved(outputs, &moved_outputs);
}

/// Whether the values of an int8 tensor stand for the same numbers in another type.
fn only_converts(int8: &Tensor<'_>, other: &Tensor<'_>) -> bool {
    let shifted =
        || other.scales == int8.scales && other.zero_points.iter().copied().eq(int8.zero_points.iter().map(|zero| zero.wrapping_add(128)));
    int8.is_quantized() && (other.ty == Type::FLOAT32 || int8.ty == Type::INT8 && other.ty == Type::UINT8 && shifted())
}

/// Notes the constants of a float model that are stored in a narrower type.
fn count_narrow_constants(model: &Model<'_>, warnings: &mut Vec<Warning>) {
    let read: HashSet<usize> = model.operators.iter().flat_map(reads).collect();
    let count = |ty| read.iter().filter(|&&tensor| model.tensors[tensor].ty == ty && model.tensors[tensor].data.is_some()).count();
    let (int8, float16) = (count(Type::INT8), count(Type::FLOAT16));
    if int8 + float16 > 0 && warnings.is_empty() {
        warnings.push(Warning::Hybrid { int8, float16 });
    }
}
