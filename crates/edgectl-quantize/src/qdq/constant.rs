//! The constants of one node, in the form that its int8 operator needs.

use edgectl_graph::{DType, Graph, Literal, Node, Op, QuantConst, QuantParams, QuantType, TensorId, swap_channels};

use super::stored::{Entry, Stored};
use super::{QdqError, QdqNote};
use crate::{Range, activation_params, quantize_bias, quantize_operand};

/// How far, in steps, weights that passes have scaled may be from a multiple of what is stored. They are rounded to float32 twice.
const STEP_TOLERANCE: f64 = 1e-3;
/// How far a scale may be from the one that was computed elsewhere, relative to it. Both are rounded to float32.
const SCALE_TOLERANCE: f64 = 1e-6;

/// A quantized constant and the name that the model gives it.
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) value: QuantConst,
}

/// A float constant of the graph, all finite.
pub(super) struct Source<'g> {
    graph: &'g Graph,
    stored: &'g Stored,
    name: &'g str,
    literal: &'g Literal,
    values: &'g [f32],
}

impl<'g> Source<'g> {
    /// `None` where the tensor is no float constant.
    pub(super) fn of(graph: &'g Graph, stored: &'g Stored, id: TensorId) -> Result<Option<Source<'g>>, QdqError> {
        let tensor = graph.tensor(id);
        let Some((literal, values)) = tensor.literal.as_ref().and_then(|literal| Some((literal, literal.as_f32()?))) else {
            return Ok(None);
        };
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(Some(Source { graph, stored, name: &tensor.name, literal, values })),
            Some(element) => Err(QdqError::ConstantNotFinite { tensor: tensor.name.clone(), element, value: values[element] }),
        }
    }

    pub(super) fn literal(&self) -> &'g Literal {
        self.literal
    }

    /// As an operand of arithmetic. `shared` are the parameters of the operator, where it has them in common with its operands.
    pub(super) fn operand(&self, shared: Option<QuantParams>) -> Constant {
        let as_stored = self.stored.exactly(self.name, self.values).find_map(|entry| {
            let params = entry.params.filter(|&params| shared.is_none_or(|shared| shared == params))?;
            let values = entry.steps.iter().map(|steps| i8::try_from(steps + i32::from(params.zero_point)));
            let value = QuantConst::Operand { values: values.collect::<Result<_, _>>().ok()?, params };
            Some(Constant { name: entry.name.clone(), value })
        });
        as_stored.unwrap_or_else(|| {
            let extent = |range: Range, &x: &f32| range.union(Range { min: x, max: x });
            let params =
                shared.unwrap_or_else(|| activation_params(self.values.iter().fold(Range { min: 0.0, max: 0.0 }, extent), QuantType::I8));
            Constant { name: self.name.to_owned(), value: quantize_operand(self.values, params) }
        })
    }

    /// As numbers that stay real.
    pub(super) fn real(&self) -> Constant {
        Constant { name: self.name.to_owned(), value: QuantConst::Real }
    }

    /// As the bias of a layer whose weights have these scales. As it is stored where that has the right scale, otherwise quantized anew.
    pub(super) fn bias(&self, node: &Node, input_scale: f32, scales: &[f32]) -> Result<Constant, QdqError> {
        let scale_of = |scales: &[f32], channel: usize| if scales.len() == 1 { scales[0] } else { scales[channel] };
        let fits = |entry: &&Entry| {
            entry.dtype == DType::I32
                && (entry.scales.len() == 1 || entry.scales.len() == self.values.len())
                && (0..self.values.len()).all(|channel| {
                    let wanted = f64::from(input_scale) * f64::from(scale_of(scales, channel));
                    close(scale_of(&entry.scales, channel).into(), wanted)
                })
        };
        if let Some(entry) = self.stored.exactly(self.name, self.values).find(fits) {
            return Ok(Constant { name: entry.name.clone(), value: QuantConst::Bias { values: entry.steps.clone().into() } });
        }
        for (element, &value) in self.values.iter().enumerate() {
            let limit = f64::from(input_scale) * f64::from(scale_of(scales, element)) * f64::from(i32::MAX);
            if f64::from(value).abs() >= limit {
                let (node, tensor) = (self.graph.label(node), self.name.to_owned());
                return Err(QdqError::Bias { node, tensor, element, value, limit });
            }
        }
        let values = quantize_bias(self.values, input_scale, scales).into();
        Ok(Constant { name: self.name.to_owned(), value: QuantConst::Bias { values } })
    }

    /// As the weights of a layer, output channels first.
    ///
    /// The passes may have swapped the first two axes of what is stored, or multiplied each output channel by a number (a batch normalization folded into
    /// it): then the integers stay, and the scale is multiplied.
    pub(super) fn weights(&self, node: &Node, notes: &mut Vec<QdqNote>) -> Result<Constant, QdqError> {
        let bad = |expected, found| QdqError::Weights { node: self.graph.label(node), tensor: self.name.to_owned(), expected, found };
        let outputs = self.literal.shape().first().copied().unwrap_or(1).max(1);
        let groups = if let Op::ConvTranspose(conv) = &node.op { conv.groups } else { 1 };
        let swapped = swap_channels(self.values, self.literal.shape(), groups).map(|(_, values)| values);
        let exact = self.stored.exactly(self.name, self.values).chain(self.stored.exactly(self.name, swapped.as_deref().unwrap_or(&[])));
        let entry = exact.chain(self.stored.named(self.name)).find(|entry| entry.steps.len() == self.values.len());
        let entry = entry.ok_or_else(|| bad("quantized weights", "float32".into()))?;
        let rows = Rows::direct(entry, outputs).and_then(|rows| rows.scales(self.values));
        let found = rows.or_else(|| Rows::swapped(entry, outputs, groups).and_then(|rows| rows.scales(self.values)));
        let (steps, scales) = found.ok_or_else(|| {
            let found = format!("{} along axis {} of {:?}, or another factor for each input", entry.scales.len(), entry.axis, entry.shape);
            bad("one scale, or one per output channel", found)
        })?;
        let mut clamped = 0;
        let values = steps.iter().map(|&steps| match steps {
            -127..=127 => Ok(steps as i8),
            -128 => {
                clamped += 1;
                Ok(-127)
            }
            _ => Err(bad("a zero point of 0, or one that leaves q - zero_point in -128..=127", format!("{steps}"))),
        });
        let value = QuantConst::Weights { values: values.collect::<Result<_, _>>()?, scales: scales.into() };
        if clamped > 0 {
            notes.push(QdqNote::WeightsClamped { tensor: entry.name.clone(), count: clamped });
        }
        Ok(Constant { name: entry.name.clone(), value })
    }
}

fn close(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= SCALE_TOLERANCE * wanted
}

/// Stored weights, output channel by output channel.
struct Rows {
    steps: Vec<i32>,
    /// One, or one per row.
    scales: Vec<f32>,
    outputs: usize,
}

impl Rows {
    /// In the order in which they are stored.
    fn direct(entry: &Entry, outputs: usize) -> Option<Rows> {
        let per_row = entry.axis == 0 && entry.scales.len() == outputs;
        (entry.scales.len() == 1 || per_row).then(|| Rows { steps: entry.steps.clone(), scales: entry.scales.clone(), outputs })
    }

    /// With the input channels first; each group of outputs has the same scales.
    fn swapped(entry: &Entry, outputs: usize, groups: usize) -> Option<Rows> {
        let (_, steps) = swap_channels(&entry.steps, &entry.shape, groups)?;
        let scales = match entry.scales.len() {
            1 => entry.scales.clone(),
            per_group if entry.axis == 1 && per_group * groups == outputs => entry.scales.repeat(groups),
            _ => return None,
        };
        Some(Rows { steps, scales, outputs })
    }

    /// Steps and scales whose products are these values; `None` where there are no such scales.
    fn scales(mut self, values: &[f32]) -> Option<(Vec<i32>, Vec<f32>)> {
        let length = (values.len() / self.outputs).max(1);
        let mut scales = Vec::with_capacity(self.outputs);
        for (row, (steps, values)) in self.steps.chunks_mut(length).zip(values.chunks(length)).enumerate() {
            let stated = if self.scales.len() == 1 { self.scales[0] } else { self.scales[row] };
            let scale = multiple(steps, values)?;
            if scale < 0.0 {
                steps.iter_mut().for_each(|steps| *steps = -*steps);
            }
            let as_stated = scale == 0.0 || close(scale, stated.into());
            scales.push(if as_stated { stated } else { scale.abs() as f32 });
        }
        if self.scales.len() == 1 && scales.iter().all(|scale| *scale == self.scales[0]) {
            scales.truncate(1);
        }
        Some((self.steps, scales))
    }
}

/// The factor by which steps must be multiplied to give these values; zero where all are zeros, `None` where there is none.
fn multiple(steps: &[i32], values: &[f32]) -> Option<f64> {
    let greatest = (0..steps.len()).max_by_key(|&index| steps[index].unsigned_abs())?;
    let factor = if steps[greatest] == 0 { 0.0 } else { f64::from(values[greatest]) / f64::from(steps[greatest]) };
    let fits = |(&steps, &value): (&i32, &f32)| (f64::from(value) - f64::from(steps) * factor).abs() <= STEP_TOLERANCE * factor.abs();
    steps.iter().zip(values).all(fits).then_some(factor)
}
