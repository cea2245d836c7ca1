//! Brings a canonical float graph into the form that int8 operators need.

use std::collections::HashSet;

use edgectl_graph::{Graph, Node, Op, Pass, Patch, QuantType, Sharing, TensorId, run_all, sharing};

use crate::QuantizeError;
use crate::group::{Groups, Source};
use crate::layer::finite;

/// Makes a canonical graph ready for calibration: batch one, every constant read once, and a requantization wherever an operator that fixes
/// its output's parameters meets one that demands others.
///
/// # Errors
/// An operator that cannot be deployed or has no int8 form, a shape that is dynamic, or a constant with values that are not finite.
pub fn prepare(graph: &mut Graph) -> Result<(), QuantizeError> {
    graph.bind_batch(1)?;
    graph.require_deployable()?;
    prepare_around_opaque(graph)
}

/// As [`prepare`], for a graph whose opaque operators stay as they are: it can be quantized and exported, and not lowered.
///
/// # Errors
/// As [`prepare`], but for operators that are opaque, and shapes that only they need.
pub fn prepare_around_opaque(graph: &mut Graph) -> Result<(), QuantizeError> {
    graph.bind_batch(1)?;
    graph.require_fixed()?;
    graph.iter_tensors().try_for_each(|(id, _)| finite(graph, id).map(drop))?;
    graph.nodes().iter().try_for_each(|node| require_int8(graph, node))?;
    run_all(graph, &[&UnshareConstants, &InsertRequantize])?;
    Ok(())
}

fn require_int8(graph: &Graph, node: &Node) -> Result<(), QuantizeError> {
    let computed = |index: usize| node.input(index).is_some_and(|id| graph.literal(id).is_none());
    let reason = match &node.op {
        op if op.is_layer() && (computed(1) || computed(2)) => "its weights are not constant",
        Op::Recurrent(_) if (1..node.inputs.len()).any(computed) => "its weights are not constant",
        op if op.is_normalization() && (computed(1) || computed(2)) => "its scale or shift is not constant",
        Op::Gemm { .. } => "neither operand is a constant matrix",
        Op::Quantize { .. } | Op::Dequantize { .. } => "the model is quantized already",
        Op::BatchNorm { .. } => "its parameters are not constant",
        _ => return Ok(()),
    };
    Err(QuantizeError::NoInt8 { node: graph.label(node), op: node.op.name().into(), reason: reason.into() })
}

/// A constant that several inputs read -> one constant each. Their int8 forms may differ: a bias has the scale of its node. (Equal bytes
/// are stored once in a program.)
struct UnshareConstants;

impl Pass for UnshareConstants {
    fn name(&self) -> &'static str {
        "unshare-constants"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        let mut seen: HashSet<TensorId> = HashSet::new();
        for (id, node) in graph.iter().filter(|(_, node)| !matches!(node.op, Op::Opaque(_))) {
            for (place, &input) in node.inputs.iter().enumerate() {
                let Some((input, literal)) = input.and_then(|input| Some((input, graph.literal(input)?))) else { continue };
                if !seen.insert(input) {
                    let name = &graph.tensor(input).name;
                    let mut patch = Patch::new(graph, format!("a copy of \"{name}\" for \"{}\"", graph.label(node)));
                    let mut inputs = node.inputs.clone();
                    inputs[place] = Some(patch.constant(name, literal.clone()));
                    patch.replace(graph, id, node.op.clone(), inputs);
                    return Some(patch);
                }
            }
        }
        None
    }
}

/// `softmax -> concat <- conv` becomes `softmax -> identity -> concat <- conv`: where the sources of a group of tensors that must share
/// their parameters fix different ones, or only some of them do, an identity between the fixed source and its readers requantizes.
struct InsertRequantize;

impl Pass for InsertRequantize {
    fn name(&self) -> &'static str {
        "insert-requantize"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        for sources in Groups::new(graph).sources(graph).into_values() {
            let Some(Source::Fixed(tensor, params)) = sources.iter().copied().find(|source| matches!(source, Source::Fixed(..))) else {
                continue;
            };
            if sources.iter().all(|source| matches!(source, Source::Fixed(_, other) if *other == params)) {
                continue;
            }
            let reader =
                graph.iter().find(|(_, node)| sharing(&node.op, QuantType::I8) == Sharing::Same && node.reads().any(|id| id == tensor));
            let Some((id, node)) = reader else { continue };
            let name = &graph.tensor(tensor).name;
            let mut patch = Patch::new(graph, format!("requantize \"{name}\" for \"{}\"", graph.label(node)));
            let requantized = patch.node(format!("{name}/requantize"), Op::Identity, vec![Some(tensor)], format!("{name}/requantized"));
            let inputs = node.inputs.iter().map(|&input| if input == Some(tensor) { Some(requantized) } else { input }).collect();
            patch.replace(graph, id, node.op.clone(), inputs);
            return Some(patch);
        }
        None
    }
}
