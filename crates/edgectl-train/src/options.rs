//! How training goes: options, their defaults, and whether they fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use edgectl_quantize::{QuantizeOptions, RangeGroup};

use crate::TrainError;
use crate::augment::Augmentation;
use crate::network::Network;
use crate::optimizer::{Optimizer, Schedule};

/// How training goes.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Times that all samples are seen, at least 1.
    pub epochs: usize,
    /// Samples of a step, at least 1. Batches of an epoch differ by one sample at most.
    pub batch: usize,
    /// The greatest learning rate.
    pub learning_rate: f32,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// Epochs in which the learning rate rises linearly first; may be a fraction.
    pub warm_up_epochs: f64,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// What decays of the weights in each step at a learning rate of 1; biases and scales do not decay.
    pub weight_decay: f32,
    /// The greatest norm of all gradients together; greater ones are scaled down to it.
    pub clip_norm: Option<f32>,
    /// Epochs without a better one after which training stops. Needs validation data.
    pub patience: Option<usize>,
    /// Random changes of the training samples, in this order.
    pub augmentations: Vec<Augmentation>,
    /// Whence order and augmentation follow.
    pub seed: u64,
    /// Nodes whose parameters stay, by name.
    pub frozen: BTreeSet<String>,
    /// By the names of parameters, which of their elements stay; the others are zero throughout.
    pub masks: BTreeMap<String, Vec<bool>>,
    /// Whether batch normalization keeps its running statistics, instead of those of each batch.
    pub freeze_statistics: bool,
    /// Simulates int8.
    pub quantization: Option<QuantizationAware>,
    /// Where the state is kept after each epoch and when training is stopped, and whence it goes on if there is one.
    pub checkpoint: Option<PathBuf>,
}

impl Default for TrainOptions {
    fn default() -> TrainOptions {
        TrainOptions {
            epochs: 10,
            batch: 64,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            warm_up_epochs: 0.0,
            optimizer: Optimizer::ADAMW,
            weight_decay: 1e-4,
            clip_norm: Some(5.0),
            patience: None,
            augmentations: vec![],
            seed: 0,
            frozen: BTreeSet::new(),
            masks: BTreeMap::new(),
            freeze_statistics: false,
            quantization: None,
            checkpoint: None,
        }
    }
}

/// The int8 program that is simulated: the activations of a graph that [`edgectl_quantize::prepare`] prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizationAware {
    /// Activations that share a range, and where it begins; those that no operator fixes are learned.
    pub groups: Vec<RangeGroup>,
    /// One weight scale per layer, or per output channel.
    pub options: QuantizeOptions,
}

impl TrainOptions {
    /// Whether every mask is that of a parameter.
    pub(crate) fn check_masks(&self, network: &Network) -> Result<(), TrainError> {
        for (name, mask) in &self.masks {
            let parameter = network.parameters.iter().find(|parameter| parameter.name == *name);
            let size = parameter.map(|parameter| parameter.shape.iter().product::<usize>());
            if size != Some(mask.len()) {
                let size = size.map_or("no such parameter".into(), |size| format!("{size} weights"));
                let found = format!("{} elements for \"{name}\", which has {size}", mask.len());
                return Err(TrainError::Option { option: "mask", expected: "one element for each weight of a parameter", found });
            }
        }
        Ok(())
    }

    pub(crate) fn check(&self, shape: &[usize], has_validation: bool) -> Result<(), TrainError> {
        let wrong = |option, expected, found: String| Err(TrainError::Option { option, expected, found });
        let positive = |x: f32| x.is_finite() && x > 0.0;
        if self.epochs == 0 || self.batch == 0 {
            return wrong("number of epochs and samples of a batch", "at least 1", "0".into());
        }
        if !positive(self.learning_rate) {
            return wrong("learning rate", "a positive number", self.learning_rate.to_string());
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return wrong("weight decay", "at least 0", self.weight_decay.to_string());
        }
        if let Some(norm) = self.clip_norm.filter(|&norm| !positive(norm)) {
            return wrong("greatest norm of gradients", "a positive number", norm.to_string());
        }
        if !(0.0..=self.epochs as f64).contains(&self.warm_up_epochs) {
            return wrong("warm-up", "at most all epochs", self.warm_up_epochs.to_string());
        }
        if self.patience.is_some() && !has_validation {
            return wrong("early stopping", "validation data", "none".into());
        }
        if let Some(augmentation) = self.augmentations.iter().find(|augmentation| !augmentation.fits(shape)) {
            return wrong("augmentation", "one for samples of this shape", format!("{augmentation} for {shape:?}"));
        }
        self.optimizer.check()
    }
}
