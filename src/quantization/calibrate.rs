//! Runs the float graph on calibration data and watches its activations.

use anyhow::Result;
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, TensorId};
use edgectl_quantize::{Calibration, Calibrator, Growth, MinMax, Observer, QuantizeError, Range, check_extent};
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

/// The most sets of observers that are in memory at a time, for each thread: its own, and all growing sets and the whole where it is the
/// only thread. A report must not depend on the number of threads.
pub(crate) const OBSERVER_SETS_PER_THREAD: usize = Growth::STEPS + 2;

/// Shows a calibration every sample, of a prepared graph. The result does not depend on the number of threads, and memory
/// not on the number of samples: each thread holds the activations of one.
pub(crate) fn calibrate(graph: &Graph, calibration: &mut Calibration, samples: &Samples, ui: &Ui) -> Result<Shown> {
    let observed: Vec<TensorId> = calibration.observed().collect();
    let model = FloatModel::from_graph(graph, &observed)?;
    let progress = ui.progress("calibrating", samples.len());
    let mut shown = Shown::default();
    let mut steps: Vec<Calibration> = (0..Growth::STEPS).map(|_| calibration.fork()).collect();
    samples.chunks(|chunk| {
        for (step, total) in steps.iter_mut().enumerate() {
            let of_step: Vec<&Sample> = chunk.iter().filter(|sample| Growth::step_of(sample.index) == step).collect();
            let watch = |piece: &[&Sample]| -> Result<(Calibration, Vec<usize>)> {
                let (mut seen, mut classes) = (calibration.fork(), vec![]);
                for sample in piece {
                    let outputs = model.run(&sample.inputs())?;
                    seen.observe(outputs[graph.outputs().len()..].iter().map(Vec::as_slice))?;
                    classes.extend(outputs.first().and_then(|output| argmax(output)));
                    progress.advance(1);
                }
                Ok((seen, classes))
            };
            let pieces =
                of_step.par_chunks(of_step.len().div_ceil(rayon::current_num_threads()).max(1)).map(watch).collect::<Result<Vec<_>>>()?;
            for (seen, classes) in pieces {
                total.merge(&seen);
                for class in classes {
                    shown.classes.resize(shown.classes.len().max(class + 1), 0);
                    shown.classes[class] += 1;
                }
            }
        }
        Ok(())
    })?;
    for step in steps {
        calibration.merge(&step);
        if calibration.samples() > 0 {
            shown.growth.push(calibration.ranges()?);
        }
    }
    Ok(shown)
}

/// What is seen of a tensor: what spans its range, and the extent of its values.
struct Seen {
    range: Box<dyn Observer>,
    extent: MinMax,
}

/// The ranges of some named tensors of a graph, which may simulate int8.
pub(crate) fn ranges(
    graph: &Graph,
    tensors: &[(String, TensorId)],
    (by, allow_constant): (Calibrator, bool),
    samples: &Samples,
    ui: &Ui,
) -> Result<Vec<Range>> {
    let ids: Vec<TensorId> = tensors.iter().map(|(_, id)| *id).collect();
    let model = FloatModel::from_graph(graph, &ids)?;
    let progress = ui.progress("calibrating", samples.len());
    let observers = || -> Vec<Seen> { ids.iter().map(|_| Seen { range: by.observer(), extent: MinMax::default() }).collect() };
    let mut total = observers();
    samples.chunks(|chunk| {
        let watch = |piece: &[Sample]| -> Result<Vec<Seen>> {
            let mut seen = observers();
            for sample in piece {
                let outputs = model.run(&sample.inputs())?;
                for ((seen, values), (name, _)) in seen.iter_mut().zip(&outputs[graph.outputs().len()..]).zip(tensors) {
                    if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                        return Err(QuantizeError::NotFinite { tensor: name.clone(), value }.into());
                    }
                    seen.range.observe(values);
                    seen.extent.observe(values);
                }
                progress.advance(1);
            }
            Ok(seen)
        };
        let pieces = chunk.par_chunks(chunk.len().div_ceil(rayon::current_num_threads()).max(1)).map(watch).collect::<Result<Vec<_>>>()?;
        for seen in pieces {
            for (total, seen) in total.iter_mut().zip(&seen) {
                total.range.merge(&*seen.range);
                total.extent.merge(&seen.extent);
            }
        }
        Ok(())
    })?;
    let range = |(seen, (name, _)): (&Seen, &(String, TensorId))| {
        let count = samples.len() as u64;
        check_extent(name, seen.extent.range(), count, allow_constant)?;
        seen.range.range().ok_or(QuantizeError::NoSamples)
    };
    Ok(total.iter().zip(tensors).map(range).collect::<Result<_, _>>()?)
}
