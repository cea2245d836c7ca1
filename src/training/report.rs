//! What `finetune` and `distill` report: before and after.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use edgectl_graph::Graph;
use edgectl_onnx::{ExportOptions, QdqOptions};
use edgectl_train::{Ending, EpochRow, Trained};
use serde::Serialize;

use super::figures::Figures;
use super::{TrainingArgs, page};
use crate::model::Int8Model;
use crate::output::{OutputError, Outputs};
use crate::ui::metric::Value;
use crate::ui::{Align, Report, Style, Table, bytes, count, counted, micros, percent, percent_points};

/// What was trained, and what it gave.
#[derive(Debug, Serialize)]
pub(crate) struct TrainingReport {
    pub(crate) model: PathBuf,
    pub(crate) data: PathBuf,
    /// Samples that were read for training and validation.
    pub(crate) data_samples: usize,
    /// The terms of the objective.
    pub(crate) objective: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) epochs: usize,
    /// The epoch that was kept.
    pub(crate) best_epoch: usize,
    pub(crate) stopped_early: bool,
    /// On which the figures were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evaluation_samples: Option<usize>,
    /// The models, the trained one last.
    pub(crate) models: Vec<Figures>,
    /// Of the int8 program, by edge-runtime; absent where training did not simulate it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) int8: Option<Value>,
    pub(crate) history: Vec<EpochRow>,
    pub(crate) outputs: Vec<OutputRow>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputRow {
    path: PathBuf,
    what: &'static str,
    bytes: u64,
}

/// The files of a training: models, then log and page.
pub(crate) struct Files<'a> {
    models: Vec<&'a Path>,
    log: Option<&'a Path>,
    page: Option<&'a Path>,
    pub(crate) outputs: Outputs,
}

impl<'a> Files<'a> {
    /// Makes them under temporary names.
    pub(crate) fn create(models: &'a [PathBuf], args: &'a TrainingArgs, int8: bool, inputs: &[&Path]) -> Result<Files<'a>> {
        for path in models {
            let extension = path.extension().and_then(|extension| extension.to_str());
            let known = extension == Some("onnx") || (int8 && extension == Some("edgm"));
            let expected = if int8 { ".onnx or .edgm" } else { ".onnx (.edgm needs --quantization-aware)" };
            ensure!(known, OutputError::Extension { path: path.clone(), expected });
        }
        let models: Vec<&Path> = models.iter().map(PathBuf::as_path).collect();
        let (log, page) = (args.log.as_deref(), args.report.as_deref());
        let all: Vec<&Path> = models.iter().copied().chain(log).chain(page).collect();
        Ok(Files { outputs: Outputs::create(&all, inputs)?, models, log, page })
    }

    /// The log's place among the outputs.
    pub(crate) fn log(&self) -> Option<(usize, &Outputs)> {
        self.log.map(|_| (self.models.len(), &self.outputs))
    }

    /// Writes models and page, and gives all files their names.
    pub(crate) fn write(self, graph: &Graph, int8: Option<&Int8Model>, report: &mut TrainingReport) -> Result<()> {
        let mut rows = vec![];
        for (i, path) in self.models.iter().enumerate() {
            let cannot = || format!("cannot write {}", path.display());
            let (bytes, what) = match int8 {
                Some(int8) if super::int8::is_program(path) => (int8.program.to_vec(), "int8 program with the ranges that were learned"),
                Some(int8) => {
                    let qdq = edgectl_onnx::export_qdq(&int8.quantized, &QdqOptions::default()).with_context(cannot)?;
                    (qdq, "ONNX with QDQ pairs of the ranges that were learned")
                }
                None => (edgectl_onnx::export(graph, &ExportOptions::default()).with_context(cannot)?, "trained model in float"),
            };
            self.outputs.write(i, &bytes)?;
            rows.push((*path, what));
        }
        rows.extend(self.log.map(|path| (path, "loss and metric of each epoch, one JSON object a line")));
        if let Some(path) = self.page {
            self.outputs.write(rows.len(), page::page(report).as_bytes())?;
            rows.push((path, "curves of training, to look at: open it in a browser"));
        }
        for ((path, what), bytes) in rows.into_iter().zip(self.outputs.commit()?) {
            report.outputs.push(OutputRow { path: path.into(), what, bytes });
        }
        Ok(())
    }
}

impl TrainingReport {
    /// Takes what training gave.
    pub(crate) fn trained(&mut self, trained: &Trained) {
        self.best_epoch = trained.epoch;
        self.epochs = trained.history.last().map_or(0, |row| row.epoch);
        self.stopped_early = trained.ending == Ending::Early;
        self.history.clone_from(&trained.history);
    }

    /// What was done, in lines.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let samples = counted(self.data_samples as u64, "sample");
        let kept = self.history.get(self.best_epoch).and_then(|row| row.validation).map_or_else(
            || format!("the last of {}", counted(self.epochs as u64, "epoch")),
            |score| {
                let top1 = score.top1.map_or(String::new(), |top1| format!(", {} right", percent(top1)));
                let early = if self.stopped_early { ", stopped early" } else { "" };
                format!("epoch {} of {}{early}: validation loss {:.4}{top1}", self.best_epoch, self.epochs, score.loss)
            },
        );
        let evaluation = self
            .evaluation_samples
            .map_or_else(|| "none; --eval DATA measures before and after".to_owned(), |samples| counted(samples as u64, "sample"));
        vec![
            ("model", self.model.display().to_string()),
            ("data", format!("{}, {samples}", self.data.display())),
            ("objective", self.objective.join(" + ")),
            ("kept", kept),
            ("evaluation", evaluation),
        ]
    }

    /// The models side by side: a line per figure.
    pub(super) fn rows(&self) -> Vec<(String, Vec<String>, String)> {
        let column = |shown: &dyn Fn(&Figures) -> String| self.models.iter().map(shown).collect::<Vec<_>>();
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let (first, last) = (self.models.first(), self.models.last());
        let ratio = |of: &dyn Fn(&Figures) -> Option<u64>| {
            let both = first.and_then(of).zip(last.and_then(of)).filter(|(first, last)| first != last && *first > 0);
            both.map_or(String::new(), |(first, last)| format!("{:.0} % of it", last as f64 / first as f64 * 100.0))
        };
        let mut rows = vec![];
        if let Some(metric) = last.and_then(|figures| figures.metric.as_ref()) {
            let before = self.models.iter().rev().skip(1).find_map(|figures| figures.metric.as_ref());
            let change = before.map_or(String::new(), |before| percent_points(metric.value - before.value));
            rows.push((metric.name.to_owned(), column(&|figures| or_none(figures.metric.as_ref().map(Value::shown))), change));
            let interval = column(&|figures| or_none(figures.metric.as_ref().and_then(Value::interval)));
            rows.push(("95 % interval".into(), interval, String::new()));
            if let Some(int8) = &self.int8 {
                let mut cells = vec![String::new(); self.models.len()];
                cells.pop();
                cells.push(int8.shown());
                rows.push(("int8".into(), cells, format!("{} to its float", percent_points(int8.value - metric.value))));
            }
        }
        rows.push(("parameters".into(), column(&|figures| count(figures.parameters)), ratio(&|figures| Some(figures.parameters))));
        rows.push(("MACs".into(), column(&|figures| count(figures.macs)), ratio(&|figures| Some(figures.macs))));
        rows.push(("float file".into(), column(&|figures| bytes(figures.file_bytes)), ratio(&|figures| Some(figures.file_bytes))));
        let arena = |figures: &Figures| figures.int8_arena_bytes.map(|bytes| bytes as u64);
        rows.push(("int8 arena".into(), column(&|figures| or_none(arena(figures).map(bytes))), ratio(&arena)));
        let program = |figures: &Figures| figures.int8_program_bytes.map(|bytes| bytes as u64);
        rows.push(("int8 program".into(), column(&|figures| or_none(program(figures).map(bytes))), ratio(&program)));
        for (i, device) in last.map_or(&[][..], |figures| &figures.devices).iter().enumerate() {
            let latency = |figures: &Figures| figures.devices.get(i).and_then(|device| device.latency_us);
            let cells = column(&|figures| or_none(latency(figures).map(micros)));
            rows.push((device.profile.clone(), cells, "estimated, int8".into()));
        }
        rows
    }
}

impl Report for TrainingReport {
    fn text(&self, style: Style) -> String {
        use Align::{Left, Right};
        let mut facts = Table::new([("", Left), ("", Left)]);
        self.facts().into_iter().for_each(|(name, value)| facts.row([name.into(), value]));
        let names = |i: usize| self.models.get(i).map_or("", |figures| figures.name);
        let mut table = Table::new([("", Left), (names(0), Right), (names(1), Right), (names(2), Right), ("", Left)]);
        for (name, cells, note) in self.rows() {
            let cell = |i: usize| cells.get(i).cloned().unwrap_or_default();
            table.row([name, cell(0), cell(1), cell(2), note]);
        }
        let mut files = Table::new([("file", Left), ("size", Right), ("what it is", Left)]);
        for output in &self.outputs {
            files.row([output.path.display().to_string(), bytes(output.bytes), output.what.into()]);
        }
        format!("{}\n{}\n{}", facts.text(style), table.without_empty_columns().text(style), files.text(style))
    }
}
