//! Lets the channels that stay make up for those that go.

use std::collections::BTreeSet;

use edgectl_graph::Graph;

use crate::edits::Edits;
use crate::linear::damped_inverse;
use crate::statistics::Statistics;
use crate::{Dependencies, PruneError, UnitId};

impl Dependencies {
    /// As [`Dependencies::without`], but each layer gets the weights with which what stays of its input comes nearest to what it computed:
    /// every channel that goes is replaced by the combination of the others that predicts it best on the observed data, by least squares
    /// (as by He et al., 2017, with one solution for all taps of a kernel).
    ///
    /// # Errors
    /// As [`Dependencies::without`].
    pub fn without_compensated(&self, graph: &Graph, units: &BTreeSet<UnitId>, statistics: &Statistics) -> Result<Graph, PruneError> {
        let mut edits = Edits::default();
        for moments in statistics.moments() {
            let (gone, kept): (Vec<usize>, Vec<usize>) = (0..moments.units.len()).partition(|&at| units.contains(&moments.units[at]));
            if gone.is_empty() || kept.is_empty() {
                continue;
            }
            let Some(layer) = edits.layer(graph, &moments.reader) else { continue };
            let (matrix, mean, size) = (moments.matrix(), moments.mean(), moments.units.len());
            let own: Vec<f64> = kept.iter().flat_map(|&a| kept.iter().map(move |&b| (a, b))).map(|(a, b)| matrix[a * size + b]).collect();
            let inverse = damped_inverse(own, kept.len(), moments.count());
            let groups = moments.reader.groups;
            for &lost in &gone {
                let shared: Vec<f64> = kept.iter().map(|&other| matrix[other * size + lost]).collect();
                let line = |row: usize| &inverse[row * kept.len()..(row + 1) * kept.len()];
                let factors: Vec<f64> = (0..kept.len()).map(|row| line(row).iter().zip(&shared).map(|(a, b)| a * b).sum()).collect();
                let predicted: f64 = factors.iter().zip(&kept).map(|(factor, &other)| factor * mean[other]).sum();
                for (which, &from) in moments.indices[lost].iter().enumerate() {
                    for (factor, &other) in factors.iter().zip(&kept) {
                        if let Some(&to) = moments.indices[other].get(which) {
                            layer.add(groups, from, to, *factor);
                        }
                    }
                    // Where the border sees zeros, a bias would be wrong there.
                    if !moments.reader.padded {
                        layer.fold(groups, from, mean[lost] - predicted);
                    }
                }
            }
        }
        self.without_edited(graph, units, &edits)
    }
}
