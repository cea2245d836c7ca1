//! Runs the float graph on calibration data and watches its activations.

use anyhow::Result;
use edgectl_float::FloatModel;
use edgectl_graph::{Graph, TensorId};
use edgectl_quantize::Calibration;
use rayon::prelude::*;

use crate::eval::{Samples, piece};
use crate::ui::Ui;

/// Shows a calibration every sample, of a prepared graph with one input. The result does not depend on the number of threads, and memory
/// not on the number of samples: each thread holds the activations of one.
pub(crate) fn calibrate(graph: &Graph, calibration: &mut Calibration, samples: &Samples, ui: &Ui) -> Result<()> {
    let observed: Vec<TensorId> = calibration.observed().collect();
    let model = FloatModel::from_graph(graph, &observed)?;
    let progress = ui.progress("calibrating", samples.data.len());
    samples.chunks(|_, inputs| {
        let watch = |piece: &[Vec<f32>]| -> Result<Calibration> {
            let mut seen = calibration.fork();
            for input in piece {
                let outputs = model.run(&[input])?;
                seen.observe(outputs[graph.outputs().len()..].iter().map(Vec::as_slice))?;
                progress.advance(1);
            }
            Ok(seen)
        };
        let pieces = inputs.par_chunks(piece(inputs.len())).map(watch).collect::<Result<Vec<_>>>()?;
        pieces.iter().for_each(|seen| calibration.merge(seen));
        Ok(())
    })
}
