//! Recurrent layers: how large a cell becomes, and their constants as integers.
//!
//! A cell is inside of its layer, where no float engine shows it: so the layer is computed here, on what it reads.

use std::sync::Arc;

use edgectl_graph::{Cell, Extents, Graph, Node, Op, QuantConst, QuantParams, Recurrent, TensorId};

use crate::layer::finite;
use crate::{QuantizeError, quantize_bias, quantize_weights, weight_scale};

/// A recurrent layer in floating point.
#[derive(Clone, Debug)]
pub(crate) struct RecurrentLayer {
    recurrent: Recurrent,
    extents: Extents,
    pub(crate) input: TensorId,
    pub(crate) output: TensorId,
    weights: Arc<[f32]>,
    recurrent_weights: Arc<[f32]>,
    bias: Arc<[f32]>,
}

impl RecurrentLayer {
    /// The layer of a node; `None` where it is another operator.
    pub(crate) fn of(graph: &Graph, node: &Node) -> Result<Option<RecurrentLayer>, QuantizeError> {
        let Op::Recurrent(recurrent) = node.op else { return Ok(None) };
        let no_int8 =
            || QuantizeError::NoInt8 { node: graph.label(node), op: node.op.name().into(), reason: "its weights are not constant".into() };
        let constant = |index: usize| -> Result<Arc<[f32]>, QuantizeError> {
            let values = node.input(index).map(|id| finite(graph, id)).transpose()?.flatten();
            values.map(Arc::from).ok_or_else(no_int8)
        };
        let (input, output) = node.input(0).zip(node.output()).ok_or_else(no_int8)?;
        let extents = recurrent.extents(&graph.fixed_shape(input)?, &graph.fixed_shape(output)?).ok_or_else(no_int8)?;
        let (weights, recurrent_weights, bias) = (constant(1)?, constant(2)?, constant(3)?);
        constant(4)?;
        Ok(Some(RecurrentLayer { recurrent, extents, input, output, weights, recurrent_weights, bias }))
    }

    /// Whether it has a cell whose range must be found.
    pub(crate) fn has_cell(&self) -> bool {
        matches!(self.recurrent.cell, Cell::Lstm { .. })
    }

    /// The greatest magnitude of the cells for this input.
    pub(crate) fn cell_magnitude(&self, x: &[f32]) -> f32 {
        let Cell::Lstm { clip } = self.recurrent.cell else { return 0.0 };
        let Extents { batch, steps, inputs, units } = self.extents;
        let clip = if clip > 0.0 { clip } else { f32::INFINITY };
        let mut greatest = 0.0f32;
        for sequence in 0..batch {
            let (mut hidden, mut cell) = (vec![0.0f32; units], vec![0.0f32; units]);
            for step in 0..steps {
                let row = self.recurrent.row(&self.extents, sequence, step) * inputs;
                let Some(x) = x.get(row..row + inputs) else { return greatest };
                let gates: Vec<f32> = (0..4 * units).map(|row| self.argument(row, x, &hidden)).collect();
                for unit in 0..units {
                    let [input, forget, update, output] = [0, 1, 2, 3].map(|gate| gates[gate * units + unit]);
                    let kept = logistic(forget) * cell[unit] + logistic(input) * update.tanh();
                    cell[unit] = kept.clamp(-clip, clip);
                    hidden[unit] = logistic(output) * cell[unit].tanh();
                    greatest = greatest.max(cell[unit].abs());
                }
            }
        }
        greatest
    }

    fn argument(&self, row: usize, x: &[f32], hidden: &[f32]) -> f32 {
        let dot =
            |weights: &[f32], x: &[f32]| -> f32 { weights[row * x.len()..][..x.len()].iter().zip(x).map(|(weight, x)| weight * x).sum() };
        self.bias[row] + dot(&self.weights, x) + dot(&self.recurrent_weights, hidden)
    }

    /// The constants as integers, for the parameters of input and output and the greatest magnitude of the cell.
    pub(crate) fn constants(
        &self,
        graph: &Graph,
        node: &Node,
        input: QuantParams,
        output: QuantParams,
        cell_magnitude: f32,
    ) -> Result<Vec<(TensorId, QuantConst)>, QuantizeError> {
        let gates = self.recurrent.cell.gates();
        let units = self.extents.units;
        let last = node.input(4).map(|id| finite(graph, id)).transpose()?.flatten().unwrap_or_default();
        let none = vec![0.0; self.bias.len()];
        let is_gru = matches!(self.recurrent.cell, Cell::Gru { .. });
        let scales = self.scales(&self.weights, &self.bias, input.scale);
        let recurrent_scales = self.scales(&self.recurrent_weights, if is_gru { last } else { &none }, output.scale);
        let weights = |values: &[f32], scales: &[f32]| {
            let scales: Arc<[f32]> = scales.iter().flat_map(|&scale| std::iter::repeat_n(scale, units)).collect();
            QuantConst::Weights { values: quantize_weights(values, &scales).into(), scales }
        };
        let bias = |values: &[f32], x_scale: f32, scales: &[f32]| {
            let rows = values.chunks(units).zip(scales).take(gates);
            QuantConst::Bias { values: rows.flat_map(|(gate, &scale)| quantize_bias(gate, x_scale, &[scale])).collect() }
        };
        let last = if is_gru {
            bias(last, output.scale, &recurrent_scales)
        } else {
            QuantConst::WideOperand { values: vec![0; last.len()].into(), params: cell_params(cell_magnitude) }
        };
        let constants = [
            weights(&self.weights, &scales),
            weights(&self.recurrent_weights, &recurrent_scales),
            bias(&self.bias, input.scale, &scales),
            last,
        ];
        Ok(node.inputs.iter().skip(1).copied().zip(constants).filter_map(|(id, constant)| Some((id?, constant))).collect())
    }

    /// A scale per gate, in which its weights and its biases fit.
    fn scales(&self, weights: &[f32], biases: &[f32], x_scale: f32) -> Vec<f32> {
        let gates = self.recurrent.cell.gates();
        let per_gate = weights.chunks((weights.len() / gates).max(1)).zip(biases.chunks((biases.len() / gates).max(1)));
        let greatest = |biases: &[f32]| biases.iter().fold(0.0f32, |max, bias| max.max(bias.abs()));
        per_gate.map(|(weights, biases)| weight_scale(weights, greatest(biases), x_scale)).collect()
    }
}

/// The parameters of a cell of this magnitude: int16 with a power of two as scale, at least 2^-15.
fn cell_params(magnitude: f32) -> QuantParams {
    let log2 = magnitude.max(1.0).log2().ceil().min(16.0);
    QuantParams::int16((log2 - 15.0).exp2())
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use edgectl_graph::{Fact, Literal, Shape};

    use super::*;

    /// One unit whose gates do not look at anything: input one half, forget one, cell `tanh(b)`.
    fn layer(clip: f32) -> RecurrentLayer {
        let mut graph = Graph::new("lstm");
        let x = graph.add_input("x", Fact::f32(Shape::new([1usize, 6, 2])));
        let mut constant =
            |name: &str, shape: &[usize], values: Vec<f32>| Some(graph.add_constant(name, Literal::f32(shape.to_vec(), values).unwrap()));
        let inputs = vec![
            Some(x),
            constant("w", &[4, 2], vec![0.0; 8]),
            constant("r", &[4, 1], vec![0.0; 4]),
            constant("b", &[4], vec![0.0, 50.0, 0.5, 0.0]),
            constant("c", &[1, 1], vec![0.0]),
        ];
        let op = Op::Recurrent(Recurrent { cell: Cell::Lstm { clip }, time_major: false });
        graph.add_node("lstm", op, inputs, "y").unwrap();
        RecurrentLayer::of(&graph, &graph.nodes()[0]).unwrap().unwrap()
    }

    #[test]
    fn a_cell_that_forgets_nothing_grows_with_every_step() {
        let grown = 6.0 * 0.5 * 0.5f32.tanh();
        assert!((layer(0.0).cell_magnitude(&[1.0; 12]) - grown).abs() < 1e-5);
        assert_eq!(layer(0.75).cell_magnitude(&[1.0; 12]), 0.75);
    }

    #[test]
    fn a_cells_scale_is_the_least_power_of_two_that_holds_it() {
        let scales = [0.0, 1.0, 1.001, 3.9, f32::INFINITY].map(|magnitude| cell_params(magnitude).scale.log2());
        assert_eq!(scales, [-15.0, -15.0, -14.0, -13.0, 1.0]);
    }
}
