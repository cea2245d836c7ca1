//! A whole course of training: data, teacher, training, measuring, files, report.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edgectl_data::{MetricKind, MetricValue};
use edgectl_graph::{Graph, pass};
use edgectl_onnx::ExportOptions;
use edgectl_profile::Profile;
use edgectl_train::{TrainOptions, Trained};

use super::report::{Files, TrainingReport};
use super::session::{self, Job};
use super::{Aim, Defaults, Figures, Given, Int8Aware, Teacher, TrainingArgs, load};
use crate::engine::{Engine, FloatEngine};
use crate::eval;
use crate::samples::Samples;
use crate::ui::Ui;
use crate::ui::metric::Value;

/// The model that is trained.
pub(crate) struct Pupil<'a> {
    /// What it is called in the report before training; nothing where its weights are new, and mean nothing.
    pub(crate) name: Option<&'static str>,
    pub(crate) path: &'a Path,
    pub(crate) graph: &'a Graph,
}

/// All that a command was given.
pub(crate) struct Course<'a> {
    pub(crate) pupil: Pupil<'a>,
    pub(crate) teacher: Option<&'a Teacher>,
    /// Whether the teacher is part of the table.
    pub(crate) teacher_is_shown: bool,
    pub(crate) data: Samples,
    /// The same data as the teacher takes them.
    pub(crate) taught: Option<Samples>,
    pub(crate) evaluation: Option<Samples>,
    pub(crate) metric: Option<MetricKind>,
    pub(crate) aim: &'a Aim,
    pub(crate) training: &'a TrainingArgs,
    pub(crate) defaults: Defaults,
    pub(crate) quantization_aware: bool,
    pub(crate) per_tensor: bool,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) outputs: &'a [PathBuf],
}

/// New weights are trained as int8 for this part of the epochs in float, after them.
const INT8_EPOCHS: usize = 5;
/// And at this part of their learning rate.
const INT8_RATE: f32 = 10.0;

/// The checkpoint of training as int8 that follows training in float.
fn with_int8(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".int8");
    path.into()
}

/// A weight as it was given: differences to one have more digits.
fn rounded(weight: f32) -> f32 {
    (weight * 1e4).round() / 1e4
}

impl Course<'_> {
    /// Runs it; `inputs` are the files that are read, and so not to be written.
    pub(crate) fn run(&self, inputs: &[&Path], ui: &Ui) -> Result<TrainingReport> {
        let engine = FloatEngine::new(self.pupil.graph, false)?;
        let metric = self.metric.or_else(|| self.evaluation.as_ref().and_then(|samples| eval::default_metric(samples, &engine)));
        if let (Some(samples), Some(metric)) = (&self.evaluation, metric) {
            eval::check_metric(metric, samples, &engine, false)?;
        }
        let files = Files::create(self.outputs, self.training, self.quantization_aware, inputs)?;
        let options = self.training.options(self.defaults, &self.outputs[0]);

        let input = engine.inputs().into_iter().next().context("the model has no input")?;
        let mut samples = load(&self.data, input.shape.get(1..).unwrap_or_default(), ui)?;
        let augmented = !options.augmentations.is_empty();
        let given = Given { graph: self.pupil.graph, teacher: self.teacher, taught: self.taught.as_ref(), augmented };
        let objective = self.aim.objective(&given, &mut samples, ui)?;
        edgectl_train::check(self.pupil.graph, &samples, &objective)?;
        let mut models = self.before(&engine, metric, ui)?;

        let share = self.training.validation;
        let split = (share > 0.0).then(|| samples.split(share, self.training.seed)).transpose()?;
        let (trained_on, validation) = split.as_ref().map_or((&samples, None), |(samples, validation)| (samples, Some(validation)));
        let job = Job { graph: self.pupil.graph, samples: trained_on, validation, objective: &objective, options: &options };
        let (trained, int8) = self.train(&job, ui)?;
        if let Some((index, outputs)) = files.log() {
            session::log(&trained, index, outputs)?;
        }
        let after = FloatEngine::new(&trained.graph, false)?;
        let found = self.measure(&after, metric, ui)?;
        let name = if self.pupil.name.is_some() { "after" } else { "student" };
        models.push(self.figures(name, &trained.graph, None, found.as_ref(), ui)?);
        let int8 = int8.map(|int8| int8.quantize(&trained)).transpose().context("cannot quantize what was trained")?;
        let int8_metric = match &int8 {
            Some(int8) => self.measure(&int8.engine()?, metric, ui)?,
            None => None,
        };
        let mut report = TrainingReport {
            model: self.pupil.path.into(),
            data: self.data.path.clone(),
            data_samples: samples.len(),
            objective: objective.terms.iter().map(|(weight, term)| format!("{} x {}", rounded(*weight), term.name())).collect(),
            seed: options.seed,
            epochs: 0,
            best_epoch: 0,
            stopped_early: false,
            evaluation_samples: found.map(|found| found.samples as usize),
            models,
            int8: int8_metric.as_ref().map(Value::from),
            history: vec![],
            outputs: vec![],
        };
        report.trained(&trained);
        files.write(&trained.graph, int8.as_ref(), &mut report)?;
        for checkpoint in options.checkpoint.iter().flat_map(|path| [path.clone(), with_int8(path)]) {
            // What is left of it would only stand in the way of the next training.
            drop(std::fs::remove_file(checkpoint));
        }
        Ok(report)
    }

    /// Trains. Where int8 is simulated and the weights are new, the model is trained in float first: batch normalization, which int8 does not
    /// have, is what new weights need most.
    fn train(&self, job: &Job<'_>, ui: &Ui) -> Result<(Trained, Option<Int8Aware>)> {
        if !self.quantization_aware {
            return Ok((session::train(job, ui)?, None));
        }
        let is_new = self.pupil.name.is_none();
        let first = is_new.then(|| session::train(job, ui)).transpose()?;
        let graph = first.as_ref().map_or(job.graph, |first| &first.graph);
        let int8 = Int8Aware::new(graph, &self.data, self.per_tensor, ui)?;
        let mut options = TrainOptions { quantization: Some(int8.simulation()?), ..job.options.clone() };
        if is_new {
            options.epochs = (options.epochs / INT8_EPOCHS).max(1);
            options.warm_up_epochs = 0.0;
            options.learning_rate /= INT8_RATE;
            options.checkpoint = options.checkpoint.as_deref().map(with_int8);
        }
        let mut trained = session::train(&Job { graph: &int8.prepared, options: &options, ..*job }, ui)?;
        if let Some(first) = first {
            let before = first.history.last().map_or(0, |row| row.epoch);
            trained.history.iter_mut().for_each(|row| row.epoch += before);
            trained.epoch += before;
            trained.history = [&first.history[..], &trained.history[1..]].concat();
        }
        Ok((trained, Some(int8)))
    }

    /// Figures of the models as they are.
    fn before(&self, pupil: &FloatEngine, metric: Option<MetricKind>, ui: &Ui) -> Result<Vec<Figures>> {
        let mut models = vec![];
        if let Some(teacher) = self.teacher.filter(|_| self.teacher_is_shown) {
            let engine = teacher.engine()?;
            let found = self.measure(&*engine, metric, ui).context("cannot measure the teacher")?;
            models.push(match teacher.graph() {
                Some(graph) => self.figures("teacher", graph, Some(teacher.model.bytes), found.as_ref(), ui)?,
                None => Figures::of_file("teacher", teacher.model.bytes, found.as_ref()),
            });
        }
        if let Some(name) = self.pupil.name {
            let found = self.measure(pupil, metric, ui)?;
            let bytes = std::fs::metadata(self.pupil.path).ok().map(|metadata| metadata.len());
            models.push(self.figures(name, self.pupil.graph, bytes, found.as_ref(), ui)?);
        }
        Ok(models)
    }

    fn measure(&self, engine: &dyn Engine, metric: Option<MetricKind>, ui: &Ui) -> Result<Option<MetricValue>> {
        let Some((samples, metric)) = self.evaluation.as_ref().zip(metric) else { return Ok(None) };
        Ok(eval::evaluate(engine, None, samples, Some(metric), &mut |_| Ok(()), ui).context("cannot evaluate")?.metric)
    }

    fn figures(&self, name: &'static str, graph: &Graph, bytes: Option<u64>, found: Option<&MetricValue>, ui: &Ui) -> Result<Figures> {
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => edgectl_onnx::export(graph, &ExportOptions::default())?.len() as u64,
        };
        // What the model computes, not what its exporter wrote.
        let mut graph = graph.clone();
        edgectl_graph::run_all(&mut graph, pass::CANONICAL)?;
        Figures::new(name, &graph, bytes, found, &self.profiles, ui)
    }
}
