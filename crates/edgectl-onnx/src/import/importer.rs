//! Builds the graph node by node.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use edgectl_graph::{Dim, Fact, Graph, GraphError, Op, Opaque, Origin, Shape, TensorId};
use prost::Message;

use super::external::External;
use super::fold::{Value, fold};
use super::source::{Attributes, Operand, Reason, Source};
use super::{ImportOptions, is_default, ops_recurrent, ops_repeat, ops_slice, order, table, tensor};
use crate::proto::tensor_proto::DataType;
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_proto::AttributeType};
use crate::{OnnxError, Warning};

/// The oldest format in which initializers need not be inputs too.
const MIN_IR_VERSION: i64 = 4;

/// The graph of a model; what the graph does not hold becomes its origin.
pub(super) fn build(
    mut model: ModelProto,
    opset: i64,
    options: &ImportOptions<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Graph, OnnxError> {
    let mut proto = model.graph.take().unwrap_or_default();
    if proto.node.is_empty() {
        return Err(OnnxError::Missing { what: "nodes" });
    }
    if proto.output.is_empty() {
        return Err(OnnxError::Missing { what: "outputs" });
    }
    let mut external = External::new(options.base_dir);
    for node in model.functions.iter_mut().flat_map(|function| &mut function.node).chain(&mut proto.node) {
        external.inline_node(node)?;
    }
    let mut importer = Importer::new(&model, &proto, opset, options);
    let documented = importer.take_initializers(std::mem::take(&mut proto.initializer), &mut external)?;
    importer.add_inputs(&mut proto)?;
    let mut nodes: Vec<_> = std::mem::take(&mut proto.sparse_initializer).into_iter().map(sparse_constant).collect();
    nodes.append(&mut proto.node);
    let given = importer.values.keys().chain(importer.ids.keys()).cloned().collect();
    importer.read_by_someone(&nodes, &proto.output);
    for node in order::sorted(nodes, &given)? {
        importer.add(node)?;
    }
    for info in &proto.output {
        let id = importer.tensor(info.name()).ok_or_else(|| GraphError::OutputUndefined { tensor: info.name().to_owned() })??;
        importer.graph.add_output(id);
    }
    let mut graph = importer.finish(warnings);
    let names: HashSet<&str> = graph.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    proto.value_info.retain(|info| names.contains(info.name()));
    proto.initializer = documented;
    proto.initializer.retain(|tensor| names.contains(tensor.name()));
    model.ir_version = Some(model.ir_version().max(MIN_IR_VERSION));
    model.graph = Some(proto);
    graph.origin = Some(Origin { format: "onnx", envelope: model.encode_to_vec().into() });
    Ok(graph)
}

/// A sparse initializer as the node that it stands for.
fn sparse_constant(sparse: crate::proto::SparseTensorProto) -> NodeProto {
    let name = sparse.values.as_ref().map(|values| values.name().to_owned()).unwrap_or_default();
    let attribute = AttributeProto {
        name: Some("sparse_value".into()),
        r#type: Some(AttributeType::SparseTensor.into()),
        sparse_tensor: Some(sparse),
        ..AttributeProto::default()
    };
    NodeProto { op_type: Some("Constant".into()), output: vec![name], attribute: vec![attribute], ..NodeProto::default() }
}

struct Importer {
    graph: Graph,
    opset: i64,
    /// The tensors of the graph.
    ids: HashMap<String, TensorId>,
    /// What is known without running the model. Constants enter the graph when a node reads them.
    values: HashMap<String, Value>,
    /// What the model says of its tensors.
    declared: HashMap<String, Fact>,
    /// Names of all tensors that a node or an output reads.
    read: HashSet<String>,
    /// Nodes that compute symbolic values, and their places by output. They enter the graph when an opaque node reads them.
    symbolic: Vec<NodeProto>,
    symbolic_outputs: HashMap<String, usize>,
    /// Domain and name of the model's own functions.
    functions: HashSet<(String, String)>,
    warnings: Vec<Warning>,
}

impl Importer {
    fn new(model: &ModelProto, proto: &GraphProto, opset: i64, options: &ImportOptions<'_>) -> Importer {
        let infos = || proto.input.iter().chain(&proto.output).chain(&proto.value_info);
        let symbols = tensor::symbols(infos());
        let mut declared: HashMap<String, Fact> =
            infos().filter_map(|info| Some((info.name().to_owned(), tensor::fact(info, &symbols)?))).collect();
        if let Some(batch) = options.batch {
            let first = |info: &ValueInfoProto| declared.get(info.name())?.shape.dims().first().cloned();
            let bound: HashSet<Dim> = proto.input.iter().filter_map(first).filter(|dim| dim.fixed().is_none()).collect();
            for fact in declared.values_mut() {
                let dims = fact.shape.dims().iter().map(|dim| if bound.contains(dim) { Dim::Fixed(batch) } else { dim.clone() });
                fact.shape = Shape::from(dims.collect::<Vec<_>>());
            }
        }
        declared.extend(options.facts.iter().cloned());
        let functions = model.functions.iter().map(|function| (function.domain().to_owned(), function.name().to_owned())).collect();
        Importer {
            graph: Graph::new(proto.name()),
            opset,
            ids: HashMap::new(),
            values: HashMap::new(),
            declared,
            read: HashSet::new(),
            symbolic: vec![],
            symbolic_outputs: HashMap::new(),
            functions,
            warnings: vec![],
        }
    }

    /// Takes the constants in, and returns their documentation.
    fn take_initializers(&mut self, tensors: Vec<TensorProto>, external: &mut External<'_>) -> Result<Vec<TensorProto>, OnnxError> {
        let mut documented = vec![];
        for mut tensor in tensors {
            external.inline(&mut tensor)?;
            let (doc_string, metadata_props) = (tensor.doc_string.take(), std::mem::take(&mut tensor.metadata_props));
            let name = tensor.name.clone();
            if self.values.insert(tensor.name().to_owned(), Value::Literal(tensor::literal(tensor)?)).is_some() {
                return Err(GraphError::DuplicateTensor { name: name.unwrap_or_default() }.into());
            }
            if doc_string.is_some() || !metadata_props.is_empty() {
                documented.push(TensorProto { name, doc_string, metadata_props, ..TensorProto::default() });
            }
        }
        Ok(documented)
    }

    /// Adds the inputs. Old exporters list the constants among them; those go.
    fn add_inputs(&mut self, proto: &mut GraphProto) -> Result<(), OnnxError> {
        proto.input.retain(|info| !self.values.contains_key(info.name()));
        for info in &proto.input {
            let Some(fact) = self.declared.get(info.name()) else {
                let found = if info.r#type.is_none() { "no type" } else { "another type, or no rank" };
                return Err(OnnxError::Input { input: info.name().to_owned(), found: found.to_owned() });
            };
            let id = self.graph.add_input(info.name(), fact.clone());
            if self.ids.insert(info.name().to_owned(), id).is_some() {
                return Err(GraphError::DuplicateTensor { name: info.name().to_owned() }.into());
            }
        }
        Ok(())
    }

    fn read_by_someone(&mut self, nodes: &[NodeProto], outputs: &[ValueInfoProto]) {
        self.read.extend(outputs.iter().map(|info| info.name().to_owned()));
        for node in nodes {
            self.read.extend(node.input.iter().cloned());
            self.read.extend(order::captures(node).into_iter().map(str::to_owned));
        }
    }

    /// Adds a node whose inputs are all there.
    fn add(&mut self, node: NodeProto) -> Result<(), OnnxError> {
        if is_default(node.domain()) && node.op_type() == "Constant" && self.constant(&node)? {
            return Ok(());
        }
        match self.typed(&node)? {
            Ok(()) => Ok(()),
            Err(reason) => self.opaque(&node, reason, None),
        }
    }

    /// Takes in a constant; `false` where its form is not known.
    fn constant(&mut self, node: &NodeProto) -> Result<bool, OnnxError> {
        let ([output], [attribute]) = (&node.output[..], &node.attribute[..]) else { return Ok(false) };
        let vector = |kind: DataType, len: usize| TensorProto {
            dims: vec![i64::try_from(len).unwrap_or(i64::MAX)],
            data_type: Some(kind.into()),
            ..TensorProto::default()
        };
        let scalar = |kind: DataType| TensorProto { data_type: Some(kind.into()), ..TensorProto::default() };
        let mut value = match attribute.name() {
            "value" => attribute.t.clone().unwrap_or_default(),
            "value_float" => TensorProto { float_data: vec![attribute.f()], ..scalar(DataType::Float) },
            "value_floats" => TensorProto { float_data: attribute.floats.clone(), ..vector(DataType::Float, attribute.floats.len()) },
            "value_int" => TensorProto { int64_data: vec![attribute.i()], ..scalar(DataType::Int64) },
            "value_ints" => TensorProto { int64_data: attribute.ints.clone(), ..vector(DataType::Int64, attribute.ints.len()) },
            _ => return Ok(false),
        };
        value.name = Some(output.clone());
        value.doc_string = None;
        value.metadata_props.clear();
        self.values.insert(output.clone(), Value::Literal(tensor::literal(value)?));
        Ok(true)
    }

    /// Folds the node or adds it as a typed operator; the inner error says why neither is possible.
    fn typed(&mut self, node: &NodeProto) -> Result<Result<(), Reason>, OnnxError> {
        if self.functions.contains(&(node.domain().to_owned(), node.op_type().to_owned())) {
            return Ok(Err("it is a function of the model".into()));
        }
        if !is_default(node.domain()) {
            return Ok(Err(String::new()));
        }
        match node.op_type() {
            "LSTM" | "GRU" => return self.recurrent(node),
            "Split" => return self.parts(node, ops_slice::split),
            "TopK" => return self.parts(node, ops_slice::top_k),
            "Expand" if !self.is_known(node) => return self.chain(node, ops_repeat::expand),
            "Tile" if !self.is_known(node) => return self.chain(node, ops_repeat::tile),
            "Pad" if node.attribute.iter().any(|attribute| attribute.name() == "mode" && !matches!(attribute.s(), b"constant" | b"")) => {
                return self.chain(node, ops_repeat::pad);
            }
            _ => {}
        }
        let used = node.output.iter().skip(1).any(|name| self.read.contains(name) && !name.is_empty());
        let row = table::row(node.op_type());
        // Where the operator as such is unknown, that is reason enough.
        let because = |reason: Reason| Ok(Err(if row.is_some() { reason } else { String::new() }));
        let Some(output) = node.output.first().filter(|name| !name.is_empty() && !used) else {
            return because(if used { "more than its first output is read" } else { "its first output is left out" }.into());
        };
        let mut source = match self.source(node) {
            Ok(source) => source,
            Err(reason) => return because(reason),
        };
        if let Some(value) = fold(node.op_type(), &mut source) {
            if matches!(value, Value::Symbolic(_)) {
                self.symbolic_outputs.insert(output.clone(), self.symbolic.len());
                self.symbolic.push(node.clone());
            }
            self.values.insert(output.clone(), value);
            return Ok(Ok(()));
        }
        let Some(row) = row else { return because(String::new()) };
        // Folding has asked for attributes too.
        source.attributes = Attributes::new(node);
        let (op, count) = match row(&mut source).and_then(|typed| source.finish(typed.1).map(|()| typed)) {
            Ok(typed) => typed,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut inputs = Vec::with_capacity(count);
        for name in node.input.iter().take(count) {
            inputs.push(self.operand(node, name)?);
        }
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        if let (Op::ConvTranspose(conv), Some(&Some(filter))) = (&op, inputs.get(1)) {
            match self.swap_channels(filter, conv.groups, output) {
                Ok(swapped) => inputs[1] = Some(swapped),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        match self.graph.add_node(node.name(), op, inputs, output) {
            Ok(id) => {
                self.ids.insert(output.clone(), id);
                self.keep_extra(node, id);
                self.compare(output, id);
                Ok(Ok(()))
            }
            // The node may be wrong, or of a dynamic shape that cannot be followed: either way it is only carried along.
            Err(GraphError::Operand { what, .. }) => Ok(Err(what)),
            Err(error @ GraphError::Arity { .. }) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the first input of a node is a value that is known already: such nodes are folded.
    fn is_known(&self, node: &NodeProto) -> bool {
        node.input.first().is_some_and(|name| self.values.contains_key(name))
    }

    /// Adds an operator as several that are applied one after the other; the inner error says why that is not possible.
    fn chain(&mut self, node: &NodeProto, row: fn(&mut Source<'_>) -> Result<Vec<Op>, Reason>) -> Result<Result<(), Reason>, OnnxError> {
        let found = self.source(node).and_then(|mut source| {
            let chain = row(&mut source)?;
            source.finish(1).map(|()| chain)
        });
        let (chain, output) = match (found, node.output.first()) {
            (Ok(chain), Some(output)) => (chain, output),
            (Err(reason), _) => return Ok(Err(reason)),
            (Ok(_), None) => return Ok(Err("its output is left out".into())),
        };
        let chain = if chain.is_empty() { vec![Op::Identity] } else { chain };
        let mut x = self.operand(node, node.input.first().map_or("", String::as_str))?;
        for (left, op) in (0..chain.len()).rev().zip(chain) {
            let mut name = output.clone();
            while left > 0 && (name == *output || self.read.contains(&name) || self.ids.contains_key(&name)) {
                name = format!("{name}/{left}");
            }
            // Engines want names that differ.
            let label = if left == 0 || node.name().is_empty() { node.name().to_owned() } else { format!("{}/{left}", node.name()) };
            x = Some(self.graph.add_node(label, op, vec![x], name)?);
        }
        if let Some(id) = x {
            self.ids.insert(output.clone(), id);
            self.keep_extra(node, id);
            self.compare(output, id);
        }
        Ok(Ok(()))
    }

    /// Adds an operator with several outputs as one for each that is read; the inner error says why that is not possible.
    fn parts(&mut self, node: &NodeProto, row: fn(&mut Source<'_>) -> Result<Vec<Op>, Reason>) -> Result<Result<(), Reason>, OnnxError> {
        let parts = self.source(node).and_then(|mut source| {
            let parts = row(&mut source)?;
            source.finish(1).map(|()| parts)
        });
        let parts = match parts {
            Ok(parts) => parts,
            Err(reason) => return Ok(Err(reason)),
        };
        let x = self.operand(node, node.input.first().map_or("", String::as_str))?;
        let is_read = |output: &String| !output.is_empty() && self.read.contains(output);
        let read: Vec<_> = parts.into_iter().zip(&node.output).enumerate().filter(|(_, (_, output))| is_read(output)).collect();
        let alone = read.len() == 1 || node.name().is_empty();
        for (index, (op, output)) in read {
            let name = if alone { node.name().to_owned() } else { format!("{}/{index}", node.name()) };
            let id = self.graph.add_node(name, op, vec![x], output)?;
            self.ids.insert(output.clone(), id);
            self.keep_extra(node, id);
            self.compare(output, id);
        }
        Ok(Ok(()))
    }

    /// Adds an `LSTM` or `GRU` as a layer and nodes that bring its hidden states into the shapes of its outputs.
    fn recurrent(&mut self, node: &NodeProto) -> Result<Result<(), Reason>, OnnxError> {
        let is_lstm = node.op_type() == "LSTM";
        let count = if is_lstm { 8 } else { 6 };
        let parts = self.source(node).and_then(|mut source| {
            let parts = ops_recurrent::parts(&mut source, is_lstm)?;
            source.finish(count).map(|()| parts)
        });
        let parts = match parts {
            Ok(parts) => parts,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut outputs = node.output.iter().filter(|name| !name.is_empty());
        let Some(first) = outputs.next() else { return Ok(Err("its outputs are left out".into())) };
        if node.output.get(2).is_some_and(|cell| !cell.is_empty() && self.read.contains(cell)) {
            return Ok(Err("its last cell is read".into()));
        }
        let mut inputs = vec![self.operand(node, node.input.first().map_or("", String::as_str))?];
        for (what, literal) in parts.constants {
            let name = self.fresh(format!("{first}/{what}"));
            inputs.push(Some(self.graph.add_constant(name, literal)));
        }
        let name = self.fresh(format!("{first}/hidden"));
        let hidden = match self.graph.add_node(node.name(), Op::Recurrent(parts.layer), inputs, name) {
            Ok(hidden) => hidden,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.keep_extra(node, hidden);
        for (output, op) in node.output.iter().zip([parts.all, parts.last]) {
            if !output.is_empty() {
                let id = self.graph.add_node("", op, vec![Some(hidden)], output)?;
                self.ids.insert(output.clone(), id);
                self.compare(output, id);
            }
        }
        Ok(Ok(()))
    }

    /// A name that no tensor of the model has.
    fn fresh(&self, mut name: String) -> String {
        while self.read.contains(&name) || self.ids.contains_key(&name) {
            name.push('_');
        }
        name
    }

    /// Adds nodes that give the filter of a transposed convolution the order of the graph: output channels first.
    fn swap_channels(&mut self, filter: TensorId, groups: usize, output: &str) -> Result<TensorId, GraphError> {
        let shape = self.graph.fixed_shape(filter)?;
        let name = self.fresh(format!("{output}/filter"));
        let ([first, second, kernel @ ..], true) = (&shape[..], groups > 0) else { return Ok(filter) };
        if groups == 1 {
            let perm = [1, 0].into_iter().chain(2..shape.len()).collect();
            return self.graph.add_node("", Op::Transpose { perm }, vec![Some(filter)], name);
        }
        let grouped = [&[groups, first / groups, *second], kernel].concat();
        let wanted = [&[groups.saturating_mul(*second), first / groups], kernel].concat();
        let perm = [0, 2, 1].into_iter().chain(3..grouped.len()).collect();
        let split = self.graph.add_node("", Op::Reshape { shape: Shape::new(grouped) }, vec![Some(filter)], format!("{name}/grouped"))?;
        let swapped = self.graph.add_node("", Op::Transpose { perm }, vec![Some(split)], format!("{name}/regrouped"))?;
        self.graph.add_node("", Op::Reshape { shape: Shape::new(wanted) }, vec![Some(swapped)], name)
    }

    /// What a row of the table sees of a node.
    fn source<'a>(&'a self, node: &'a NodeProto) -> Result<Source<'a>, Reason> {
        let mut operands = Vec::with_capacity(node.input.len());
        for name in &node.input {
            operands.push(if name.is_empty() {
                None
            } else {
                let value = self.values.get(name);
                let known = || self.graph.tensor(*self.ids.get(name)?).fact.clone();
                let fact =
                    value.map(Value::fact).or_else(known).ok_or_else(|| format!("the shape of its input \"{name}\" is not known"))?;
                Some(Operand { name, fact, value })
            });
        }
        Ok(Source::new(node, self.opset, operands))
    }

    /// Adds a node that is carried along. `fact` is that of its only output, where it is known otherwise than by declaration.
    fn opaque(&mut self, node: &NodeProto, reason: Reason, fact: Option<Fact>) -> Result<(), OnnxError> {
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(self.operand(node, name)?);
        }
        let mut captures = vec![];
        for name in order::captures(node) {
            captures.extend(self.operand(node, name)?);
        }
        let declared = |name: &String| (name.clone(), fact.clone().or_else(|| self.declared.get(name).cloned()));
        let outputs = node.output.iter().map(|name| (!name.is_empty()).then(|| declared(name))).collect();
        let op = Opaque {
            domain: if is_default(node.domain()) { String::new() } else { node.domain().to_owned() },
            op_type: node.op_type().to_owned(),
            reason,
            payload: node.encode_to_vec().into(),
        };
        let id = self.graph.add_opaque(node.name(), op, inputs, captures, outputs);
        let outputs = &self.graph.node(id).outputs;
        self.ids.extend(node.output.iter().zip(outputs).filter_map(|(name, id)| Some((name.clone(), (*id)?))));
        Ok(())
    }

    fn operand(&mut self, node: &NodeProto, name: &str) -> Result<Option<TensorId>, OnnxError> {
        if name.is_empty() {
            return Ok(None);
        }
        let undefined = || GraphError::Undefined { node: order::label(node), tensor: name.to_owned() };
        self.tensor(name).ok_or_else(undefined)?.map(Some)
    }

    /// The tensor of this name; a known value enters the graph now.
    fn tensor(&mut self, name: &str) -> Option<Result<TensorId, OnnxError>> {
        if let Some(&id) = self.ids.get(name) {
            return Some(Ok(id));
        }
        match self.values.get(name)? {
            Value::Literal(literal) => {
                let id = self.graph.add_constant(name, literal.clone());
                self.ids.insert(name.to_owned(), id);
                Some(Ok(id))
            }
            Value::Symbolic(_) => match self.materialize(name) {
                Ok(()) => self.ids.get(name).copied().map(Ok),
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// Adds the nodes that compute a symbolic value.
    fn materialize(&mut self, name: &str) -> Result<(), OnnxError> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<usize> = self.symbolic_outputs.get(name).copied().into_iter().collect();
        while let Some(index) = open.pop() {
            if needed.insert(index) {
                let inputs = self.symbolic[index].input.iter().filter(|input| !self.ids.contains_key(*input));
                open.extend(inputs.filter_map(|input| self.symbolic_outputs.get(input)));
            }
        }
        // They were found in topological order, so each finds its inputs in the graph.
        for index in needed {
            let node = std::mem::take(&mut self.symbolic[index]);
            let fact = node.output.first().and_then(|output| self.values.get(output)).map(Value::fact);
            self.opaque(&node, "it computes with a dynamic dimension".into(), fact)?;
        }
        Ok(())
    }

    /// Keeps what a typed operator does not express.
    fn keep_extra(&mut self, node: &NodeProto, output: TensorId) {
        let extra = NodeProto {
            doc_string: node.doc_string.clone(),
            overload: node.overload.clone(),
            metadata_props: node.metadata_props.clone(),
            device_configurations: node.device_configurations.clone(),
            ..NodeProto::default()
        };
        if extra.encoded_len() > 0 {
            self.graph.set_extra(output, Arc::from(extra.encode_to_vec()));
        }
    }

    /// Compares what a node computes with what the model declares; names of dimensions may differ.
    fn compare(&mut self, name: &str, id: TensorId) {
        let (Some(declared), Some(computed)) = (self.declared.get(name), &self.graph.tensor(id).fact) else { return };
        let agree = |(a, b): (&Dim, &Dim)| a.fixed().is_none() || b.fixed().is_none() || a == b;
        let dims = declared.shape.dims().iter().zip(computed.shape.dims());
        if declared.dtype != computed.dtype || declared.shape.rank() != computed.shape.rank() || !dims.into_iter().all(agree) {
            let (declared, computed) = (declared.clone(), computed.clone());
            self.warnings.push(Warning::Declaration { tensor: name.to_owned(), declared, computed });
        }
    }

    fn finish(self, warnings: &mut Vec<Warning>) -> Graph {
        warnings.extend(self.warnings);
        self.graph
    }
}
