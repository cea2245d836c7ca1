//! Students: a file, a template, or the widest template that a device can run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use edgectl_bench::budget::Budget;
use edgectl_graph::Graph;
use edgectl_profile::Profile;
use edgectl_train::{Template, TemplateSpec};
use thiserror::Error;

use crate::benchmark::{self, BenchReport, Candidate};
use crate::model::{Model, ModelError, Source};
use crate::ui::Ui;

/// Widths that are tried, ascending.
const WIDTHS: [f32; 18] = [0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0];

/// Why there is no student.
#[derive(Debug, Error)]
pub(crate) enum StudentError {
    #[error("no width of {template} fits {profile}, not even {width}: {why}")]
    TooLarge { template: &'static str, profile: String, width: f32, why: String },
}

/// What `--student` says.
#[derive(Clone, Debug)]
pub(crate) enum StudentChoice {
    Auto,
    File(PathBuf),
    Template(TemplateSpec),
}

impl std::str::FromStr for StudentChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<StudentChoice, String> {
        let is_model = |extension: &std::ffi::OsStr| extension == "onnx" || extension == "tflite";
        match text {
            "auto" => Ok(StudentChoice::Auto),
            path if Path::new(path).extension().is_some_and(is_model) => Ok(StudentChoice::File(path.into())),
            spec => spec
                .parse()
                .map(StudentChoice::Template)
                .map_err(|error: edgectl_train::ParseTemplateError| format!("{error}; or auto, or a file that ends in .onnx or .tflite")),
        }
    }
}

/// What a template must give.
pub(crate) struct Contract<'a> {
    /// The shape of a sample.
    pub(crate) sample: &'a [usize],
    /// The number of classes or values.
    pub(crate) outputs: usize,
    /// Whether the outputs are probabilities.
    pub(crate) softmax: bool,
    pub(crate) seed: u64,
}

impl Contract<'_> {
    /// A template with first weights.
    pub(crate) fn build(&self, spec: &TemplateSpec) -> Result<Graph> {
        Ok(spec.build(self.sample, self.outputs, self.softmax, self.seed)?)
    }

    /// Whether the output is the input again.
    fn reconstructs(&self) -> bool {
        !self.softmax && self.sample.len() == 1 && self.sample.iter().product::<usize>() == self.outputs
    }

    /// The widest template that fits a device.
    pub(crate) fn widest(&self, template: Option<Template>, profile: &Profile, budget: Budget, ui: &Ui) -> Result<(TemplateSpec, Graph)> {
        let template = template.unwrap_or_else(|| Template::suggested(self.sample, self.reconstructs()));
        let progress = ui.progress("fitting", WIDTHS.len());
        let mut narrowest = None;
        for width in WIDTHS.into_iter().rev() {
            let spec = TemplateSpec { template, width };
            let graph = self.build(&spec)?;
            let int8 = benchmark::without_data(&graph).with_context(|| format!("cannot make an int8 program of {spec}"))?;
            let candidate = Candidate::of_program(Path::new(template.name()), &int8.program)?;
            let report = benchmark::within(candidate, profile.clone(), budget, ui)?;
            progress.advance(1);
            match obstacle(&report) {
                None => return Ok((spec, graph)),
                Some(why) => narrowest = Some((width, why)),
            }
        }
        let (width, why) = narrowest.unwrap_or_default();
        bail!(StudentError::TooLarge { template: template.name(), profile: profile.name.clone(), width, why })
    }
}

/// Why a device cannot run a model within the limits, if it cannot.
fn obstacle(report: &BenchReport) -> Option<String> {
    report.complaints.iter().find(|complaint| complaint.fatal).map(|complaint| complaint.text.clone())
}

/// Reads a student's file.
pub(crate) fn read(path: &Path, ui: &Ui) -> Result<Graph> {
    match Model::open(path, ui)?.into_source(ui)? {
        Source::Float(graph) => Ok(graph),
        Source::Int8(_) | Source::Unstated(_) => {
            bail!(ModelError::Kind { path: path.into(), expected: "a float model", found: "quantized already" })
        }
    }
}
