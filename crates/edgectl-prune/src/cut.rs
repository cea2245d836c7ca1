//! Takes units out of a graph.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use edgectl_graph::{Conv, Data, Dim, Graph, Literal, Node, Op, Pass, Patch, Shape, Span, TensorId};

use crate::edits::Edits;
use crate::weights::is_depthwise;
use crate::{Dependencies, PruneError, UnitId};

impl Dependencies {
    /// The graph without some units: its tensors are smaller by their indices. The names of nodes and tensors stay. Of each group, at
    /// least one unit must stay.
    ///
    /// The result computes what [`Dependencies::zeroed`] computes.
    ///
    /// # Errors
    /// [`PruneError::Pass`] where the graph has no meaning any more, e.g. because a group has lost all of its units.
    pub fn without(&self, graph: &Graph, units: &BTreeSet<UnitId>) -> Result<Graph, PruneError> {
        let mut cut = graph.clone();
        if !units.is_empty() {
            apply(&mut cut, self.patch(graph, units, &Edits::default()))?;
        }
        Ok(cut)
    }

    /// As [`Dependencies::without`], with changed weights of some layers.
    pub(crate) fn without_edited(&self, graph: &Graph, units: &BTreeSet<UnitId>, edits: &Edits) -> Result<Graph, PruneError> {
        let mut cut = graph.clone();
        if !(units.is_empty() && edits.is_empty()) {
            apply(&mut cut, self.patch(graph, units, edits))?;
        }
        Ok(cut)
    }

    /// The graph with the weights and parameters of some units set to zero, and everything else in place.
    ///
    /// # Errors
    /// None for a graph that these are the dependencies of.
    pub fn zeroed(&self, graph: &Graph, units: &BTreeSet<UnitId>) -> Result<Graph, PruneError> {
        let mut changed: HashMap<TensorId, Vec<f32>> = HashMap::new();
        for member in units.iter().flat_map(|&unit| &self.units()[unit].members) {
            let Some((literal, values)) = graph.literal(member.tensor).and_then(|literal| Some((literal, literal.as_f32()?))) else {
                continue;
            };
            let own = changed.entry(member.tensor).or_insert_with(|| values.to_vec());
            let below: usize = literal.shape()[member.axis + 1..].iter().product();
            let size = literal.shape()[member.axis];
            own.iter_mut().enumerate().filter(|(at, _)| at / below % size == member.index).for_each(|(_, value)| *value = 0.0);
        }
        with_values(graph, "set channels to zero", changed)
    }

    fn patch(&self, graph: &Graph, units: &BTreeSet<UnitId>, edits: &Edits) -> Patch {
        let mut patch = Patch::new(graph, format!("remove {} channels", units.len()));
        let kept = |id: TensorId, axis: usize| -> Vec<usize> {
            let all = self.axis(id, axis).iter().enumerate();
            all.filter(|(_, unit)| unit.is_none_or(|unit| !units.contains(&unit))).map(|(index, _)| index).collect()
        };
        let is_whole = |id: TensorId| (0..self.rank(id)).all(|axis| kept(id, axis).len() == self.axis(id, axis).len());
        let mut smaller: HashMap<TensorId, TensorId> = HashMap::new();
        for (id, node) in graph.iter() {
            let mut inputs = node.inputs.clone();
            for input in inputs.iter_mut().flatten() {
                let Some(literal) = graph.literal(*input).filter(|_| !is_whole(*input)) else { continue };
                *input = *smaller.entry(*input).or_insert_with_key(|&own| {
                    let taken = (0..self.rank(own)).try_fold(literal.clone(), |literal, axis| take(&literal, axis, &kept(own, axis)));
                    patch.constant(graph.tensor(own).name.clone(), taken.unwrap_or_else(|| literal.clone()))
                });
            }
            for place in [1, 2] {
                let Some((weights, literal)) = node.input(1).zip(edits.literal(id, place)) else { continue };
                let named = node.input(place).map(|own| graph.tensor(own).name.clone());
                let name = named.unwrap_or_else(|| format!("{}_bias", graph.label(node)));
                // A bias has the rows of its weights.
                let taken =
                    (0..literal.shape().len()).try_fold(literal.clone(), |literal, axis| take(&literal, axis, &kept(weights, axis)));
                inputs.resize(inputs.len().max(place + 1), None);
                inputs[place] = Some(patch.constant(name, taken.unwrap_or(literal)));
            }
            let op = self.smaller_op(graph, node, &kept);
            if op != node.op || inputs != node.inputs {
                patch.replace(graph, id, op, inputs);
            }
        }
        patch
    }

    /// The operator with the attributes that depend on the number of channels.
    fn smaller_op(&self, graph: &Graph, node: &Node, kept: &dyn Fn(TensorId, usize) -> Vec<usize>) -> Op {
        let (Some(x), Some(y)) = (node.input(0), node.output()) else { return node.op.clone() };
        match &node.op {
            Op::Conv(conv) if is_depthwise(graph, node) => Op::Conv(Conv { groups: kept(x, 1).len(), ..conv.clone() }),
            Op::ConvTranspose(conv) if is_depthwise(graph, node) => {
                let mut conv = conv.clone();
                conv.groups = kept(x, 1).len();
                Op::ConvTranspose(conv)
            }
            Op::GroupNorm { groups, epsilon } if self.axis(x, 1).len() == *groups => {
                Op::GroupNorm { groups: kept(x, 1).len(), epsilon: *epsilon }
            }
            Op::Reshape { shape } => {
                let dim = |(axis, dim): (usize, &Dim)| match dim {
                    Dim::Fixed(_) => Dim::Fixed(kept(y, axis).len()),
                    symbol => symbol.clone(),
                };
                Op::Reshape { shape: Shape::from(shape.dims().iter().enumerate().map(dim).collect::<Vec<_>>()) }
            }
            Op::Pad { before, after, value } => {
                let within = |axis: usize, range: std::ops::Range<usize>| match graph.shape(y).and_then(|shape| shape.dims()[axis].fixed())
                {
                    Some(_) => kept(y, axis).iter().filter(|index| range.contains(index)).count(),
                    None => range.len(),
                };
                let begin = |axis: usize| within(axis, 0..before[axis]);
                let end = |axis: usize| {
                    let size = self.axis(y, axis).len();
                    within(axis, size - after[axis].min(size)..size)
                };
                let axes = 0..before.len();
                Op::Pad { before: axes.clone().map(begin).collect(), after: axes.map(end).collect(), value: *value }
            }
            Op::Slice { spans } => {
                let span = |span: &Span| {
                    let (from, to) = (kept(x, span.axis), kept(y, span.axis));
                    // The first element that stays, by its place among those that stay.
                    let first = to.first().map(|&at| span.start.wrapping_add_signed(span.step.wrapping_mul(at as isize)));
                    let start = first.map_or(0, |first| from.partition_point(|&index| index < first));
                    Span { start, len: to.len(), ..*span }
                };
                Op::Slice { spans: spans.iter().map(span).collect() }
            }
            Op::Gather { axis, indices, dims } if dims.len() == 1 => {
                let (from, to) = (kept(x, *axis), kept(y, *axis));
                let moved = |&at: &usize| from.partition_point(|&index| index < indices[at]);
                Op::Gather { axis: *axis, indices: to.iter().map(moved).collect(), dims: vec![to.len()] }
            }
            // What is picked without an axis is kept, and may lie elsewhere among what stays.
            Op::Gather { axis, indices, dims } => {
                let from = kept(x, *axis);
                let moved = |&index: &usize| from.partition_point(|&other| other < index);
                Op::Gather { axis: *axis, indices: indices.iter().map(moved).collect(), dims: dims.clone() }
            }
            other => other.clone(),
        }
    }
}

/// Gives constants other values.
pub(crate) fn with_values(graph: &Graph, why: &str, values: HashMap<TensorId, Vec<f32>>) -> Result<Graph, PruneError> {
    let mut patch = Patch::new(graph, why);
    let mut fresh: HashMap<TensorId, TensorId> = HashMap::new();
    // In the order of the graph, so that the same change gives the same graph.
    let mut ids: Vec<TensorId> = values.keys().copied().collect();
    ids.sort();
    for id in ids {
        let literal = graph.literal(id).and_then(|old| Literal::f32(old.shape(), values[&id].clone()));
        if let Some(literal) = literal {
            fresh.insert(id, patch.constant(graph.tensor(id).name.clone(), literal));
        }
    }
    for (id, node) in graph.iter() {
        let inputs: Vec<Option<TensorId>> = node.inputs.iter().map(|input| input.map(|id| *fresh.get(&id).unwrap_or(&id))).collect();
        if inputs != node.inputs {
            patch.replace(graph, id, node.op.clone(), inputs);
        }
    }
    let mut changed = graph.clone();
    if !fresh.is_empty() {
        apply(&mut changed, patch)?;
    }
    Ok(changed)
}

/// Applies one patch, checked as that of a pass.
pub(crate) fn apply(graph: &mut Graph, patch: Patch) -> Result<(), PruneError> {
    struct Once(Cell<Option<Patch>>);
    impl Pass for Once {
        fn name(&self) -> &'static str {
            "prune"
        }

        fn next(&self, _: &Graph) -> Option<Patch> {
            self.0.take()
        }
    }
    edgectl_graph::run(graph, &Once(Cell::new(Some(patch))))?;
    Ok(())
}

/// Some indices of an axis.
fn take(literal: &Literal, axis: usize, indices: &[usize]) -> Option<Literal> {
    fn of<T: Copy>(values: &[T], (above, size, below): (usize, usize, usize), indices: &[usize]) -> Vec<T> {
        let lines = (0..above).flat_map(|outer| indices.iter().map(move |index| (outer * size + index) * below));
        lines.flat_map(|start| &values[start..start + below]).copied().collect()
    }
    let shape = literal.shape();
    if indices.len() == shape[axis] {
        return Some(literal.clone());
    }
    let extents = (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product());
    let data = match literal.data() {
        Data::Bool(values) => Data::Bool(of(values, extents, indices).into()),
        Data::F32(values) => Data::F32(of(values, extents, indices).into()),
        Data::F64(values) => Data::F64(of(values, extents, indices).into()),
        Data::I8(values) => Data::I8(of(values, extents, indices).into()),
        Data::I16(values) => Data::I16(of(values, extents, indices).into()),
        Data::I32(values) => Data::I32(of(values, extents, indices).into()),
        Data::I64(values) => Data::I64(of(values, extents, indices).into()),
        Data::U8(values) => Data::U8(of(values, extents, indices).into()),
        // Its elements cannot be told apart, so it is as it was, and the check of the graph says that it does not fit.
        _ => return None,
    };
    let mut smaller = shape.to_vec();
    smaller[axis] = indices.len();
    Literal::new(smaller, data)
}
