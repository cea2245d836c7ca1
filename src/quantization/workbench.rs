//! What a float model is quantized with: the graph, its float engine, the data. Recipes are tried on it, each from calibration to accuracy.

use anyhow::{Context, Result};
use edgectl_data::MetricKind;
use edgectl_graph::Graph;
use edgectl_quantize::{Calibrated, Calibration, Note, Quantized, Recipe};

use super::calibrate::{OBSERVER_SETS_PER_THREAD, Presenter, Shown};
use crate::eval::{self, Remembering};
use crate::model::Int8Model;
use crate::samples::Samples;
use crate::ui::Ui;

/// A float model and data, ready to be quantized any number of times.
pub(crate) struct Workbench<'e> {
    /// In the form from which it is calibrated.
    pub(crate) prepared: Graph,
    pub(crate) float: Remembering<'e>,
    pub(crate) calibration: Samples,
    pub(crate) evaluation: Evaluation,
}

/// What is measured, on what.
#[derive(Debug)]
pub(crate) struct Evaluation {
    pub(crate) samples: Option<Samples>,
    pub(crate) metric: Option<MetricKind>,
}

/// What a recipe gave.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) int8: Int8Model,
    /// The number of calibration samples.
    pub(crate) samples: u64,
    /// The most that observers can take for each thread, whatever the number of samples.
    pub(crate) calibration_bytes: usize,
    pub(crate) notes: Vec<Note>,
    pub(crate) shown: Shown,
    /// Absent where there is nothing to measure on.
    pub(crate) found: Option<eval::Evaluation>,
}

impl Workbench<'_> {
    /// Calibrates, quantizes, lowers and measures.
    pub(crate) fn attempt(&self, recipe: &Recipe, ui: &Ui) -> Result<Attempt> {
        let (calibrated, shown) = self.calibrate(recipe, ui)?;
        self.measure(calibrated.quantize(&recipe.int16)?, shown, ui)
    }

    /// Calibrates: what need not be done again for other nodes in int16.
    pub(crate) fn calibrate(&self, recipe: &Recipe, ui: &Ui) -> Result<(Calibrated, Shown)> {
        let mut presenter = Presenter::new(&self.calibration, ui);
        let show = |graph: &Graph, seen: &mut Calibration| presenter.calibrate(graph, seen).context("cannot calibrate");
        let calibrated = recipe.calibrate(self.prepared.clone(), show)?;
        Ok((calibrated, presenter.into_shown()))
    }

    /// Lowers and measures.
    pub(crate) fn measure(&self, quantized: Quantized, shown: Shown, ui: &Ui) -> Result<Attempt> {
        let int8 = Int8Model::new(quantized.graph)?;
        let found = self.evaluation.run(&int8, Some(&self.float), ui)?;
        let calibration_bytes = quantized.calibration_bytes.saturating_mul(OBSERVER_SETS_PER_THREAD);
        Ok(Attempt { int8, samples: quantized.samples, calibration_bytes, notes: quantized.notes, shown, found })
    }
}

impl Evaluation {
    /// Measures a program, beside the float model where there is one.
    pub(crate) fn run(&self, int8: &Int8Model, float: Option<&Remembering<'_>>, ui: &Ui) -> Result<Option<eval::Evaluation>> {
        let engine = int8.engine()?;
        let measure = |samples| eval::evaluate(&engine, float, samples, self.metric, &mut |_| Ok(()), ui);
        self.samples.as_ref().map(measure).transpose().context("cannot evaluate")
    }
}
