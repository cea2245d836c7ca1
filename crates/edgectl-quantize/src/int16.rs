//! Which nodes compute with int16 activations, and the identities that requantize between them and the others.

use std::collections::{BTreeMap, BTreeSet};

use edgectl_graph::{Graph, Node, NodeId, Op, Pass, Patch, QuantType, Sharing, TensorId, has_int16, run_all, sharing};

use crate::group::{Groups, Source};
use crate::{QuantizeError, Range};

/// The nodes that compute with int16 activations and int8 weights.
///
/// Operators that only pass elements on (reshapes, poolings, concatenation) follow what they read, without being named. An input of the
/// graph is int16 where all that read it are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Int16 {
    /// None: all are int8.
    #[default]
    None,
    /// All that have an int16 form.
    All,
    /// These, by label.
    Nodes(BTreeSet<String>),
}

impl Int16 {
    /// Whether a node is one of them.
    fn names(&self, graph: &Graph, node: &Node) -> bool {
        match self {
            Int16::None => false,
            Int16::All => has_int16(&node.op),
            Int16::Nodes(nodes) => nodes.contains(&graph.label(node)),
        }
    }

    /// That every name is that of a node with an int16 form.
    fn check(&self, graph: &Graph) -> Result<(), QuantizeError> {
        let Int16::Nodes(nodes) = self else { return Ok(()) };
        let by_label: BTreeMap<String, &Node> = graph.nodes().iter().map(|node| (graph.label(node), node)).collect();
        for name in nodes {
            match by_label.get(name) {
                None => return Err(QuantizeError::NoSuchNode { node: name.clone() }),
                Some(node) if !has_int16(&node.op) => {
                    return Err(QuantizeError::NoInt16 { node: name.clone(), op: node.op.name().into() });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether an operator follows what it reads: its output has its input's elements.
pub(crate) fn follows(op: &Op) -> bool {
    *op == Op::Identity || sharing(op, QuantType::I8) == Sharing::Same
}

/// A graph whose nodes read the type that they write, but for identities.
pub(crate) struct Typed {
    pub(crate) graph: Graph,
    before: Graph,
    types: BTreeMap<TensorId, QuantType>,
    /// Of each tensor, that of the graph before whose value it has.
    origins: BTreeMap<TensorId, TensorId>,
}

impl Typed {
    /// Inserts the identities.
    ///
    /// # Errors
    /// A name that is not that of a node, or that of one without an int16 form.
    pub(crate) fn new(before: Graph, int16: &Int16) -> Result<Typed, QuantizeError> {
        int16.check(&before)?;
        let decided = Decided::new(&before, int16);
        let mut graph = before.clone();
        if decided.0.contains(&true) {
            run_all(&mut graph, &[&Requantize { before: &before, decided: &decided }])?;
        }
        let (mut types, mut origins) = (BTreeMap::new(), BTreeMap::new());
        for (id, tensor) in graph.iter_tensors() {
            if let Some(origin) = before.find(&tensor.name) {
                types.insert(id, decided.of(origin));
                origins.insert(id, origin);
            }
        }
        // What is left are the outputs of inserted identities.
        for node in graph.nodes() {
            if let (Some(x), Some(y)) = (node.input(0), node.output())
                && let (None, Some(&ty), Some(&origin)) = (types.get(&y), types.get(&x), origins.get(&x))
            {
                types.insert(y, other(ty));
                origins.insert(y, origin);
            }
        }
        Ok(Typed { graph, before, types, origins })
    }

    /// The type of an activation.
    pub(crate) fn of(&self, id: TensorId) -> QuantType {
        self.types.get(&id).copied().unwrap_or_default()
    }

    /// The tensor of the graph before with the same value.
    pub(crate) fn origin(&self, id: TensorId) -> TensorId {
        self.origins.get(&id).copied().unwrap_or(id)
    }

    /// The range of a tensor, given those of the tensors that were watched: its own, or that of what it shared its parameters with before
    /// there were identities.
    pub(crate) fn range(&self, id: TensorId, watched: &BTreeMap<TensorId, Range>) -> Option<Range> {
        let origin = self.origin(id);
        let from_group = || {
            let groups = Groups::new(&self.before);
            let of_source = |source: Source| match source {
                Source::Constant(id) => Range::of(self.before.literal(id)?.as_f32()?),
                Source::Fixed(_, params) => Some(Range { min: params.min(), max: params.max() }),
                Source::Free(id) => watched.get(&id).copied(),
                Source::Padding(value) => Some(Range { min: value, max: value }),
            };
            groups.sources(&self.before).remove(&groups.of(origin))?.into_iter().filter_map(of_source).reduce(Range::union)
        };
        watched.get(&origin).copied().or_else(from_group)
    }
}

fn other(ty: QuantType) -> QuantType {
    match ty {
        QuantType::I8 => QuantType::I16,
        QuantType::I16 => QuantType::I8,
    }
}

/// Whether each tensor of a graph is int16.
struct Decided(Vec<bool>);

impl Decided {
    fn new(graph: &Graph, int16: &Int16) -> Decided {
        let mut wide = vec![false; graph.tensors().len()];
        for &input in graph.inputs() {
            wide[input.index()] = wanted(graph, int16, input);
        }
        for node in graph.nodes() {
            let follows = follows(&node.op) && has_int16(&node.op) && node.reads().any(|id| wide[id.index()]);
            node.writes().for_each(|id| wide[id.index()] = follows || int16.names(graph, node));
        }
        Decided(wide)
    }

    fn of(&self, id: TensorId) -> QuantType {
        if self.0[id.index()] { QuantType::I16 } else { QuantType::I8 }
    }
}

/// Whether all that read a tensor are int16, through those that follow.
fn wanted(graph: &Graph, int16: &Int16, id: TensorId) -> bool {
    let (mut queue, mut read) = (vec![id], false);
    while let Some(id) = queue.pop() {
        for &reader in graph.consumers(id) {
            let node = graph.node(reader);
            read = true;
            if int16.names(graph, node) {
                continue;
            }
            match node.output() {
                Some(output) if follows(&node.op) && has_int16(&node.op) && !graph.consumers(output).is_empty() => queue.push(output),
                _ => return false,
            }
        }
    }
    read
}

/// `conv (int8) -> conv (int16)` becomes `conv -> identity -> conv`; nodes that read the same tensor in the same type share the identity.
struct Requantize<'a> {
    before: &'a Graph,
    decided: &'a Decided,
}

impl Requantize<'_> {
    /// The type of a tensor that the graph had before; outputs of inserted identities have none.
    fn of(&self, graph: &Graph, id: TensorId) -> Option<QuantType> {
        self.before.find(&graph.tensor(id).name).map(|origin| self.decided.of(origin))
    }

    /// The places at which a node reads activations.
    fn places(node: &Node) -> std::ops::Range<usize> {
        0..if matches!(node.op, Op::Conv(_) | Op::Dense { .. }) { 1 } else { node.inputs.len() }
    }

    /// The type that a node needs of a tensor, if it is another one than the tensor has.
    fn needed(&self, graph: &Graph, node: &Node, id: TensorId) -> Option<QuantType> {
        let reads = node.inputs[Self::places(node)].contains(&Some(id));
        let wanted = self.of(graph, node.output()?)?;
        (reads && node.op != Op::Identity && self.of(graph, id)? != wanted).then_some(wanted)
    }
}

impl Pass for Requantize<'_> {
    fn name(&self) -> &'static str {
        "requantize-int16"
    }

    fn next(&self, graph: &Graph) -> Option<Patch> {
        let activations = graph.iter_tensors().filter(|(_, tensor)| tensor.literal.is_none());
        for (id, tensor) in activations {
            let needing = |&&reader: &&NodeId| self.needed(graph, graph.node(reader), id);
            let readers: Vec<NodeId> = graph.consumers(id).iter().filter(|reader| needing(reader).is_some()).copied().collect();
            let Some(ty) = readers.first().and_then(|reader| needing(&reader)) else { continue };
            let mut patch = Patch::new(graph, format!("requantize \"{}\" to {ty}", tensor.name));
            let name = format!("{}/{ty}", tensor.name);
            let requantized = patch.node(format!("{name}/requantize"), Op::Identity, vec![Some(id)], name);
            for reader in readers {
                let node = graph.node(reader);
                let inputs = node.inputs.iter().map(|&input| if input == Some(id) { Some(requantized) } else { input }).collect();
                patch.replace(graph, reader, node.op.clone(), inputs);
            }
            return Some(patch);
        }
        None
    }
}
