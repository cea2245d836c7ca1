//! A graph beside the original: its metric, and how much its outputs differ.

use anyhow::{Context, Result};
use edgectl_graph::Graph;

use super::Pruning;
use super::describe::drop_points;
use super::report::{Difference, StepRow};
use crate::engine::{Engine as _, FloatEngine};
use crate::eval;
use crate::samples::{Sample, Samples};

/// Samples of random numbers on which outputs are compared where there are no data.
const RANDOM_SAMPLES: usize = 32;

impl Pruning<'_> {
    /// Measures a graph beside the original, where there is something to measure on.
    pub(super) fn evaluate(&self, graph: &Graph) -> Result<Option<eval::Evaluation>> {
        let measure = |samples: &Samples| {
            let engine = FloatEngine::new(graph, false)?;
            eval::evaluate(&engine, Some(&self.reference), samples, self.evaluation.metric, &mut |_| Ok(()), self.ui)
        };
        self.evaluation.samples.as_ref().map(measure).transpose().context("cannot evaluate")
    }

    pub(super) fn row(&self, step: usize, is_last: bool, graph: &Graph, zero_weights: u64) -> Result<StepRow> {
        // The last step is measured as the result.
        let found = if is_last { None } else { self.evaluate(graph)? };
        let found = found.as_ref();
        let cost = graph.total_cost();
        let row = StepRow {
            step,
            parameters: cost.parameters,
            macs: cost.macs,
            zero_weights,
            metric: found.and_then(|found| Some(found.metric.as_ref()?.value)),
            drop_points: found.and_then(drop_points),
        };
        self.ui.detail(format_args!("step {step}: {} parameters, {} MACs, {:?} points lost", row.parameters, row.macs, row.drop_points));
        Ok(row)
    }

    /// How much outputs differ from those of the original.
    pub(super) fn difference(&self, graph: &Graph) -> Result<Difference> {
        let engine = FloatEngine::new(graph, false)?;
        let mut difference = Difference { samples: 0, value: 0.0, largest_output: 0.0 };
        let mut compare = |samples: &[Sample]| -> Result<()> {
            let (before, after) = (self.reference.engine.run(samples)?, engine.run(samples)?);
            for (before, after) in before.iter().zip(&after) {
                for (before, after) in before.outputs.iter().flatten().zip(after.outputs.iter().flatten()) {
                    difference.value = difference.value.max(f64::from((before - after).abs()));
                    difference.largest_output = difference.largest_output.max(f64::from(before.abs()));
                }
            }
            difference.samples += samples.len();
            Ok(())
        };
        match self.data.or(self.evaluation.samples.as_ref()) {
            Some(data) => data.chunks(compare)?,
            None => {
                let sizes: Vec<usize> = engine.inputs().iter().map(|port| port.shape.iter().product()).collect();
                let mut random = fastrand::Rng::with_seed(self.options.training.seed);
                let mut sample = |index| {
                    let values = |&size: &usize| (0..size).map(|_| random.f32() * 2.0 - 1.0).collect();
                    Sample { index, label: None, inputs: sizes.iter().map(values).collect() }
                };
                compare(&(0..RANDOM_SAMPLES).map(&mut sample).collect::<Vec<_>>())?;
            }
        }
        Ok(difference)
    }
}
