//! The text form of a graph: stable, one line per tensor or node, for snapshots and for people.

use std::fmt;

use crate::{Activation, Graph, Op, Span, TensorId, Unary};

/// Longer lists are left out.
const MAX_LISTED: usize = 16;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {:?}", self.name)?;
        for &id in &self.inputs {
            writeln!(f, "input  {}", Named(self, id))?;
        }
        for (id, tensor) in self.iter_tensors() {
            if tensor.literal.is_some() {
                writeln!(f, "const  {}", Named(self, id))?;
            }
        }
        for node in &self.nodes {
            f.write_str("node   ")?;
            for (i, id) in node.writes().enumerate() {
                write!(f, "{}{}", if i > 0 { ", " } else { "" }, Named(self, id))?;
            }
            write!(f, " = {}{}(", node.op.name(), Attributes(&node.op))?;
            for (i, input) in node.inputs.iter().enumerate() {
                let name = input.map_or("_", |id| &self.tensor(id).name);
                write!(f, "{}{name}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")\n")?;
        }
        for &id in &self.outputs {
            writeln!(f, "output {}", Named(self, id))?;
        }
        Ok(())
    }
}

/// `name: type[shape]`
struct Named<'a>(&'a Graph, TensorId);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensor = self.0.tensor(self.1);
        match &tensor.fact {
            Some(fact) => write!(f, "{}: {fact}", tensor.name),
            None => write!(f, "{}: ?", tensor.name),
        }
    }
}

/// ` {key=value ...}`, or nothing.
pub(crate) struct Attributes<'a>(pub(crate) &'a Op);

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = match self.0 {
            Op::AveragePool { pool, include_pad } => format!("{pool}{}", if *include_pad { " include_pad" } else { "" }),
            Op::ArgMax { axis, keep_dims, .. } => format!("axis={axis} keep_dims={keep_dims}"),
            Op::BatchNorm { epsilon } => format!("epsilon={epsilon:e}"),
            Op::Concat { axis } | Op::LogSoftmax { axis } | Op::Softmax { axis } => format!("axis={axis}"),
            Op::Conv(conv) if conv.groups == 1 => conv.window.to_string(),
            Op::Conv(conv) => format!("{} groups={}", conv.window, conv.groups),
            Op::ConvTranspose(conv) => conv.to_string(),
            Op::Delay { axis, len } => format!("axis={axis} len={len}"),
            Op::Gather { axis, indices, dims } if indices.len() <= MAX_LISTED => format!("axis={axis} indices={indices:?} dims={dims:?}"),
            Op::Gather { axis, dims, .. } => format!("axis={axis} dims={dims:?}"),
            Op::Gemm { alpha, beta, trans_a, trans_b } => format!("alpha={alpha} beta={beta} trans_a={trans_a} trans_b={trans_b}"),
            Op::GroupNorm { groups, epsilon } => format!("groups={groups} epsilon={epsilon:e}"),
            Op::LayerNorm { axis, epsilon, .. } => format!("axis={axis} epsilon={epsilon:e}"),
            Op::MaxPool(pool) => pool.to_string(),
            Op::Opaque(opaque) => format!("opaque domain={:?}", opaque.domain),
            Op::Pad { before, after, value } => format!("before={before:?} after={after:?} value={value}"),
            Op::Recurrent(recurrent) => recurrent.to_string(),
            Op::Quantize { dtype, axis } => format!("dtype={dtype} axis={axis}"),
            Op::Dequantize { axis } => format!("axis={axis}"),
            Op::Reduce { axes, keep_dims, .. } | Op::ReduceMean { axes, keep_dims } => format!("axes={axes:?} keep_dims={keep_dims}"),
            Op::DepthToSpace { block, channel_first } => format!("block={block}{}", if *channel_first { " crd" } else { "" }),
            Op::SpaceToDepth { block } => format!("block={block}"),
            Op::Resize(resize) => resize.to_string(),
            Op::Slice { spans } => spans.iter().map(Span::to_string).collect::<Vec<_>>().join(" "),
            Op::TopK { axis, k, smallest, indices } => {
                let words = [(*smallest, " smallest"), (*indices, " indices")].map(|(said, word)| if said { word } else { "" });
                format!("axis={axis} k={k}{}", words.concat())
            }
            Op::Transpose { perm } => format!("perm={perm:?}"),
            Op::Unary(Unary::Clip { min, max }) => format!("min={min} max={max}"),
            Op::Unary(Unary::Elu { alpha } | Unary::LeakyRelu { alpha }) => format!("alpha={alpha}"),
            Op::Unary(Unary::Gelu { tanh: true }) => "tanh".into(),
            Op::Unary(Unary::Pow { exponent }) => format!("exponent={exponent}"),
            Op::Unary(Unary::Selu { alpha, gamma }) => format!("alpha={alpha} gamma={gamma}"),
            Op::Unary(Unary::HardSigmoid { alpha, beta }) => format!("alpha={alpha} beta={beta}"),
            _ => String::new(),
        };
        if let Some(activation) = self.0.activation().filter(|&activation| activation != Activation::NONE) {
            words = format!("{words}{}{activation}", if words.is_empty() { "" } else { " " });
        }
        if words.is_empty() { Ok(()) } else { write!(f, " {{{words}}}") }
    }
}
