//! Which tensors a node reads, and an order of the nodes in which each reads only what is there.

use std::collections::{BTreeSet, HashMap, HashSet};

use edgectl_graph::{GraphError, topological_order};

use crate::proto::{GraphProto, NodeProto};

/// A name for messages: the node's own, or that of its first output.
pub(super) fn label(node: &NodeProto) -> String {
    if node.name().is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name().to_owned() }
}

/// The names that a node's subgraphs read from outside of themselves. The decoder bounds the depth.
pub(super) fn captures(node: &NodeProto) -> BTreeSet<&str> {
    let graphs = node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    graphs.flat_map(free_names).collect()
}

fn free_names(graph: &GraphProto) -> BTreeSet<&str> {
    let mut own: HashSet<&str> = graph.input.iter().map(|info| info.name()).collect();
    own.extend(graph.initializer.iter().map(|tensor| tensor.name()));
    own.extend(graph.sparse_initializer.iter().flat_map(|sparse| &sparse.values).map(|tensor| tensor.name()));
    own.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    let mut read: BTreeSet<&str> = graph.output.iter().map(|info| info.name()).collect();
    for node in &graph.node {
        read.extend(node.input.iter().map(String::as_str));
        read.extend(captures(node));
    }
    read.retain(|name| !name.is_empty() && !own.contains(name));
    read
}

/// The nodes in topological order; of several possible ones, that which keeps the file's order best. `given` are the names of inputs and
/// constants.
pub(super) fn sorted(nodes: Vec<NodeProto>, given: &HashSet<String>) -> Result<Vec<NodeProto>, GraphError> {
    let mut producers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if given.contains(name) || producers.insert(name, index).is_some() {
                return Err(GraphError::Redefined { node: label(node), tensor: name.clone() });
            }
        }
    }
    let mut edges = vec![];
    for (index, node) in nodes.iter().enumerate() {
        let inner = captures(node);
        for name in node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).chain(inner) {
            match producers.get(name) {
                Some(&producer) => edges.push((producer, index)),
                None if given.contains(name) => {}
                None => return Err(GraphError::Undefined { node: label(node), tensor: name.to_owned() }),
            }
        }
    }
    let order = topological_order(nodes.len(), edges).map_err(|stuck| GraphError::Cycle { node: label(&nodes[stuck]) })?;
    let mut nodes: Vec<Option<NodeProto>> = nodes.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| nodes[index].take()).collect())
}
