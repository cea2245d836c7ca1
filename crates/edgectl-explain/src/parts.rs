//! Every node as a model of its own, in int8 and in float.

use edgectl_graph::Part;

use crate::int8::Int8;
use crate::watch::{Seen, Watch};
use crate::{ExplainError, Prepare, Runner};

/// The nodes of a graph, each by itself.
pub(crate) struct Parts<E>(Vec<Option<Single<E>>>);

/// A node that reads activations.
struct Single<E> {
    /// What it reads, as places in [`Seen`].
    inputs: Vec<usize>,
    int8: Int8,
    float: Runner<E>,
}

impl<E: From<ExplainError>> Parts<E> {
    pub(crate) fn new(watch: &Watch<'_, E>, prepare: Prepare<'_, E>) -> Result<Parts<E>, E> {
        let single = |index: usize| -> Result<Option<Single<E>>, E> {
            let Part { graph, inputs, outputs } = watch.quantized.part(index..index + 1).map_err(ExplainError::from)?;
            let inputs: Option<Vec<usize>> = inputs.iter().map(|&id| watch.place(id)).collect();
            // A node that only reads constants has no noise that inputs could show; what nobody reads matters to nobody.
            let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty() && !outputs.is_empty()) else { return Ok(None) };
            let float = prepare(graph.graph(), &[])?;
            Ok(Some(Single { inputs, int8: Int8::new(&graph)?, float }))
        };
        (0..watch.quantized.graph().nodes().len()).map(single).collect::<Result<_, E>>().map(Parts)
    }

    /// What a node adds to its exact result: it reads float values rounded once to the scales of their tensors, once in int8 and once in
    /// float, so that the rounding of what it reads is not counted as its own. `None` where it adds nothing, as those that only move
    /// values, or where it reads no activation.
    pub(crate) fn noise(&self, node: usize, watch: &Watch<'_, E>, seen: &Seen) -> Result<Option<Vec<f32>>, E> {
        let Some(Some(single)) = self.0.get(node) else { return Ok(None) };
        let rounded: Vec<Vec<f32>> = single.inputs.iter().map(|&place| watch.rounded(place, &seen.float[place])).collect();
        let rounded: Vec<&[f32]> = rounded.iter().map(Vec::as_slice).collect();
        let (int8, float) = (single.int8.run(&rounded)?, (single.float)(&rounded)?);
        let (Some(int8), Some(float)) = (int8.first(), float.first()) else { return Ok(None) };
        let noise: Vec<f32> = int8.iter().zip(float).map(|(a, b)| a - b).collect();
        Ok(noise.iter().any(|&noise| noise != 0.0).then_some(noise))
    }
}
