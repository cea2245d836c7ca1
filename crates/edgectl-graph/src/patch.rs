//! Patches: the only way to change a graph, and the driver that applies and checks them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use thiserror::Error;

use crate::{Fact, Graph, GraphError, Literal, Node, NodeId, Op, Tensor, TensorId, topological_order};

/// A transformation of graphs. Adding one is a file and a line in the table of [`pass`](crate::pass).
pub trait Pass {
    /// The name under which it is known to users and in errors, in kebab case.
    fn name(&self) -> &'static str;

    /// The next change to make, or `None` where there is none left. It is called again after each change until then.
    fn next(&self, graph: &Graph) -> Option<Patch>;
}

/// A pass that broke a graph: an error in the pass, not in the model.
#[derive(Debug, Error, PartialEq)]
#[error("pass {pass} ({why}) broke the graph: {error}")]
#[non_exhaustive]
pub struct PassError {
    /// The pass.
    pub pass: &'static str,
    /// What the patch meant to do.
    pub why: String,
    /// What is wrong with the graph after it.
    pub error: GraphError,
}

/// A change to one graph, made of additions, replacements and removals. Nodes that nothing reads any more go by themselves.
#[derive(Debug)]
pub struct Patch {
    why: String,
    base: usize,
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    replaced: HashMap<NodeId, Node>,
    redirected: HashMap<TensorId, TensorId>,
}

impl Patch {
    /// An empty patch of this graph; `why` says in a few words what it is for, e.g. `fold "bn1" into "conv1"`.
    pub fn new(graph: &Graph, why: impl Into<String>) -> Patch {
        Patch {
            why: why.into(),
            base: graph.tensors.len(),
            tensors: vec![],
            nodes: vec![],
            replaced: HashMap::new(),
            redirected: HashMap::new(),
        }
    }

    /// Adds a constant. A name that is taken, after the patch, gets a suffix.
    pub fn constant(&mut self, name: impl Into<String>, literal: Literal) -> TensorId {
        self.add(name.into(), Some(literal))
    }

    /// Adds a node with a typed operator and its output tensor. A name that is taken, after the patch, gets a suffix.
    pub fn node(&mut self, name: impl Into<String>, op: Op, inputs: Vec<Option<TensorId>>, output: impl Into<String>) -> TensorId {
        let id = self.add(output.into(), None);
        let outputs = vec![Some(id)];
        self.nodes.push(Node { name: name.into(), op, inputs, outputs, captures: vec![], extra: Arc::default() });
        id
    }

    /// Gives a node another typed operator and other inputs; its name and its output stay.
    pub fn replace(&mut self, graph: &Graph, id: NodeId, op: Op, inputs: Vec<Option<TensorId>>) {
        let node = Node { op, inputs, captures: vec![], ..graph.node(id).clone() };
        self.replaced.insert(id, node);
    }

    /// Like [`replace`](Patch::replace), but the node also takes the name of `source`, whose operator it takes over: where several nodes
    /// become one, it stands in the place of the last of them, so that the tensor which others read stays the same.
    pub fn replace_as(&mut self, graph: &Graph, id: NodeId, source: NodeId, op: Op, inputs: Vec<Option<TensorId>>) {
        let outputs = graph.node(id).outputs.clone();
        let node = Node { op, inputs, outputs, captures: vec![], ..graph.node(source).clone() };
        self.replaced.insert(id, node);
    }

    /// Lets every reader of `from` that this patch neither adds nor replaces read `to` instead. Where `from` is an output of the graph,
    /// `to` becomes that output and takes its name; [`Graph::can_redirect`] says whether it may.
    pub fn redirect(&mut self, from: TensorId, to: TensorId) {
        self.redirected.insert(from, to);
    }

    fn add(&mut self, name: String, literal: Option<Literal>) -> TensorId {
        let fact = literal.as_ref().map(Literal::fact);
        self.tensors.push(Tensor { name, fact, literal });
        TensorId(self.base + self.tensors.len() - 1)
    }

    fn apply(self, graph: &mut Graph) -> Result<(), GraphError> {
        let contract = graph.contract();
        let mut fresh: Vec<_> = (graph.tensors.len()..).map(TensorId).take(self.tensors.len()).collect();
        graph.tensors.extend(self.tensors);
        let redirect = |id: &mut TensorId| *id = *self.redirected.get(id).unwrap_or(id);
        for (index, node) in graph.nodes.iter_mut().enumerate() {
            match self.replaced.get(&NodeId(index)) {
                Some(other) => *node = other.clone(),
                None => node.inputs.iter_mut().flatten().for_each(redirect),
            }
        }
        graph.nodes.extend(self.nodes);
        for output in &mut graph.outputs {
            if let Some(&to) = self.redirected.get(output) {
                let name = std::mem::take(&mut graph.tensors[output.0].name);
                graph.tensors[output.0].name = std::mem::replace(&mut graph.tensors[to.0].name, name);
                fresh.retain(|&id| id != to);
                fresh.push(*output);
                *output = to;
            }
        }
        graph.sort()?;
        let renumbered = graph.sweep();
        graph.name_apart(fresh.iter().filter_map(|id| renumbered[id.0]).collect());
        graph.infer_all()?;
        graph.check()?;
        contract.compare(graph.contract())
    }
}

/// What a patch must leave as it is: names and facts of inputs and outputs.
struct Contract(Vec<(String, Option<Fact>)>);

impl Contract {
    fn compare(self, other: Contract) -> Result<(), GraphError> {
        let words = |(name, fact): &(String, Option<Fact>)| format!("{name}: {}", fact.as_ref().map_or("?".into(), Fact::to_string));
        for (expected, found) in self.0.iter().zip(&other.0) {
            // An output whose shape was hidden by an opaque node may become known.
            if expected.0 != found.0 || (expected.1.is_some() && expected.1 != found.1) {
                return Err(GraphError::Fact { tensor: expected.0.clone(), expected: words(expected), found: words(found) });
            }
        }
        Ok(())
    }
}

impl Graph {
    fn contract(&self) -> Contract {
        let ends = self.inputs.iter().chain(&self.outputs);
        Contract(ends.map(|&id| (self.tensor(id).name.clone(), self.tensor(id).fact.clone())).collect())
    }

    /// Brings the nodes into topological order; of several possible ones, that which keeps the present order best.
    fn sort(&mut self) -> Result<(), GraphError> {
        let mut producers = vec![None; self.tensors.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            node.writes().for_each(|id| producers[id.0] = Some(index));
        }
        let reads = self.nodes.iter().enumerate().flat_map(|(index, node)| node.reads().map(move |id| (id, index)));
        let edges = reads.filter_map(|(id, reader)| Some((producers[id.0]?, reader)));
        let order =
            topological_order(self.nodes.len(), edges).map_err(|stuck| GraphError::Cycle { node: self.label(&self.nodes[stuck]) })?;
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        self.nodes = order.into_iter().filter_map(|index| nodes[index].take()).collect();
        Ok(())
    }

    /// Gives those of the `fresh` tensors whose names are taken by others a suffix.
    fn name_apart(&mut self, fresh: Vec<TensorId>) {
        if fresh.is_empty() {
            return;
        }
        let kept = self.iter_tensors().filter(|(id, _)| !fresh.contains(id));
        let mut names: HashSet<String> = kept.map(|(_, tensor)| tensor.name.clone()).collect();
        for TensorId(index) in fresh {
            let tensor = &mut self.tensors[index];
            if names.contains(&tensor.name) {
                let free = (1..).map(|n| format!("{}_{n}", tensor.name)).find(|name| !names.contains(name));
                tensor.name = free.unwrap_or_default();
            }
            names.insert(tensor.name.clone());
        }
    }

    /// Drops nodes that no output depends on, and tensors that nothing mentions. Ids change: returns the new ones of those that stay.
    fn sweep(&mut self) -> Vec<Option<TensorId>> {
        let mut live = vec![false; self.tensors.len()];
        self.inputs.iter().chain(&self.outputs).for_each(|id| live[id.0] = true);
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.reverse();
        nodes.retain(|node| {
            let used = node.writes().any(|id| live[id.0]);
            if used {
                node.reads().chain(node.writes()).for_each(|id| live[id.0] = true);
            }
            used
        });
        nodes.reverse();
        let mut tensors = Vec::with_capacity(live.len());
        let keep = |(tensor, live)| {
            if live {
                tensors.push(tensor);
            }
            live.then(|| TensorId(tensors.len() - 1))
        };
        let renumbered: Vec<Option<TensorId>> = std::mem::take(&mut self.tensors).into_iter().zip(live).map(keep).collect();
        // What is mentioned is live.
        let renumber = |id: &mut TensorId| *id = renumbered[id.0].unwrap_or(*id);
        for node in &mut nodes {
            node.inputs.iter_mut().chain(&mut node.outputs).flatten().chain(&mut node.captures).for_each(renumber);
        }
        self.inputs.iter_mut().chain(&mut self.outputs).for_each(renumber);
        self.nodes = nodes;
        self.tensors = tensors;
        self.relink();
        renumbered
    }
}

/// Runs a pass until it has nothing left to change and returns the number of changes.
///
/// # Errors
/// [`PassError`] where a change leaves the graph inconsistent or alters its inputs and outputs.
pub fn run(graph: &mut Graph, pass: &dyn Pass) -> Result<usize, PassError> {
    let mut changes = 0;
    while let Some(patch) = pass.next(graph) {
        let why = patch.why.clone();
        patch.apply(graph).map_err(|error| PassError { pass: pass.name(), why, error })?;
        changes += 1;
    }
    Ok(changes)
}

/// Runs passes in turn, again from the first one on until none has anything left to change. Returns name and number of changes of each.
///
/// # Errors
/// As [`run`].
pub fn run_all(graph: &mut Graph, passes: &[&dyn Pass]) -> Result<Vec<(&'static str, usize)>, PassError> {
    let mut totals: Vec<_> = passes.iter().map(|pass| (pass.name(), 0)).collect();
    loop {
        let mut changed = false;
        for (pass, total) in passes.iter().zip(&mut totals) {
            let changes = run(graph, *pass)?;
            total.1 += changes;
            changed |= changes > 0;
        }
        if !changed {
            return Ok(totals);
        }
    }
}
