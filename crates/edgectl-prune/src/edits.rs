//! Changes to the weights and biases of layers.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, Literal, NodeId};

use crate::weights::Reader;

/// The weights of some layers, changed. A layer whose constants others share gets constants of its own.
#[derive(Debug, Default)]
pub(crate) struct Edits(BTreeMap<NodeId, Layer>);

/// The constants of a layer, in double precision until all changes are made.
#[derive(Debug)]
pub(crate) struct Layer {
    shape: Vec<usize>,
    /// `[O, columns, kernel...]`
    pub(crate) weights: Vec<f64>,
    /// `[O]`
    pub(crate) bias: Vec<f64>,
    has_bias: bool,
}

impl Edits {
    /// The constants of a layer, to be changed. `None` where they are not what [`Reader`] says.
    pub(crate) fn layer(&mut self, graph: &Graph, reader: &Reader) -> Option<&mut Layer> {
        let node = graph.node(reader.node);
        let weights = graph.literal(reader.weights)?;
        let values = weights.as_f32()?;
        let outputs = *weights.shape().first()?;
        let bias = match node.input(2) {
            Some(id) => Some(graph.literal(id)?.as_f32().filter(|bias| bias.len() == outputs)?),
            None => None,
        };
        Some(self.0.entry(reader.node).or_insert_with(|| Layer {
            shape: weights.shape().to_vec(),
            weights: values.iter().map(|&value| value.into()).collect(),
            bias: bias.map_or_else(|| vec![0.0; outputs], |bias| bias.iter().map(|&value| value.into()).collect()),
            has_bias: bias.is_some(),
        }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changed constant at an input of a node: 1 for its weights, 2 for its bias.
    pub(crate) fn literal(&self, node: NodeId, input: usize) -> Option<Literal> {
        let layer = self.0.get(&node)?;
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
        match input {
            1 => Literal::f32(layer.shape.clone(), single(&layer.weights)),
            2 if layer.has_bias || layer.bias.iter().any(|&value| value != 0.0) => Literal::f32([layer.bias.len()], single(&layer.bias)),
            _ => None,
        }
    }
}

impl Layer {
    /// The number of columns, and of taps of each.
    pub(crate) fn extents(&self) -> (usize, usize) {
        (self.shape.get(1).copied().unwrap_or(1), self.shape.iter().skip(2).product::<usize>().max(1))
    }

    /// The rows that read a channel of the input, and its column in them.
    fn rows(&self, groups: usize, channel: usize) -> (std::ops::Range<usize>, usize) {
        let (columns, _) = self.extents();
        let per_group = self.bias.len() / groups.max(1);
        let group = channel / columns.max(1);
        (group * per_group..(group + 1) * per_group, channel % columns.max(1))
    }

    /// Adds to the bias what a channel contributes that always has this value.
    pub(crate) fn fold(&mut self, groups: usize, channel: usize, value: f64) {
        let (columns, taps) = self.extents();
        let (rows, column) = self.rows(groups, channel);
        for row in rows {
            let first = (row * columns + column) * taps;
            self.bias[row] += value * self.weights[first..first + taps].iter().sum::<f64>();
        }
    }

    /// Adds the weights of one channel, times a factor, to those of another. Both belong to the same group.
    pub(crate) fn add(&mut self, groups: usize, from: usize, to: usize, factor: f64) {
        let (columns, taps) = self.extents();
        let (rows, source) = self.rows(groups, from);
        let (_, target) = self.rows(groups, to);
        for row in rows {
            for tap in 0..taps {
                self.weights[(row * columns + target) * taps + tap] += factor * self.weights[(row * columns + source) * taps + tap];
            }
        }
    }
}
