//! The graph without its pairs.

use std::collections::{BTreeMap, HashMap, HashSet};

use edgectl_graph::{DType, Fact, Graph, Node, Op, QuantConst, QuantGraph, QuantParams, QuantType, Sharing, TensorId, sharing};

use super::constant::{Constant, Source};
use super::stated::{Stated, is_index};
use super::stored::Stored;
use super::{FromQdq, QdqError, QdqNote};

/// Builds the quantized graph of a canonical graph with pairs.
pub(super) fn build(source: &Graph, stored: &Stored, stated: &Stated) -> Result<FromQdq, QdqError> {
    let mut graph = Graph::new(&source.name);
    let kept = |id: &TensorId| is_index(source, *id) || source.is_real(*id);
    if source.inputs().iter().chain(source.outputs()).all(kept) {
        // What the front end knows of inputs and outputs holds only where they keep their type.
        graph.origin.clone_from(&source.origin);
    }
    let taken = source.tensors().iter().map(|tensor| tensor.name.clone()).collect();
    let (values, activations, constants) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
    let notes = vec![];
    let mut builder = Builder {
        source,
        stored,
        stated,
        graph,
        values,
        requantized: HashMap::new(),
        activations,
        constants,
        taken,
        given: HashSet::new(),
        notes,
    };
    source.inputs().iter().for_each(|&id| builder.input(id));
    source.nodes().iter().try_for_each(|node| builder.node(node))?;
    source.outputs().iter().try_for_each(|&id| builder.output(id))?;
    let quantized = QuantGraph::new(builder.graph, builder.activations, builder.constants)?;
    Ok(FromQdq { quantized, notes: builder.notes })
}

struct Builder<'g> {
    source: &'g Graph,
    stored: &'g Stored,
    stated: &'g Stated,
    graph: Graph,
    /// Tensors of the source, on either side of a pair, and what holds their value.
    values: HashMap<TensorId, TensorId>,
    /// Tensors by the one that they requantize and their parameters, with the bits of the scale.
    requantized: HashMap<(TensorId, u32, i8, QuantType), TensorId>,
    activations: BTreeMap<TensorId, QuantParams>,
    constants: BTreeMap<TensorId, QuantConst>,
    /// The source's names.
    taken: HashSet<String>,
    /// Names in use.
    given: HashSet<String>,
    notes: Vec<QdqNote>,
}

impl Builder<'_> {
    fn input(&mut self, id: TensorId) {
        let tensor = self.source.tensor(id);
        let shape = self.source.shape(id).cloned().unwrap_or_default();
        let new = self.graph.add_input(&tensor.name, Fact::f32(shape));
        self.given.insert(tensor.name.clone());
        self.activations.extend(self.stated.get(&id).map(|&params| (new, params)));
        self.values.insert(id, new);
    }

    fn node(&mut self, node: &Node) -> Result<(), QdqError> {
        let Some(id) = node.output() else { return Ok(()) };
        let value = match (&node.op, node.input(0)) {
            (Op::Dequantize { .. }, Some(x)) => self.value(x, node)?,
            (Op::Quantize { .. }, Some(x)) => {
                let (from, wanted) = (self.value(x, node)?, self.wanted(id, node)?);
                self.requantize(from, wanted, Some(id))?
            }
            _ if is_index(self.source, id) => self.index(node, id)?,
            _ => self.operator(node, id)?,
        };
        self.values.insert(id, value);
        Ok(())
    }

    /// An operator whose output are indices, which have no parameters.
    fn index(&mut self, node: &Node, id: TensorId) -> Result<TensorId, QdqError> {
        let inputs = node.inputs.iter().map(|input| input.map(|id| self.value(id, node)).transpose()).collect::<Result<_, _>>()?;
        let name = self.claim(self.source.tensor(id).name.clone());
        let new = self.graph.add_node(&node.name, node.op.clone(), inputs, name)?;
        self.graph.set_extra(new, node.extra.clone());
        Ok(new)
    }

    fn operator(&mut self, node: &Node, id: TensorId) -> Result<TensorId, QdqError> {
        let wanted = self.wanted(id, node)?;
        // What the operator writes.
        let own = match sharing(&node.op, wanted.ty) {
            Sharing::Fixed(params) => params,
            // Of one input, its own: the requantization comes after it. Several are requantized before it.
            Sharing::Same if node.inputs.len() == 1 => match node.input(0).and_then(|x| self.values.get(&x)) {
                Some(x) => self.activations[x],
                None => wanted,
            },
            _ => wanted,
        };
        if self.source.tensor(id).fact.as_ref().is_some_and(|fact| fact.dtype != DType::F32) {
            self.require_moved(node, wanted)?;
        }
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (index, input) in node.inputs.iter().enumerate() {
            inputs.push(match *input {
                None => None,
                Some(input) => Some(self.operand(node, index, input, own, &inputs)?),
            });
        }
        let name = self.name_of(id);
        let matches = own == wanted;
        let written = if matches { self.claim(name.clone()) } else { self.derive(format!("{name}/{}", node.op.name())) };
        let new = self.graph.add_node(&node.name, node.op.clone(), inputs, written)?;
        self.graph.set_extra(new, node.extra.clone());
        self.activations.insert(new, own);
        if matches {
            return Ok(new);
        }
        self.notes.push(QdqNote::Requantized { tensor: name.clone(), op: node.op.name().into() });
        self.requantize(new, wanted, Some(id))
    }

    /// Between the two nodes of a pair, integers may be moved, but not computed with, nor can they change their parameters.
    fn require_moved(&self, node: &Node, wanted: QuantParams) -> Result<(), QdqError> {
        let label = self.source.label(node);
        if matches!(node.op, Op::Binary { .. } | Op::Pad { .. }) {
            return Err(QdqError::QOperator { node: label, op: node.op.name().into() });
        }
        let mut read = node.inputs.iter().flatten().filter_map(|x| self.stated.get(x).copied());
        match read.find(|&params| params != wanted) {
            Some(quantized) => Err(QdqError::PairDiffers { node: label, quantized, dequantized: wanted }),
            None => Ok(()),
        }
    }

    /// The input of a node whose operator shares `own`, if it shares; `before` are the inputs before it.
    fn operand(
        &mut self,
        node: &Node,
        index: usize,
        input: TensorId,
        own: QuantParams,
        before: &[Option<TensorId>],
    ) -> Result<TensorId, QdqError> {
        let shared = (sharing(&node.op, own.ty) == Sharing::Same).then_some(own);
        if let Some(source) = Source::of(self.source, self.stored, input)? {
            let before = |index: usize| before.get(index).copied().flatten();
            let constant = match (&node.op, index) {
                (op, 1) if op.is_layer() => source.weights(node, &mut self.notes)?,
                (op, 2) if op.is_layer() => {
                    let input_scale = before(0).and_then(|x| self.activations.get(&x)).map(|params| params.scale);
                    let scales = match before(1).and_then(|weights| self.constants.get(&weights)) {
                        Some(QuantConst::Weights { scales, .. }) => scales.clone(),
                        _ => [1.0].into(),
                    };
                    source.bias(node, input_scale.unwrap_or(1.0), &scales)?
                }
                (op, 1..) if op.is_normalization() => source.real(),
                _ => source.operand(shared),
            };
            return Ok(self.constant(&source, constant));
        }
        let value = self.value(input, node)?;
        match shared {
            Some(shared) if self.activations[&value] != shared => {
                let tensor = self.graph.tensor(value).name.clone();
                self.notes.push(QdqNote::Requantized { tensor, op: node.op.name().into() });
                self.requantize(value, shared, None)
            }
            _ => Ok(value),
        }
    }

    fn constant(&mut self, source: &Source<'_>, Constant { name, value }: Constant) -> TensorId {
        let name = self.claim(name);
        let id = self.graph.add_constant(name, source.literal().clone());
        self.constants.insert(id, value);
        id
    }

    /// The same value with these parameters, under the name of a tensor of the source where it is one.
    fn requantize(&mut self, from: TensorId, params: QuantParams, named: Option<TensorId>) -> Result<TensorId, QdqError> {
        if self.activations[&from] == params {
            return Ok(from);
        }
        let key = (from, params.scale.to_bits(), params.zero_point, params.ty);
        if let Some(&id) = self.requantized.get(&key) {
            return Ok(id);
        }
        let name = match named {
            Some(id) => self.claim(self.name_of(id)),
            None => self.derive(format!("{}/requantized", self.graph.tensor(from).name)),
        };
        let id = self.graph.add_node(format!("{name}/requantize"), Op::Identity, vec![Some(from)], name)?;
        self.activations.insert(id, params);
        self.requantized.insert(key, id);
        Ok(id)
    }

    fn output(&mut self, id: TensorId) -> Result<(), QdqError> {
        let wanted = &self.source.tensor(id).name;
        let value = match (self.values.get(&id), Source::of(self.source, self.stored, id)?) {
            (Some(&value), _) => value,
            (None, Some(source)) => {
                let constant = source.operand(None);
                self.constant(&source, constant)
            }
            (None, None) => return Err(self.not_stated(id, "output".into())),
        };
        let known = self.graph.inputs().contains(&value) || self.graph.outputs().contains(&value);
        if self.graph.tensor(value).name == *wanted && !known {
            self.graph.add_output(value);
            return Ok(());
        }
        // One value under two names.
        let name = self.claim(wanted.clone());
        let copy = self.graph.add_node("", Op::Identity, vec![Some(value)], name)?;
        let params = self.activations.get(&value).copied().or_else(|| match self.constants.get(&value) {
            Some(QuantConst::Operand { params, .. }) => Some(*params),
            _ => None,
        });
        self.activations.extend(params.map(|params| (copy, params)));
        self.graph.add_output(copy);
        Ok(())
    }

    /// What holds the value of a tensor that a node reads.
    fn value(&self, id: TensorId, node: &Node) -> Result<TensorId, QdqError> {
        self.values
            .get(&id)
            .copied()
            .ok_or_else(|| self.not_stated(id, format!("input of node \"{}\" ({})", self.source.label(node), node.op.name())))
    }

    fn wanted(&self, id: TensorId, node: &Node) -> Result<QuantParams, QdqError> {
        let origin = || format!("output of node \"{}\" ({})", self.source.label(node), node.op.name());
        self.stated.get(&id).copied().ok_or_else(|| self.not_stated(id, origin()))
    }

    fn not_stated(&self, id: TensorId, origin: String) -> QdqError {
        QdqError::NotStated { origin, tensors: vec![self.source.tensor(id).name.clone()] }
    }

    /// The name of a value that has one on each side of its pairs: that of an output of the model, else the shortest. (Names are stored
    /// in programs.)
    fn name_of(&self, id: TensorId) -> String {
        let mut names = vec![id];
        let mut next = 0;
        while let Some(&id) = names.get(next) {
            next += 1;
            for &reader in self.source.consumers(id) {
                let reader = self.source.node(reader);
                let pair = matches!(reader.op, Op::Quantize { .. } | Op::Dequantize { .. });
                names.extend(reader.output().filter(|output| pair && self.stated.get(output) == self.stated.get(&id)));
            }
        }
        let name = |id: TensorId| &self.source.tensor(id).name;
        let output = names.iter().find(|id| self.source.outputs().contains(id) && !self.given.contains(name(**id)));
        let chosen = output.or_else(|| names.iter().min_by_key(|id| name(**id).len()));
        chosen.map_or_else(String::new, |&id| name(id).clone())
    }

    /// A name that the source gives to this value, or that with a number where another has it already.
    fn claim(&mut self, name: String) -> String {
        if self.given.insert(name.clone()) { name } else { self.derive(name) }
    }

    /// A name that no tensor has, here or in the source: the wanted one, or that with a number.
    fn derive(&mut self, wanted: String) -> String {
        let numbered = (1u64..).map(|n| format!("{wanted}_{n}"));
        let free = |name: &String| !self.taken.contains(name) && !self.given.contains(name);
        let name = std::iter::once(wanted.clone()).chain(numbered).find(free).unwrap_or_default();
        self.given.insert(name.clone());
        name
    }
}
