//! The parameters that the pairs state for activations, and those that follow from them.

use std::collections::{BTreeMap, HashMap};

use edgectl_graph::{DType, Graph, Literal, Node, Op, QuantParams, QuantType, Sharing, TensorId, sharing};

use super::QdqError;
use crate::{Range, activation_params};

/// Scales and zero points of a `QuantizeLinear` or `DequantizeLinear`.
pub(super) struct Params {
    /// Positive and finite.
    pub(super) scales: Vec<f32>,
    /// As many as scales.
    pub(super) zero_points: Vec<i64>,
    /// The type of the zero points.
    pub(super) dtype: DType,
}

impl Params {
    /// The parameters of a node, whatever their number.
    pub(super) fn of(graph: &Graph, node: &Node) -> Result<Params, QdqError> {
        let bad = |expected, found: String| QdqError::Params { node: graph.label(node), op: node.op.name().into(), expected, found };
        let computed = |index| node.input(index).map_or_else(|| "none".into(), |id| format!("\"{}\"", graph.tensor(id).name));
        let constant = |index| graph.literal(node.input(index)?);
        let scales = constant(1).and_then(Literal::as_f32).ok_or_else(|| bad("a constant float32 scale", computed(1)))?;
        if let Some(scale) = scales.iter().find(|&&scale| !(scale > 0.0 && scale.is_finite())) {
            return Err(bad("a positive, finite scale", scale.to_string()));
        }
        let quantized = if let Op::Quantize { dtype, .. } = node.op { Some(dtype) } else { None };
        let dtype = quantized.or_else(|| Some(graph.tensor(node.input(0)?).fact.as_ref()?.dtype)).unwrap_or(DType::U8);
        let zero_points = match node.input(2) {
            None => vec![0; scales.len()],
            Some(id) => {
                let literal = graph.literal(id).ok_or_else(|| bad("a constant zero point", computed(2)))?;
                if literal.dtype() != dtype {
                    return Err(bad("a zero point of the type of the data", format!("{} for {dtype}", literal.dtype())));
                }
                let values = literal.to_i64s().unwrap_or_default();
                if values.len() != scales.len() {
                    return Err(bad("as many zero points as scales", format!("{} for {}", values.len(), scales.len())));
                }
                values
            }
        };
        Ok(Params { scales: scales.to_vec(), zero_points, dtype })
    }

    /// One scale and zero point of 8 bits, as those of int8.
    pub(super) fn per_tensor_i8(&self) -> Option<QuantParams> {
        let ([scale], [zero_point]) = (&self.scales[..], &self.zero_points[..]) else { return None };
        let shift = match self.dtype {
            DType::I8 => 0,
            DType::U8 => 128,
            _ => return None,
        };
        Some(QuantParams::int8(*scale, i8::try_from(zero_point - shift).ok()?))
    }
}

/// The parameters of a pair's activation.
pub(super) fn of_activation(graph: &Graph, node: &Node) -> Result<QuantParams, QdqError> {
    let bad = |expected, found| Err(QdqError::Params { node: graph.label(node), op: node.op.name().into(), expected, found });
    let params = Params::of(graph, node)?;
    if let Some(id) = node.input(0).filter(|&id| graph.literal(id).is_some()) {
        return bad("an activation", format!("the constant \"{}\"", graph.tensor(id).name));
    }
    match params.per_tensor_i8() {
        Some(params) => Ok(params),
        None if params.scales.len() != 1 => bad("one scale for an activation", format!("{} scales", params.scales.len())),
        None => bad("an activation of int8 or uint8", params.dtype.to_string()),
    }
}

/// Whether each element of the output is an element of an input, zero, or a bound that is not far from one: it can have the input's
/// parameters, and the input can have its.
fn passes_on(op: &Op) -> bool {
    let clamps = matches!(op, Op::Unary(unary) if unary.as_activation().is_some());
    clamps || *op == Op::Identity || sharing(op, QuantType::I8) == Sharing::Same
}

/// Whether the output lies in the range of the input.
fn keeps_range(op: &Op) -> bool {
    passes_on(op) || matches!(op, Op::GlobalAveragePool | Op::ReduceMean { .. })
}

/// Whether a tensor holds whole numbers that stand for themselves: quantized ones have fewer bits.
pub(super) fn is_index(graph: &Graph, id: TensorId) -> bool {
    graph.tensor(id).fact.as_ref().is_some_and(|fact| fact.dtype == DType::I64)
}

/// Parameters by tensor: of every activation, float or integer, on either side of the pairs.
pub(super) type Stated = HashMap<TensorId, QuantParams>;

/// The parameters of all activations.
///
/// Where several pairs follow one tensor, it has those with the greatest scale, which clip least.
pub(super) fn resolve(graph: &Graph, ranges: &BTreeMap<String, Range>) -> Result<Stated, QdqError> {
    let mut stated = from_pairs(graph)?;
    for (id, tensor) in graph.iter_tensors() {
        if let Some(&range) = ranges.get(&tensor.name) {
            stated.entry(id).or_insert_with(|| activation_params(range, QuantType::I8));
        }
    }
    backwards(graph, &mut stated);
    forwards(graph, &mut stated)?;
    Ok(stated)
}

fn from_pairs(graph: &Graph) -> Result<Stated, QdqError> {
    let mut stated = Stated::new();
    for node in graph.nodes() {
        let (Some(x), Some(y)) = (node.input(0), node.output()) else { continue };
        match node.op {
            Op::Quantize { .. } => {
                let params = of_activation(graph, node)?;
                stated.insert(y, params);
                let dequantized = graph.producer(x).is_some_and(|producer| matches!(graph.node(producer).op, Op::Dequantize { .. }));
                if !dequantized && stated.get(&x).is_none_or(|other| other.scale < params.scale) {
                    stated.insert(x, params);
                }
            }
            Op::Dequantize { .. } => {
                let params = of_activation(graph, node)?;
                let quantized = *stated.entry(x).or_insert(params);
                if quantized != params {
                    return Err(QdqError::PairDiffers { node: graph.label(node), quantized, dequantized: params });
                }
                stated.insert(y, params);
            }
            _ => {}
        }
    }
    Ok(stated)
}

/// From the output of an operator that passes elements on to its input, where nobody else reads that otherwise.
fn backwards(graph: &Graph, stated: &mut Stated) {
    let computed = graph.nodes().iter().rev().filter_map(Node::output);
    for id in computed.chain(graph.inputs().iter().copied()) {
        if stated.contains_key(&id) || graph.outputs().contains(&id) {
            continue;
        }
        let wanted = graph.consumers(id).iter().map(|&reader| {
            let reader = graph.node(reader);
            reader.output().filter(|_| passes_on(&reader.op)).and_then(|output| stated.get(&output).copied())
        });
        let wanted: Option<Vec<QuantParams>> = wanted.collect();
        if let Some([first, rest @ ..]) = wanted.as_deref()
            && rest.iter().all(|other| other == first)
        {
            stated.insert(id, *first);
        }
    }
}

fn forwards(graph: &Graph, stated: &mut Stated) -> Result<(), QdqError> {
    let mut missing: Vec<(String, TensorId)> = vec![];
    missing.extend(graph.inputs().iter().filter(|id| !stated.contains_key(id)).map(|&id| ("input".to_owned(), id)));
    for node in graph.nodes() {
        let Some(id) = node.output().filter(|&id| !stated.contains_key(&id) && !is_index(graph, id)) else { continue };
        let inherits = keeps_range(&node.op);
        let params = match sharing(&node.op, QuantType::I8) {
            Sharing::Fixed(params) => Some(params),
            _ if inherits => inherited(node, stated),
            _ => None,
        };
        match params {
            Some(params) => drop(stated.insert(id, params)),
            // It would inherit if what it reads had any.
            None if inherits => {}
            None => missing.push((format!("output of node \"{}\" ({})", graph.label(node), node.op.name()), id)),
        }
    }
    match missing.first() {
        None => Ok(()),
        Some((origin, _)) => {
            let tensors = missing.iter().map(|(_, id)| graph.tensor(*id).name.clone()).collect();
            Err(QdqError::NotStated { origin: origin.clone(), tensors })
        }
    }
}

/// The parameters of what a node reads, or where those differ, such as span them all.
fn inherited(node: &Node, stated: &Stated) -> Option<QuantParams> {
    let params: Vec<QuantParams> = node.inputs.iter().flatten().filter_map(|input| stated.get(input).copied()).collect();
    let range = |params: &QuantParams| Range { min: params.min(), max: params.max() };
    match &params[..] {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Some(*first),
        _ => params.iter().map(range).reduce(Range::union).map(|range| activation_params(range, QuantType::I8)),
    }
}
