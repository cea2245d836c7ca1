//! Training as int8 will compute: activations and weights are shown as their grids show them.

use std::collections::BTreeMap;

use edgectl_graph::{Graph, Node, Op, QuantParams, QuantType, TensorId};
use edgectl_quantize::{QuantizeOptions, Range, RangeGroup, activation_params, weight_scale};

use crate::TrainError;
use crate::kernel::fake_quant::Grid;
use crate::network::{Leaves, State};
use crate::op;
use crate::tape::{self, Tensor};

/// The simulation of a graph's int8 program.
#[derive(Clone, Debug)]
pub(crate) struct FakeQuant {
    /// The group of an activation.
    groups: BTreeMap<TensorId, usize>,
    grids: Vec<Grids>,
    /// The names of the tensors of each learned group.
    names: Vec<Vec<String>>,
    /// Their first ranges.
    first: Vec<Range>,
    options: QuantizeOptions,
}

#[derive(Clone, Copy, Debug)]
enum Grids {
    Fixed(Grid),
    /// The place among what is learned.
    Learned(usize),
}

/// A range as training left it.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedRange {
    /// The tensors that have it, by name.
    pub tensors: Vec<String>,
    /// The range.
    pub range: Range,
}

fn grid(params: QuantParams) -> Grid {
    Grid { scale: params.scale, zero_point: params.zero_point.into(), min: -128.0, max: 127.0 }
}

impl FakeQuant {
    pub(crate) fn new(graph: &Graph, groups: &[RangeGroup], options: QuantizeOptions) -> FakeQuant {
        let mut fake_quant = FakeQuant { groups: BTreeMap::new(), grids: vec![], names: vec![], first: vec![], options };
        for (place, group) in groups.iter().enumerate() {
            fake_quant.groups.extend(group.tensors.iter().map(|&id| (id, place)));
            fake_quant.grids.push(match group.fixed {
                Some(params) => Grids::Fixed(grid(params)),
                None => {
                    fake_quant.names.push(group.tensors.iter().map(|&id| graph.tensor(id).name.clone()).collect());
                    fake_quant.first.push(group.range);
                    Grids::Learned(fake_quant.first.len() - 1)
                }
            });
        }
        fake_quant
    }

    /// The ranges that are learned, as they are before training: lower and upper bound, which hold zero.
    pub(crate) fn learned(&self) -> impl Iterator<Item = [f32; 2]> + '_ {
        self.first.iter().map(|range| [range.min.min(0.0), range.max.max(0.0)])
    }

    /// Brings bounds that a step moved back to where they hold zero and have an extent.
    pub(crate) fn project(&self, bounds: &mut [Vec<f32>]) {
        for (bounds, first) in bounds.iter_mut().zip(&self.first) {
            let least = (first.max.max(0.0) - first.min.min(0.0)) * 1e-3;
            if let [lower, upper] = &mut bounds[..] {
                *lower = lower.min(0.0);
                *upper = upper.max(0.0);
                if *upper - *lower < least {
                    *upper = *lower + least;
                }
            }
        }
    }

    /// The learned ranges; `first` is the place of their bounds among the parameters.
    pub(crate) fn ranges(&self, state: &State, first: usize) -> Vec<LearnedRange> {
        let range = |bounds: &Vec<f32>| Range { min: bounds[0], max: bounds[1] };
        let all = self.names.iter().zip(&state.parameters[first..]);
        all.map(|(tensors, bounds)| LearnedRange { tensors: tensors.clone(), range: range(bounds) }).collect()
    }

    /// An activation as int8 shows it.
    pub(crate) fn activation(&self, id: TensorId, x: Tensor, first: usize, leaves: &Leaves, state: &State) -> Result<Tensor, TrainError> {
        Ok(match self.groups.get(&id).map(|&group| self.grids[group]) {
            None => x,
            Some(Grids::Fixed(grid)) => op::fake_quant(grid, &x, &tape::constant(vec![0.0; 2], 2)?)?,
            Some(Grids::Learned(place)) => {
                let bounds = &state.parameters[first + place];
                let params = activation_params(Range { min: bounds[0], max: bounds[1] }, QuantType::I8);
                op::fake_quant(grid(params), &x, &leaves.parameters[first + place])?
            }
        })
    }

    /// A parameter as int8 shows it: the weights of layers. Biases have so many bits that nothing shows.
    pub(crate) fn parameter(
        &self,
        graph: &Graph,
        node: &Node,
        place: usize,
        value: &Tensor,
        by_tensor: &BTreeMap<TensorId, usize>,
        state: &State,
    ) -> tape::Result<Tensor> {
        let values = |place: usize| Some(&state.parameters[*by_tensor.get(&node.input(place)?)?][..]);
        let Some(weights) = values(place) else { return Ok(value.clone()) };
        let per_channel = match &node.op {
            Op::Recurrent(recurrent) if place <= 2 => {
                let gates = recurrent.cell.gates();
                return op::fake_quant_weights(
                    weights.chunks(weights.len() / gates).map(|gate| weight_scale(gate, 0.0, 1.0)).collect(),
                    value,
                );
            }
            op if !op.is_layer() || place != 1 => return Ok(value.clone()),
            Op::Dense { .. } => self.options.per_channel_dense,
            _ => self.options.per_channel_conv,
        };
        // The scale of the input matters only where a bias is enormous: then the grid of the program is coarser than this one.
        let bias = values(2).unwrap_or(&[]);
        let input_scale = node.input(0).and_then(|id| self.scale(id, graph, by_tensor.len(), state)).unwrap_or(1.0);
        let channel = value.elem_count() / value.dim(0)?.max(1);
        let of_channel = |(i, weights): (usize, &[f32])| weight_scale(weights, bias.get(i).copied().unwrap_or(0.0), input_scale);
        let scales: Vec<f32> = weights.chunks(channel.max(1)).enumerate().map(of_channel).collect();
        if per_channel {
            return op::fake_quant_weights(scales, value);
        }
        op::fake_quant_weights(vec![scales.into_iter().fold(0.0, f32::max)], value)
    }

    fn scale(&self, id: TensorId, _graph: &Graph, first: usize, state: &State) -> Option<f32> {
        Some(match self.grids[*self.groups.get(&id)?] {
            Grids::Fixed(grid) => grid.scale,
            Grids::Learned(place) => {
                let bounds = &state.parameters[first + place];
                activation_params(Range { min: bounds[0], max: bounds[1] }, QuantType::I8).scale
            }
        })
    }
}
