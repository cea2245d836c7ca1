//! What follows a cut through the graph, in float.

use crate::watch::{Seen, Watch};
use crate::{ExplainError, Prepare, Runner};

/// The nodes after a cut.
pub(crate) struct Tail<E> {
    /// The number of nodes before the cut.
    pub(crate) cut: usize,
    /// What the nodes after the cut read, as places in [`Seen`], their runner, and which of its results is the model's first output.
    /// `None` where that output lies before the cut.
    rest: Option<(Vec<usize>, Runner<E>, usize)>,
    output: usize,
}

impl<E: From<ExplainError>> Tail<E> {
    pub(crate) fn new(watch: &Watch<'_, E>, cut: usize, prepare: Prepare<'_, E>) -> Result<Tail<E>, E> {
        let part = watch.quantized.graph().part(cut..usize::MAX);
        let output = part.outputs.iter().position(|&id| watch.place(id) == Some(watch.output()));
        let inputs: Option<Vec<usize>> = part.inputs.iter().map(|&id| watch.place(id)).collect();
        let rest = match output.zip(inputs) {
            Some((output, inputs)) => Some((inputs, prepare(&part.graph, &[])?, output)),
            None => None,
        };
        Ok(Tail { cut, rest, output: watch.output() })
    }

    /// The model's first output, where the nodes before the cut gave `values`, by place.
    pub(crate) fn output<'v>(&self, values: impl Fn(usize) -> &'v [f32]) -> Result<Vec<f32>, E> {
        let Some((inputs, runner, output)) = &self.rest else { return Ok(values(self.output).to_vec()) };
        let inputs: Vec<&[f32]> = inputs.iter().map(|&place| values(place)).collect();
        let mut outputs = runner(&inputs)?;
        if *output >= outputs.len() {
            return Err(ExplainError::Tensors { expected: output + 1, found: outputs.len() }.into());
        }
        Ok(outputs.swap_remove(*output))
    }

    /// The first output where everything before the cut is int8.
    pub(crate) fn after_int8(&self, seen: &Seen) -> Result<Vec<f32>, E> {
        self.output(|place| &seen.int8[place])
    }
}
