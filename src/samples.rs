//! Data that fit a model: samples streamed from disk as its inputs take them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edgectl_data::{DataError, DataOptions, DataSet, Pipeline, Preprocess};
use rayon::prelude::*;
use thiserror::Error;

use crate::engine::{Port, Sequence};

/// Samples in memory at a time. Their number bounds the memory, whatever the size of the data.
const CHUNK: usize = 256;
/// The most elements of a chunk's samples.
const CHUNK_ELEMENTS: usize = 1 << 23;

/// Why data do not fit a model.
#[derive(Debug, Error)]
pub(crate) enum SamplesError {
    #[error("{path} has {found} samples for input \"{input}\", and {expected} for \"{first}\"")]
    Count { path: PathBuf, first: String, expected: usize, input: String, found: usize },
    #[error("the model has {} inputs; expected {path} to be .npz or .safetensors, with an array for each: {}", .inputs.len(), .inputs.join(", "), path = path.display())]
    Keyed { path: PathBuf, inputs: Vec<String> },
    #[error("the model has no input")]
    None,
    #[error("{option} is for models with one input; this one has {inputs}, which are fed as they are stored")]
    OneInput { option: &'static str, inputs: usize },
}

/// A sample as a model takes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Its place in the data.
    pub(crate) index: usize,
    pub(crate) label: Option<i64>,
    /// The values of each input of the model.
    pub(crate) inputs: Vec<Vec<f32>>,
}

impl Sample {
    pub(crate) fn inputs(&self) -> Vec<&[f32]> {
        self.inputs.iter().map(Vec::as_slice).collect()
    }
}

/// Data that fit a model's inputs.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) path: PathBuf,
    /// Whether they follow each other in time.
    pub(crate) sequence: Option<Sequence>,
    /// One for each input, in the model's order, with as many samples each; at least one. All have the same labels.
    feeds: Vec<Feed>,
}

/// What an input is fed with.
#[derive(Debug)]
struct Feed {
    data: DataSet,
    pipeline: Pipeline,
}

impl Feed {
    fn open(path: &Path, options: &DataOptions, preprocess: &Preprocess, input: &Port) -> Result<Feed> {
        let data = DataSet::open(path, options).context("cannot use the data")?;
        let fit = || format!("cannot feed {} to input \"{}\"", path.display(), input.name);
        let pipeline = Pipeline::new(data.facts(), input.shape.get(1..).unwrap_or_default(), preprocess).with_context(fit)?;
        Ok(Feed { data, pipeline })
    }
}

impl Samples {
    /// Opens data for these inputs. Those of several have an array of the input's name each, as the model takes it.
    pub(crate) fn open(path: &Path, options: &DataOptions, preprocess: &Preprocess, inputs: &[Port]) -> Result<Samples> {
        let feeds = match inputs {
            [] => return Err(SamplesError::None.into()),
            [input] => vec![Feed::open(path, options, preprocess, input)?],
            inputs => {
                refuse_for_several(path, options, preprocess, inputs)?;
                let of =
                    |input: &Port| Feed::open(path, &DataOptions { x_key: Some(input.name.clone()), ..options.clone() }, preprocess, input);
                inputs.iter().map(of).collect::<Result<_>>()?
            }
        };
        let expected = feeds[0].data.len();
        if let Some((input, feed)) = inputs.iter().zip(&feeds).find(|(_, feed)| feed.data.len() != expected) {
            let (first, input) = (inputs[0].name.clone(), input.name.clone());
            return Err(SamplesError::Count { path: path.into(), first, expected, input, found: feed.data.len() }.into());
        }
        Ok(Samples { path: path.into(), sequence: None, feeds })
    }

    /// The number of samples.
    pub(crate) fn len(&self) -> usize {
        self.feeds[0].data.len()
    }

    pub(crate) fn has_labels(&self) -> bool {
        self.feeds[0].data.has_labels()
    }

    /// Names of the classes, where the data has them.
    pub(crate) fn class_names(&self) -> &[String] {
        self.feeds[0].data.class_names()
    }

    /// Stored elements of a sample, of all inputs together.
    pub(crate) fn elements(&self) -> usize {
        self.feeds.iter().map(|feed| feed.data.sample_shape().iter().product::<usize>()).sum()
    }

    /// Calls `each` with chunks of samples in order.
    pub(crate) fn chunks(&self, mut each: impl FnMut(&[Sample]) -> Result<()>) -> Result<()> {
        let size = CHUNK.min(CHUNK_ELEMENTS / self.elements().max(1)).max(1);
        let mut streams: Vec<_> = self.feeds.iter().map(|feed| feed.data.samples()).collect();
        loop {
            let mut take = |stream: &mut edgectl_data::Samples| stream.by_ref().take(size).collect::<Result<Vec<_>, DataError>>();
            let stored = streams.iter_mut().map(&mut take).collect::<Result<Vec<_>, _>>()?;
            let count = stored.iter().map(Vec::len).min().unwrap_or(0);
            if count == 0 {
                return Ok(());
            }
            let sample = |i: usize| {
                let inputs =
                    self.feeds.iter().zip(&stored).map(|(feed, stored)| feed.pipeline.apply(&stored[i])).collect::<Result<_, _>>()?;
                Ok::<_, DataError>(Sample { index: stored[0][i].index, label: stored[0][i].label, inputs })
            };
            let samples = (0..count).into_par_iter().map(sample).collect::<Result<Vec<_>, _>>();
            each(&samples.with_context(|| format!("cannot prepare {}", self.path.display()))?)?;
        }
    }
}

/// What the data of several inputs cannot be, and options that cannot be meant for all of them.
fn refuse_for_several(path: &Path, options: &DataOptions, preprocess: &Preprocess, inputs: &[Port]) -> Result<(), SamplesError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    if !matches!(extension.as_str(), "npz" | "safetensors") {
        return Err(SamplesError::Keyed { path: path.into(), inputs: inputs.iter().map(|input| input.name.clone()).collect() });
    }
    let plain = Preprocess::default();
    let given = [
        ("--x-key", options.x_key.is_some()),
        ("--scale", preprocess.scale != plain.scale),
        ("--mean", preprocess.mean != plain.mean),
        ("--std", preprocess.std != plain.std),
        ("--resize", preprocess.resize != plain.resize),
        ("--layout", preprocess.layout != plain.layout),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(SamplesError::OneInput { option, inputs: inputs.len() }),
        None => Ok(()),
    }
}
