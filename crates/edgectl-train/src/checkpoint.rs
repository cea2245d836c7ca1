//! The state of training in a file: a safetensors archive whose metadata say how far it is, and of which training it is.
//!
//! A checkpoint appears whole or not at all, and is replaced only by another whole one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::EpochRow;
use crate::kernel::batch_norm::Statistics;
use crate::network::{Network, State};
use crate::options::TrainOptions;
use crate::{Objective, Samples, TrainError};

/// The key of the metadata.
const KEY: &str = "edgectl.training";
/// The version of the layout.
const VERSION: u32 = 2;
/// The largest checkpoint that is read.
const MAX_BYTES: u64 = 1 << 32;

/// How far training is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Epochs done.
    pub(crate) epochs: usize,
    /// Steps done of the next one.
    pub(crate) step: usize,
    /// Steps of the optimizer.
    pub(crate) total_steps: u64,
    /// Sums over the samples of this epoch so far.
    #[serde(with = "crate::exact::number")]
    pub(crate) loss: f64,
    pub(crate) hits: usize,
    #[serde(with = "crate::exact::rows")]
    pub(crate) history: Vec<EpochRow>,
}

impl Progress {
    pub(crate) fn done_steps(&self, steps_per_epoch: usize) -> usize {
        self.epochs * steps_per_epoch + self.step
    }
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    /// Of model, data, objective and options.
    fingerprint: String,
    progress: Progress,
    /// The best epoch, where there is one.
    #[serde(with = "crate::exact::rows")]
    best: Vec<EpochRow>,
}

/// A checkpoint's file, and the training to which it belongs.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    fingerprint: String,
}

/// What a checkpoint holds.
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) slots: Vec<Vec<Vec<f32>>>,
    pub(crate) best: Option<(EpochRow, State)>,
    pub(crate) progress: Progress,
}

impl Checkpoint {
    pub(crate) fn new(path: &Path, network: &Network, objective: &Objective, options: &TrainOptions, samples: &Samples) -> Checkpoint {
        let mut hash = Sha256::new();
        let options = TrainOptions { checkpoint: None, ..options.clone() };
        hash.update(format!("{options:?}\n{objective:?}\n{:?}\n", network.parameters));
        for tensor in network.graph.tensors() {
            hash.update(format!("{}\n", tensor.name));
            for value in tensor.literal.as_ref().and_then(|literal| literal.as_f32()).unwrap_or_default() {
                hash.update(value.to_le_bytes());
            }
        }
        for sample in 0..samples.len() {
            let targets = (0..samples.targets()).flat_map(|target| samples.target(target, &[sample]));
            samples.input(sample).iter().copied().chain(targets).for_each(|value| hash.update(value.to_le_bytes()));
        }
        hash.update(format!("{:?}", samples.labels()));
        let fingerprint = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Checkpoint { path: path.to_owned(), fingerprint }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self, source: io::Error) -> TrainError {
        TrainError::Io { path: self.path.clone(), source }
    }

    fn wrong(&self, reason: impl Into<String>) -> TrainError {
        TrainError::Checkpoint { path: self.path.clone(), reason: reason.into() }
    }

    pub(crate) fn write(
        &self,
        state: &State,
        slots: &[Vec<Vec<f32>>],
        best: Option<&(EpochRow, State)>,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let mut tensors: Vec<(String, Vec<u8>)> = vec![];
        let mut add = |name: String, values: &[f32]| tensors.push((name, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
        let states = [("now", Some(state)), ("best", best.map(|(_, state)| state))];
        for (prefix, state) in states.into_iter().filter_map(|(prefix, state)| Some((prefix, state?))) {
            state.parameters.iter().enumerate().for_each(|(i, values)| add(format!("{prefix}.parameter.{i}"), values));
            for (i, Statistics { mean, variance }) in state.statistics.iter().enumerate() {
                add(format!("{prefix}.mean.{i}"), mean);
                add(format!("{prefix}.variance.{i}"), variance);
            }
        }
        for (i, slots) in slots.iter().enumerate() {
            slots.iter().enumerate().for_each(|(k, values)| add(format!("optimizer.{k}.{i}"), values));
        }
        let best = best.map(|(row, _)| *row).into_iter().collect();
        let metadata = Metadata { version: VERSION, fingerprint: self.fingerprint.clone(), progress: progress.clone(), best };
        let metadata = serde_json::to_string(&metadata).map_err(|error| self.wrong(error.to_string()))?;
        let views = tensors.iter().map(|(name, bytes)| Ok((name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?)));
        let views: Result<Vec<_>, safetensors::SafeTensorError> = views.collect();
        let bytes = views.and_then(|views| safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), metadata)]))));
        let bytes = bytes.map_err(|error| self.wrong(error.to_string()))?;
        write_whole(&self.path, &bytes).map_err(|error| self.io(error))
    }

    /// What the file holds, where it is there; it must be of this training.
    pub(crate) fn read(&self, like: &State, slots_like: &[Vec<Vec<f32>>]) -> Result<Option<Found>, TrainError> {
        let size = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| self.io(error))?.len(),
        };
        if size > MAX_BYTES {
            return Err(self.wrong(format!("it has {size} bytes; expected at most {MAX_BYTES}")));
        }
        let bytes = fs::read(&self.path).map_err(|error| self.io(error))?;
        let no_checkpoint = |error: &dyn std::fmt::Display| self.wrong(format!("it is no checkpoint: {error}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| no_checkpoint(&error))?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).ok_or_else(|| no_checkpoint(&"no metadata"))?;
        let metadata: Metadata = serde_json::from_str(text).map_err(|error| no_checkpoint(&error))?;
        if metadata.version != VERSION {
            return Err(self.wrong(format!("its layout has version {}; expected {VERSION}", metadata.version)));
        }
        if metadata.fingerprint != self.fingerprint {
            return Err(self.wrong("it is of another training: the model, the data or an option differs"));
        }
        let archive = SafeTensors::deserialize(&bytes).map_err(|error| no_checkpoint(&error))?;
        let values = |name: &str, like: &[f32]| {
            let view = archive.tensor(name).map_err(|error| no_checkpoint(&error))?;
            let data: Cow<'_, [u8]> = view.data().into();
            let (words, rest) = data.as_chunks::<4>();
            if view.dtype() != Dtype::F32 || words.len() != like.len() || !rest.is_empty() {
                return Err(self.wrong(format!("\"{name}\" has {} bytes; expected {} numbers", data.len(), like.len())));
            }
            Ok(words.iter().map(|&word| f32::from_le_bytes(word)).collect::<Vec<f32>>())
        };
        let state = |prefix: &str| {
            let parameters = like.parameters.iter().enumerate().map(|(i, like)| values(&format!("{prefix}.parameter.{i}"), like));
            let statistics = like.statistics.iter().enumerate().map(|(i, like)| {
                let mean = values(&format!("{prefix}.mean.{i}"), &like.mean)?;
                Ok::<_, TrainError>(Statistics { mean, variance: values(&format!("{prefix}.variance.{i}"), &like.variance)? })
            });
            Ok::<_, TrainError>(State {
                parameters: parameters.collect::<Result<_, _>>()?,
                statistics: statistics.collect::<Result<_, _>>()?,
            })
        };
        let slots = slots_like.iter().enumerate().map(|(i, slots)| {
            slots.iter().enumerate().map(|(k, like)| values(&format!("optimizer.{k}.{i}"), like)).collect::<Result<Vec<_>, _>>()
        });
        Ok(Some(Found {
            state: state("now")?,
            slots: slots.collect::<Result<_, _>>()?,
            best: metadata.best.first().map(|&row| Ok::<_, TrainError>((row, state("best")?))).transpose()?,
            progress: metadata.progress,
        }))
    }
}

/// Writes a file under another name in the same folder, then gives it its own.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".edgectl-").suffix(".part").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}
