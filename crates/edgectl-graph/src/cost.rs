//! What a model costs, independent of any device.

use crate::{Graph, Node, Op};

/// Work and memory of a node or a whole graph, for one sample (a symbolic batch counts as one).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-accumulate operations of convolutions, dense layers and matrix products.
    pub macs: u64,
    /// Elements of the constants that are weights: those of floating point type.
    pub parameters: u64,
    /// Bytes of these.
    pub parameter_bytes: u64,
    /// Elements of the outputs.
    pub output_elements: u64,
}

/// The cost of a node; it counts a constant that several nodes read once for each of them.
pub type NodeCost = Cost;

impl Graph {
    /// The cost of a node. Figures that depend on an unknown shape count as zero.
    pub fn cost(&self, node: &Node) -> NodeCost {
        let weights = node.inputs.iter().flatten().filter_map(|&id| self.literal(id)).filter(|literal| literal.as_f32().is_some());
        let parameters: u64 = weights.map(|literal| literal.elements() as u64).sum();
        Cost {
            macs: self.macs(node).unwrap_or(0),
            parameters,
            parameter_bytes: parameters * 4,
            output_elements: node.writes().filter_map(|id| self.shape(id)?.elements_per_sample()).sum::<usize>() as u64,
        }
    }

    /// The cost of the whole graph; each constant counts once.
    pub fn total_cost(&self) -> Cost {
        let mut total = Cost::default();
        for node in &self.nodes {
            let cost = self.cost(node);
            total.macs += cost.macs;
            total.output_elements += cost.output_elements;
        }
        let weights = self.tensors.iter().filter_map(|tensor| tensor.literal.as_ref()).filter(|literal| literal.as_f32().is_some());
        total.parameters = weights.map(|literal| literal.elements() as u64).sum();
        total.parameter_bytes = total.parameters * 4;
        total
    }

    fn macs(&self, node: &Node) -> Option<u64> {
        let elements = |index: usize| Some(self.shape(node.input(index)?)?.elements_per_sample()? as u64);
        let output = self.shape(node.output()?)?.elements_per_sample()? as u64;
        // Each input element meets the filters of all of its group's outputs.
        if let Op::ConvTranspose(_) = node.op {
            let channels = self.shape(node.input(0)?)?.dims().get(1)?.fixed()? as u64;
            return elements(0)?.checked_mul(elements(1)?.checked_div(channels)?);
        }
        let depth = match &node.op {
            // Filter elements per output channel.
            Op::Conv(_) => elements(1)? / self.shape(node.input(1)?)?.dims().first()?.fixed()? as u64,
            Op::Dense { .. } => self.shape(node.input(1)?)?.dims().last()?.fixed()? as u64,
            // Each unit meets the input and the hidden state once per gate.
            Op::Recurrent(recurrent) => {
                let columns = |index: usize| Some(self.shape(node.input(index)?)?.dims().last()?.fixed()? as u64);
                recurrent.cell.gates() as u64 * (columns(1)? + columns(2)?)
            }
            Op::Gemm { trans_a, .. } => self.shape(node.input(0)?)?.dims().get(usize::from(!trans_a))?.fixed()? as u64,
            Op::MatMul => self.shape(node.input(0)?)?.dims().last()?.fixed()? as u64,
            _ => return Some(0),
        };
        output.checked_mul(depth)
    }
}
