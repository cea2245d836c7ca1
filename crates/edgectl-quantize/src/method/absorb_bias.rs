//! High-bias absorption (M. Nagel et al., 2019): a channel that never falls below `c` is `c` plus something of a smaller range, and
//! `w * (x + c) + b = w * x + (w * c + b)`.
//!
//! Behind a ReLU, `c` is the least value that calibration saw: `relu(x) - c = relu(x - c)` where `x >= c`. Without one, any `c` is exact,
//! and the middle of the channel's range leaves the least. No `c` passes a border of zeros.

use edgectl_graph::Graph;

use super::Note;
use super::pair::candidates;
use super::rewrite::rewrite;
use crate::layer::Layer;
use crate::{Calibration, QuantizeError, Range};

/// The least gain that is worth a change, as a share of the tensor's range.
const LEAST_GAIN: f32 = 0.05;

/// Absorbs by what a calibration with [`channels`](Calibration::watch_channels) of the candidates saw.
pub(crate) fn absorb_bias(graph: &mut Graph, seen: &Calibration, notes: &mut Vec<Note>) -> Result<(), QuantizeError> {
    let mut layers = Layer::all(graph)?;
    for pair in candidates(graph, &layers) {
        if pair.padded || pair.scale_barrier.is_some() || pair.ceiling.is_finite() {
            continue;
        }
        let ranges = seen.channels(pair.from.output).and_then(|channels| channels.ranges()).ok_or(QuantizeError::NoSamples)?;
        let part = |range: &Range| if pair.rectified { range.min.max(0.0) } else { range.min / 2.0 + range.max / 2.0 };
        let parts: Vec<f32> = ranges.iter().map(part).collect();
        let extent = |moved: &dyn Fn(usize) -> f32| {
            let zero = Range { min: 0.0, max: 0.0 };
            let moved = ranges.iter().enumerate().map(|(c, range)| Range { min: range.min - moved(c), max: range.max - moved(c) });
            let all = moved.fold(zero, Range::union);
            all.max - all.min
        };
        let (before, after) = (extent(&|_| 0.0), extent(&|channel| parts[channel]));
        if after.is_nan() || after > before * (1.0 - LEAST_GAIN) {
            continue;
        }
        for layer in &mut layers {
            if layer.node == pair.from.node {
                layer.bias.iter_mut().zip(&parts).for_each(|(bias, part)| *bias -= part);
            } else if layer.node == pair.to.node {
                let rows = layer.weights.chunks(pair.to.geometry.columns().max(1)).enumerate();
                for (bias, (output, row)) in layer.bias.iter_mut().zip(rows) {
                    let sum: f64 = row.iter().enumerate().map(|(i, &w)| f64::from(w) * f64::from(parts[pair.channel(output, i)])).sum();
                    *bias = (f64::from(*bias) + sum) as f32;
                }
            }
        }
        let channels = parts.iter().filter(|&&part| part != 0.0).count();
        notes.push(Note::Absorbed { from: pair.from.label.clone(), to: pair.to.label.clone(), channels });
    }
    rewrite(graph, "absorb-bias", &layers)
}
