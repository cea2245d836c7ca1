//! Cross-layer equalization (M. Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019), with
//! the ranges of activations that calibration saw, and the weights that see them (G. Xiao et al., "SmoothQuant", 2023).
//!
//! `s * relu(x / s) = relu(x)` for positive `s`: a channel between two layers may have any scale. One int8 range must hold all channels,
//! so a channel much narrower than the widest has few integers. Every factor is a power of two, so the float function stays the same
//! to the bit, as long as no exponent underflows.
//!
//! A clamp at six does not scale with its channel. Behind one, channels are only widened, and only as far as it leaves room for twice of
//! what calibration saw: that changes nothing that int8, whose range calibration gives, would not cut as well.

use edgectl_graph::{Graph, TensorId};

use super::Note;
use super::pair::{Pair, candidates};
use super::rewrite::rewrite;
use crate::layer::Layer;
use crate::{Calibration, QuantizeError};

/// How a factor is shared out: 1 gives all channels the same range, 0 all weights that see them.
const BALANCES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// A change must bring the expected noise below this share of what it was. Where channels differ less, equalization gains little, and takes
/// the room that channels need which calibration data hardly excite.
const LEAST_GAIN: f64 = 0.1;

/// The root mean square of a channel, as a share of its greatest magnitude: that of a normal distribution whose extremes lie at three
/// times its standard deviation.
const RMS: f64 = 1.0 / 3.0;

/// The greatest exponent of a factor. Beyond it, a channel is as good as dead.
const MAX_EXPONENT: f64 = 24.0;

/// By how much the values that a clamp leaves may exceed what calibration saw of a channel.
const HEADROOM: f64 = 2.0;

/// Tensors between two layers, whose channels were divided by powers of two.
pub(crate) struct Scaled {
    pub(crate) tensors: Vec<TensorId>,
    /// By channel.
    pub(crate) exponents: Vec<i32>,
}

/// Equalizes a graph by what a calibration with [`channels`](Calibration::watch_channels) of its candidates saw. The tensors are told by
/// what they were before.
///
/// `per_channel` says that each output of a layer has a weight scale of its own.
pub(crate) fn equalize(
    graph: &mut Graph,
    seen: &Calibration,
    per_channel: bool,
    notes: &mut Vec<Note>,
) -> Result<Vec<Scaled>, QuantizeError> {
    let (mut layers, mut scaled) = (Layer::all(graph)?, vec![]);
    for pair in candidates(graph, &layers) {
        let (from, to) = (pair.from.label.clone(), pair.to.label.clone());
        let ranges = seen.channels(pair.from.output).and_then(|channels| channels.ranges()).ok_or(QuantizeError::NoSamples)?;
        let magnitudes: Vec<f64> = ranges.iter().map(|range| f64::from(range.min.abs().max(range.max.abs()))).collect();
        let Some(exponents) = exponents(&pair, &magnitudes, per_channel) else { continue };
        if let Some(reason) = pair.scale_barrier.clone() {
            notes.push(Note::NotEqualized { from, to, reason });
            continue;
        }
        let channels = exponents.iter().filter(|&&exponent| exponent != 0).count();
        scale(&mut layers, &pair, &exponents);
        notes.push(Note::Equalized { from, to, spread: spread(&magnitudes), channels });
        scaled.push(Scaled { tensors: pair.between, exponents });
    }
    rewrite(graph, "equalize", &layers)?;
    Ok(scaled)
}

/// The ratio of the greatest to the smallest magnitude, of those that are not zero.
fn spread(magnitudes: &[f64]) -> f64 {
    let alive = || magnitudes.iter().copied().filter(|&magnitude| magnitude > 0.0);
    let (least, greatest) = (alive().fold(f64::INFINITY, f64::min), alive().fold(0.0, f64::max));
    if greatest > 0.0 { greatest / least } else { 1.0 }
}

/// The exponents by which channels are divided, or `None` where that would gain too little.
///
/// Dividing channel `c` by `s` multiplies the weights that see it. Of `s = range^balance / weights^(1 - balance)`, that balance is chosen
/// with which the rounding of inputs and weights is expected to make the least noise.
fn exponents(pair: &Pair, magnitudes: &[f64], per_channel: bool) -> Option<Vec<i32>> {
    let noise = Noise::new(pair, magnitudes, per_channel);
    let weights = noise.weights();
    let top = magnitudes.iter().copied().fold(0.0, f64::max);
    let exponent = |range: f64, weight: f64, balance: f64| {
        if range == 0.0 || weight == 0.0 {
            return 0;
        }
        let factor = (range / top).powf(balance) / weight.powf(1.0 - balance);
        let (least, most) = bounds(range, pair.ceiling);
        factor.log2().round().clamp(least, most) as i32
    };
    let candidate = |balance: f64| -> (f64, Vec<i32>) {
        let exponents: Vec<i32> = magnitudes.iter().zip(&weights).map(|(&range, &weight)| exponent(range, weight, balance)).collect();
        (noise.of(&exponents), exponents)
    };
    let best = BALANCES.into_iter().map(candidate).reduce(|best, found| if found.0 < best.0 { found } else { best })?;
    (best.0 < LEAST_GAIN * noise.of(&vec![0; magnitudes.len()])).then_some(best.1)
}

/// The exponents that a channel of this range may have.
fn bounds(range: f64, ceiling: f32) -> (f64, f64) {
    if ceiling.is_infinite() {
        return (-MAX_EXPONENT, MAX_EXPONENT);
    }
    let room = (HEADROOM * range / f64::from(ceiling)).log2().ceil();
    // A channel without room, or one that the clamp cuts, stays as it is.
    (room.clamp(-MAX_EXPONENT, 0.0), 0.0)
}

/// What rounding is expected to do to the outputs of a pair's second layer.
struct Noise<'a> {
    magnitudes: &'a [f64],
    per_channel: bool,
    /// Of each output whose weights are not all zero: the greatest magnitude of its weights, or that of all; and each magnitude with its channel.
    rows: Vec<(f64, Vec<(usize, f64)>)>,
}

impl<'a> Noise<'a> {
    fn new(pair: &'a Pair, magnitudes: &'a [f64], per_channel: bool) -> Noise<'a> {
        let greatest = |row: &[f32]| f64::from(row.iter().fold(0.0f32, |max, w| max.max(w.abs())));
        let rows = pair.to.weights.chunks(pair.to.geometry.columns().max(1));
        let all = greatest(&pair.to.weights);
        let row = |(output, row): (usize, &[f32])| {
            let weights = row.iter().enumerate().map(|(column, w)| (pair.channel(output, column), f64::from(w.abs())));
            (if per_channel { greatest(row) } else { all }, weights.collect())
        };
        let rows = rows.enumerate().map(row).filter(|(unit, _)| *unit > 0.0).collect();
        Noise { magnitudes, per_channel, rows }
    }

    /// The greatest weight that sees each channel, as a share of its row's greatest.
    fn weights(&self) -> Vec<f64> {
        let mut weights = vec![0.0f64; self.magnitudes.len()];
        for (unit, row) in &self.rows {
            row.iter().for_each(|&(channel, w)| weights[channel] = weights[channel].max(w / unit));
        }
        weights
    }

    /// The sum over outputs of the expected noise, as a share of the signal's power: a step of the inputs times every weight, and a step
    /// of the weights times every input.
    fn of(&self, exponents: &[i32]) -> f64 {
        let factors: Vec<f64> = exponents.iter().map(|&exponent| 2f64.powi(exponent)).collect();
        let ranges: Vec<f64> = self.magnitudes.iter().zip(&factors).map(|(range, factor)| range / factor).collect();
        let input_step = ranges.iter().copied().fold(0.0, f64::max) / 255.0;
        let scaled = |row: &[(usize, f64)]| -> Vec<(usize, f64)> { row.iter().map(|&(c, w)| (c, w * factors[c])).collect() };
        let rows: Vec<Vec<(usize, f64)>> = self.rows.iter().map(|(_, row)| scaled(row)).collect();
        let greatest = |row: &[(usize, f64)]| row.iter().fold(0.0f64, |max, weight| max.max(weight.1));
        let all = rows.iter().map(|row| greatest(row)).fold(0.0, f64::max);
        let share = |row: &Vec<(usize, f64)>| -> f64 {
            let weight_step = if self.per_channel { greatest(row) } else { all } / 127.0;
            let power = |term: &dyn Fn(f64, f64) -> f64| row.iter().map(|&(c, w)| term(w, RMS * ranges[c]).powi(2)).sum::<f64>();
            let (inputs, weights, signal) = (power(&|w, _| input_step * w), power(&|_, x| weight_step * x), power(&|w, x| w * x));
            if signal > 0.0 { (inputs + weights) / signal } else { 0.0 }
        };
        rows.iter().map(share).sum()
    }
}

/// Divides the channels between a pair by `2^exponent`.
fn scale(layers: &mut [Layer], pair: &Pair, exponents: &[i32]) {
    let columns = pair.from.geometry.columns();
    for layer in layers {
        if layer.node == pair.from.node {
            for (output, &exponent) in exponents.iter().enumerate() {
                let factor = 2f32.powi(-exponent);
                layer.weights[output * columns..][..columns].iter_mut().for_each(|w| *w *= factor);
                layer.bias[output] *= factor;
            }
        } else if layer.node == pair.to.node {
            for (output, row) in layer.weights.chunks_mut(pair.to.geometry.columns().max(1)).enumerate() {
                row.iter_mut().enumerate().for_each(|(column, w)| *w *= 2f32.powi(exponents[pair.channel(output, column)]));
            }
        }
    }
}
