//! Options of training.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use edgectl_train::{Augmentation, Optimizer, Schedule, TrainOptions};

/// What a command trains with unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) epochs: usize,
    pub(crate) learning_rate: f32,
    pub(crate) warm_up_epochs: f64,
}

/// How training goes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Training")]
pub(crate) struct TrainingArgs {
    /// Times that all samples are seen [default: 10 for finetune, 30 for distill]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: Option<u32>,
    /// Samples of a step
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// The greatest learning rate [default: 0.0005 for finetune, 0.01 for distill]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f32>,
    /// How the learning rate goes on
    #[arg(long, value_name = "NAME", value_enum, default_value_t = ScheduleName::Cosine)]
    schedule: ScheduleName,
    /// Epochs in which the learning rate rises first; may be a fraction [default: 0 for finetune, 1 for distill]
    #[arg(long, value_name = "EPOCHS")]
    warm_up: Option<f64>,
    /// How gradients become steps
    #[arg(long, value_name = "NAME", value_enum, default_value_t = OptimizerName::Adamw)]
    optimizer: OptimizerName,
    /// sgd: what remains of the step before
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    momentum: f32,
    /// Decay of weights, at a learning rate of 1
    #[arg(long, value_name = "SHARE", default_value_t = 1e-4)]
    weight_decay: f32,
    /// The greatest norm of all gradients together; 0 for no limit
    #[arg(long, value_name = "NORM", default_value_t = 5.0)]
    clip_norm: f32,
    /// Random changes of the training samples: flip, shift=PIXELS, cutout=PIXELS of images; time-shift=STEPS, time-mask=STEPS of windows
    /// with time on the last axis; noise=STD, scale=SHARE of either
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    augment: Vec<Augmentation>,
    /// The share of the training samples by which the best epoch is chosen; 0 to train on all and keep the last epoch
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub(super) validation: f64,
    /// Stop after so many epochs without a better one
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    patience: Option<u32>,
    /// Nodes whose weights stay as they are
    #[arg(long, value_name = "NODE,..", value_delimiter = ',')]
    freeze: Vec<String>,
    /// Keep the running statistics of batch normalization
    #[arg(long)]
    freeze_statistics: bool,
    /// Whence order, augmentation and first weights follow: the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The state of training: kept after each epoch and on interrupt, and taken up again by the same command; goes when all is done
    /// [default: the first output with .checkpoint behind it]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Write loss and metric of each epoch, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) log: Option<PathBuf>,
    /// Write the curves of training as a page to look at; nothing in it is loaded from elsewhere
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
}

/// A schedule by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScheduleName {
    Constant,
    Cosine,
    OneCycle,
}

/// An optimizer by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OptimizerName {
    Adamw,
    Sgd,
}

/// Where the state of training is kept unless told otherwise.
pub(crate) fn checkpoint_of(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(".checkpoint");
    path.into()
}

impl TrainingArgs {
    /// The options, with the defaults of a command; `output` is the first file to be written.
    pub(crate) fn options(&self, defaults: Defaults, output: &Path) -> TrainOptions {
        TrainOptions {
            epochs: self.epochs.map_or(defaults.epochs, |epochs| epochs as usize),
            batch: self.batch as usize,
            learning_rate: self.learning_rate.unwrap_or(defaults.learning_rate),
            schedule: match self.schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine,
                ScheduleName::OneCycle => Schedule::OneCycle,
            },
            warm_up_epochs: self.warm_up.unwrap_or(defaults.warm_up_epochs),
            optimizer: match self.optimizer {
                OptimizerName::Adamw => Optimizer::ADAMW,
                OptimizerName::Sgd => Optimizer::Sgd { momentum: self.momentum, nesterov: self.momentum > 0.0 },
            },
            weight_decay: self.weight_decay,
            clip_norm: (self.clip_norm != 0.0).then_some(self.clip_norm),
            patience: self.patience.map(|patience| patience as usize),
            augmentations: self.augment.clone(),
            seed: self.seed,
            frozen: self.freeze.iter().cloned().collect::<BTreeSet<_>>(),
            freeze_statistics: self.freeze_statistics,
            checkpoint: Some(self.checkpoint.clone().unwrap_or_else(|| checkpoint_of(output))),
            ..TrainOptions::default()
        }
    }
}
