//! Why an int8 model departs from its float original: node by node, sample by sample.
//!
//! [`explain`] runs the float graph and the int8 program side by side on some samples. The program is that of `edge-runtime`, with every
//! activation as an output; who runs the float graph is up to the caller, so that this crate knows no engine.
//!
//! | figure | how it is found |
//! |---|---|
//! | local noise | the node alone, in int8 against float, both on float inputs rounded once to their scales |
//! | accumulated noise | the node's output in the int8 program against the float graph: everything before it is int8, too |
//! | share of the output's noise | the node's local noise added to its float output, everything after it in float, measured at the first output |
//! | where a change of class begins | see [`Change::origin`] |
//!
//! Figures are the same whatever the number of threads: samples are measured apart and added up in their order.

mod changes;
mod error;
mod figures;
mod int8;
mod parts;
mod shares;
mod tail;
mod watch;

use std::sync::Mutex;

use edgectl_graph::{Graph, QuantGraph, TensorId};
use edgectl_quantize::Histogram;
use rayon::prelude::*;

pub use changes::{Change, Origin};
pub use error::ExplainError;
pub use figures::{NodeFigures, WeightFigures};

use crate::figures::Figures;
use crate::parts::Parts;
use crate::watch::{Seen, Watch};

/// Runs a graph in float: the values of each input become those of each output, then of each observed tensor.
pub type Runner<E> = Box<dyn Fn(&[&[f32]]) -> Result<Vec<Vec<f32>>, E> + Send + Sync>;

/// Makes a graph ready to run in float; the tensors become outputs after the graph's own.
pub type Prepare<'a, E> = &'a (dyn Fn(&Graph, &[TensorId]) -> Result<Runner<E>, E> + Sync);

/// A sample to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its place in the data.
    pub index: usize,
    /// Its class, where that is known.
    pub label: Option<i64>,
    /// The values of each input of the model.
    pub inputs: Vec<Vec<f32>>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// Samples on which the figures of nodes rest: those that did not change class.
    pub samples: usize,
    /// Every node, in the order of execution.
    pub nodes: Vec<NodeFigures>,
    /// The share of the noise of the first output that comes from rounding the model's inputs.
    pub input_noise_share: Option<f64>,
    /// The samples that changed class, as far as they were looked at. Empty where the first output is no list of classes.
    pub changes: Vec<Change>,
}

/// Samples whose noise is followed to the output; the graph behind every node is run for each.
const SHARE_SAMPLES: usize = 8;
/// The most samples whose change of class is followed to where it begins.
const CHANGE_SAMPLES: usize = 32;
/// The most values of activations that are kept for these samples.
const KEPT_VALUES: usize = 1 << 26;

/// How many steps of progress [`explain`] reports.
pub fn steps(graph: &Graph, samples: usize) -> usize {
    samples + graph.nodes().len() + 1
}

/// Explains a quantized graph by samples, in memory that does not grow with the activations of more than a bounded number
/// of them. `has_classes` says that the largest value of the first output means a class. `step` is called for every step done.
///
/// # Errors
/// Those of the float engine, and what keeps a part of the graph from running in int8.
pub fn explain<E: From<ExplainError> + Send>(
    quantized: &QuantGraph,
    samples: &[Sample],
    has_classes: bool,
    prepare: Prepare<'_, E>,
    step: &(dyn Fn() + Sync),
) -> Result<Explanation, E> {
    let watch = Watch::new(quantized, prepare)?;
    let parts = Parts::new(&watch, prepare)?;
    let histograms: Vec<Mutex<Histogram>> = quantized.graph().nodes().iter().map(|_| Mutex::default()).collect();
    let measure = |sample: &Sample| {
        let seen = watch.observe(sample)?;
        let row = figures::measure(&watch, &parts, &seen, &histograms)?;
        step();
        Ok((row, has_classes && seen.classes().is_some_and(|(float, int8)| float != int8)))
    };
    let rows = samples.par_iter().map(measure).collect::<Result<Vec<_>, E>>()?;
    let mut figures = Figures::new(quantized);
    rows.iter().filter(|(_, changed)| !changed).for_each(|(row, _)| figures.add(row));
    if figures.samples() == 0 {
        // Every sample changed class: better these than none.
        rows.iter().for_each(|(row, _)| figures.add(row));
    }

    let kept = (KEPT_VALUES / (2 * watch.values()).max(1)).max(2);
    let keep = |wanted: bool, most: usize| -> Result<Vec<(usize, Seen)>, E> {
        let places = rows.iter().enumerate().filter(|(_, (_, changed))| *changed == wanted).map(|(place, _)| place).take(most);
        let places: Vec<usize> = places.collect();
        places.into_par_iter().map(|place| Ok((place, watch.observe(&samples[place])?))).collect()
    };
    let steady = keep(false, SHARE_SAMPLES.min(kept / 2))?;
    let changed = keep(true, CHANGE_SAMPLES.min(kept / 2))?;
    let cuts = (0..=quantized.graph().nodes().len()).into_par_iter().map(|cut| {
        let tail = tail::Tail::new(&watch, cut, prepare)?;
        let noise = shares::noise(&tail, &watch, &parts, &steady)?;
        let classes = changes::classes(&tail, &changed)?;
        step();
        Ok((noise, classes))
    });
    let (noises, classes): (Vec<f64>, Vec<Vec<usize>>) = cuts.collect::<Result<Vec<_>, E>>()?.into_iter().unzip();
    let shares = shares::shares(&noises);
    let changes = changes::changes(&figures, &rows, samples, &changed, &classes);
    let input_noise_share = shares.as_ref().and_then(|shares| shares.first().copied());
    Ok(Explanation { samples: figures.samples(), nodes: figures.finish(histograms, shares.as_deref()), input_noise_share, changes })
}
