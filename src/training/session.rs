//! Training with progress, a log, and a way to interrupt it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use edgectl_graph::Graph;
use edgectl_train::{Ending, EpochRow, Event, Flow, Objective, Samples, TrainOptions, Trained};
use serde::Serialize;
use thiserror::Error;

use crate::output::{Interrupts, Outputs};
use crate::ui::{Ui, percent};

/// Training that was interrupted.
#[derive(Debug, Error)]
#[error("interrupted after {epochs} of {of} epochs; the state is in {checkpoint}", checkpoint = checkpoint.display())]
pub(crate) struct Interrupted {
    epochs: usize,
    of: usize,
    checkpoint: PathBuf,
}

/// What is trained, on what, for what.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) samples: &'a Samples,
    /// By which the best epoch is chosen.
    pub(crate) validation: Option<&'a Samples>,
    pub(crate) objective: &'a Objective,
    pub(crate) options: &'a TrainOptions,
}

/// Writes the log into the output of this index.
pub(crate) fn log(trained: &Trained, index: usize, outputs: &Outputs) -> Result<()> {
    let mut lines = vec![];
    trained.history.iter().try_for_each(|row| line(&mut lines, row)).context("cannot write the log")?;
    outputs.write(index, &lines)
}

/// Trains, with progress; an interrupt keeps the state and is an error.
pub(crate) fn train(job: &Job<'_>, ui: &Ui) -> Result<Trained> {
    let samples = job.samples;
    let interrupts = Interrupts::defer()?;
    let steps = samples.len().div_ceil(job.options.batch);
    let progress = ui.progress("training", steps * job.options.epochs);
    let mut shown = 0;
    let mut events = |event: Event<'_>| {
        match event {
            Event::Started { done_steps, parameters, .. } => {
                if done_steps > 0 {
                    ui.note(format_args!("going on after {done_steps} steps"));
                }
                ui.detail(format_args!("{parameters} numbers are trained on {} samples", samples.len()));
                progress.advance(done_steps);
                shown = done_steps;
            }
            Event::Step { done_steps, .. } => {
                progress.advance(done_steps - shown);
                shown = done_steps;
            }
            Event::Epoch { row, is_best } => {
                ui.detail(format_args!("{}", sentence(row, is_best)));
            }
            _ => {}
        }
        if interrupts.pending() { Flow::Stop } else { Flow::Continue }
    };
    let trained = edgectl_train::train(job.graph, samples, job.validation, job.objective, job.options, &mut events)?;
    if trained.ending == Ending::Stopped {
        let epochs = trained.history.last().map_or(0, |row| row.epoch);
        let checkpoint = job.options.checkpoint.clone().unwrap_or_default();
        return Err(Interrupted { epochs, of: job.options.epochs, checkpoint }.into());
    }
    Ok(trained)
}

/// The line of an epoch in the log.
fn line(to: &mut Vec<u8>, row: &EpochRow) -> Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        schema_version: u32,
        #[serde(flatten)]
        row: &'a EpochRow,
    }
    serde_json::to_writer(&mut *to, &Line { schema_version: crate::ui::SCHEMA_VERSION, row })?;
    Ok(to.write_all(b"\n")?)
}

fn sentence(row: &EpochRow, is_best: bool) -> String {
    let part = |name: &str, score: Option<edgectl_train::Score>| {
        score.map_or(String::new(), |score| {
            let top1 = score.top1.map_or(String::new(), |top1| format!(", {} right", percent(top1)));
            format!(", {name}: loss {:.4}{top1}", score.loss)
        })
    };
    let best = if is_best { ", the best so far" } else { "" };
    format!("epoch {}{}{}{best}", row.epoch, part("training", row.train), part("validation", row.validation))
}
