//! The models that are benched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use edge_format::{AlignedBytes, Io, Program};
use edgectl_bench::backend::Subject;
use edgectl_bench::finding::{BackendKind, ModelId};
use edgectl_bench::workload;
use edgectl_graph::{Graph, Op, QuantGraph};
use edgectl_profile::Workload;
use edgectl_quantize::{Calibration, Calibrator, QuantizeOptions, Range};
use thiserror::Error;

use crate::model::{self, Content, Int8Model, Model, Source};
use crate::ui::Ui;

/// Why a model cannot be benched.
#[derive(Debug, Error)]
pub(crate) enum CandidateError {
    #[error("{path} has no int8 form: {reason}")]
    NoInt8 { path: String, reason: String },
}

/// A model in all the forms in which it can be benched.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: ModelId,
    pub(crate) workload: Workload,
    /// As it was read, where it is a float model.
    pub(crate) float: Option<Graph>,
    /// Where it was read with scales, or could be given some.
    pub(crate) quantized: Option<QuantGraph>,
    program: Option<AlignedBytes>,
    /// Why it has no program.
    obstacle: Option<String>,
}

impl Candidate {
    /// Reads a model and makes its program. A float model gets scales that mean nothing: sizes and times do not depend on them.
    pub(crate) fn open(path: &Path, ui: &Ui) -> Result<Candidate> {
        Candidate::new(Model::open(path, ui)?, ui)
    }

    /// A program that has just been made of the model in this file.
    pub(crate) fn of_program(path: &Path, program: &AlignedBytes) -> Result<Candidate> {
        Candidate::of_parts(path, Some(AlignedBytes::from(&program[..])), None, None, None)
    }

    /// A model that has been read.
    pub(crate) fn new(model: Model, ui: &Ui) -> Result<Candidate> {
        let path = model.path.clone();
        let cannot = || format!("cannot bench {}", path.display());
        let (program, quantized, float, obstacle) = match model.content {
            Content::Program(bytes) => (Some(bytes), None, None, None),
            _ => match model.into_source(ui).with_context(cannot)? {
                Source::Int8(int8) => (Some(int8.program), Some(int8.quantized), None, None),
                Source::Unstated(unstated) => {
                    // Sizes and times do not depend on scales.
                    let ranges = vec![Range { min: -1.0, max: 1.0 }; unstated.tensors.len()];
                    let int8 = unstated.complete(&ranges, ui).with_context(cannot)?;
                    (Some(int8.program), Some(int8.quantized), None, None)
                }
                Source::Float(graph) => match without_data(&graph) {
                    Ok(int8) => (Some(int8.program), Some(int8.quantized), Some(graph), None),
                    Err(error) => {
                        let reason = unknown_operators(&graph).unwrap_or_else(|| format!("{error:#}"));
                        (None, None, Some(graph), Some(reason))
                    }
                },
            },
        };
        Candidate::of_parts(&path, program, quantized, float, obstacle).with_context(cannot)
    }

    fn of_parts(
        path: &Path,
        program: Option<AlignedBytes>,
        quantized: Option<QuantGraph>,
        float: Option<Graph>,
        obstacle: Option<String>,
    ) -> Result<Candidate> {
        let name = stem(path);
        let parsed = program.as_deref().map(Program::parse).transpose()?;
        let workload = match (parsed, &float) {
            (Some(program), _) => workload::of_program(&name, program),
            (None, Some(graph)) => workload::of_graph(&name, graph),
            (None, None) => Workload { name: name.clone(), ops: vec![] },
        };
        let contract = parsed.map_or_else(|| float.as_ref().map(graph_contract).unwrap_or_default(), program_contract);
        let id = ModelId { path: path.display().to_string(), name, contract, macs: workload.macs() };
        Ok(Candidate { id, workload, float, quantized, program, obstacle })
    }

    /// Why there is no int8 program; `None` where there is one.
    pub(crate) fn why_no_program(&self) -> Option<anyhow::Error> {
        let reason = self.obstacle.clone()?;
        Some(CandidateError::NoInt8 { path: self.id.path.clone(), reason }.into())
    }

    /// Refuses what only int8 programs can do, where there is none.
    pub(crate) fn expect_program_unless(&self, float: bool, kind: BackendKind) -> Result<()> {
        match self.why_no_program() {
            Some(error) if !(float && kind == BackendKind::Estimate) => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        // Parsed before.
        let program = self.program.as_deref().and_then(|bytes| Program::parse(bytes).ok());
        Subject { workload: &self.workload, program, bytes: self.program.as_deref().unwrap_or_default() }
    }
}

/// Gives models of the same name longer ones: with their folder or, where that is the same too, their path.
pub(crate) fn distinguish(candidates: &mut [Candidate]) {
    let longer: [fn(&Path) -> String; 2] = [
        |path| match path.parent().and_then(Path::file_name) {
            Some(folder) => format!("{}/{}", folder.display(), stem(path)),
            None => stem(path),
        },
        |path| path.display().to_string(),
    ];
    for rename in longer {
        let names: Vec<String> = candidates.iter().map(|candidate| candidate.id.name.clone()).collect();
        for candidate in candidates.iter_mut() {
            if names.iter().filter(|&name| *name == candidate.id.name).count() > 1 {
                candidate.id.name = rename(&PathBuf::from(&candidate.id.path));
            }
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// All operators that nothing here can deploy, each once.
fn unknown_operators(graph: &Graph) -> Option<String> {
    let unknown = graph.nodes().iter().filter(|node| matches!(node.op, Op::Opaque(_)));
    let names: BTreeSet<&str> = unknown.map(|node| node.op.name()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    (!names.is_empty()).then(|| format!("no kernels for {}", names.join(", ")))
}

/// The int8 form of a float model whose activations all lie between -1 and 1, as far as anybody knows.
pub(crate) fn without_data(graph: &Graph) -> Result<Int8Model> {
    let prepared = model::prepared(graph)?;
    let mut calibration = Calibration::new(&prepared, Calibrator::MinMax);
    let observed = calibration.observed().count();
    calibration.observe((0..observed).map(|_| &[-1.0f32, 1.0][..]))?;
    let quantized = edgectl_quantize::quantize(prepared, &calibration.ranges()?, QuantizeOptions::default())?;
    Ok(Int8Model::new(quantized)?)
}

fn program_contract(program: Program<'_>) -> Vec<String> {
    let port = |io: Io<'_>| format!("{}{:?}", io.name, io.shape.dims()).replace(' ', "");
    program.inputs().map(port).chain(program.outputs().map(port)).collect()
}

fn graph_contract(graph: &Graph) -> Vec<String> {
    let port = |&id| format!("{}{:?}", graph.tensor(id).name, graph.fixed_shape(id).unwrap_or_default()).replace(' ', "");
    graph.inputs().iter().map(port).chain(graph.outputs().iter().map(port)).collect()
}
