//! Padding.

use super::matching::sole_producer;
use crate::{Graph, NodeId, Op, Pass, Patch, Window};

/// `Pad -> Conv | AveragePool` becomes the operator with a padded window.
///
/// The frame must be zeros on the spatial axes alone, and the operator its only reader. Exact for a convolution, which pads with zeros,
/// and for an average that counts its padding or has none; not for a maximum, where padding never wins. Stays where an average would
/// get as much padding as its window is wide, which ONNX does not allow.
pub(super) struct FoldPad;

impl Pass for FoldPad {
    fn name(&self) -> &'static str {
        "fold-pad"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        graph.iter().find_map(|(id, _)| fold(graph, id))
    }
}

fn fold(graph: &Graph, id: NodeId) -> Option<Patch> {
    let node = graph.node(id);
    // Where the shape of the output is known, window and padding have as many axes as it.
    graph.shape(node.output()?)?;
    let is_conv = matches!(node.op, Op::Conv(_));
    let mut op = node.op.clone();
    let window = match &mut op {
        Op::Conv(conv) => &mut conv.window,
        Op::AveragePool { pool, include_pad } if *include_pad || !is_padded(pool) => {
            *include_pad = true;
            pool
        }
        _ => return None,
    };
    let (_, pad) = sole_producer(graph, node.input(0)?)?;
    let Op::Pad { before, after, value } = &pad.op else { return None };
    let ([0, 0, before @ ..], [0, 0, after @ ..]) = (&before[..], &after[..]) else { return None };
    if *value != 0.0 {
        return None;
    }
    window.pads_begin = sums(&window.pads_begin, before)?;
    window.pads_end = sums(&window.pads_end, after)?;
    let mut pads = window.pads_begin.iter().zip(&window.pads_end).zip(&window.kernel);
    if !is_conv && !pads.all(|((begin, end), size)| begin.max(end) < size) {
        return None;
    }
    let mut inputs = node.inputs.clone();
    *inputs.first_mut()? = pad.input(0);
    let mut patch = Patch::new(graph, format!("fold \"{}\" into \"{}\"", graph.label(pad), graph.label(node)));
    patch.replace(graph, id, op, inputs);
    Some(patch)
}

fn is_padded(window: &Window) -> bool {
    window.pads_begin.iter().chain(&window.pads_end).any(|&pad| pad > 0)
}

fn sums(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    a.iter().zip(b).map(|(a, b)| a.checked_add(*b)).collect()
}
