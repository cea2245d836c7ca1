//! Which channels of the unpruned model those of the pruned one were.

use std::collections::{BTreeMap, BTreeSet};

use edgectl_graph::{Graph, TensorId};
use edgectl_prune::{Dependencies, UnitId};

/// The axis of channels.
const CHANNELS: usize = 1;

/// By the names of tensors, which the cut leaves alone, where each of their channels was.
#[derive(Clone, Debug)]
pub(super) struct Origins(BTreeMap<String, Vec<usize>>);

impl Origins {
    /// Of a model that is not cut yet.
    pub(super) fn new(graph: &Graph) -> Origins {
        let place = |id| Some((graph.tensor(id).name.clone(), (0..graph.shape(id)?.dims().get(CHANNELS)?.fixed()?).collect()));
        Origins(matched(graph).filter_map(place).collect())
    }

    /// Units are about to be cut out of a graph.
    pub(super) fn cut(&mut self, graph: &Graph, dependencies: &Dependencies, units: &BTreeSet<UnitId>) {
        for id in matched(graph) {
            if let Some(origins) = self.0.get_mut(&graph.tensor(id).name) {
                let mut stays = dependencies.axis(id, CHANNELS).iter().map(|unit| unit.is_none_or(|unit| !units.contains(&unit)));
                origins.retain(|_| stays.next().unwrap_or(true));
            }
        }
    }

    /// Tensors by name, and where their channels were.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Vec<usize>)> {
        self.0.iter()
    }
}

/// What layers read, but for the model's input.
fn matched(graph: &Graph) -> impl Iterator<Item = TensorId> + '_ {
    let read = graph.nodes().iter().filter(|node| node.op.is_layer()).filter_map(|node| node.input(0));
    let read: BTreeSet<TensorId> = read.filter(|id| !graph.inputs().contains(id) && graph.literal(*id).is_none()).collect();
    read.into_iter()
}
