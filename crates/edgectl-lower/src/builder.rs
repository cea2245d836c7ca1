//! The program as it grows: tensors without offsets, ops, and where each of the graph's values is.

use std::collections::HashMap;

use edge_format::{DType, I16, OpSpec, Params, TransposeParams};
use edgectl_graph::{Graph, Node, NodeId, QuantConst, QuantGraph, QuantParams, QuantType, TensorId, permute};

use crate::{LowerError, layout};

/// A tensor that has no offset yet.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) dtype: DType,
    /// Physical.
    pub(crate) shape: Vec<usize>,
    pub(crate) params: Option<QuantParams>,
    pub(crate) home: Home,
}

/// Where a tensor's bytes are.
#[derive(Debug)]
pub(crate) enum Home {
    /// In a buffer of the arena, which several views may share.
    Buffer(usize),
    /// In the program.
    Data(Vec<u8>),
    /// In a state, which several views may share: it keeps its bytes between invocations.
    State(usize),
}

/// An op and the node that it comes from.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) spec: OpSpec,
    pub(crate) node: Option<NodeId>,
}

/// Where a value of the graph is.
#[derive(Clone, Debug)]
struct Value {
    tensor: usize,
    /// Physical axis `i` holds the graph's axis `order[i]`.
    order: Vec<usize>,
}

pub(crate) struct Builder<'g> {
    pub(crate) quantized: &'g QuantGraph,
    /// Whether the program remembers from one invocation to the next.
    pub(crate) stateful: bool,
    pub(crate) tensors: Vec<Draft>,
    pub(crate) ops: Vec<Step>,
    /// Sizes of the arena's buffers.
    pub(crate) buffers: Vec<usize>,
    /// Sizes of the states.
    pub(crate) states: Vec<usize>,
    /// More than one where a value is needed in several orders; the first is the one in which it was made.
    values: HashMap<TensorId, Vec<Value>>,
    /// For a flattened value that only dense layers read: physical column `i` holds the graph's column `columns[i]`.
    columns: HashMap<TensorId, Vec<usize>>,
    node: Option<NodeId>,
}

impl<'g> Builder<'g> {
    pub(crate) fn new(quantized: &'g QuantGraph, stateful: bool) -> Builder<'g> {
        Builder {
            quantized,
            stateful,
            tensors: vec![],
            ops: vec![],
            buffers: vec![],
            states: vec![],
            values: HashMap::new(),
            columns: HashMap::new(),
            node: None,
        }
    }

    pub(crate) fn graph(&self) -> &'g Graph {
        self.quantized.graph()
    }

    /// Says from which node the ops that follow come.
    pub(crate) fn enter(&mut self, node: NodeId) {
        self.node = Some(node);
    }

    /// Makes room for an input of the graph.
    pub(crate) fn input(&mut self, id: TensorId) -> Result<(), LowerError> {
        let rank = self.shape(id)?.len();
        self.output(id, &layout::identity(rank)).map(drop)
    }

    /// The tensor of an output of the graph, as the graph describes it.
    pub(crate) fn result(&mut self, id: TensorId) -> Result<usize, LowerError> {
        let rank = self.shape(id)?.len();
        let tensor = self.in_order(id, &layout::identity(rank))?;
        if matches!(self.tensors[tensor].home, Home::Buffer(_)) {
            return Ok(tensor);
        }
        // A constant output: the caller reads outputs from the arena.
        let copy = self.activation(self.graph().tensor(id).name.clone(), self.shape(id)?, self.params(id)?);
        self.push(edge_format::CopyParams {}, vec![tensor], copy);
        Ok(copy)
    }

    /// The tensor that holds a value, in whatever order.
    pub(crate) fn tensor_of(&self, id: TensorId) -> Result<usize, LowerError> {
        self.values.get(&id).map(|values| values[0].tensor).ok_or_else(|| self.missing(id))
    }

    /// The shape of a value as the graph describes it.
    pub(crate) fn shape(&self, id: TensorId) -> Result<Vec<usize>, LowerError> {
        Ok(self.graph().fixed_shape(id)?)
    }

    /// Scale and zero point of a value.
    pub(crate) fn params(&self, id: TensorId) -> Result<QuantParams, LowerError> {
        self.quantized.params(id).ok_or_else(|| self.missing(id))
    }

    /// The order in which a value lies. Constants can have any and so have none of their own.
    pub(crate) fn own_order(&self, id: TensorId) -> Option<&[usize]> {
        self.values.get(&id).map(|values| values[0].order.as_slice())
    }

    /// The order in which a value lies, or that of the graph for constants.
    pub(crate) fn order(&self, id: TensorId) -> Result<Vec<usize>, LowerError> {
        self.own_order(id).map_or_else(|| Ok(layout::identity(self.shape(id)?.len())), |order| Ok(order.to_vec()))
    }

    /// A tensor that holds a value in this order: its own, a view of it, or a transposed copy.
    pub(crate) fn in_order(&mut self, id: TensorId, order: &[usize]) -> Result<usize, LowerError> {
        let shape = self.shape(id)?;
        let Some(values) = self.values.get(&id) else { return self.constant_in_order(id, &shape, order) };
        let physical = layout::apply(&shape, order);
        if let Some(value) = values.iter().find(|value| layout::same_bytes(&shape, &value.order, order)) {
            return Ok(self.view(value.tensor, physical));
        }
        let Value { tensor, order: own } = values[0].clone();
        let mut perm = [0; edge_format::MAX_RANK];
        for (slot, axis) in perm.iter_mut().zip(layout::between(&own, order)) {
            *slot = axis as u32;
        }
        let name = format!("{}/transposed", self.graph().tensor(id).name);
        let transposed = self.activation(name, physical, self.params(id)?);
        self.push(TransposeParams { perm }, vec![tensor], transposed);
        self.values.entry(id).or_default().push(Value { tensor: transposed, order: order.to_vec() });
        Ok(transposed)
    }

    fn constant_in_order(&mut self, id: TensorId, shape: &[usize], order: &[usize]) -> Result<usize, LowerError> {
        let (name, physical) = (&self.graph().tensor(id).name, layout::apply(shape, order));
        let (tensor, params) = match self.quantized.constant(id) {
            Some(QuantConst::Operand { values, params }) => {
                let values = permute(values, shape, order).ok_or_else(|| self.missing(id))?;
                (self.constant_i8(name, &physical, &values), params)
            }
            Some(QuantConst::WideOperand { values, params }) => {
                let values = permute(values, shape, order).ok_or_else(|| self.missing(id))?;
                (self.constant_i16(name, &physical, &values), params)
            }
            _ => return Err(self.missing(id)),
        };
        self.tensors[tensor].params = Some(*params);
        Ok(tensor)
    }

    /// A tensor for a value that an op will write in this order.
    pub(crate) fn output(&mut self, id: TensorId, order: &[usize]) -> Result<usize, LowerError> {
        let shape = layout::apply(&self.shape(id)?, order);
        let name = self.graph().tensor(id).name.clone();
        let tensor = if self.graph().is_real(id) { self.activation(name, shape, self.params(id)?) } else { self.indices(name, shape) };
        self.values.insert(id, vec![Value { tensor, order: order.to_vec() }]);
        Ok(tensor)
    }

    /// Says that a value has the bytes of a tensor, which lie in this order.
    pub(crate) fn alias(&mut self, id: TensorId, tensor: usize, order: &[usize]) -> Result<(), LowerError> {
        let shape = layout::apply(&self.shape(id)?, order);
        let tensor = self.view(tensor, shape);
        self.values.insert(id, vec![Value { tensor, order: order.to_vec() }]);
        Ok(())
    }

    /// Says how the columns of a flattened value lie.
    pub(crate) fn set_columns(&mut self, id: TensorId, columns: Vec<usize>) {
        self.columns.insert(id, columns);
    }

    /// How the columns of a flattened value lie, where that is not as the graph describes it.
    pub(crate) fn columns(&self, id: TensorId) -> Option<&[usize]> {
        self.columns.get(&id).map(Vec::as_slice)
    }

    /// The same bytes under another physical shape of as many elements.
    pub(crate) fn view(&mut self, tensor: usize, shape: Vec<usize>) -> usize {
        let Draft { name, dtype, shape: own, params, home } = &self.tensors[tensor];
        if *own == shape {
            return tensor;
        }
        let home = match home {
            Home::Buffer(buffer) => Home::Buffer(*buffer),
            Home::Data(bytes) => Home::Data(bytes.clone()),
            Home::State(state) => Home::State(*state),
        };
        let view = Draft { name: name.clone(), dtype: *dtype, shape, params: *params, home };
        self.add(view)
    }

    /// A new tensor in the arena, of the type of its parameters.
    pub(crate) fn activation(&mut self, name: String, shape: Vec<usize>, params: QuantParams) -> usize {
        self.buffers.push(shape.iter().product::<usize>() * params.ty.bytes());
        let home = Home::Buffer(self.buffers.len() - 1);
        self.add(Draft { name, dtype: dtype(params), shape, params: Some(params), home })
    }

    /// A new int32 tensor in the arena, of whole numbers that stand for themselves.
    fn indices(&mut self, name: String, shape: Vec<usize>) -> usize {
        self.buffers.push(shape.iter().product::<usize>() * size_of::<i32>());
        let home = Home::Buffer(self.buffers.len() - 1);
        self.add(Draft { name, dtype: DType::I32, shape, params: None, home })
    }

    /// A tensor that begins as real zeros, and the one that an op will write in its place. It keeps its bytes between invocations where
    /// the program shall remember; otherwise it begins anew in each.
    pub(crate) fn state(&mut self, name: String, shape: Vec<usize>, params: QuantParams) -> [usize; 2] {
        if self.stateful {
            return self.kept(name, shape, params);
        }
        let elements: usize = shape.iter().product();
        let zeros = match params.ty {
            QuantType::I8 => self.constant_i8("", &shape, &vec![params.zero_point; elements]),
            QuantType::I16 => self.constant_i16("", &shape, &vec![0; elements]),
        };
        self.tensors[zeros].params = Some(params);
        let before = self.activation(name.clone(), shape.clone(), params);
        self.push(edge_format::CopyParams {}, vec![zeros], before);
        let Home::Buffer(buffer) = self.tensors[before].home else { return [before; 2] };
        let after = self.add(Draft { name, dtype: dtype(params), shape, params: Some(params), home: Home::Buffer(buffer) });
        [before, after]
    }

    /// A tensor that begins as real zeros and keeps its bytes between invocations, and the one that an op will write in its place.
    pub(crate) fn kept(&mut self, name: String, shape: Vec<usize>, params: QuantParams) -> [usize; 2] {
        self.states.push(shape.iter().product::<usize>() * params.ty.bytes());
        let state = self.states.len() - 1;
        [(); 2].map(|()| {
            let (name, dtype, shape) = (name.clone(), dtype(params), shape.clone());
            self.add(Draft { name, dtype, shape, params: Some(params), home: Home::State(state) })
        })
    }

    /// A new int8 constant. Names are stored in the program: those that only say what the operand's place says are empty.
    pub(crate) fn constant_i8(&mut self, name: &str, shape: &[usize], values: &[i8]) -> usize {
        let bytes = values.iter().map(|&value| value.cast_unsigned()).collect();
        self.add(Draft { name: name.into(), dtype: DType::I8, shape: shape.to_vec(), params: None, home: Home::Data(bytes) })
    }

    /// A new int16 constant.
    pub(crate) fn constant_i16(&mut self, name: &str, shape: &[usize], values: &[i16]) -> usize {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(Draft { name: name.into(), dtype: DType::I16, shape: shape.to_vec(), params: None, home: Home::Data(bytes) })
    }

    /// A new one-dimensional int64 constant.
    pub(crate) fn constant_i64(&mut self, name: &str, values: &[i64]) -> usize {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(Draft { name: name.into(), dtype: DType::I64, shape: vec![values.len()], params: None, home: Home::Data(bytes) })
    }

    /// A new one-dimensional int32 constant.
    pub(crate) fn constant_i32(&mut self, name: &str, values: &[i32]) -> usize {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(Draft { name: name.into(), dtype: DType::I32, shape: vec![values.len()], params: None, home: Home::Data(bytes) })
    }

    fn add(&mut self, draft: Draft) -> usize {
        self.tensors.push(draft);
        self.tensors.len() - 1
    }

    /// Appends an op in the form for activations of this type.
    pub(crate) fn push_as<P: Into<Params>>(&mut self, ty: QuantType, params: P, inputs: Vec<usize>, output: usize)
    where
        I16<P>: Into<Params>,
    {
        match ty {
            QuantType::I8 => self.push(params, inputs, output),
            QuantType::I16 => self.push(I16(params), inputs, output),
        }
    }

    /// Appends an op.
    pub(crate) fn push(&mut self, params: impl Into<Params>, inputs: Vec<usize>, output: usize) {
        self.push_all(params, inputs, vec![output]);
    }

    /// Appends an op with several outputs.
    pub(crate) fn push_all(&mut self, params: impl Into<Params>, inputs: Vec<usize>, outputs: Vec<usize>) {
        let [inputs, outputs] = [inputs, outputs].map(|list| list.into_iter().map(|tensor| tensor as u32).collect());
        let spec = OpSpec { params: params.into(), inputs, outputs };
        self.ops.push(Step { spec, node: self.node });
    }

    /// The error for a form of an operator that has no kernel.
    pub(crate) fn no_kernel(&self, node: &Node, what: impl Into<String>) -> LowerError {
        LowerError::NoKernel { node: self.graph().label(node), op: node.op.name().into(), what: what.into() }
    }

    fn missing(&self, id: TensorId) -> LowerError {
        LowerError::NoKernel {
            node: self.node.map_or_else(String::new, |node| self.graph().label(self.graph().node(node))),
            op: self.node.map_or_else(String::new, |node| self.graph().node(node).op.name().into()),
            what: format!("\"{}\" has no int8 form", self.graph().tensor(id).name),
        }
    }
}

/// The data type of a tensor with these parameters.
fn dtype(params: QuantParams) -> DType {
    match params.ty {
        QuantType::I8 => DType::I8,
        QuantType::I16 => DType::I16,
    }
}
