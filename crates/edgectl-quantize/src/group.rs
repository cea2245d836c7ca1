//! Which tensors must share their quantization parameters.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, Op, QuantParams, QuantType, Sharing, TensorId, sharing};

/// Sets of tensors that the operators between them force to have the same parameters.
#[derive(Debug)]
pub(crate) struct Groups {
    parents: Vec<usize>,
}

/// What decides a group's parameters: a tensor that no [`Sharing::Same`] operator computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    /// A constant.
    Constant(TensorId),
    /// The output of an operator that fixes its parameters.
    Fixed(TensorId, QuantParams),
    /// An input of the graph, or the output of an operator that leaves the choice.
    Free(TensorId),
    /// The value of a frame.
    Padding(f32),
}

impl Groups {
    /// The groups of a graph.
    pub(crate) fn new(graph: &Graph) -> Groups {
        let mut groups = Groups { parents: (0..graph.tensors().len()).collect() };
        for node in graph.nodes().iter().filter(|node| sharing(&node.op, QuantType::I8) == Sharing::Same) {
            for id in node.reads() {
                if let Some(output) = node.output().filter(|&output| graph.is_real(output)) {
                    groups.join(id, output);
                }
            }
        }
        groups
    }

    /// The group's representative.
    pub(crate) fn of(&self, id: TensorId) -> usize {
        let mut root = id.index();
        while self.parents[root] != root {
            root = self.parents[root];
        }
        root
    }

    fn join(&mut self, a: TensorId, b: TensorId) {
        let (a, b) = (self.of(a), self.of(b));
        self.parents[a.max(b)] = a.min(b);
    }

    /// The sources of every group that holds an activation, where all are int8.
    pub(crate) fn sources(&self, graph: &Graph) -> BTreeMap<usize, Vec<Source>> {
        self.sources_of(graph, |_| QuantType::I8)
    }

    /// The sources of every group that holds an activation; operators fix other parameters for other types.
    pub(crate) fn sources_of(&self, graph: &Graph, ty: impl Fn(TensorId) -> QuantType) -> BTreeMap<usize, Vec<Source>> {
        let mut sources: BTreeMap<usize, Vec<Source>> = BTreeMap::new();
        let mut add = |id, source| sources.entry(self.of(id)).or_default().push(source);
        let opaque = graph.opaque_tensors();
        graph.inputs().iter().filter(|id| !opaque.contains(id)).for_each(|&id| add(id, Source::Free(id)));
        for node in graph.nodes() {
            if matches!(node.op, Op::Opaque(_)) {
                node.writes().filter(|&id| graph.is_real(id) && !opaque.contains(&id)).for_each(|id| add(id, Source::Free(id)));
                continue;
            }
            if let Some(id) = node.output().filter(|&id| graph.is_real(id)) {
                match sharing(&node.op, ty(id)) {
                    Sharing::Fixed(params) => add(id, Source::Fixed(id, params)),
                    Sharing::Free => add(id, Source::Free(id)),
                    Sharing::Same => {
                        node.reads().filter(|&id| graph.literal(id).is_some()).for_each(|id| add(id, Source::Constant(id)));
                        if let Op::Pad { value, .. } = node.op {
                            add(id, Source::Padding(value));
                        }
                    }
                }
            }
        }
        sources
    }
}
