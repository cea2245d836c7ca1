//! Which nodes need int16 most, and how few of them are enough.

use std::collections::BTreeSet;

use edgectl_graph::has_int16;

use crate::int16::follows;
use crate::{Calibrated, Int16, QuantizeError, Quantized};

/// What is lost where one node is int8 and all others are int16.
///
/// A single int16 node among int8 ones gains nothing, since what reads it rounds its output again: so nodes are judged by what they take
/// away, not by what they add.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// The node's label.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// The score with all in int16, less that without this one.
    pub loss: f64,
}

impl Calibrated {
    /// The nodes that can be int16, but for those that follow what they read.
    pub fn int16_candidates(&self) -> Vec<String> {
        let graph = self.graph();
        let candidates = graph.nodes().iter().filter(|node| has_int16(&node.op) && !follows(&node.op));
        candidates.map(|node| graph.label(node)).collect()
    }

    /// All candidates, those that lose most first. `score` measures a quantized graph, greater being better: the signal-to-noise ratio of
    /// its outputs, in decibels. It is called once for each candidate, and once more.
    ///
    /// # Errors
    /// Those of `score`, and of quantization.
    pub fn rank_int16<E: From<QuantizeError>>(&self, mut score: impl FnMut(&Quantized) -> Result<f64, E>) -> Result<Vec<Sensitivity>, E> {
        let candidates = self.int16_candidates();
        let all: BTreeSet<String> = candidates.iter().cloned().collect();
        let mut without = |left_out: Option<&String>| {
            let nodes = all.iter().filter(|node| Some(*node) != left_out).cloned().collect();
            score(&self.quantize(&Int16::Nodes(nodes))?)
        };
        let best = without(None)?;
        let mut ranking = vec![];
        for (node, op) in candidates.into_iter().zip(self.candidate_ops()) {
            let loss = best - without(Some(&node))?;
            ranking.push(Sensitivity { node, op, loss });
        }
        ranking.sort_by(|a, b| b.loss.total_cmp(&a.loss));
        Ok(ranking)
    }

    fn candidate_ops(&self) -> impl Iterator<Item = String> {
        let nodes = self.graph().nodes().iter().filter(|node| has_int16(&node.op) && !follows(&node.op));
        nodes.map(|node| node.op.name().to_owned())
    }
}

/// The fewest of the first nodes of a ranking that are enough, by bisection: `attempt` is called with all of them, and then at most
/// `log2` of their number times. Returns what it gave for the chosen nodes; for all of them, where not even those are enough.
///
/// # Errors
/// Those of `attempt`.
pub fn fewest_int16<T, E>(ranking: &[Sensitivity], mut attempt: impl FnMut(&Int16) -> Result<(bool, T), E>) -> Result<(Int16, bool, T), E> {
    let first = |count: usize| Int16::Nodes(ranking.iter().take(count).map(|row| row.node.clone()).collect());
    let all = first(ranking.len());
    let (enough, value) = attempt(&all)?;
    let mut found = (all, enough, value);
    // None are not enough, or there would be no need to ask.
    let (mut too_few, mut enough) = (0, if found.1 { ranking.len() } else { 0 });
    while enough > too_few + 1 {
        let middle = too_few.midpoint(enough);
        let nodes = first(middle);
        match attempt(&nodes)? {
            (true, value) => (enough, found) = (middle, (nodes, true, value)),
            (false, _) => too_few = middle,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_the_fewest_nodes_in_few_attempts() -> Result<(), QuantizeError> {
        let row = |i: usize| Sensitivity { node: format!("n{i:02}"), op: "Conv".into(), loss: -(i as f64) };
        let ranking: Vec<Sensitivity> = (0..37).map(row).collect();
        for needed in [1, 2, 18, 36, 37, 38] {
            let mut attempts = 0;
            let (nodes, enough, count) = fewest_int16(&ranking, |int16| {
                attempts += 1;
                let Int16::Nodes(nodes) = int16 else { return Ok((false, 0)) };
                Ok::<_, QuantizeError>((nodes.len() >= needed, nodes.len()))
            })?;
            assert_eq!((enough, count), (needed <= 37, needed.min(37)));
            assert!(matches!(nodes, Int16::Nodes(nodes) if nodes.contains("n00")));
            assert!(attempts <= 7, "{attempts}");
        }
        Ok(())
    }
}
