//! Parts of a graph as graphs of their own: a stretch of its nodes, or all of it with more outputs.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::{Graph, Node, QuantError, QuantGraph, TensorId};

/// A stretch of a graph's nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<G> {
    /// The stretch as a graph. Its nodes and tensors keep their names.
    pub graph: G,
    /// What it takes, as tensors of the whole, in the order of its inputs.
    pub inputs: Vec<TensorId>,
    /// What it gives that is read elsewhere or is an output of the whole, as tensors of the whole, in the order of its outputs.
    pub outputs: Vec<TensorId>,
}

impl Graph {
    /// The nodes at these places of [`Graph::nodes`], as a graph. Places beyond the end are left out.
    pub fn part(&self, nodes: Range<usize>) -> Part<Graph> {
        let (part, _) = self.part_with_ids(nodes);
        part
    }

    /// The part, and its tensors by those of the whole.
    fn part_with_ids(&self, nodes: Range<usize>) -> (Part<Graph>, BTreeMap<TensorId, TensorId>) {
        let nodes = nodes.start.min(self.nodes.len())..nodes.end.min(self.nodes.len());
        let stretch: &[Node] = self.nodes.get(nodes.clone()).unwrap_or_default();
        let mut part = Part { graph: Graph::new(self.name.clone()), inputs: vec![], outputs: vec![] };
        let mut ids: BTreeMap<TensorId, TensorId> = BTreeMap::new();
        for node in stretch {
            for id in node.reads().chain(node.writes()) {
                let outside = self.producer(id).is_none_or(|producer| !nodes.contains(&producer.index()));
                ids.entry(id).or_insert_with(|| {
                    part.graph.tensors.push(self.tensor(id).clone());
                    let own = TensorId(part.graph.tensors.len() - 1);
                    if outside && self.literal(id).is_none() {
                        part.graph.inputs.push(own);
                        part.inputs.push(id);
                    }
                    own
                });
            }
            part.graph.nodes.push(Node {
                inputs: node.inputs.iter().map(|input| input.and_then(|id| ids.get(&id).copied())).collect(),
                outputs: node.outputs.iter().map(|output| output.and_then(|id| ids.get(&id).copied())).collect(),
                captures: node.captures.iter().filter_map(|id| ids.get(id).copied()).collect(),
                ..node.clone()
            });
        }
        for id in stretch.iter().flat_map(Node::writes) {
            let read_elsewhere = self.consumers(id).iter().any(|reader| !nodes.contains(&reader.index()));
            if read_elsewhere || self.outputs.contains(&id) {
                part.graph.outputs.extend(ids.get(&id));
                part.outputs.push(id);
            }
        }
        part.graph.relink();
        (part, ids)
    }
}

impl QuantGraph {
    /// The nodes at these places of [`Graph::nodes`], with the parameters that they have in the whole.
    ///
    /// # Errors
    /// As [`QuantGraph::new`]; for a part of a valid graph, none.
    pub fn part(&self, nodes: Range<usize>) -> Result<Part<QuantGraph>, QuantError> {
        let (Part { graph, inputs, outputs }, ids) = self.graph().part_with_ids(nodes);
        let activations = ids.iter().filter(|(id, _)| self.constant(**id).is_none());
        let activations = activations.filter_map(|(&whole, &own)| Some((own, self.params(whole)?))).collect();
        let constants = ids.iter().filter_map(|(&whole, &own)| Some((own, self.constant(whole)?.clone()))).collect();
        Ok(Part { graph: QuantGraph::new(graph, activations, constants)?, inputs, outputs })
    }

    /// The same graph with these tensors as outputs after its own, for who wants to see them. One that is an output already is not given
    /// twice.
    ///
    /// # Errors
    /// As [`QuantGraph::new`]: a tensor that no operator computes.
    pub fn observing(&self, tensors: &[TensorId]) -> Result<QuantGraph, QuantError> {
        let mut graph = self.graph().clone();
        for &id in tensors {
            if !graph.outputs.contains(&id) {
                graph.outputs.push(id);
            }
        }
        let activations = self.graph().iter_tensors().filter(|(id, _)| self.constant(*id).is_none());
        let activations = activations.filter_map(|(id, _)| Some((id, self.params(id)?))).collect();
        QuantGraph::new(graph, activations, self.constants().map(|(id, constant)| (id, constant.clone())).collect())
    }
}
