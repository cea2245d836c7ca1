//! What is measured at every node.

use std::sync::{Mutex, PoisonError};

use edgectl_graph::{NodeId, QuantConst, QuantGraph};
use edgectl_quantize::{Histogram, Range};

use crate::ExplainError;
use crate::parts::Parts;
use crate::watch::{Seen, Watch, energy};

/// The figures of a node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeFigures {
    /// The node's name, or that of its output.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// The tensor that it writes.
    pub tensor: String,
    /// Multiply-accumulate operations.
    pub macs: u64,
    /// Signal to this node's own noise: that of its weights and of its output's rounding and clipping, on inputs that are as exact as their
    /// scales allow. None where there is none, or no signal.
    pub local_snr_db: Option<f64>,
    /// Signal to noise with everything up to this node in int8. None where there is no noise, or no signal.
    pub accumulated_snr_db: Option<f64>,
    /// The share of the noise of the model's first output that this node's own noise makes there, everything else in float. None where the
    /// output has none.
    pub output_noise_share: Option<f64>,
    /// The real values that the output's integers span.
    pub range: Range,
    /// The real values that float gave.
    pub seen: Range,
    /// The share of float values beyond the range by more than half a step.
    pub clipped_share: f64,
    /// The distribution of the float values, those of samples that changed class included.
    pub histogram: Histogram,
    /// Of a layer's weights.
    pub weights: Option<WeightFigures>,
}

/// The weights of a layer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightFigures {
    /// Whether every output channel has a scale of its own.
    pub per_channel: bool,
    /// The greatest magnitude of each output channel.
    pub channel_max: Vec<f32>,
}

impl WeightFigures {
    /// The greatest of the channels' magnitudes as a multiple of the least, channels without weights left out.
    pub fn spread(&self) -> f64 {
        let alive = || self.channel_max.iter().copied().filter(|&max| max > 0.0);
        let (least, most) = (alive().fold(f32::INFINITY, f32::min), alive().fold(0.0, f32::max));
        if most > 0.0 { f64::from(most) / f64::from(least) } else { 1.0 }
    }
}

/// What a sample gave at every node.
pub(crate) struct Row(Vec<Measured>);

/// What a sample gave at a node.
struct Measured {
    signal: f64,
    accumulated: f64,
    local: f64,
    clipped: u64,
    elements: u64,
    seen: Option<Range>,
}

impl Row {
    /// Noise as a multiple of the signal, accumulated at a node.
    pub(crate) fn ratio(&self, node: usize) -> f64 {
        self.0.get(node).map_or(0.0, |measured| measured.accumulated / measured.signal.max(f64::MIN_POSITIVE))
    }
}

/// Measures a sample at every node. The distributions are too large to keep one for each sample, and the same in whatever order samples
/// are added.
pub(crate) fn measure<E>(watch: &Watch<'_, E>, parts: &Parts<E>, seen: &Seen, histograms: &[Mutex<Histogram>]) -> Result<Row, E>
where
    E: From<ExplainError>,
{
    let nodes = watch.quantized.graph().nodes().iter().zip(histograms).enumerate();
    let measured = nodes.map(|(node, (what, histogram))| {
        let place = what.output().and_then(|id| watch.place(id)).unwrap_or(0);
        let (float, int8) = (&seen.float[place], &seen.int8[place]);
        let params = what.output().and_then(|id| watch.quantized.params(id));
        let clipped = params.map_or(0, |params| {
            let (low, high) = (params.min() - params.scale / 2.0, params.max() + params.scale / 2.0);
            float.iter().filter(|&&x| x < low || x > high).count() as u64
        });
        histogram.lock().unwrap_or_else(PoisonError::into_inner).add(float);
        Ok(Measured {
            signal: float.iter().map(|&x| f64::from(x).powi(2)).sum(),
            accumulated: energy(float, int8),
            local: parts.noise(node, watch, seen)?.iter().flatten().map(|&x| f64::from(x).powi(2)).sum(),
            clipped,
            elements: float.len() as u64,
            seen: Range::of(float),
        })
    });
    measured.collect::<Result<_, _>>().map(Row)
}

/// The figures in the making.
pub(crate) struct Figures<'q> {
    quantized: &'q QuantGraph,
    samples: usize,
    sums: Vec<Sums>,
    /// Of every sample added, at every node.
    ratios: Vec<Vec<f64>>,
}

#[derive(Default)]
struct Sums {
    signal: f64,
    accumulated: f64,
    local: f64,
    clipped: u64,
    elements: u64,
    seen: Option<Range>,
}

impl<'q> Figures<'q> {
    pub(crate) fn new(quantized: &'q QuantGraph) -> Figures<'q> {
        let nodes = quantized.graph().nodes().len();
        Figures { quantized, samples: 0, sums: (0..nodes).map(|_| Sums::default()).collect(), ratios: vec![vec![]; nodes] }
    }

    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    pub(crate) fn add(&mut self, row: &Row) {
        self.samples += 1;
        for (node, (sums, measured)) in self.sums.iter_mut().zip(&row.0).enumerate() {
            sums.signal += measured.signal;
            sums.accumulated += measured.accumulated;
            sums.local += measured.local;
            sums.clipped += measured.clipped;
            sums.seen = sums.seen.into_iter().chain(measured.seen).reduce(Range::union);
            sums.elements += measured.elements;
            self.ratios[node].push(row.ratio(node));
        }
    }

    /// The noise, as a multiple of the signal, that 99 of 100 samples stay within at a node.
    pub(crate) fn usual_ratio(&self, node: usize) -> f64 {
        let mut ratios = self.ratios.get(node).cloned().unwrap_or_default();
        ratios.sort_by(f64::total_cmp);
        let last = (ratios.len() * 99).div_ceil(100).saturating_sub(1);
        ratios.get(last).copied().unwrap_or(0.0)
    }

    /// `shares` are those of the model's input and of every node.
    pub(crate) fn finish(self, histograms: Vec<Mutex<Histogram>>, shares: Option<&[f64]>) -> Vec<NodeFigures> {
        let quantized = self.quantized;
        let graph = quantized.graph();
        let nodes = graph.iter().zip(self.sums).zip(histograms).map(|(((id, node), sums), histogram)| {
            let params = node.output().and_then(|id| quantized.params(id));
            NodeFigures {
                node: graph.label(node),
                op: node.op.name().to_owned(),
                tensor: node.output().map_or_else(String::new, |id| graph.tensor(id).name.clone()),
                macs: graph.cost(node).macs,
                local_snr_db: decibels(sums.signal, sums.local),
                accumulated_snr_db: decibels(sums.signal, sums.accumulated),
                output_noise_share: shares.and_then(|shares| shares.get(id.index() + 1).copied()),
                range: params.map_or(Range { min: 0.0, max: 0.0 }, |params| Range { min: params.min(), max: params.max() }),
                seen: sums.seen.unwrap_or(Range { min: 0.0, max: 0.0 }),
                clipped_share: sums.clipped as f64 / sums.elements.max(1) as f64,
                histogram: histogram.into_inner().unwrap_or_else(PoisonError::into_inner),
                weights: weights(quantized, id),
            }
        });
        nodes.collect()
    }
}

fn decibels(signal: f64, noise: f64) -> Option<f64> {
    (signal > 0.0 && noise > 0.0).then(|| 10.0 * (signal / noise).log10())
}

fn weights(quantized: &QuantGraph, node: NodeId) -> Option<WeightFigures> {
    let graph = quantized.graph();
    let id = graph.node(node).input(1)?;
    let QuantConst::Weights { scales, .. } = quantized.constant(id)? else { return None };
    let literal = graph.literal(id)?;
    let values = literal.as_f32()?;
    let channel = values.len() / literal.shape().first().copied().unwrap_or(1).max(1);
    let channel_max = values.chunks(channel.max(1)).map(|channel| channel.iter().fold(0.0f32, |max, w| max.max(w.abs()))).collect();
    Some(WeightFigures { per_channel: scales.len() > 1, channel_max })
}
