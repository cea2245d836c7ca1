//! Watching a float graph run.

use std::collections::BTreeMap;
use std::sync::Arc;

use edgectl_graph::{Graph, TensorId};

use crate::channels::Channels;
use crate::group::{Groups, Source};
use crate::layer::Layer;
use crate::method::Scaled;
use crate::recurrent::RecurrentLayer;
use crate::reservoir::Reservoir;
use crate::{Calibrator, MinMax, Observer, QuantizeError, Range};

/// Observers of activations: of all whose range must be found, and of what the methods of a [`Recipe`](crate::Recipe) ask for beside.
pub struct Calibration {
    /// What is watched, and by whom.
    watched: BTreeMap<TensorId, Watched>,
    samples: u64,
}

/// A tensor and those that watch it.
#[derive(Default)]
struct Watched {
    name: String,
    /// What the values of each channel are multiplied by before anybody sees them.
    factors: Option<Arc<[f32]>>,
    range: Option<(Calibrator, Box<dyn Observer>)>,
    /// From the least to the greatest value, beside the range: what int16 spans.
    extent: MinMax,
    channels: Option<Channels>,
    /// By the output of the layer that reads the tensor.
    patches: BTreeMap<TensorId, Reservoir>,
    /// By the output of the recurrent layer that reads the tensor: the greatest magnitude of its cell.
    cells: BTreeMap<TensorId, (Arc<RecurrentLayer>, f32)>,
}

impl Calibration {
    /// Observers for the ranges of a [prepared](crate::prepare) graph that have seen nothing.
    pub fn new(graph: &Graph, calibrator: Calibrator) -> Calibration {
        Calibration::with_overrides(graph, calibrator, &BTreeMap::new())
    }

    /// As [`Calibration::new`], with calibrators of their own for tensors of these names and all that share their scales.
    pub(crate) fn with_overrides(graph: &Graph, calibrator: Calibrator, overrides: &BTreeMap<String, Calibrator>) -> Calibration {
        let mut calibration = Calibration::without_ranges();
        let groups = Groups::new(graph);
        let named = graph.iter_tensors().filter_map(|(id, tensor)| Some((groups.of(id), *overrides.get(&tensor.name)?)));
        let overridden: BTreeMap<usize, Calibrator> = named.collect();
        for (group, sources) in groups.sources(graph) {
            let calibrator = overridden.get(&group).copied().unwrap_or(calibrator);
            for source in sources {
                if let Source::Free(id) = source {
                    calibration.watch(graph, id).range = Some((calibrator, calibrator.observer()));
                }
            }
        }
        // A prepared graph has no layer whose constants are not there.
        let layers = graph.nodes().iter().filter_map(|node| RecurrentLayer::of(graph, node).ok().flatten());
        layers.filter(RecurrentLayer::has_cell).for_each(|layer| calibration.watch_cell(graph, layer));
        calibration
    }

    /// Observers for the ranges of single tensors of any graph, under the names that errors shall give them.
    pub fn of_tensors(tensors: &[(String, TensorId)], calibrator: Calibrator) -> Calibration {
        let watched = |(name, id): &(String, TensorId)| {
            (*id, Watched { name: name.clone(), range: Some((calibrator, calibrator.observer())), ..Watched::default() })
        };
        Calibration { watched: tensors.iter().map(watched).collect(), samples: 0 }
    }

    /// No observers yet.
    fn without_ranges() -> Calibration {
        Calibration { watched: BTreeMap::new(), samples: 0 }
    }

    fn watch(&mut self, graph: &Graph, id: TensorId) -> &mut Watched {
        self.watched.entry(id).or_insert_with(|| Watched { name: graph.tensor(id).name.clone(), ..Watched::default() })
    }

    /// Also remembers the channels of a tensor.
    pub(crate) fn watch_channels(&mut self, graph: &Graph, id: TensorId, channels: usize) {
        self.watch(graph, id).channels = Some(Channels::new(channels));
    }

    /// Also remembers patches of a layer's input.
    pub(crate) fn watch_patches(&mut self, graph: &Graph, layer: &Layer) {
        self.watch(graph, layer.input).patches.insert(layer.output, Reservoir::new(layer.geometry.clone()));
    }

    /// Also computes the cell of a recurrent layer.
    pub(crate) fn watch_cell(&mut self, graph: &Graph, layer: RecurrentLayer) {
        self.watch(graph, layer.input).cells.insert(layer.output, (Arc::new(layer), 0.0));
    }

    /// Leaves tensors that are going to be scaled, and shows them to their observers as if they were already.
    pub(crate) fn of_scaled(mut self, scaled: &[Scaled]) -> Calibration {
        let factors = |scaled: &Scaled| -> Arc<[f32]> { scaled.exponents.iter().map(|&exponent| 2f32.powi(-exponent)).collect() };
        let of_tensors = |scaled: &Scaled| scaled.tensors.iter().map(|&id| (id, factors(scaled))).collect::<Vec<_>>();
        let all: BTreeMap<TensorId, Arc<[f32]>> = scaled.iter().flat_map(of_tensors).collect();
        self.watched.retain(|id, watched| {
            watched.factors = all.get(id).cloned();
            watched.factors.is_some()
        });
        self
    }

    /// What was seen of a graph, for one with other weights and the same names, but for tensors that were seen `again`.
    pub(crate) fn carried(mut self, before: &Graph, after: &Graph, again: Calibration) -> Calibration {
        self.watched.extend(again.watched);
        let moved = |id: TensorId| after.find(&before.tensor(id).name);
        let carry = |(id, watched): (TensorId, Watched)| {
            let patches = watched.patches.into_iter().filter_map(|(id, patches)| Some((moved(id)?, patches))).collect();
            let cells = watched.cells.into_iter().filter_map(|(id, cell)| Some((moved(id)?, cell))).collect();
            Some((moved(id)?, Watched { factors: None, patches, cells, ..watched }))
        };
        Calibration { watched: self.watched.into_iter().filter_map(carry).collect(), samples: self.samples }
    }

    /// Another calibration of the same tensors that has seen nothing.
    pub fn fork(&self) -> Calibration {
        let fork = |(&id, watched): (&TensorId, &Watched)| (id, watched.fork());
        Calibration { watched: self.watched.iter().map(fork).collect(), samples: 0 }
    }

    /// The tensors whose values must be shown.
    pub fn observed(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.watched.keys().copied()
    }

    /// The most bytes that the observers take, however many samples they see.
    pub fn bytes(&self) -> usize {
        self.watched.values().map(Watched::bytes).sum()
    }

    /// Shows the values of one sample, in the order of [`Calibration::observed`].
    ///
    /// # Errors
    /// A value that is not finite, or a wrong number of tensors.
    pub fn observe<'a>(&mut self, values: impl ExactSizeIterator<Item = &'a [f32]>) -> Result<(), QuantizeError> {
        if values.len() != self.watched.len() {
            return Err(QuantizeError::Observed { expected: self.watched.len(), found: values.len() });
        }
        values.zip(self.watched.values_mut()).try_for_each(|(values, watched)| watched.observe(values))?;
        self.count_sample();
        Ok(())
    }

    /// Shows the values of one tensor of a sample. A tensor that is not among [`Calibration::observed`] is ignored.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn observe_tensor(&mut self, id: TensorId, values: &[f32]) -> Result<(), QuantizeError> {
        self.watched.get_mut(&id).map_or(Ok(()), |watched| watched.observe(values))
    }

    /// Says that all tensors of a sample were [shown](Calibration::observe_tensor).
    pub fn count_sample(&mut self) {
        self.samples += 1;
    }

    /// Adds what another calibration of the same tensors has seen.
    pub fn merge(&mut self, other: &Calibration) {
        for (watched, other) in self.watched.values_mut().zip(other.watched.values()) {
            watched.merge(other);
        }
        self.samples += other.samples;
    }

    /// The number of samples shown.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Whether the values seen can give scales.
    ///
    /// # Errors
    /// [`QuantizeError::Empty`], [`QuantizeError::ScaleUnderflow`], and unless `allow_constant`, [`QuantizeError::Constant`].
    pub fn check(&self, allow_constant: bool) -> Result<(), QuantizeError> {
        if self.samples == 0 {
            return Err(QuantizeError::NoSamples);
        }
        for watched in self.watched.values().filter(|watched| watched.range.is_some()) {
            check_extent(&watched.name, watched.extent.range(), self.samples, allow_constant)?;
        }
        Ok(())
    }

    /// The ranges found.
    ///
    /// # Errors
    /// Where no sample was observed.
    pub fn ranges(&self) -> Result<Ranges, QuantizeError> {
        let ranges = self.watched.iter().filter_map(|(&id, watched)| Some((id, watched.range.as_ref()?.1.range())));
        let ranges = ranges.map(|(id, range)| Some((id, range?))).collect::<Option<_>>().filter(|_| self.samples > 0);
        let cells = self.watched.values().flat_map(|watched| &watched.cells).map(|(&id, (_, magnitude))| (id, *magnitude)).collect();
        let extents = self.watched.iter().filter_map(|(&id, watched)| Some((id, watched.extent.range()?))).collect();
        Ok(Ranges { ranges: ranges.ok_or(QuantizeError::NoSamples)?, extents, cells, samples: self.samples })
    }

    /// What was remembered of a tensor's channels.
    pub(crate) fn channels(&self, id: TensorId) -> Option<&Channels> {
        self.watched.get(&id)?.channels.as_ref()
    }

    /// What was remembered of a layer's input.
    pub(crate) fn patches(&self, layer: &Layer) -> Option<&Reservoir> {
        self.watched.get(&layer.input)?.patches.get(&layer.output)
    }
}

/// Whether the values that so many samples gave a tensor, from the least to the greatest, can give it a scale.
///
/// # Errors
/// [`QuantizeError::Empty`], [`QuantizeError::ScaleUnderflow`], and unless `allow_constant`, [`QuantizeError::Constant`].
fn check_extent(tensor: &str, extent: Option<Range>, samples: u64, allow_constant: bool) -> Result<(), QuantizeError> {
    let name = || tensor.to_owned();
    let Some(Range { min, max }) = extent else { return Err(QuantizeError::Empty { tensor: name(), samples }) };
    if min == max && !allow_constant {
        return Err(QuantizeError::Constant { tensor: name(), value: min, samples });
    }
    let reach = min.abs().max(max.abs());
    if reach > 0.0 && !(reach / 32767.0).is_normal() {
        return Err(QuantizeError::ScaleUnderflow { tensor: name(), min, max });
    }
    Ok(())
}

impl Watched {
    fn fork(&self) -> Watched {
        Watched {
            name: self.name.clone(),
            factors: self.factors.clone(),
            range: self.range.as_ref().map(|&(calibrator, _)| (calibrator, calibrator.observer())),
            extent: MinMax::default(),
            channels: self.channels.as_ref().map(Channels::fork),
            patches: self.patches.iter().map(|(&id, patches)| (id, patches.fork())).collect(),
            cells: self.cells.iter().map(|(&id, (layer, _))| (id, (layer.clone(), 0.0))).collect(),
        }
    }

    fn observe(&mut self, values: &[f32]) -> Result<(), QuantizeError> {
        let scaled: Vec<f32>;
        let values = match &self.factors {
            None => values,
            Some(factors) => {
                let channels = values.chunks((values.len() / factors.len().max(1)).max(1)).zip(&**factors);
                scaled = channels.flat_map(|(channel, factor)| channel.iter().map(move |x| x * factor)).collect();
                &scaled
            }
        };
        // Without a way out of the loop it is one of vector instructions.
        if !values.iter().fold(true, |all, value| all & value.is_finite()) {
            let value = values.iter().copied().find(|value| !value.is_finite()).unwrap_or(f32::NAN);
            return Err(QuantizeError::NotFinite { tensor: self.name.clone(), value });
        }
        if let (Some((_, observer)), Some(extent)) = (&mut self.range, Range::of(values)) {
            observer.observe(values, extent);
            self.extent.observe(values, extent);
        }
        self.channels.iter_mut().for_each(|channels| channels.observe(values));
        self.patches.values_mut().for_each(|patches| patches.observe(values));
        self.cells.values_mut().for_each(|(layer, magnitude)| *magnitude = magnitude.max(layer.cell_magnitude(values)));
        Ok(())
    }

    fn merge(&mut self, other: &Watched) {
        self.range.iter_mut().zip(&other.range).for_each(|((_, range), (_, other))| range.merge(&**other));
        self.extent.merge(&other.extent);
        self.channels.iter_mut().zip(&other.channels).for_each(|(channels, other)| channels.merge(other));
        self.patches.values_mut().zip(other.patches.values()).for_each(|(patches, other)| patches.merge(other));
        self.cells.values_mut().zip(other.cells.values()).for_each(|((_, own), (_, other))| *own = own.max(*other));
    }

    fn bytes(&self) -> usize {
        let range = self.range.as_ref().map_or(0, |(_, observer)| observer.bytes() + self.extent.bytes());
        let channels = self.channels.as_ref().map_or(0, Channels::bytes);
        range + channels + self.patches.values().map(Reservoir::bytes).sum::<usize>()
    }
}

/// The ranges of the observed tensors of one graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    pub(crate) ranges: BTreeMap<TensorId, Range>,
    /// By the output of a recurrent layer: the greatest magnitude of its cell.
    pub(crate) cells: BTreeMap<TensorId, f32>,
    /// From the least to the greatest value.
    pub(crate) extents: BTreeMap<TensorId, Range>,
    pub(crate) samples: u64,
}

impl Ranges {
    /// That of a tensor, where it was observed.
    pub fn get(&self, id: TensorId) -> Option<Range> {
        self.ranges.get(&id).copied()
    }

    /// The number of samples they rest on.
    pub fn samples(&self) -> u64 {
        self.samples
    }
}
