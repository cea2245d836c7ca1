//! The graph: a table of tensors and the nodes that compute them, in topological order.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::{DType, Dim, Fact, GraphError, Literal, Op, Opaque, Shape};

/// The most elements of a tensor that can be deployed. A graph is small bytes that may ask for much memory.
const MAX_ELEMENTS: usize = 1 << 28;

/// A tensor of one graph. Valid until a patch is applied to that graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub(crate) usize);

impl TensorId {
    /// The tensor's place in [`Graph::tensors`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A node of one graph. Valid until a patch is applied to that graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The node's place in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A value: an input, a constant, or what a node computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Unique in the graph.
    pub name: String,
    /// Type and shape; `None` where an opaque node hides them.
    pub fact: Option<Fact>,
    /// The value of a constant.
    pub literal: Option<Literal>,
}

/// An operator applied to tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// As the front end gave it; may be empty and need not be unique.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// What it reads, in the operator's order; `None` for an optional input left out.
    pub inputs: Vec<Option<TensorId>>,
    /// What it writes; typed operators have exactly one output. `None` for an optional output left out.
    pub outputs: Vec<Option<TensorId>>,
    /// Tensors that an opaque node's subgraphs read by name: they count as read, and keep their names.
    pub captures: Vec<TensorId>,
    /// What the front end must write back beside the typed operator (documentation, metadata), in its own encoding.
    pub extra: Arc<[u8]>,
}

impl Node {
    /// The input at this place, where it is given.
    pub fn input(&self, index: usize) -> Option<TensorId> {
        self.inputs.get(index).copied().flatten()
    }

    /// The first output. Typed operators always have it.
    pub fn output(&self) -> Option<TensorId> {
        self.outputs.first().copied().flatten()
    }

    /// Everything that the node reads, captures included.
    pub fn reads(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.inputs.iter().flatten().chain(&self.captures).copied()
    }

    /// Everything that the node writes.
    pub fn writes(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.outputs.iter().flatten().copied()
    }
}

/// What a front end must know to write a model back as it was, in its own encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The front end's name, e.g. `onnx`.
    pub format: &'static str,
    /// The model's envelope: everything but nodes and tensors.
    pub envelope: Arc<[u8]>,
}

/// Who writes and who reads a tensor.
#[derive(Clone, Debug, Default, PartialEq)]
struct Link {
    producer: Option<NodeId>,
    /// Ascending, each once.
    consumers: Vec<NodeId>,
}

/// A model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The model's name; may be empty.
    pub name: String,
    /// Where it was read from.
    pub origin: Option<Origin>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) nodes: Vec<Node>,
    /// By tensor: passes ask this of every node, for each of their changes.
    links: Vec<Link>,
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) outputs: Vec<TensorId>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Graph {
        Graph { name: name.into(), ..Graph::default() }
    }

    /// All tensors; [`TensorId::index`] is the place in it.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All nodes in topological order; [`NodeId::index`] is the place in it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes with their ids, in topological order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The tensors with their ids.
    pub fn iter_tensors(&self) -> impl Iterator<Item = (TensorId, &Tensor)> {
        self.tensors.iter().enumerate().map(|(index, tensor)| (TensorId(index), tensor))
    }

    /// What the caller gives.
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// What the caller gets.
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// A tensor of this graph.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// A node of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The tensor of this name.
    pub fn find(&self, name: &str) -> Option<TensorId> {
        self.tensors.iter().position(|tensor| tensor.name == name).map(TensorId)
    }

    /// The value of a constant.
    pub fn literal(&self, id: TensorId) -> Option<&Literal> {
        self.tensor(id).literal.as_ref()
    }

    /// The shape of a tensor, where it is known.
    pub fn shape(&self, id: TensorId) -> Option<&Shape> {
        self.tensor(id).fact.as_ref().map(|fact| &fact.shape)
    }

    /// Whether a tensor holds real numbers, which can be quantized, and not indices or the like.
    pub fn is_real(&self, id: TensorId) -> bool {
        self.tensor(id).fact.as_ref().is_none_or(|fact| fact.dtype == DType::F32)
    }

    /// The tensors that opaque operators read or write, and no typed one: in a quantized graph they stay as they are.
    pub fn opaque_tensors(&self) -> BTreeSet<TensorId> {
        let of = |opaque: bool| self.nodes.iter().filter(move |node| matches!(node.op, Op::Opaque(_)) == opaque);
        let typed: BTreeSet<TensorId> = of(false).flat_map(|node| node.reads().chain(node.writes())).collect();
        of(true).flat_map(|node| node.reads().chain(node.writes())).filter(|id| !typed.contains(id)).collect()
    }

    /// The shape of a tensor as numbers.
    ///
    /// # Errors
    /// [`GraphError::Dynamic`] where a dimension is symbolic or the shape is not known.
    pub fn fixed_shape(&self, id: TensorId) -> Result<Vec<usize>, GraphError> {
        self.shape(id).and_then(Shape::fixed).ok_or_else(|| GraphError::Dynamic {
            tensor: self.tensor(id).name.clone(),
            shape: self.shape(id).map_or("?".into(), Shape::to_string),
        })
    }

    /// The node that computes a tensor; `None` for inputs and constants.
    pub fn producer(&self, id: TensorId) -> Option<NodeId> {
        self.links[id.0].producer
    }

    /// The nodes that read a tensor, each once, in topological order.
    pub fn consumers(&self, id: TensorId) -> &[NodeId] {
        &self.links[id.0].consumers
    }

    /// The only reader of a tensor that is not an output of the graph.
    pub fn only_consumer(&self, id: TensorId) -> Option<NodeId> {
        match *self.consumers(id) {
            [only] if !self.outputs.contains(&id) => Some(only),
            _ => None,
        }
    }

    /// Whether a [`Patch`](crate::Patch) may redirect the readers of `from` to `to`. Not where that would take a name from the
    /// graph's inputs and outputs, or from a tensor that an opaque node knows by name.
    pub fn can_redirect(&self, from: TensorId, to: TensorId) -> bool {
        let captured = |id| self.consumers(id).iter().any(|&reader| self.node(reader).captures.contains(&id));
        let named = self.inputs.contains(&to) || self.outputs.contains(&to) || self.tensor(to).literal.is_some();
        !captured(from) && !(self.outputs.contains(&from) && (named || captured(to)))
    }

    /// A name for messages: the node's own, or that of its first output.
    pub fn label(&self, node: &Node) -> String {
        if !node.name.is_empty() {
            return node.name.clone();
        }
        node.writes().next().map_or_else(String::new, |id| self.tensor(id).name.clone())
    }

    /// Adds an input.
    pub fn add_input(&mut self, name: impl Into<String>, fact: Fact) -> TensorId {
        let id = self.add_tensor(name.into(), Some(fact), None);
        self.inputs.push(id);
        id
    }

    /// Adds a constant.
    pub fn add_constant(&mut self, name: impl Into<String>, literal: Literal) -> TensorId {
        self.add_tensor(name.into(), Some(literal.fact()), Some(literal))
    }

    /// Adds a node with a typed operator; its output gets the fact that follows from the inputs.
    ///
    /// # Errors
    /// Where the operator cannot take these inputs.
    pub fn add_node(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: Vec<Option<TensorId>>,
        output: impl Into<String>,
    ) -> Result<TensorId, GraphError> {
        let mut node = Node { name: name.into(), op, inputs, outputs: vec![], captures: vec![], extra: Arc::default() };
        let output = output.into();
        let fact = self.infer(&node, || if node.name.is_empty() { output.clone() } else { node.name.clone() })?;
        let id = self.add_tensor(output, fact, None);
        node.outputs.push(Some(id));
        self.nodes.push(node);
        self.link(NodeId(self.nodes.len() - 1));
        Ok(id)
    }

    /// Adds an opaque node. `outputs` are name and, where the front end knows it, fact; `None` for an output left out.
    pub fn add_opaque(
        &mut self,
        name: impl Into<String>,
        op: Opaque,
        inputs: Vec<Option<TensorId>>,
        captures: Vec<TensorId>,
        outputs: Vec<Option<(String, Option<Fact>)>>,
    ) -> NodeId {
        let outputs = outputs.into_iter().map(|out| out.map(|(name, fact)| self.add_tensor(name, fact, None))).collect();
        self.nodes.push(Node { name: name.into(), op: Op::Opaque(op), inputs, outputs, captures, extra: Arc::default() });
        let id = NodeId(self.nodes.len() - 1);
        self.link(id);
        id
    }

    /// Sets what the front end must write back beside a node.
    pub fn set_extra(&mut self, output: TensorId, extra: Arc<[u8]>) {
        if let Some(NodeId(node)) = self.producer(output) {
            self.nodes[node].extra = extra;
        }
    }

    /// Makes a tensor an output of the graph.
    pub fn add_output(&mut self, id: TensorId) {
        self.outputs.push(id);
    }

    fn add_tensor(&mut self, name: String, fact: Option<Fact>, literal: Option<Literal>) -> TensorId {
        self.tensors.push(Tensor { name, fact, literal });
        self.links.push(Link::default());
        TensorId(self.tensors.len() - 1)
    }

    /// Notes who writes and who reads what, after nodes or tensors have changed places.
    pub(crate) fn relink(&mut self) {
        self.links = vec![Link::default(); self.tensors.len()];
        (0..self.nodes.len()).for_each(|node| self.link(NodeId(node)));
    }

    /// Notes what a node that comes after all noted ones writes and reads.
    fn link(&mut self, id: NodeId) {
        let node = &self.nodes[id.0];
        for read in node.reads() {
            let consumers = &mut self.links[read.0].consumers;
            if consumers.last() != Some(&id) {
                consumers.push(id);
            }
        }
        node.writes().for_each(|written| self.links[written.0].producer = Some(id));
    }

    /// The symbol of the batch: the first dimension of an input, where it is symbolic.
    pub fn batch_symbol(&self) -> Option<Arc<str>> {
        self.inputs.iter().find_map(|&id| match self.shape(id)?.dims().first()? {
            Dim::Symbol(name) => Some(name.clone()),
            Dim::Fixed(_) => None,
        })
    }

    /// Gives the symbolic batch (the first dimension of every input, where it is symbolic) this size.
    ///
    /// # Errors
    /// Where the shapes then no longer fit each other.
    pub fn bind_batch(&mut self, size: usize) -> Result<(), GraphError> {
        while let Some(symbol) = self.batch_symbol() {
            for tensor in &mut self.tensors {
                if let Some(fact) = &mut tensor.fact {
                    fact.shape = fact.shape.bind(&symbol, size);
                }
            }
            for node in &mut self.nodes {
                if let Op::Reshape { shape } = &mut node.op {
                    *shape = shape.bind(&symbol, size);
                }
            }
        }
        self.infer_all()
    }

    /// The graph with a symbolic batch in place of 1: the opposite of [`Graph::bind_batch`].
    ///
    /// # Errors
    /// Where the samples of a batch do not lie along the first axis throughout.
    pub fn with_free_batch(&self, symbol: &str) -> Result<Graph, GraphError> {
        let free = |shape: &Shape| match shape.dims() {
            [Dim::Fixed(1), rest @ ..] => Shape::from([&[Dim::symbol(symbol)], rest].concat()),
            _ => shape.clone(),
        };
        let mut graph = self.clone();
        for id in graph.inputs.clone() {
            if let Some(fact) = &mut graph.tensors[id.0].fact {
                fact.shape = free(&fact.shape);
            }
        }
        for index in 0..graph.nodes.len() {
            let follows = graph.nodes[index].input(0).and_then(|id| graph.shape(id)?.dims().first().cloned()) == Some(Dim::symbol(symbol));
            if let Op::Reshape { shape } = &mut graph.nodes[index].op
                && follows
            {
                *shape = free(shape);
            }
            // One after the other: what a reshape becomes depends on what comes before it.
            let (node, output) = (&graph.nodes[index], graph.nodes[index].output());
            if let (Some(fact), Some(id)) = (graph.infer(node, || graph.label(node))?, output) {
                graph.tensors[id.0].fact = Some(fact);
            }
        }
        Ok(graph)
    }

    /// Whether every node is a typed operator and every tensor's shape is made of numbers, none too large to be computed.
    ///
    /// # Errors
    /// The first operator that is not supported, or the first shape that is dynamic or too large.
    pub fn require_deployable(&self) -> Result<(), GraphError> {
        for node in &self.nodes {
            if let Op::Opaque(opaque) = &node.op {
                let op = match opaque.domain.as_str() {
                    "" => opaque.op_type.clone(),
                    domain => format!("{domain}.{}", opaque.op_type),
                };
                return Err(GraphError::Unsupported { node: self.label(node), op, reason: opaque.reason.clone() });
            }
        }
        self.require_fixed()
    }

    /// Whether the shape of every tensor that a typed operator reads or writes is made of numbers, none too large to be computed, and
    /// whether there is something to compute: activations have elements.
    ///
    /// # Errors
    /// The first shape that is dynamic, empty or too large.
    pub fn require_fixed(&self) -> Result<(), GraphError> {
        let typed = self.nodes.iter().filter(|node| !matches!(node.op, Op::Opaque(_)));
        let used: HashSet<_> = typed.flat_map(|node| node.reads().chain(node.writes())).collect();
        self.iter_tensors().filter(|(id, _)| used.contains(id)).try_for_each(|(id, tensor)| {
            let shape = self.fixed_shape(id)?;
            let elements = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
            if elements == Some(0) && self.literal(id).is_none() {
                return Err(GraphError::Empty { tensor: tensor.name.clone(), shape: Shape::new(shape).to_string() });
            }
            if elements.is_some_and(|elements| elements <= MAX_ELEMENTS) {
                return Ok(());
            }
            Err(GraphError::TooLarge { tensor: tensor.name.clone(), shape: Shape::new(shape).to_string(), limit: MAX_ELEMENTS })
        })
    }
}
