//! What is wrong with findings, in sentences.

use edgectl_bench::baseline::{Change, Comparison};
use edgectl_bench::budget::{Check, Standing};
use edgectl_bench::finding::{BackendKind, Finding};
use edgectl_bench::memory::{Misfit, Resource};
use serde::Serialize;

use super::report::{Entry, Failure};
use crate::ui::{Style, bytes, micros, paragraph, three_digits};

/// Something that is wrong, or worth knowing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Complaint {
    /// Whether it makes the verdict negative.
    pub(crate) fatal: bool,
    pub(crate) text: String,
}

impl Complaint {
    fn fatal(text: String) -> Complaint {
        Complaint { fatal: true, text }
    }

    fn note(text: String) -> Complaint {
        Complaint { fatal: false, text }
    }

    pub(crate) fn shown(&self, style: Style) -> String {
        let (word, painted) = if self.fatal { ("verdict:", style.red("verdict:")) } else { ("note:", style.yellow("note:")) };
        paragraph(&format!("{word} {}", self.text)).replacen(word, &painted, 1)
    }
}

/// All complaints, in the order of the findings.
pub(crate) fn complaints(entries: &[Entry], failures: &[Failure]) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = entries.iter().flat_map(of_entry).collect();
    complaints.extend(slower_int8(entries));
    let cannot = |failure: &Failure| Complaint::fatal(format!("{} cannot run on {}: {}", failure.model, failure.target, failure.reason));
    complaints.extend(failures.iter().map(cannot));
    complaints
}

/// The verdict on an entry in a word.
pub(crate) fn word(entry: &Entry) -> &'static str {
    let cycle = entry.finding.duty_cycle.as_ref();
    if !entry.finding.misfits.is_empty() {
        "does not fit"
    } else if entry.budget.iter().any(|check| check.standing == Standing::Exceeded) {
        "over budget"
    } else if entry.baseline.iter().any(|comparison| comparison.change == Change::Worse) {
        "worse"
    } else if cycle.is_some_and(|cycle| !cycle.keeps_up) {
        "too slow"
    } else if entry.budget.iter().any(|check| matches!(check.standing, Standing::Uncertain | Standing::Unknown)) {
        "uncertain"
    } else {
        ""
    }
}

/// The verdict on a figure in a word.
pub(crate) fn change(comparison: &Comparison) -> &'static str {
    match comparison.change {
        Change::Better => "better",
        Change::Same => "same",
        Change::Worse => "worse",
    }
}

fn of_entry(entry: &Entry) -> Vec<Complaint> {
    let finding = &entry.finding;
    let who = format!("{} on {}", finding.model.name, finding.target.name);
    let mut complaints: Vec<Complaint> =
        finding.misfits.iter().map(|misfit| Complaint::fatal(format!("{who}: {}", misfit_text(misfit)))).collect();
    // Of several limits that are exceeded, the first is the tightest.
    complaints.extend(entry.budget.iter().filter_map(|check| {
        let text = format!("{who}, {}: {}", finding.engine.kernels, check_text(check, finding)?);
        Some(Complaint { fatal: check.standing == Standing::Exceeded, text })
    }));
    for comparison in entry.baseline.iter().filter(|comparison| comparison.change == Change::Worse) {
        let (low, high) = ((comparison.ratio.low - 1.0) * 100.0, (comparison.ratio.high - 1.0) * 100.0);
        let by = if low == high { format!("{low:.1} %") } else { format!("{low:.1} to {high:.1} % (99 % interval)") };
        complaints.push(Complaint::fatal(format!("{who}: {} is worse than the baseline by {by}", comparison.figure)));
    }
    if let Some(cycle) = finding.duty_cycle.as_ref().filter(|cycle| !cycle.keeps_up) {
        let text =
            format!("{who}: an inference takes {}, one is wanted every {}", micros(finding.latency.value_us), micros(cycle.every_us));
        complaints.push(Complaint::fatal(text));
    }
    if let Some(times) = finding.latency.times.as_ref().filter(|times| !times.steady()) {
        let why = match times.drift {
            Some(drift) => format!("the second half took {:.2} to {:.2} times as long as the first", drift.low, drift.high),
            None => "it was still becoming faster when warming up ended".into(),
        };
        complaints.push(Complaint::note(format!("{who}, {}: the times are not steady: {why}", finding.engine.kernels)));
    }
    complaints.extend(disturbances(finding).map(Complaint::note));
    complaints
}

/// What may have disturbed a measurement; said once, with our own kernels.
fn disturbances(finding: &Finding) -> impl Iterator<Item = String> {
    let ours = finding.backend == BackendKind::Host && finding.engine.kernels == edgectl_bench::backend::Host::KERNELS;
    let conditions = finding.target.conditions.as_ref().filter(|_| ours);
    let threads = finding.target.machine.as_ref().map_or(1, |machine| machine.threads);
    let governor = conditions.and_then(|conditions| conditions.governor.clone()).filter(|governor| governor != "performance");
    let governor = governor.map(|governor| format!("the processor's clock follows the governor {governor}, not performance"));
    let load = conditions.and_then(|conditions| conditions.load_1min).filter(|&load| load >= 0.5 * threads as f64);
    let load = load.map(|load| format!("the machine is busy: {load:.1} runnable threads over the last minute, {threads} can run"));
    governor.into_iter().chain(load)
}

/// Float that is faster than int8 where both run.
fn slower_int8(entries: &[Entry]) -> Vec<Complaint> {
    let is_int8 = |finding: &Finding| finding.engine.dtype == "int8";
    let pairs = entries.iter().map(|entry| &entry.finding).filter(|finding| is_int8(finding)).filter_map(|int8| {
        let rivals = entries.iter().map(|entry| &entry.finding).filter(|float| {
            !is_int8(float)
                && (&float.model, &float.target.name, float.engine.threads) == (&int8.model, &int8.target.name, int8.engine.threads)
                && float.latency.value_us < int8.latency.value_us
        });
        Some((int8, rivals.min_by(|a, b| a.latency.value_us.total_cmp(&b.latency.value_us))?))
    });
    let text = |(int8, float): (&Finding, &Finding)| {
        let factor = three_digits(int8.latency.value_us / float.latency.value_us);
        let (name, target) = (&int8.model.name, &int8.target.name);
        let (slow, fast) = (&int8.engine.kernels, &float.engine.kernels);
        Complaint::note(format!("{name} on {target}: int8 ({slow}) takes {factor} times as long as float ({fast})"))
    };
    pairs.map(text).collect()
}

fn check_text(check: &Check, finding: &Finding) -> Option<String> {
    let (name, unit) = check.limit.name();
    let amount = |value: f64| format!("{} {unit}", three_digits(value));
    let allowed = amount(check.allowed);
    let blame = match (&check.op, check.op_share) {
        (Some(op), Some(share)) => format!("; {:.0} % of it is \"{op}\"", share * 100.0),
        _ => String::new(),
    };
    let reach = if finding.latency.times.is_some() { "99th percentile" } else { "interval" };
    match (check.standing, check.found) {
        (Standing::Exceeded, Some(found)) => Some(format!("{name} of {} exceeds {allowed}{blame}", amount(found))),
        (Standing::Uncertain, Some(found)) => {
            Some(format!("{name} of {} is below {allowed}, but its {reach} is not{blame}", amount(found)))
        }
        (Standing::Unknown, _) => Some(format!("{name} is not known; {allowed} cannot be checked")),
        _ => None,
    }
}

fn misfit_text(misfit: &Misfit) -> String {
    let Misfit { resource, needed_bytes, available_bytes, blame, shrink_to } = misfit;
    let [needed, available, total] = [*needed_bytes, *available_bytes, blame.total_bytes].map(bytes);
    let largest = blame.tensors.first().map_or_else(String::new, |tensor| format!("\"{}\" of {}", tensor.name, bytes(tensor.bytes)));
    let (what, why, who) = match resource {
        Resource::Ram => {
            ("RAM", format!("while op {} \"{}\" runs, {total} live, most of them {largest}", blame.op_index, blame.op), "these")
        }
        Resource::Flash => {
            ("flash", format!("constants take {total}, op {} \"{}\" most, with {largest}", blame.op_index, blame.op), "constants")
        }
    };
    let remedy = match (shrink_to, resource) {
        (None, _) => "a smaller model does not help: the rest alone is too large".to_owned(),
        (Some(share), Resource::Ram) => {
            let (channels, side) = ((1.0 - share) * 100.0, (1.0 - share.sqrt()) * 100.0);
            format!(
                "{who} must shrink to {:.0} %: {channels:.0} % fewer channels there, or {side:.0} % less height and width",
                share * 100.0
            )
        }
        (Some(share), Resource::Flash) => format!("to fit, {who} must shrink to {:.0} %: fewer or narrower layers", share * 100.0),
    };
    format!("needs {needed} of {what}, there are {available}: {why}; {remedy}")
}
