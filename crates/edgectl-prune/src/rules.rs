//! What each operator couples: which indices of its operands and of its result can only go together.
//!
//! A rule mentions the axes that it understands. Every other axis of the node's tensors stays as it is, so that an operator without a rule,
//! or a form that a rule does not know, costs possibilities and never correctness.
//!
//! To remove an index means that what reads it no longer does: a layer loses the column of its weights. So an index may go only where all
//! readers either pass it on, index by index, or multiply it with weights of their own.

use std::collections::HashSet;
use std::ops::Range;

use edgectl_graph::{Conv, Dim, Graph, Node, Op, Shape, TensorId};

use crate::entries::{Entries, Entry, Obstacle};

/// Couples everything in a graph.
pub(crate) fn link(graph: &Graph, entries: &mut Entries) {
    for (what, ids) in [("an input", graph.inputs()), ("an output", graph.outputs())] {
        for &id in ids {
            let all = entries.axes(id).to_vec();
            let obstacle =
                || Obstacle { place: graph.tensor(id).name.clone(), reason: format!("it is {what} of the model"), is_plain: false };
            entries.keep(all.into_iter().flatten(), obstacle);
        }
    }
    for node in graph.nodes() {
        let mut rule = Rule { graph, node, entries, mentioned: HashSet::new() };
        rule.apply();
        rule.keep_others();
    }
}

struct Rule<'a> {
    graph: &'a Graph,
    node: &'a Node,
    entries: &'a mut Entries,
    mentioned: HashSet<(TensorId, usize)>,
}

impl Rule<'_> {
    fn apply(&mut self) {
        let (Some(x), Some(y)) = (self.node.input(0), self.node.output()) else { return };
        let input = |index: usize| self.node.input(index);
        let rank = self.rank(x);
        match &self.node.op {
            Op::Conv(conv) => self.convolution(conv, x, y),
            Op::ConvTranspose(conv) => {
                let conv = Conv { window: conv.window.clone(), groups: conv.groups, activation: conv.activation };
                self.convolution(&conv, x, y);
            }
            Op::Dense { .. } => {
                let last = rank.saturating_sub(1);
                (0..last).for_each(|axis| self.link((x, axis), (y, axis)));
                if let Some(weights) = input(1) {
                    self.link((x, last), (weights, 1));
                    self.link((y, last), (weights, 0));
                }
                input(2).into_iter().for_each(|bias| self.link((y, last), (bias, 0)));
            }
            Op::BatchNorm { .. } => {
                self.link_all(x, y);
                (1..5).filter_map(input).for_each(|parameter| self.link((parameter, 0), (y, 1)));
            }
            Op::GroupNorm { groups, .. } => {
                (0..rank).filter(|&axis| axis != 1).for_each(|axis| self.link((x, axis), (y, axis)));
                // With a channel per group, channels have nothing to do with each other.
                if self.size(x, 1) == Some(*groups) {
                    self.link((x, 1), (y, 1));
                    (1..3).filter_map(input).for_each(|parameter| self.link((parameter, 0), (y, 1)));
                }
            }
            Op::Binary { .. } | Op::PRelu => {
                [Some(x), input(1)].into_iter().flatten().for_each(|operand| self.broadcast(operand, y));
            }
            Op::Identity | Op::Unary(_) => self.link_all(x, y),
            Op::Quantize { axis, .. } | Op::Dequantize { axis } => {
                self.link_all(x, y);
                for parameter in (1..3).filter_map(input) {
                    if self.rank(parameter) == 1 && self.size(parameter, 0) == self.size(x, *axis) {
                        self.link((parameter, 0), (y, *axis));
                    }
                }
            }
            Op::AveragePool { .. } | Op::MaxPool(_) | Op::GlobalAveragePool | Op::GlobalMaxPool | Op::Resize(_) => {
                (0..2).for_each(|axis| self.link((x, axis), (y, axis)));
            }
            Op::Concat { axis } => self.concat(*axis, y),
            Op::Pad { before, after, .. } => {
                for axis in 0..rank {
                    let (from, to) = (self.axis(x, axis), self.axis(y, axis));
                    let moved = to.start + before.get(axis).unwrap_or(&0);
                    if from.len() + before.get(axis).unwrap_or(&0) + after.get(axis).unwrap_or(&0) == to.len() {
                        self.mention(&[(x, axis), (y, axis)]);
                        from.zip(moved..).for_each(|(a, b)| self.entries.link(a, b));
                    }
                }
            }
            Op::Slice { spans } => {
                for axis in 0..rank {
                    match spans.iter().find(|span| span.axis == axis) {
                        None => self.link((x, axis), (y, axis)),
                        // Of other steps, what stays need not be evenly spaced.
                        Some(span) if span.step.abs() == 1 => self.pick(x, axis, span.indices(), (y, axis)),
                        Some(_) => {}
                    }
                }
            }
            Op::Gather { axis, indices, dims } => {
                (0..*axis).for_each(|at| self.link((x, at), (y, at)));
                (axis + 1..rank).for_each(|at| self.link((x, at), (y, at + dims.len() - 1)));
                if dims.len() == 1 {
                    self.pick(x, *axis, indices.iter().copied(), (y, *axis));
                }
            }
            Op::Transpose { perm } => perm.iter().enumerate().for_each(|(to, &from)| self.link((x, from), (y, to))),
            Op::Reshape { .. } => self.reshape(x, y),
            Op::Reduce { axes, keep_dims, .. } | Op::ReduceMean { axes, keep_dims } => self.without(x, y, axes, *keep_dims),
            Op::ArgMax { axis, keep_dims, .. } => self.without(x, y, &[*axis], *keep_dims),
            Op::Softmax { axis } | Op::LogSoftmax { axis } | Op::TopK { axis, .. } | Op::Delay { axis, .. } => {
                (0..rank).filter(|at| at != axis).for_each(|at| self.link((x, at), (y, at)));
            }
            Op::LayerNorm { axis, .. } => (0..*axis).for_each(|at| self.link((x, at), (y, at))),
            Op::DepthToSpace { block, channel_first } => {
                self.link((x, 0), (y, 0));
                let (area, depth) = (block * block, self.axis(y, 1).len());
                let source = |of: usize| if *channel_first { of / area } else { of % depth.max(1) };
                self.map((x, 1), (y, 1), source);
            }
            Op::SpaceToDepth { .. } => {
                self.link((x, 0), (y, 0));
                let depth = self.axis(x, 1).len().max(1);
                self.map((y, 1), (x, 1), |of| of % depth);
            }
            Op::Gemm { trans_a, trans_b, .. } => {
                let Some(b) = input(1) else { return };
                self.link((x, usize::from(!trans_a)), (b, usize::from(*trans_b)));
                self.link((x, usize::from(*trans_a)), (y, 0));
                self.link((b, usize::from(!trans_b)), (y, 1));
                input(2).into_iter().for_each(|c| self.broadcast(c, y));
            }
            Op::MatMul => self.matmul(x, y),
            Op::Recurrent(recurrent) => self.recurrent(recurrent.cell.gates(), x, y),
            // Opaque operators, and what may come.
            _ => {}
        }
    }

    /// Keeps what the rule did not mention.
    fn keep_others(&mut self) {
        let plain = !matches!(self.node.op, Op::Opaque(_));
        for id in self.node.reads().chain(self.node.writes()).collect::<Vec<_>>() {
            for axis in 0..self.rank(id) {
                if self.mentioned.contains(&(id, axis)) {
                    continue;
                }
                let (graph, node) = (self.graph, self.node);
                let obstacle = || Obstacle { place: graph.label(node), reason: words(&node.op), is_plain: plain && is_plain(&node.op) };
                self.entries.keep(self.entries.axis(id, axis), obstacle);
            }
        }
    }

    fn convolution(&mut self, conv: &Conv, x: TensorId, y: TensorId) {
        self.link((x, 0), (y, 0));
        let Some(filter) = self.node.input(1) else { return };
        let (columns, outputs) = (self.axis(filter, 1).len(), self.axis(filter, 0).len());
        if conv.groups == 1 {
            self.link((x, 1), (filter, 1));
            self.link((y, 1), (filter, 0));
        } else if columns == 1 {
            // Depthwise: each input channel has its own outputs, and goes with all of them.
            let per_input = (outputs / conv.groups.max(1)).max(1);
            self.map((y, 1), (x, 1), |output| output / per_input);
            self.link((y, 1), (filter, 0));
            self.mention(&[(filter, 1)]);
        } else {
            // Groups stay, and stay equal: what goes, goes from each of them.
            self.map((x, 1), (filter, 1), |channel| channel % columns.max(1));
            self.link((y, 1), (filter, 0));
            let per_group = (outputs / conv.groups.max(1)).max(1);
            let rows = self.axis(filter, 0);
            rows.clone().for_each(|row| self.entries.link(row, rows.start + (row - rows.start) % per_group));
        }
        self.node.input(2).into_iter().for_each(|bias| self.link((y, 1), (bias, 0)));
    }

    fn concat(&mut self, axis: usize, y: TensorId) {
        let inputs: Vec<TensorId> = self.node.inputs.iter().flatten().copied().collect();
        let joined = self.axis(y, axis);
        let mut at = joined.start;
        for &input in &inputs {
            (0..self.rank(y)).filter(|&other| other != axis).for_each(|other| self.link((input, other), (y, other)));
            let own = self.axis(input, axis);
            if at + own.len() > joined.end {
                return;
            }
            self.mention(&[(input, axis), (y, axis)]);
            own.clone().zip(at..).for_each(|(a, b)| self.entries.link(a, b));
            at += own.len();
        }
    }

    /// Axes without those that an operator goes over.
    fn without(&mut self, x: TensorId, y: TensorId, axes: &[usize], keep_dims: bool) {
        let mut to = 0;
        for axis in 0..self.rank(x) {
            let gone = axes.contains(&axis);
            if !gone {
                self.link((x, axis), (y, to));
            }
            to += usize::from(!gone || keep_dims);
        }
    }

    fn matmul(&mut self, a: TensorId, y: TensorId) {
        let Some(b) = self.node.input(1) else { return };
        let (rank_a, rank_b, rank_y) = (self.rank(a), self.rank(b), self.rank(y));
        // Vectors have rules of their own, and no layer has them.
        if rank_a < 2 || rank_b < 2 || rank_y < 2 {
            return;
        }
        self.link((a, rank_a - 1), (b, rank_b - 2));
        self.link((a, rank_a - 2), (y, rank_y - 2));
        self.link((b, rank_b - 1), (y, rank_y - 1));
        for (operand, rank) in [(a, rank_a), (b, rank_b)] {
            for axis in 0..rank - 2 {
                let to = axis + rank_y - rank;
                if self.size(operand, axis) == self.size(y, to) {
                    self.link((operand, axis), (y, to));
                }
            }
        }
    }

    /// A unit goes with its rows of all gates, and with what all gates read of it a step later.
    fn recurrent(&mut self, gates: usize, x: TensorId, y: TensorId) {
        let [Some(weights), Some(recurrent), Some(bias), Some(last)] = [1, 2, 3, 4].map(|index| self.node.input(index)) else { return };
        self.link((x, 2), (weights, 1));
        self.link((y, 2), (recurrent, 1));
        let units = self.axis(y, 2).len().max(1);
        let vector = self.rank(last) - 1;
        for (id, axis) in [(weights, 0), (recurrent, 0), (bias, 0), (last, vector)] {
            debug_assert!(self.axis(id, axis).len() == units * gates || axis == 1);
            self.map((id, axis), (y, 2), |row| row % units);
        }
        if vector == 1 {
            self.mention(&[(last, 0)]);
        }
    }

    /// The same elements in other dimensions. Dimensions are compared block by block: in each, both sides have as many elements.
    fn reshape(&mut self, x: TensorId, y: TensorId) {
        let (Some(from), Some(to)) = (self.graph.shape(x), self.graph.shape(y)) else { return };
        for (inner, outer) in blocks(from, to) {
            let many =
                |shape: &Shape, axes: Range<usize>| -> Vec<usize> { axes.filter(|&axis| shape.dims()[axis] != Dim::Fixed(1)).collect() };
            let sizes = |shape: &Shape, axes: &[usize]| -> Vec<Dim> { axes.iter().map(|&axis| shape.dims()[axis].clone()).collect() };
            let (ins, outs) = (many(from, inner), many(to, outer));
            if sizes(from, &ins) == sizes(to, &outs) {
                ins.iter().zip(&outs).for_each(|(&a, &b)| self.link((x, a), (y, b)));
                continue;
            }
            let free = |rule: &mut Self, axis: &usize| {
                let first = rule.axis(x, *axis).start;
                rule.entries.obstacle(first).is_none()
            };
            match (&ins[..], &outs[..]) {
                // Several axes become one: it follows the one that is made of channels.
                (_, &[merged]) => {
                    let Some(&carrier) = ins.iter().find(|axis| free(self, axis)) else { continue };
                    let below: usize = ins.iter().filter(|&&axis| axis > carrier).map(|&axis| self.axis(x, axis).len()).product();
                    let size = self.axis(x, carrier).len();
                    self.map((y, merged), (x, carrier), |of| of / below.max(1) % size.max(1));
                }
                // One axis becomes several: channels are axis 1 of images; otherwise what lies innermost, as in heads and shuffles.
                (&[split], _) => {
                    let image = to.rank() <= 4 && outs.contains(&1);
                    let Some(&carrier) = outs.iter().find(|&&axis| image && axis == 1).or(outs.last()) else { continue };
                    let below: usize = outs.iter().filter(|&&axis| axis > carrier).map(|&axis| self.axis(y, axis).len()).product();
                    let size = self.axis(y, carrier).len();
                    self.map((x, split), (y, carrier), |of| of / below.max(1) % size.max(1));
                }
                _ => {}
            }
        }
    }

    fn mention(&mut self, axes: &[(TensorId, usize)]) {
        self.mentioned.extend(axes);
    }

    fn rank(&self, id: TensorId) -> usize {
        self.entries.axes(id).len()
    }

    fn axis(&self, id: TensorId, axis: usize) -> Range<Entry> {
        self.entries.axis(id, axis)
    }

    fn size(&self, id: TensorId, axis: usize) -> Option<usize> {
        self.graph.shape(id)?.dims().get(axis)?.fixed()
    }

    /// Axes whose indices go together one by one.
    fn link(&mut self, a: (TensorId, usize), b: (TensorId, usize)) {
        let (left, right) = (self.axis(a.0, a.1), self.axis(b.0, b.1));
        if left.len() == right.len() {
            self.mention(&[a, b]);
            left.zip(right).for_each(|(a, b)| self.entries.link(a, b));
        }
    }

    fn link_all(&mut self, x: TensorId, y: TensorId) {
        (0..self.rank(x)).for_each(|axis| self.link((x, axis), (y, axis)));
    }

    /// Each index of `many` goes with the index of `one` that belongs to it.
    fn map(&mut self, many: (TensorId, usize), one: (TensorId, usize), belongs_to: impl Fn(usize) -> usize) {
        let (from, to) = (self.axis(many.0, many.1), self.axis(one.0, one.1));
        if (0..from.len()).all(|of| belongs_to(of) < to.len()) {
            self.mention(&[many, one]);
            from.clone().for_each(|of| self.entries.link(of, to.start + belongs_to(of - from.start)));
        }
    }

    /// An axis made of some indices of another.
    fn pick(&mut self, x: TensorId, axis: usize, indices: impl Iterator<Item = usize>, to: (TensorId, usize)) {
        let (from, into) = (self.axis(x, axis), self.axis(to.0, to.1));
        let indices: Vec<usize> = indices.collect();
        if indices.len() == into.len() && indices.iter().all(|&index| index < from.len()) {
            self.mention(&[(x, axis), to]);
            indices.iter().zip(into).for_each(|(index, b)| self.entries.link(from.start + index, b));
        }
    }

    /// Numpy's broadcasting: axes count from the back, and those of size one stay.
    fn broadcast(&mut self, operand: TensorId, y: TensorId) {
        let (rank, rank_y) = (self.rank(operand), self.rank(y));
        for axis in 0..rank {
            let Some(to) = (axis + rank_y).checked_sub(rank) else { continue };
            if self.size(operand, axis) == self.size(y, to) {
                self.link((operand, axis), (y, to));
            }
        }
    }
}

/// Stretches of axes of two shapes that have as many elements each; symbolic dimensions stand for themselves.
fn blocks(from: &Shape, to: &Shape) -> Vec<(Range<usize>, Range<usize>)> {
    let (a, b) = (from.dims(), to.dims());
    let (mut i, mut j, mut blocks) = (0, 0, vec![]);
    while i < a.len() && j < b.len() {
        let (start_i, start_j) = (i, j);
        match (&a[i], &b[j]) {
            (Dim::Symbol(_), Dim::Symbol(_)) => (i, j) = (i + 1, j + 1),
            (Dim::Symbol(_), Dim::Fixed(1)) => j += 1,
            (Dim::Fixed(1), Dim::Symbol(_)) => i += 1,
            (&Dim::Fixed(mut left), &Dim::Fixed(mut right)) => {
                (i, j) = (i + 1, j + 1);
                while left != right {
                    let (dims, at, product) = if left < right { (a, &mut i, &mut left) } else { (b, &mut j, &mut right) };
                    let Some(Dim::Fixed(dim)) = dims.get(*at) else { return blocks };
                    let Some(larger) = product.checked_mul(*dim) else { return blocks };
                    (*product, *at) = (larger, *at + 1);
                }
            }
            // A symbol amid other dimensions.
            _ => return blocks,
        }
        blocks.push((start_i..i, start_j..j));
    }
    blocks
}

/// Whether what an operator keeps are no channels in all likelihood.
fn is_plain(op: &Op) -> bool {
    op.is_layer()
        || matches!(
            op,
            Op::AveragePool { .. }
                | Op::BatchNorm { .. }
                | Op::DepthToSpace { .. }
                | Op::GlobalAveragePool
                | Op::GlobalMaxPool
                | Op::MaxPool(_)
                | Op::Recurrent(_)
                | Op::Reshape { .. }
                | Op::Resize(_)
                | Op::SpaceToDepth { .. }
        )
}

/// Why an operator needs all of an axis.
fn words(op: &Op) -> String {
    match op {
        Op::ArgMax { .. } | Op::TopK { .. } => "it gives places along it".into(),
        Op::Binary { .. } | Op::PRelu => "one value is spread over it".into(),
        Op::Gather { .. } | Op::Slice { .. } => "it takes certain elements of it".into(),
        Op::GroupNorm { .. } | Op::LayerNorm { .. } => "it normalizes over it".into(),
        Op::LogSoftmax { .. } | Op::Softmax { .. } => "softmax sums over it".into(),
        Op::Opaque(opaque) => format!("{} is not supported, so nobody knows what it does with it", opaque.op_type),
        Op::Reduce { .. } | Op::ReduceMean { .. } => format!("{} goes over it", op.name()),
        Op::Reshape { .. } => "it mixes it with other dimensions".into(),
        other => format!("{} needs all of it", other.name()),
    }
}
