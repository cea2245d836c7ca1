//! Quantization-aware training at the command line: from calibration to the int8 model with the ranges that were learned.

use std::path::Path;

use anyhow::{Context, Result};
use edgectl_graph::Graph;
use edgectl_quantize::{Calibration, Calibrator, QuantizeOptions, Ranges};
use edgectl_train::{QuantizationAware, Trained};

use crate::model::{self, Int8Model};
use crate::quantization::calibrate::Presenter;
use crate::ui::Ui;

/// A graph in the form in which it becomes int8, and where its ranges begin.
pub(crate) struct Int8Aware {
    pub(crate) prepared: Graph,
    ranges: Ranges,
    options: QuantizeOptions,
}

impl Int8Aware {
    /// Calibrates on the training data.
    pub(crate) fn new(graph: &Graph, data: &crate::samples::Samples, per_tensor: bool, ui: &Ui) -> Result<Int8Aware> {
        let prepared = model::prepared(graph)?;
        let calibrator = Calibrator::Percentile { percent: Calibrator::DEFAULT_PERCENT };
        let mut calibration = Calibration::new(&prepared, calibrator);
        Presenter::new(data, ui).calibrate(&prepared, &mut calibration).context("cannot calibrate")?;
        let options = QuantizeOptions { per_channel_conv: !per_tensor, per_channel_dense: !per_tensor };
        Ok(Int8Aware { prepared, ranges: calibration.ranges()?, options })
    }

    /// What training simulates.
    pub(crate) fn simulation(&self) -> Result<QuantizationAware> {
        Ok(QuantizationAware { groups: self.ranges.groups(&self.prepared)?, options: self.options })
    }

    /// The int8 model of what was trained.
    pub(crate) fn quantize(&self, trained: &Trained) -> Result<Int8Model> {
        let learned = trained.ranges.iter().map(|learned| (&learned.tensors[..], learned.range));
        let ranges = self.ranges.relearned(&self.prepared, &trained.graph, learned);
        Ok(Int8Model::new(edgectl_quantize::quantize(trained.graph.clone(), &ranges, self.options)?)?)
    }
}

/// Whether a file is an int8 program.
pub(crate) fn is_program(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "edgm")
}
