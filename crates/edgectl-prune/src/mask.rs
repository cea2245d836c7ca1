//! Weights that are zero and stay so.
//!
//! A model with masks has as many operations as before: it is smaller only where it is stored compressed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use edgectl_graph::{Graph, TensorId};

use crate::cut::with_values;
use crate::weights::{Role, role_of};
use crate::{PruneError, Scope};

/// Which weights may be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Of every `of` weights that lie one after the other along the input channels, `kept` stay: 2:4 is what some tensor cores compute.
    Blocks {
        /// At least 1, less than `of`.
        kept: usize,
        /// At most 64.
        of: usize,
    },
    /// Any.
    Unstructured,
}

/// Which weights stay, by the name of their constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks(BTreeMap<String, Vec<bool>>);

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Pattern, String> {
        let expected = || "expected N:M, such as 2:4, with N from 1 to below M, and M at most 64".to_owned();
        let (kept, of) = text.split_once(':').ok_or_else(expected)?;
        let number = |text: &str| text.parse::<usize>().map_err(|_| expected());
        let (kept, of) = (number(kept)?, number(of)?);
        if (1..of).contains(&kept) && of <= 64 { Ok(Pattern::Blocks { kept, of }) } else { Err(expected()) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Blocks { kept, of } => write!(f, "{kept}:{of}"),
            Pattern::Unstructured => f.write_str("unstructured"),
        }
    }
}

impl Masks {
    /// The masks of a share of all weights of layers, from 0 to 1, by magnitude. Globally, a weight counts relative to the greater ones of
    /// its layer, so that no layer loses all (Lee et al., 2021). Blocks have a share of their own, and leave layers alone whose input has
    /// too few channels for one.
    pub fn new(graph: &Graph, pattern: Pattern, scope: Scope, share: f64) -> Masks {
        let layers = layers(graph);
        let values = |id: TensorId| graph.literal(id).and_then(|literal| literal.as_f32()).unwrap_or_default();
        let name = |id: TensorId| graph.tensor(id).name.clone();
        if let Pattern::Blocks { kept, of } = pattern {
            let mask = |&(id, axis): &(TensorId, usize)| {
                let shape = graph.literal(id)?.shape();
                (shape[axis] >= of).then(|| (name(id), blocks(values(id), shape, axis, kept, of)))
            };
            return Masks(layers.iter().filter_map(mask).collect());
        }
        // What is least goes first; equal ones in the order of the graph.
        let mut order: Vec<(f64, usize, usize)> = vec![];
        for (layer, &(id, _)) in layers.iter().enumerate() {
            let values = values(id);
            let scores = match scope {
                Scope::Global => relative(values),
                Scope::PerLayer => ranks(values),
            };
            order.extend(scores.into_iter().enumerate().map(|(at, score)| (score, layer, at)));
        }
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut masks: Vec<Vec<bool>> = layers.iter().map(|&(id, _)| vec![true; values(id).len()]).collect();
        let gone = (order.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
        order.iter().take(gone).for_each(|&(_, layer, at)| masks[layer][at] = false);
        Masks(layers.iter().zip(masks).map(|(&(id, _), mask)| (name(id), mask)).collect())
    }

    /// By the name of a constant, which of its elements stay.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[bool])> {
        self.0.iter().map(|(name, mask)| (name.as_str(), mask.as_slice()))
    }

    /// The number of weights that are zero.
    pub fn zeros(&self) -> u64 {
        self.0.values().flatten().filter(|&&stays| !stays).count() as u64
    }

    /// Whether nothing is masked.
    pub fn is_empty(&self) -> bool {
        self.zeros() == 0
    }

    /// The graph with what is masked set to zero.
    ///
    /// # Errors
    /// None for the graph that these masks are of.
    pub fn apply(&self, graph: &Graph) -> Result<Graph, PruneError> {
        let mut changed: HashMap<TensorId, Vec<f32>> = HashMap::new();
        for (name, mask) in &self.0 {
            let Some((id, values)) = graph.find(name).and_then(|id| Some((id, graph.literal(id)?.as_f32()?))) else { continue };
            changed.insert(id, values.iter().zip(mask).map(|(&value, &stays)| if stays { value } else { 0.0 }).collect());
        }
        with_values(graph, "set weights to zero", changed)
    }
}

/// The weights of layers, each constant once, and the axis of their input channels.
fn layers(graph: &Graph) -> Vec<(TensorId, usize)> {
    let mut layers: Vec<(TensorId, usize)> = vec![];
    for node in graph.nodes() {
        for (place, id) in node.inputs.iter().enumerate().filter_map(|(place, id)| Some((place, (*id)?))) {
            let Some(literal) = graph.literal(id).filter(|literal| literal.as_f32().is_some()) else { continue };
            let column = (0..literal.shape().len()).find(|&axis| role_of(graph, node, place, axis) == Some(Role::Column));
            if let Some(axis) = column.filter(|_| !layers.iter().any(|layer| layer.0 == id)) {
                layers.push((id, axis));
            }
        }
    }
    layers
}

/// The square of each weight over the sum of squares of those that are not smaller.
fn relative(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()).then(a.cmp(&b)));
    let (mut scores, mut sum) = (vec![0.0; values.len()], 0.0);
    for at in order {
        let square = f64::from(values[at]).powi(2);
        sum += square;
        scores[at] = if sum > 0.0 { square / sum } else { 0.0 };
    }
    scores
}

/// The share of weights that are smaller.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()).then(a.cmp(&b)));
    let mut scores = vec![0.0; values.len()];
    for (rank, &at) in order.iter().enumerate() {
        scores[at] = rank as f64 / values.len() as f64;
    }
    scores
}

/// The greatest of every block along an axis. What is left over at its end keeps the same share, rounded up.
fn blocks(values: &[f32], shape: &[usize], axis: usize, kept: usize, of: usize) -> Vec<bool> {
    let (size, below) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut mask = vec![false; values.len()];
    for line in 0..values.len() / size.max(1) {
        let start = line / below * size * below + line % below;
        for first in (0..size).step_by(of) {
            let mut block: Vec<usize> = (first..size.min(first + of)).map(|index| start + index * below).collect();
            let stay = (block.len() * kept).div_ceil(of);
            block.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()).then(a.cmp(&b)));
            block.iter().take(stay).for_each(|&at| mask[at] = true);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_keep_the_greatest_along_input_channels() {
        // Two rows of five channels with two taps.
        let values: Vec<f32> = (0..20).map(|i| (i * 7 % 20) as f32 - 10.0).collect();
        let mask = blocks(&values, &[2, 5, 2], 1, 2, 4);
        for (row, tap) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let at = |channel: usize| row * 10 + channel * 2 + tap;
            let stay: Vec<usize> = (0..4).filter(|&channel| mask[at(channel)]).collect();
            let least = stay.iter().map(|&channel| values[at(channel)].abs()).fold(f32::INFINITY, f32::min);
            let rest = (0..4).filter(|channel| !stay.contains(channel)).map(|channel| values[at(channel)].abs());
            assert!(stay.len() == 2 && rest.fold(0.0, f32::max) <= least);
            assert!(mask[at(4)], "of a block of one, one stays");
        }
    }

    #[test]
    fn scores_are_relative_to_the_greater_ones() {
        assert_eq!(relative(&[3.0, -4.0, 0.0]), [9.0 / 25.0, 1.0, 0.0]);
        assert_eq!(ranks(&[3.0, -4.0, 0.0]), [1.0 / 3.0, 2.0 / 3.0, 0.0]);
    }

    #[test]
    fn patterns_are_read_and_written() {
        assert_eq!("2:4".parse::<Pattern>().unwrap().to_string(), "2:4");
        for wrong in ["", "4:2", "2:2", "0:4", "1:65", "2", "a:b"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }
}
