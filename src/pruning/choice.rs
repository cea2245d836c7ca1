//! Which channels matter least: activation statistics, and scores.

use anyhow::Result;
use edgectl_float::FloatModel;
use edgectl_graph::Graph;
use edgectl_prune::{Dependencies, Norm, Scores, Statistics, batch_norm_scale, magnitude, reconstruction};
use rayon::prelude::*;

use super::training::Trainer;
use super::{Importance, Pruning, PruningError};
use crate::samples::Sample;

/// Samples that are looked at for activation statistics, taken evenly from all of the data.
const STATISTICS_SAMPLES: usize = 512;
/// Samples that one thread looks at before its sums are added to those of others; sums do not depend on the number of threads.
const PIECE: usize = 32;

impl Pruning<'_> {
    /// How channels vary, where that is asked for.
    pub(super) fn statistics(&self, graph: &Graph, dependencies: &Dependencies) -> Result<Option<Statistics>> {
        let needed = self.options.importance == Importance::Reconstruction;
        if !needed && (!self.options.compensate || self.data.is_none()) {
            return Ok(None);
        }
        let needs = PruningError::Importance { importance: "reconstruction", needs: "samples", found: "no --data are given" };
        let data = self.data.ok_or(needs)?;
        let mut statistics = Statistics::new(graph, dependencies);
        let model = FloatModel::from_graph(graph, statistics.observed())?;
        let every = data.len().div_ceil(STATISTICS_SAMPLES).max(1);
        let progress = self.ui.progress("observing", data.len().div_ceil(every));
        data.chunks(|samples| {
            let chosen: Vec<&Sample> = samples.iter().filter(|sample| sample.index % every == 0).collect();
            let watch = |piece: &[&Sample]| -> Result<Statistics> {
                let mut seen = Statistics::new(graph, dependencies);
                for sample in piece {
                    let mut outputs = model.run(&sample.inputs())?;
                    seen.observe(&outputs.split_off(graph.outputs().len()))?;
                    progress.advance(1);
                }
                Ok(seen)
            };
            let pieces = chosen.par_chunks(PIECE).map(watch).collect::<Result<Vec<_>>>()?;
            pieces.iter().for_each(|seen| statistics.merge(seen));
            Ok(())
        })?;
        Ok(Some(statistics))
    }

    pub(super) fn scores(
        &self,
        graph: &Graph,
        dependencies: &Dependencies,
        statistics: Option<&Statistics>,
        trainer: &Trainer<'_>,
    ) -> Result<Scores> {
        Ok(match (self.options.importance, statistics) {
            (Importance::Reconstruction, Some(statistics)) => reconstruction(graph, dependencies, statistics),
            (Importance::Reconstruction | Importance::L2, _) => magnitude(graph, dependencies, Norm::L2),
            (Importance::L1, _) => magnitude(graph, dependencies, Norm::L1),
            (Importance::BnScale, _) => batch_norm_scale(graph, dependencies).ok_or(PruningError::Importance {
                importance: "bn-scale",
                needs: "batch normalization behind every layer",
                found: "some layers have none",
            })?,
            (Importance::Taylor, _) => trainer.taylor(graph, dependencies)?,
        })
    }
}
