//! One model on one target: a back end's answer, and what follows from it.

use edge_format::Program;
use edgectl_profile::{DType, Profile};

use crate::backend::{Answer, Backend, BackendError, Subject};
use crate::budget::{Budget, Check};
use crate::code;
use crate::energy::{Duty, duty_cycle, inference_uj};
use crate::finding::{Finding, ModelId, Roof, Target};
use crate::machine::{Conditions, Machine};
use crate::memory::{Footprint, busiest, heaviest};

/// What a finding on the host is found on.
pub const THIS_MACHINE: &str = "this machine";

/// What is asked about a model.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The model.
    pub model: &'a ModelId,
    /// What is benched.
    pub subject: Subject<'a>,
    /// How often it runs.
    pub duty: Option<Duty>,
}

/// What a model costs on a device. Memory is that of our runtime, whatever the kernels; a float model has none of ours.
///
/// # Errors
/// Where the back end has no answer.
pub fn on_profile(question: Question<'_>, backend: &dyn Backend, profile: &Profile) -> Result<Finding, BackendError> {
    let Subject { program, bytes, .. } = question.subject;
    let answer = backend.bench(question.subject)?;
    let mut finding = finding(question, backend, Target::of_profile(profile), answer);
    let library = profile.kernels.get(&finding.engine.kernels);
    finding.roofs = library.map(|library| Roof::of_profile(profile, library)).unwrap_or_default();
    if let Some(program) = program.filter(|_| finding.engine.dtype == DType::Int8.name()) {
        let isa = library.and_then(|library| profile.processors.get(&library.processor));
        let code = code::of(program, isa.map_or("", |processor| processor.isa.as_str()));
        let footprint = Footprint::new(program, bytes.len() as u64, profile.system, &code);
        finding.misfits = footprint.misfits(program, profile);
        finding.memory = Some(footprint);
    }
    finding.energy_uj = Some(inference_uj(&profile.power, finding.latency.value_us));
    let cycle = |duty| duty_cycle(&profile.power, finding.latency.value_us, io_bytes(program), duty);
    finding.duty_cycle = question.duty.map(cycle);
    Ok(finding)
}

/// What a model costs on this machine.
///
/// # Errors
/// Where the back end has no answer.
pub fn here(question: Question<'_>, backend: &dyn Backend) -> Result<Finding, BackendError> {
    let conditions = Conditions::here();
    let answer = backend.bench(question.subject)?;
    let target = Target { name: THIS_MACHINE.into(), profile_crc32: None, machine: Some(Machine::here()), conditions: Some(conditions) };
    Ok(finding(question, backend, target, answer))
}

/// How a finding stands to each limit, the tightest first.
pub fn check(budget: &Budget, finding: &Finding, program: Option<Program<'_>>) -> Vec<Check> {
    if budget.is_empty() {
        return vec![];
    }
    budget.check(finding, program.and_then(busiest).as_ref(), program.and_then(heaviest).as_ref())
}

fn finding(question: Question<'_>, backend: &dyn Backend, target: Target, answer: Answer) -> Finding {
    let Answer { engine, latency, ops, provenance } = answer;
    Finding {
        model: question.model.clone(),
        target,
        backend: backend.kind(),
        engine,
        latency,
        ops,
        roofs: vec![],
        memory: None,
        misfits: vec![],
        energy_uj: None,
        duty_cycle: None,
        provenance,
    }
}

/// Bytes of all inputs, and of all outputs.
fn io_bytes(program: Option<Program<'_>>) -> [u64; 2] {
    let Some(program) = program else { return [0; 2] };
    let bytes = |id: u32| program.tensor(id).map_or(0, |tensor| u64::from(tensor.byte_length));
    [program.inputs().map(|io| bytes(io.tensor)).sum(), program.outputs().map(|io| bytes(io.tensor)).sum()]
}
