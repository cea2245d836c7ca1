//! Samples to which int8 gives another class than float, and where that begins.

use crate::figures::{Figures, Row};
use crate::tail::Tail;
use crate::watch::{Seen, argmax};
use crate::{ExplainError, Sample};

/// A sample that changed class.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Its place in the data.
    pub sample: usize,
    /// Its true class, where that is known.
    pub label: Option<i64>,
    /// The class that float gives.
    pub float_class: usize,
    /// The class that int8 gives.
    pub int8_class: usize,
    /// By how much float preferred its class to that of int8, in units of the output.
    pub margin: f64,
    /// Where the change begins: the first place in the order of execution from which on the sample has another class than float's when
    /// everything up to there is int8 and everything after it float. Execution and this question agree at the last node, so there is
    /// always one.
    pub origin: Origin,
    /// The noise at every node as a multiple of what 99 of 100 samples that kept their class stay within.
    pub departures: Vec<f64>,
    /// The departure at the origin, 0 for the model's inputs. Up to 1 the noise there is as usual, and the sample was close to the border;
    /// well above, the node does something to this sample that it does not do to others.
    pub departure: f64,
}

/// A place where a change of class can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Rounding the model's inputs is enough.
    Input,
    /// At the node of this index.
    Node(usize),
}

/// The class of every sample, everything before a cut int8 and everything after it float.
pub(crate) fn classes<E: From<ExplainError>>(tail: &Tail<E>, changed: &[(usize, Seen)]) -> Result<Vec<usize>, E> {
    changed.iter().map(|(_, seen)| Ok(argmax(&tail.after_int8(seen)?).unwrap_or(0))).collect()
}

/// `classes` are those at every cut.
pub(crate) fn changes(
    figures: &Figures<'_>,
    rows: &[(Row, bool)],
    samples: &[Sample],
    changed: &[(usize, Seen)],
    classes: &[Vec<usize>],
) -> Vec<Change> {
    let nodes = classes.len().saturating_sub(1);
    let usual: Vec<f64> = (0..nodes).map(|node| figures.usual_ratio(node)).collect();
    let change = |(i, (place, seen)): (usize, &(usize, Seen))| {
        let (float_class, int8_class) = seen.classes()?;
        let kept = classes.iter().rposition(|at_cut| at_cut.get(i) == Some(&float_class));
        let origin = match kept {
            None => Origin::Input,
            // The cut after the last one at which the class was kept is right behind the node of that index.
            Some(cut) => Origin::Node(cut.min(nodes.saturating_sub(1))),
        };
        let row = &rows[*place].0;
        let departures: Vec<f64> = usual.iter().enumerate().map(|(node, usual)| row.ratio(node) / usual.max(1e-12)).collect();
        let output = seen.output();
        Some(Change {
            sample: samples[*place].index,
            label: samples[*place].label,
            float_class,
            int8_class,
            margin: f64::from(output[float_class]) - f64::from(output[int8_class]),
            origin,
            departure: match origin {
                Origin::Input => 0.0,
                Origin::Node(node) => departures.get(node).copied().unwrap_or(0.0),
            },
            departures,
        })
    };
    changed.iter().enumerate().filter_map(change).collect()
}
