//! Runs the float graph on calibration data and watches its activations.

use anyhow::Result;
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, TensorId};
use edgectl_quantize::{Calibration, Calibrator, Growth, QuantizeError, Range};
use rayon::prelude::*;

use crate::eval::argmax;
use crate::samples::{Sample, Samples};
use crate::ui::Ui;

/// What calibration shows beside ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Samples by the class that the first output gives; meaningless where it is no list of classes.
    pub(crate) classes: Vec<u64>,
    /// The ranges of growing sets of samples.
    pub(crate) growth: Growth,
}

/// The most sets of observers that are in memory at a time, for each thread: those of the growing sets, and where it is the only thread the
/// whole, now and as it was before channels were scaled. A report must not depend on the number of threads.
pub(crate) const OBSERVER_SETS_PER_THREAD: usize = Growth::STEPS + 2;

/// Runs prepared graphs on calibration data.
pub(crate) struct Presenter<'a> {
    samples: &'a Samples,
    ui: &'a Ui,
    observed: Option<Observed>,
    shown: Shown,
}

/// A graph whose activations can be seen.
struct Observed {
    graph: Graph,
    /// In the order of the model's outputs, after the graph's own.
    tensors: Vec<TensorId>,
    model: FloatModel,
}

/// What a thread has seen of its share of the samples.
struct Watch {
    /// By growing set.
    steps: Vec<Calibration>,
    classes: Vec<u64>,
}

impl Observed {
    fn new(graph: &Graph, tensors: Vec<TensorId>) -> Result<Observed> {
        Ok(Observed { model: FloatModel::from_graph(graph, &tensors)?, graph: graph.clone(), tensors })
    }

    /// Shows a thread a sample.
    fn show(&self, sample: &Sample, watch: &mut Watch) -> Result<()> {
        let step = &mut watch.steps[Growth::step_of(sample.index)];
        let (own, mut class, mut seen) = (self.graph.outputs().len(), None, Ok(()));
        self.model.show(&sample.inputs(), &mut |place, values| {
            if place == 0 {
                class = argmax(values);
            }
            if let Some(&tensor) = place.checked_sub(own).and_then(|place| self.tensors.get(place)).filter(|_| seen.is_ok()) {
                seen = step.observe_tensor(tensor, values);
            }
        })?;
        seen?;
        step.count_sample();
        if let Some(class) = class {
            watch.classes.resize(watch.classes.len().max(class + 1), 0);
            watch.classes[class] += 1;
        }
        Ok(())
    }
}

impl<'a> Presenter<'a> {
    pub(crate) fn new(samples: &'a Samples, ui: &'a Ui) -> Presenter<'a> {
        Presenter { samples, ui, observed: None, shown: Shown::default() }
    }

    /// Shows a calibration every sample, of a prepared graph. The result does not depend on the number of threads, and memory not on the
    /// number of samples: each thread holds the activations of one.
    pub(crate) fn calibrate(&mut self, graph: &Graph, calibration: &mut Calibration) -> Result<()> {
        let tensors: Vec<TensorId> = calibration.observed().collect();
        let seen_before = self.observed.take().filter(|of| of.graph == *graph && tensors.iter().all(|id| of.tensors.contains(id)));
        let seen_again = seen_before.is_some();
        let observed = seen_before.map_or_else(|| Observed::new(graph, tensors), Ok)?;
        let progress = self.ui.progress("calibrating", self.samples.len());
        let watch = |_| Watch { steps: (0..Growth::STEPS).map(|_| calibration.fork()).collect(), classes: vec![] };
        let threads = rayon::current_num_threads().min(self.samples.len()).max(1);
        let mut watches: Vec<Watch> = (0..threads).map(watch).collect();
        self.samples.chunks(|chunk| {
            let share = chunk.len().div_ceil(watches.len()).max(1);
            chunk.par_chunks(share).zip(&mut watches).try_for_each(|(share, watch)| {
                share.iter().try_for_each(|sample| {
                    observed.show(sample, watch)?;
                    progress.advance(1);
                    Ok(())
                })
            })
        })?;
        let mut steps = vec![];
        for step in 0..Growth::STEPS {
            watches.iter().for_each(|watch| calibration.merge(&watch.steps[step]));
            if calibration.samples() > 0 {
                steps.push(calibration.ranges()?);
            }
        }
        let growth = Growth::new(steps);
        if seen_again {
            self.shown.growth.replace(growth);
        } else {
            self.shown = Shown { growth, classes: sum(watches.iter().map(|watch| &*watch.classes)) };
        }
        self.observed = Some(observed);
        Ok(())
    }

    /// What was shown beside ranges, of the last graph.
    pub(crate) fn into_shown(self) -> Shown {
        self.shown
    }
}

/// The sums by place.
fn sum<'a>(counts: impl Iterator<Item = &'a [u64]>) -> Vec<u64> {
    let mut sums = vec![];
    for counts in counts {
        sums.resize(sums.len().max(counts.len()), 0);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    sums
}

/// The ranges of some named tensors of a graph, which may simulate int8.
pub(crate) fn ranges(
    graph: &Graph,
    tensors: &[(String, TensorId)],
    (by, allow_constant): (Calibrator, bool),
    samples: &Samples,
    ui: &Ui,
) -> Result<Vec<Range>> {
    let mut calibration = Calibration::of_tensors(tensors, by);
    Presenter::new(samples, ui).calibrate(graph, &mut calibration)?;
    calibration.check(allow_constant)?;
    let found = calibration.ranges()?;
    Ok(tensors.iter().map(|(_, id)| found.get(*id).ok_or(QuantizeError::NoSamples)).collect::<Result<_, _>>()?)
}
