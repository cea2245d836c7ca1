//! In which order channels go, and how far.

use std::collections::BTreeSet;

use edgectl_graph::Graph;

use crate::{Dependencies, PruneError, Scores, UnitId};

/// How channels of different layers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// By their scores: layers lose what they can spare.
    Global,
    /// Not at all: all layers lose the same share.
    PerLayer,
}

/// What every group keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keep {
    /// Numbers of channels that stay are multiples of this, where the layer has as many; at least 1.
    pub multiple: usize,
    /// The share of channels that stays at least, from 0 to 1; one always stays.
    pub share: f64,
}

/// An order in which channels go: after each step, the numbers of channels are as they should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    steps: Vec<Vec<UnitId>>,
}

impl Plan {
    /// Puts the units of all groups in one order. `benefits` are what the removal of a channel of each group brings towards the target, in any
    /// unit: what brings more may cost more. Empty where that does not matter.
    pub fn new(dependencies: &Dependencies, scores: &Scores, scope: Scope, keep: Keep, benefits: &[f64]) -> Plan {
        // What brings nothing goes last, if it must.
        let floor_of_benefit = benefits.iter().copied().fold(0.0, f64::max) * 1e-3;
        let multiple = keep.multiple.max(1);
        let mut steps: Vec<(f64, Vec<UnitId>)> = vec![];
        for (at, group) in dependencies.groups().iter().enumerate() {
            let (order, size) = (scores.group(at), group.units.len());
            let floor = ((size as f64 * keep.share.clamp(0.0, 1.0)).ceil() as usize).max(1).next_multiple_of(multiple);
            // The first step leaves a multiple, each next one takes one away.
            let mut left = size;
            let mut worst = 0.0f64;
            while left > floor {
                let next = (left - 1) / multiple * multiple;
                if next < floor {
                    break;
                }
                let units = &order[size - left..size - next];
                let mean = units.iter().map(|(_, score)| score).sum::<f64>() / units.len() as f64;
                // What goes first in a group goes first in the plan.
                let benefit = benefits.get(at).map_or(1.0, |&benefit| benefit.max(floor_of_benefit).max(f64::MIN_POSITIVE));
                worst = worst.max(mean / benefit);
                let key = match scope {
                    Scope::Global => worst,
                    Scope::PerLayer => (size - next) as f64 / size as f64,
                };
                steps.push((key, units.iter().map(|(unit, _)| *unit).collect()));
                left = next;
            }
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        Plan { steps: steps.into_iter().map(|(_, units)| units).collect() }
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing may go.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The units of the first steps.
    pub fn units(&self, steps: usize) -> BTreeSet<UnitId> {
        self.steps.iter().take(steps).flatten().copied().collect()
    }

    /// The least number of steps after which a graph fits, where fewer channels never fit worse; `None` where it does not fit after all
    /// of them.
    ///
    /// # Errors
    /// What `fits` returns, or a cut that cannot be made.
    pub fn search<E: From<PruneError>>(
        &self,
        graph: &Graph,
        dependencies: &Dependencies,
        mut fits: impl FnMut(&Graph) -> Result<bool, E>,
    ) -> Result<Option<usize>, E> {
        let mut after = |steps: usize| fits(&dependencies.without(graph, &self.units(steps))?);
        if !after(self.len())? {
            return Ok(None);
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if after(middle)? { high = middle } else { low = middle + 1 }
        }
        Ok(Some(high))
    }
}
