//! A window that slides over a stream: from a graph that takes the whole window to one that takes its new columns only.
//!
//! Columns are followed through the graph for as long as the operators treat each alike: elementwise ones, convolutions and poolings along
//! the time axis, whatever leaves the axis in peace. A convolution gets a [`Op::Delay`] before it that keeps the columns it needs beside
//! the new ones, and computes new columns. Where the whole window is needed (a global pooling, a flattening, a result), a delay
//! keeps all columns of that place. Every value is then what the whole window gives, byte for byte, as soon as the windows are full.
//!
//! Padding of the time axis stands in the way: near a border of the window a column is computed from zeros, which for the next window are
//! neighbours, so that no column but those that no layer's padding reaches could be kept. A model that pads once, before its first layer
//! or in the data, has the same accuracy to gain and streams.

use std::collections::{BTreeMap, HashMap};

use edgectl_graph::{Fact, Graph, Node, Op, QuantConst, QuantGraph, QuantParams, Shape, TensorId, Window};

use crate::LowerError;

/// How a window slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streaming {
    /// The axis of the input along which it does.
    pub axis: usize,
    /// New columns per invocation.
    pub hop: usize,
}

/// A value of which only the new columns are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    axis: usize,
    /// Per invocation.
    new: usize,
    /// In the whole window.
    all: usize,
}

/// A value of the new graph.
#[derive(Clone, Copy, Debug)]
struct Value {
    id: TensorId,
    columns: Option<Columns>,
}

/// The graph that takes the new columns of its only input.
///
/// # Errors
/// [`LowerError::Stream`] with the first node for which that is not possible, or of which it would save nothing.
pub fn stream(quantized: &QuantGraph, streaming: Streaming) -> Result<QuantGraph, LowerError> {
    let graph = quantized.graph();
    let &[input] = graph.inputs() else {
        return Err(LowerError::Stream { node: graph.name.clone(), op: "input".into(), what: format!("{} of them", graph.inputs().len()) });
    };
    let mut streamer = Streamer {
        old: quantized,
        graph: Graph::new(graph.name.clone()),
        activations: BTreeMap::new(),
        constants: BTreeMap::new(),
        values: HashMap::new(),
        delayed: HashMap::new(),
        windows: 0,
        whole: None,
    };
    streamer.input(input, streaming)?;
    for node in graph.nodes() {
        streamer.node(node)?;
    }
    for &output in graph.outputs() {
        let id = streamer.whole(output)?;
        streamer.graph.add_output(id);
    }
    if streamer.windows == 0 {
        let (node, op) = streamer.whole.unwrap_or_default();
        return Err(LowerError::Stream { node, op, what: "it needs the whole window before any convolution or pooling".into() });
    }
    Ok(QuantGraph::new(streamer.graph, streamer.activations, streamer.constants)?)
}

struct Streamer<'g> {
    old: &'g QuantGraph,
    graph: Graph,
    activations: BTreeMap<TensorId, QuantParams>,
    constants: BTreeMap<TensorId, QuantConst>,
    /// By tensor of the old graph.
    values: HashMap<TensorId, Value>,
    /// By tensor of the new graph and number of columns.
    delayed: HashMap<(TensorId, usize), TensorId>,
    /// Convolutions and poolings that compute new columns only.
    windows: usize,
    /// The first node that needs the whole window, and its operator.
    whole: Option<(String, String)>,
}

impl Streamer<'_> {
    fn input(&mut self, id: TensorId, Streaming { axis, hop }: Streaming) -> Result<(), LowerError> {
        let (name, mut shape) = (self.old.graph().tensor(id).name.clone(), self.old.graph().fixed_shape(id)?);
        let all = shape.get(axis).copied().unwrap_or_default();
        if hop == 0 || hop >= all {
            let what = format!("expected a hop from 1 to {}, found {hop}, along axis {axis} of {shape:?}", all.saturating_sub(1));
            return Err(LowerError::Stream { node: name, op: "input".into(), what });
        }
        shape[axis] = hop;
        let new = self.graph.add_input(name, Fact::f32(Shape::new(shape)));
        self.note(id, Value { id: new, columns: Some(Columns { axis, new: hop, all }) });
        Ok(())
    }

    /// Notes what has become of a tensor.
    fn note(&mut self, old: TensorId, value: Value) {
        self.activations.extend(self.old.params(old).map(|params| (value.id, params)));
        self.values.insert(old, value);
    }

    /// The value of an input of the node; constants enter the new graph when they are first read.
    fn value(&mut self, old: TensorId) -> Result<Value, LowerError> {
        if let Some(&value) = self.values.get(&old) {
            return Ok(value);
        }
        let tensor = self.old.graph().tensor(old);
        let Some(literal) = tensor.literal.clone() else {
            return Err(LowerError::Stream { node: tensor.name.clone(), op: "tensor".into(), what: "nothing computes it".into() });
        };
        let value = Value { id: self.graph.add_constant(tensor.name.clone(), literal), columns: None };
        self.constants.extend(self.old.constant(old).map(|constant| (value.id, constant.clone())));
        self.values.insert(old, value);
        Ok(value)
    }

    /// The last so many columns of a value.
    fn delay(&mut self, value: TensorId, axis: usize, len: usize) -> Result<TensorId, LowerError> {
        if let Some(&id) = self.delayed.get(&(value, len)) {
            return Ok(id);
        }
        let name = format!("{}/last_{len}", self.graph.tensor(value).name);
        let id = self.graph.add_node(name.clone(), Op::Delay { axis, len }, vec![Some(value)], name)?;
        self.activations.extend(self.activations.get(&value).copied().map(|params| (id, params)));
        self.delayed.insert((value, len), id);
        Ok(id)
    }

    /// A value with all columns of the window.
    fn whole(&mut self, old: TensorId) -> Result<TensorId, LowerError> {
        match self.value(old)? {
            Value { id, columns: Some(Columns { axis, all, .. }) } => self.delay(id, axis, all),
            Value { id, .. } => Ok(id),
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), LowerError> {
        let graph = self.old.graph();
        let values = node.inputs.iter().map(|input| input.map(|id| self.value(id)).transpose()).collect::<Result<Vec<_>, _>>()?;
        let flows = values.iter().flatten().any(|value| value.columns.is_some());
        let carried = if flows { self.carried(node, &values)? } else { None };
        let (op, inputs, columns) = match carried {
            Some((op, inputs, columns)) => (op, inputs, Some(columns)),
            None => {
                if flows {
                    self.whole.get_or_insert_with(|| (graph.label(node), node.op.name().to_owned()));
                }
                let inputs = node.inputs.iter().map(|input| input.map(|id| self.whole(id)).transpose()).collect::<Result<Vec<_>, _>>()?;
                (node.op.clone(), inputs, None)
            }
        };
        let Some(output) = node.output() else { return Ok(()) };
        let id = self.graph.add_node(node.name.clone(), op, inputs, graph.tensor(output).name.clone())?;
        self.note(output, Value { id, columns });
        Ok(())
    }

    /// How a node computes new columns from new columns; `None` where it needs all of them.
    #[allow(clippy::type_complexity, reason = "operator, inputs and columns of one node")]
    fn carried(&mut self, node: &Node, values: &[Option<Value>]) -> Result<Option<(Op, Vec<Option<TensorId>>, Columns)>, LowerError> {
        let ids = || values.iter().map(|value| value.map(|value| value.id)).collect::<Vec<_>>();
        let first = values.iter().flatten().find_map(|value| value.columns);
        let Some(columns) = first else { return Ok(None) };
        let same = values.iter().flatten().all(|value| value.columns.is_none_or(|other| other == columns));
        let alone = values.iter().flatten().filter(|value| value.columns.is_some()).count() == 1;
        let op = node.op.clone();
        let carried = match &node.op {
            Op::Identity | Op::Unary(_) if alone => Some((op, ids(), columns)),
            Op::Softmax { axis } if *axis != columns.axis => Some((op, ids(), columns)),
            Op::Concat { axis } if *axis != columns.axis && same && values.iter().flatten().all(|value| value.columns.is_some()) => {
                Some((op, ids(), columns))
            }
            Op::Binary { .. } if same && self.is_uniform(node, values, columns) => Some((op, ids(), columns)),
            Op::Dense { .. } if self.rank(node).is_some_and(|rank| columns.axis + 1 < rank) => Some((op, ids(), columns)),
            Op::Transpose { perm } => {
                let axis = perm.iter().position(|&axis| axis == columns.axis);
                axis.map(|axis| (op, ids(), Columns { axis, ..columns }))
            }
            Op::Reshape { .. } => {
                self.reshaped(node, columns).map(|(shape, axis)| (Op::Reshape { shape }, ids(), Columns { axis, ..columns }))
            }
            Op::Conv(conv) => self.slid(node, &conv.window, columns, values)?.map(|(inputs, columns)| (op, inputs, columns)),
            Op::MaxPool(pool) | Op::AveragePool { pool, .. } => {
                self.slid(node, pool, columns, values)?.map(|(inputs, columns)| (op, inputs, columns))
            }
            Op::Pad { before, after, .. } if before.get(columns.axis) == Some(&0) && after.get(columns.axis) == Some(&0) => {
                Some((op, ids(), columns))
            }
            Op::Pad { .. } => {
                return Err(
                    self.refusal(node, "it pads the time axis, so that columns near the ends of a window are not those of the next window")
                );
            }
            _ => None,
        };
        Ok(carried)
    }

    fn rank(&self, node: &Node) -> Option<usize> {
        Some(self.old.graph().shape(node.input(0)?)?.rank())
    }

    /// Whether the other operands of elementwise arithmetic are the same for all columns.
    fn is_uniform(&self, node: &Node, values: &[Option<Value>], columns: Columns) -> bool {
        let rank = node.output().and_then(|id| self.old.graph().shape(id)).map_or(0, Shape::rank);
        node.inputs.iter().zip(values).all(|(input, value)| {
            let Some(shape) = input.and_then(|id| self.old.graph().fixed_shape(id).ok()) else { return false };
            let missing = rank - shape.len().min(rank);
            match value.and_then(|value| value.columns) {
                Some(own) => own.axis == columns.axis && missing == 0,
                None => columns.axis.checked_sub(missing).is_none_or(|axis| shape[axis] == 1),
            }
        })
    }

    /// The shape after a reshape that leaves the columns as they are, and their axis in it.
    fn reshaped(&self, node: &Node, columns: Columns) -> Option<(Shape, usize)> {
        let from = self.old.graph().fixed_shape(node.input(0)?).ok()?;
        let mut to = self.old.graph().fixed_shape(node.output()?).ok()?;
        let before: usize = from[..columns.axis].iter().product();
        let axis = (0..to.len()).find(|&axis| to[..axis].iter().product::<usize>() == before && to[axis] == columns.all)?;
        to[axis] = columns.new;
        Some((Shape::new(to), axis))
    }

    /// The inputs of a convolution or pooling that computes new columns, and what they are.
    #[allow(clippy::type_complexity, reason = "inputs and columns of one node")]
    fn slid(
        &mut self,
        node: &Node,
        window: &Window,
        columns: Columns,
        values: &[Option<Value>],
    ) -> Result<Option<(Vec<Option<TensorId>>, Columns)>, LowerError> {
        // Batch and channels come first.
        let Some(axis) = columns.axis.checked_sub(2) else { return Ok(None) };
        if window.pads_begin[axis] + window.pads_end[axis] > 0 {
            return Err(
                self.refusal(node, "it pads the time axis, so that columns near the ends of a window are not those of the next window")
            );
        }
        let stride = window.strides[axis];
        if !columns.new.is_multiple_of(stride) {
            let what = format!("its stride of {stride} does not divide the {} new columns of an invocation", columns.new);
            return Err(self.refusal(node, &what));
        }
        let extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
        let (Some(all), new) = (window.output_size(axis, columns.all), columns.new / stride) else { return Ok(None) };
        // What the last window leaves at the end of the whole one.
        let rest = columns.all - ((all - 1) * stride + extent);
        let needed = (new - 1) * stride + extent + rest;
        if new > all || needed < columns.new {
            return Err(self.refusal(node, "its windows leave gaps"));
        }
        let mut inputs: Vec<_> = values.iter().map(|value| value.map(|value| value.id)).collect();
        if let Some(Some(x)) = inputs.first_mut().filter(|_| needed > columns.new) {
            *x = self.delay(*x, columns.axis, needed)?;
        }
        self.windows += 1;
        Ok(Some((inputs, Columns { axis: columns.axis, new, all })))
    }

    fn refusal(&self, node: &Node, what: &str) -> LowerError {
        LowerError::Stream { node: self.old.graph().label(node), op: node.op.name().into(), what: what.into() }
    }
}
