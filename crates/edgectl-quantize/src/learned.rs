//! Ranges that training finds: which activations share one, where it begins, and how it comes back.

use edgectl_graph::{Graph, Node, QuantParams, QuantType, TensorId};

use crate::group::{Groups, Source};
use crate::{QuantizeError, Range, Ranges, activation_params};

/// Activations that the operators between them force to have the same parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeGroup {
    /// The activations.
    pub tensors: Vec<TensorId>,
    /// The parameters, where an operator fixes them.
    pub fixed: Option<QuantParams>,
    /// The real values that they span in int8.
    pub range: Range,
}

impl Ranges {
    /// The activations of a [prepared](crate::prepare) graph, group by group, as [`quantize`](crate::quantize) would give them parameters.
    ///
    /// # Errors
    /// Ranges that are missing, as they are those of another graph.
    pub fn groups(&self, graph: &Graph) -> Result<Vec<RangeGroup>, QuantizeError> {
        let groups = Groups::new(graph);
        let activations = || graph.inputs().iter().copied().chain(graph.nodes().iter().flat_map(Node::writes));
        let found = groups.sources(graph).into_iter().map(|(group, sources)| {
            let (mut fixed, mut range) = (None, Range { min: 0.0, max: 0.0 });
            for source in sources {
                match source {
                    Source::Fixed(_, params) => fixed = Some(params),
                    Source::Free(id) => range = range.union(*self.ranges.get(&id).ok_or(QuantizeError::NoSamples)?),
                    Source::Padding(value) => range = range.union(Range { min: value, max: value }),
                    Source::Constant(id) => {
                        let values = graph.literal(id).and_then(|literal| literal.as_f32()).and_then(Range::of);
                        range = values.map_or(range, |values| range.union(values));
                    }
                }
            }
            let params = fixed.unwrap_or_else(|| activation_params(range, QuantType::I8));
            let real = |q: f32| params.scale * (q - f32::from(params.zero_point));
            let range = if fixed.is_some() { Range { min: real(-128.0), max: real(127.0) } } else { range };
            Ok(RangeGroup { tensors: activations().filter(|&id| groups.of(id) == group).collect(), fixed, range })
        });
        found.collect()
    }

    /// These ranges for a graph whose tensors have the names that they have in `from`, with some learned anew: the tensors of a group, by
    /// name, and their range.
    pub fn relearned<'a>(&self, from: &Graph, to: &Graph, learned: impl IntoIterator<Item = (&'a [String], Range)>) -> Ranges {
        let find = |id: &TensorId| to.find(&from.tensor(*id).name);
        let mut ranges = Ranges {
            ranges: self.ranges.iter().filter_map(|(id, range)| Some((find(id)?, *range))).collect(),
            cells: self.cells.iter().filter_map(|(id, magnitude)| Some((find(id)?, *magnitude))).collect(),
            extents: self.extents.iter().filter_map(|(id, range)| Some((find(id)?, *range))).collect(),
            samples: self.samples,
        };
        for (tensors, range) in learned {
            for id in tensors.iter().filter_map(|name| to.find(name)) {
                ranges.ranges.entry(id).and_modify(|own| *own = range);
            }
        }
        ranges
    }
}
