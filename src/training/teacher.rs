//! Teachers: models that are run in float once over all samples; what they say is kept.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use edgectl_float::{FloatModel, Port};
use edgectl_graph::{Graph, TensorId};
use edgectl_train::{Question, Wanted, trainable};
use rayon::prelude::*;
use thiserror::Error;

use crate::engine::Engine;
use crate::eval;
use crate::model::{Content, Model};
use crate::samples::{Sample, Samples};
use crate::ui::Ui;

/// Why a model cannot teach.
#[derive(Debug, Error)]
pub(crate) enum TeacherError {
    #[error("the teacher has no tensor \"{name}\"")]
    NoTensor { name: String },
    #[error("the outputs of the teacher do not fit those of the student: expected {expected} values, found {found}")]
    Outputs { expected: usize, found: usize },
    #[error("{path} has no inner tensors to be matched: it is no float model", path = path.display())]
    NoInside { path: std::path::PathBuf },
}

/// A model that teaches.
pub(crate) struct Teacher {
    pub(crate) model: Model,
}

/// What a teacher said of all samples.
pub(crate) struct Lessons {
    /// Logits, or the outputs as they are where they are no classes' probabilities.
    pub(crate) outputs: Vec<f32>,
    /// The tensors that were asked for, and their shapes without the batch.
    pub(crate) inside: Vec<(Vec<usize>, Vec<f32>)>,
}

impl Teacher {
    pub(crate) fn open(path: &Path, ui: &Ui) -> Result<Teacher> {
        Ok(Teacher { model: Model::open(path, ui)? })
    }

    pub(crate) fn engine(&self) -> Result<Box<dyn Engine + '_>> {
        self.model.engine()
    }

    /// Its graph, where it is a float model.
    pub(crate) fn graph(&self) -> Option<&Graph> {
        match &self.model.content {
            Content::Graph { graph, .. } => Some(graph),
            _ => None,
        }
    }

    /// The inputs.
    pub(crate) fn inputs(&self) -> Result<Vec<Port>> {
        Ok(self.engine()?.inputs())
    }

    /// The teacher in the training loop, that is asked what [`teach`](Teacher::teach) kept the answers to; nothing, and a note, where it cannot
    /// be asked. `inside` are inner tensors, and whether their attention maps are wanted.
    pub(crate) fn asked(&self, logits: bool, inside: &[(&str, bool)], sample: &[usize], ui: &Ui) -> Option<edgectl_train::Teacher> {
        let made = self.graph().context("it is no float model").and_then(|graph| {
            let graph = trainable(graph)?;
            let first = if logits { edgectl_train::logits(&graph) } else { graph.outputs().first().copied() };
            let first = graph.tensor(first.context("it has no output")?).name.clone();
            let expected = graph.fixed_shape(*graph.inputs().first().context("it has no input")?)?;
            ensure!(expected.get(1..) == Some(sample), "it takes samples of another shape");
            let about = |tensor: &str, wanted| Question { tensor: tensor.into(), wanted };
            let inside = inside.iter().map(|&(tensor, map)| about(tensor, if map { Wanted::AttentionMap } else { Wanted::Values }));
            let questions: Vec<Question> = std::iter::once(about(&first, Wanted::Values)).chain(inside).collect();
            Ok(edgectl_train::Teacher::new(graph, &questions)?)
        });
        let cannot = |error: &anyhow::Error| {
            ui.note(format_args!(
                "what the teacher says of a sample is taken to hold for it changed as well, for it cannot be asked again: {error:#}"
            ));
        };
        made.inspect_err(cannot).ok()
    }

    /// Runs all samples. `logarithms` says whether probabilities of classes become their logarithms.
    pub(crate) fn teach(&self, data: &Samples, inside: &[String], logarithms: bool, ui: &Ui) -> Result<Lessons> {
        let cannot = || format!("cannot run the teacher {}", self.model.path.display());
        match &self.model.content {
            Content::Graph { graph, .. } if !edgectl_quantize::is_qdq(graph) => self.float(graph, data, inside, logarithms, ui),
            _ => {
                ensure!(inside.is_empty(), TeacherError::NoInside { path: self.model.path.clone() });
                let engine = self.engine()?;
                let run = |samples: &[Sample]| {
                    let found = engine.run(samples)?;
                    Ok(found.into_iter().map(|inference| inference.outputs.into_iter().next().unwrap_or_default()).collect())
                };
                let mut outputs: Vec<f32> = vec![];
                over(data, &run, |values: Vec<f32>| outputs.extend(values), ui)?;
                if logarithms {
                    logarithms_of(&mut outputs, data.len());
                }
                Ok(Lessons { outputs, inside: vec![] })
            }
        }
        .with_context(cannot)
    }

    fn float(&self, graph: &Graph, data: &Samples, inside: &[String], logarithms: bool, ui: &Ui) -> Result<Lessons> {
        let first = if logarithms { edgectl_train::logits(graph) } else { graph.outputs().first().copied() };
        let first = first.context("it has no output")?;
        let find = |name: &String| graph.find(name).ok_or_else(|| TeacherError::NoTensor { name: name.clone() });
        let tensors: Vec<TensorId> = inside.iter().map(find).collect::<Result<_, _>>()?;
        let observed = [&[first], &tensors[..]].concat();
        let model = FloatModel::from_graph(graph, &observed)?;
        // What is an output already is not given twice.
        let places: Vec<usize> = observed
            .iter()
            .map(|&id| model.outputs().iter().position(|port| port.name == graph.tensor(id).name).context("an observed tensor is missing"))
            .collect::<Result<_>>()?;
        let shapes = places[1..].iter().map(|&place| model.outputs()[place].shape.get(1..).unwrap_or_default().to_vec());
        let mut lessons = Lessons { outputs: vec![], inside: shapes.map(|shape| (shape, vec![])).collect() };
        let run = |samples: &[Sample]| {
            let pick = |mut outputs: Vec<Vec<f32>>| places.iter().map(|&place| std::mem::take(&mut outputs[place])).collect::<Vec<_>>();
            samples.iter().map(|sample| Ok(pick(model.run(&sample.inputs())?))).collect::<Result<Vec<_>>>()
        };
        let keep = |values: Vec<Vec<f32>>| {
            let mut values = values.into_iter();
            lessons.outputs.extend(values.next().unwrap_or_default());
            lessons.inside.iter_mut().zip(values).for_each(|((_, to), values)| to.extend(values));
        };
        over(data, &run, keep, ui)?;
        Ok(lessons)
    }
}

/// Runs all samples, in parallel, and keeps what they give, in order.
fn over<T: Send>(data: &Samples, run: &(dyn Fn(&[Sample]) -> Result<Vec<T>> + Sync), mut keep: impl FnMut(T), ui: &Ui) -> Result<()> {
    let progress = ui.progress("teaching", data.len());
    data.chunks(|chunk| {
        let pieces = chunk.par_chunks(eval::piece(chunk.len())).map(|piece| {
            let found = run(piece)?;
            progress.advance(piece.len());
            Ok(found)
        });
        pieces.collect::<Result<Vec<_>>>()?.into_iter().flatten().for_each(&mut keep);
        Ok(())
    })
}

/// Probabilities become their logarithms; what are no probabilities stay.
fn logarithms_of(outputs: &mut [f32], samples: usize) {
    let classes = outputs.len() / samples.max(1);
    let is_distribution = |row: &[f32]| row.iter().all(|&p| (0.0..=1.0).contains(&p)) && (row.iter().sum::<f32>() - 1.0).abs() < 0.05;
    if classes > 1 && outputs.chunks(classes).all(is_distribution) {
        // int8 has no probability between 0 and 1/256.
        outputs.iter_mut().for_each(|p| *p = p.max(1.0 / 512.0).ln());
    }
}
