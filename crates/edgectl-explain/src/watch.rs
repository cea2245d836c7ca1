//! All activations of a sample, in float and in int8.

use std::collections::HashMap;

use edge_runtime::affine::Affine;
use edgectl_graph::{Node, QuantGraph, QuantParams, TensorId};

use crate::int8::Int8;
use crate::{ExplainError, Prepare, Runner};

/// Runs samples through the float graph and the int8 program.
pub(crate) struct Watch<'q, E> {
    pub(crate) quantized: &'q QuantGraph,
    /// The model's input, then what the nodes write.
    activations: Vec<TensorId>,
    places: HashMap<TensorId, usize>,
    /// The place of the first output.
    output: usize,
    /// Of the activations.
    affines: Vec<Affine>,
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
        let activations: Vec<TensorId> = graph.inputs().iter().take(1).copied().chain(computed.iter().copied()).collect();
        let places: HashMap<TensorId, usize> = activations.iter().enumerate().map(|(place, &id)| (id, place)).collect();
        let sizes = activations.iter().map(|&id| Ok(graph.fixed_shape(id)?.iter().product()));
        let sizes: Vec<usize> = sizes.collect::<Result<_, ExplainError>>()?;
        Ok(Watch {
            quantized,
            output: graph.outputs().first().and_then(|id| places.get(id)).copied().unwrap_or(0),
            affines: activations.iter().filter_map(|&id| quantized.params(id)).map(affine).collect(),
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
        let Some(affine) = self.affines.get(place) else { return values.to_vec() };
        values.iter().map(|&x| affine.dequantize(affine.quantize(x))).collect()
    }

    pub(crate) fn observe(&self, sample: &[f32]) -> Result<Seen, E> {
        let mut float = (self.float)(&[sample])?;
        let own = self.quantized.graph().outputs().len();
        let computed = self.activations.len() - 1;
        if float.len() != own + computed {
            return Err(ExplainError::Tensors { expected: own + computed, found: float.len() }.into());
        }
        let mut int8 = self.int8.run(&[sample])?;
        let rounded = self.rounded(0, sample);
        Ok(Seen {
            float: [sample.to_vec()].into_iter().chain(float.drain(own..)).collect(),
            int8: [rounded].into_iter().chain(self.slots.iter().map(|&slot| std::mem::take(&mut int8[slot]))).collect(),
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

fn affine(params: QuantParams) -> Affine {
    Affine { scale: params.scale, zero_point: params.zero_point.into() }
}
