//! All activations of a sample, in float and in int8.

use std::collections::HashMap;

use edgectl_graph::{Node, QuantGraph, QuantParams, TensorId};
use edgectl_quantize::quantize_value;

use crate::int8::Int8;
use crate::{ExplainError, Prepare, Runner, Sample};

/// Runs samples through the float graph and the int8 program.
pub(crate) struct Watch<'q, E> {
    pub(crate) quantized: &'q QuantGraph,
    /// The model's inputs, then what the nodes write.
    activations: Vec<TensorId>,
    inputs: usize,
    places: HashMap<TensorId, usize>,
    /// The place of the first output.
    output: usize,
    /// Of the activations; none of indices.
    params: Vec<Option<QuantParams>>,
    /// Values of all activations of a sample.
    values: usize,
    float: Runner<E>,
    int8: Int8,
    /// The outputs of the program that are the nodes' activations.
    slots: Vec<usize>,
}

/// All activations of a sample.
pub(crate) struct Seen {
    pub(crate) float: Vec<Vec<f32>>,
    pub(crate) int8: Vec<Vec<f32>>,
    output: usize,
}

impl<'q, E: From<ExplainError>> Watch<'q, E> {
    pub(crate) fn new(quantized: &'q QuantGraph, prepare: Prepare<'_, E>) -> Result<Watch<'q, E>, E> {
        let graph = quantized.graph();
        let computed: Vec<TensorId> = graph.nodes().iter().filter_map(Node::output).collect();
        let observing = quantized.observing(&computed).map_err(ExplainError::from)?;
        let outputs = observing.graph().outputs();
        let slots = computed.iter().filter_map(|id| outputs.iter().position(|output| output == id)).collect();
        let activations: Vec<TensorId> = graph.inputs().iter().chain(&computed).copied().collect();
        let places: HashMap<TensorId, usize> = activations.iter().enumerate().map(|(place, &id)| (id, place)).collect();
        let sizes = activations.iter().map(|&id| Ok(graph.fixed_shape(id)?.iter().product()));
        let sizes: Vec<usize> = sizes.collect::<Result<_, ExplainError>>()?;
        Ok(Watch {
            quantized,
            output: graph.outputs().first().and_then(|id| places.get(id)).copied().unwrap_or(0),
            params: activations.iter().map(|&id| quantized.params(id)).collect(),
            inputs: graph.inputs().len(),
            values: sizes.iter().sum(),
            float: prepare(graph, &computed)?,
            int8: Int8::new(&observing)?,
            slots,
            activations,
            places,
        })
    }

    /// Values of all activations of a sample.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// The number of the model's inputs, which come first in [`Seen`].
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Where the values of a tensor are in [`Seen`]; `None` for constants.
    pub(crate) fn place(&self, id: TensorId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The place of the first output.
    pub(crate) fn output(&self) -> usize {
        self.output
    }

    /// Values of an activation as its integers stand for them.
    pub(crate) fn rounded(&self, place: usize, values: &[f32]) -> Vec<f32> {
        let Some(Some(params)) = self.params.get(place) else { return values.to_vec() };
        let real = |q: i32| params.scale * (q - i32::from(params.zero_point)) as f32;
        values.iter().map(|&x| real(quantize_value(x, *params))).collect()
    }

    pub(crate) fn observe(&self, sample: &Sample) -> Result<Seen, E> {
        let inputs: Vec<&[f32]> = sample.inputs.iter().map(Vec::as_slice).collect();
        let mut float = (self.float)(&inputs)?;
        let own = self.quantized.graph().outputs().len();
        let computed = self.activations.len() - self.inputs;
        if inputs.len() != self.inputs || float.len() != own + computed {
            let (expected, found) = (self.inputs + own + computed, inputs.len() + float.len());
            return Err(ExplainError::Tensors { expected, found }.into());
        }
        let mut int8 = self.int8.run(&inputs)?;
        let rounded = inputs.iter().enumerate().map(|(place, values)| self.rounded(place, values));
        Ok(Seen {
            int8: rounded.chain(self.slots.iter().map(|&slot| std::mem::take(&mut int8[slot]))).collect(),
            float: sample.inputs.iter().cloned().chain(float.drain(own..)).collect(),
            output: self.output,
        })
    }
}

impl Seen {
    /// The first output in float.
    pub(crate) fn output(&self) -> &[f32] {
        self.float.get(self.output).map_or(&[], Vec::as_slice)
    }

    /// The classes that float and int8 give.
    pub(crate) fn classes(&self) -> Option<(usize, usize)> {
        Some((argmax(self.float.get(self.output)?)?, argmax(self.int8.get(self.output)?)?))
    }
}

/// The place of the first largest value.
pub(crate) fn argmax(values: &[f32]) -> Option<usize> {
    (0..values.len()).reduce(|best, at| if values[at] > values[best] { at } else { best })
}

/// The energy of a difference.
pub(crate) fn energy(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}
