//! What `bench` reports: findings as text, CSV and Markdown; the JSON document is also what `--save` keeps and `--baseline` reads.

use edgectl_bench::baseline::Comparison;
use edgectl_bench::budget::Check;
use edgectl_bench::energy::Between;
use edgectl_bench::finding::{Finding, OpTime};
use serde::Serialize;

use super::subject::Candidate;
use super::verdict::{self, Complaint};
use crate::ui::{Align, Report, Style, Table, Verdict, bytes, count, micros, paragraph, range_of, three_digits};

/// The most ops that are drawn as bars.
const BARS: usize = 8;
/// The longest bar, in columns.
const BAR_WIDTH: f64 = 20.0;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(crate) struct BenchReport {
    pub(crate) findings: Vec<Entry>,
    /// What could not be found, where other things could.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<Failure>,
    /// What is wrong, and what is worth knowing.
    pub(crate) complaints: Vec<Complaint>,
}

/// A finding and the verdicts on it.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub(crate) finding: Finding,
    /// How it stands to the limits, the tightest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) budget: Vec<Check>,
    /// What has become of its figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) baseline: Vec<Comparison>,
}

/// A model that a target cannot run.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) model: String,
    pub(crate) target: String,
    pub(crate) kernels: String,
    pub(crate) reason: String,
    #[serde(skip)]
    pub(crate) error: Option<anyhow::Error>,
}

impl Failure {
    pub(crate) fn new(candidate: &Candidate, target: &str, kernels: &str, error: anyhow::Error) -> Failure {
        let [model, target, kernels] = [&candidate.id.name, target, kernels].map(str::to_owned);
        Failure { model, target, kernels, reason: format!("{error:#}"), error: Some(error) }
    }
}

impl BenchReport {
    pub(crate) fn new(findings: Vec<Entry>, failures: Vec<Failure>) -> BenchReport {
        let complaints = verdict::complaints(&findings, &failures);
        BenchReport { findings, failures, complaints }
    }

    /// Negative where a limit is exceeded, a figure has become worse, or a model does not fit or run.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.complaints.iter().any(|complaint| complaint.fatal) { Verdict::Negative } else { Verdict::Positive }
    }

    /// The names of the models, in order.
    pub(super) fn models(&self) -> Vec<&str> {
        let mut names: Vec<&str> = vec![];
        let all = self.findings.iter().map(|entry| entry.finding.model.name.as_str());
        for name in all.chain(self.failures.iter().map(|failure| failure.model.as_str())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn table(&self, shown: Models) -> Table {
        use Align::{Left, Right};
        let columns = [
            ("model", Left),
            ("target", Left),
            ("kernels", Left),
            ("latency", Right),
            ("(80 %)", Left),
            ("p90", Right),
            ("p99", Right),
            ("noise", Right),
            ("RAM", Right),
            ("flash", Right),
            ("energy", Right),
            ("", Left),
        ];
        let mut table = Table::new(columns);
        let models = self.models();
        let headings = shown == Models::Headings && models.len() > 1;
        let indent = if headings { "  " } else { "" };
        for model in &models {
            let named = if shown == Models::Column { *model } else { "" };
            if headings {
                let mut heading = [const { String::new() }; 12];
                heading[1] = (*model).into();
                table.row(heading);
            }
            for entry in self.findings.iter().filter(|entry| entry.finding.model.name == *model) {
                table.row(row(entry, named, indent));
            }
            for failure in self.failures.iter().filter(|failure| failure.model == *model) {
                let mut cells = [const { String::new() }; 12].map(|_| "-".to_owned());
                cells[0] = named.into();
                cells[1] = format!("{indent}{}", failure.target);
                cells[2] = failure.kernels.clone();
                cells[4] = String::new();
                cells[11] = "cannot run".into();
                table.row(cells);
            }
        }
        table.without_empty_columns()
    }
}

/// Where the names of several models are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Models {
    /// In the first column.
    Column,
    /// In rows of their own.
    Headings,
}

fn row(entry: &Entry, model: &str, indent: &str) -> [String; 12] {
    let Finding { latency, memory, energy_uj, .. } = &entry.finding;
    let none = || "-".to_owned();
    let (times, memory) = (latency.times.as_ref(), memory.as_ref());
    [
        model.into(),
        format!("{indent}{}", entry.finding.target.name),
        entry.finding.engine.kernels.clone(),
        micros(latency.value_us),
        latency.interval.map_or_else(String::new, |range| range_of(latency.value_us, range.low_us, range.high_us)),
        times.map_or_else(none, |times| micros(times.p90_us)),
        times.map_or_else(none, |times| micros(times.p99_us)),
        times.map_or_else(none, |times| format!("{:.1} %", times.noise() * 100.0)),
        memory.map_or_else(none, |memory| bytes(memory.ram.total_bytes)),
        memory.map_or_else(none, |memory| bytes(memory.flash.total_bytes)),
        energy_uj.map_or_else(none, microjoules),
        verdict::word(entry).into(),
    ]
}

/// An energy as `812 nJ`, `12.3 uJ`, `4.56 mJ`, `7.89 J`
pub(super) fn microjoules(uj: f64) -> String {
    micros(uj).replace("ns", "nJ").replace("us", "uJ").replace("ms", "mJ").replace(" s", " J")
}

impl Report for BenchReport {
    fn text(&self, style: Style) -> String {
        let mut text = String::new();
        if let [model] = self.models()[..] {
            let id = self.findings.iter().map(|entry| &entry.finding.model).find(|id| id.name == model);
            text += &id.map_or_else(String::new, |id| format!("model  {}, {} MACs\n\n", id.path, count(id.macs)));
        }
        text += &self.table(Models::Headings).text(style);
        // One model on one target is looked at closely; further kernels are there to compare with.
        if let ([first, others @ ..], [_]) = (&self.findings[..], &self.models()[..])
            && others.iter().all(|other| other.finding.target.name == first.finding.target.name)
        {
            // Ours, where there is one: only its memory is known.
            let ours = self.findings.iter().find(|entry| entry.finding.memory.is_some());
            text += &details(&ours.unwrap_or(first).finding, style);
        }
        let cycles: Vec<&Entry> = self.findings.iter().filter(|entry| entry.finding.duty_cycle.is_some()).collect();
        if let Some(cycle) = cycles.first().and_then(|entry| entry.finding.duty_cycle.as_ref()) {
            let table = duty_cycles(&cycles, self.models().len()).text(style);
            text += &format!("\none inference every {}\n{table}", micros(cycle.every_us));
        }
        if self.findings.iter().any(|entry| !entry.baseline.is_empty()) {
            text += &format!("\n{}", comparisons(&self.findings).text(style));
        }
        let mut sources: Vec<String> = vec![];
        for Finding { provenance, engine, target, .. } in self.findings.iter().map(|entry| &entry.finding) {
            let source = format!("{}, {}: {provenance}", target.name, engine.kernels);
            if !sources.contains(&source) && sources.len() < 4 {
                sources.push(source);
            }
        }
        if self.findings.len() <= 4 {
            text += "\n";
            sources.iter().for_each(|source| text += &style.dim(&paragraph(source)));
        }
        if !self.complaints.is_empty() {
            text += "\n";
            self.complaints.iter().for_each(|complaint| text += &complaint.shown(style));
        }
        text
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let header = [
            "model",
            "target",
            "backend",
            "kernels",
            "dtype",
            "threads",
            "latency_us",
            "low_us",
            "high_us",
            "p90_us",
            "p99_us",
            "ram_bytes",
            "arena_bytes",
            "flash_bytes",
            "energy_uj",
            "average_power_uw",
            "battery_days",
            "verdict",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        rows.extend(self.findings.iter().map(|entry| {
            let Finding { model, target, backend, engine, latency, memory, energy_uj, duty_cycle, .. } = &entry.finding;
            let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            let (interval, times) = (latency.interval, latency.times.as_ref());
            let whole = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
            vec![
                model.name.clone(),
                target.name.clone(),
                backend.name().into(),
                engine.kernels.clone(),
                engine.dtype.clone(),
                engine.threads.to_string(),
                latency.value_us.to_string(),
                number(interval.map(|interval| interval.low_us)),
                number(interval.map(|interval| interval.high_us)),
                number(times.map(|times| times.p90_us)),
                number(times.map(|times| times.p99_us)),
                whole(memory.as_ref().map(|memory| memory.ram.total_bytes)),
                whole(memory.as_ref().map(|memory| memory.ram.arena_bytes)),
                whole(memory.as_ref().map(|memory| memory.flash.total_bytes)),
                number(*energy_uj),
                number(duty_cycle.as_ref().map(|cycle| cycle.average_power_uw)),
                number(duty_cycle.as_ref().and_then(|cycle| cycle.battery_days)),
                verdict::word(entry).into(),
            ]
        }));
        rows
    }

    fn markdown(&self) -> String {
        let mut text = self.table(Models::Column).markdown();
        if !self.complaints.is_empty() {
            text += "\n";
            self.complaints.iter().for_each(|complaint| text += &format!("- {}\n", complaint.text));
        }
        text
    }
}

/// A report on a model, and what it costs on devices where that was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct WithDevices<'a, R> {
    #[serde(flatten)]
    pub(crate) report: &'a R,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) devices: Option<BenchReport>,
}

impl<R> WithDevices<'_, R> {
    /// Whether the devices can do it.
    pub(crate) fn verdict(&self) -> Verdict {
        self.devices.as_ref().map_or(Verdict::Positive, BenchReport::verdict)
    }
}

impl<R: Report> Report for WithDevices<'_, R> {
    fn text(&self, style: Style) -> String {
        let devices = self.devices.as_ref().map_or_else(String::new, |devices| format!("\n{}", devices.text(style)));
        self.report.text(style) + &devices
    }
}

/// Memory part by part, and the costliest ops as bars.
fn details(finding: &Finding, style: Style) -> String {
    let mut text = String::new();
    if let Some(memory) = &finding.memory {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        let program = if memory.ram.program_bytes > 0 { format!(", program {}", bytes(memory.ram.program_bytes)) } else { String::new() };
        let (arena, stack) = (bytes(memory.ram.arena_bytes), bytes(memory.ram.stack_bytes));
        table.row([
            "RAM".into(),
            format!("arena {arena} (inputs and outputs in it: {}), stack {stack}{program}", bytes(memory.ram.io_bytes)),
        ]);
        let [constants, overhead, code] = [memory.flash.constants_bytes, memory.flash.overhead_bytes, memory.flash.code_bytes].map(bytes);
        table.row([
            "flash".into(),
            format!(
                "weights and tables {constants}, program {overhead}, runtime and kernels {code} (on {})",
                memory.flash.code_measured_on
            ),
        ]);
        text += &format!("\n{}", table.text(style));
    }
    let mut ops: Vec<(usize, &OpTime)> = finding.ops.iter().enumerate().collect();
    ops.sort_by(|a, b| b.1.latency_us.total_cmp(&a.1.latency_us));
    let (total, most) = (finding.ops_us(), ops.first().map_or(0.0, |(_, op)| op.latency_us));
    if total <= 0.0 {
        return text;
    }
    use Align::{Left, Right};
    let mut table =
        Table::new([("op", Left), ("operator", Left), ("MACs", Right), ("time", Right), ("share", Right), ("bound", Left), ("", Left)]);
    for (at, op) in ops.iter().take(BARS) {
        let bar = "█".repeat((op.latency_us / most * BAR_WIDTH).round() as usize);
        let bound = op.bound.clone().unwrap_or_default();
        let share = format!("{:.0} %", op.latency_us / total * 100.0);
        table.row([format!("{at} {}", op.name), op.op.clone(), count(op.macs), micros(op.latency_us), share, bound, bar]);
    }
    if let Some(rest) = ops.get(BARS..).filter(|rest| !rest.is_empty()) {
        let rest_us: f64 = rest.iter().map(|(_, op)| op.latency_us).sum();
        let name = format!("{} more", rest.len());
        let macs = rest.iter().map(|(_, op)| op.macs).sum();
        table.row([
            name,
            String::new(),
            count(macs),
            micros(rest_us),
            format!("{:.0} %", rest_us / total * 100.0),
            String::new(),
            String::new(),
        ]);
    }
    text + &format!("\n{}", table.without_empty_columns().text(style))
}

fn duty_cycles(entries: &[&Entry], models: usize) -> Table {
    use Align::{Left, Right};
    let columns = [
        ("target", Left),
        ("kernels", Left),
        ("between", Left),
        ("asleep", Right),
        ("average", Right),
        ("battery", Right),
        ("raw/day", Right),
        ("results/day", Right),
    ];
    let mut table = Table::new(columns);
    for Finding { model, target, engine, duty_cycle, .. } in entries.iter().map(|entry| &entry.finding) {
        let Some(cycle) = duty_cycle else { continue };
        let between = match cycle.between {
            Between::Idle => "idle",
            Between::Nothing => "",
            Between::Sleep => "sleep",
        };
        let who = if models > 1 { format!("{}, {}", target.name, model.name) } else { target.name.clone() };
        table.row([
            who,
            engine.kernels.clone(),
            between.into(),
            format!("{:.1} %", cycle.sleep_share * 100.0),
            milliwatts(cycle.average_power_uw),
            cycle.battery_days.map_or("-".into(), |days| format!("{} days", three_digits(days))),
            bytes(cycle.raw_bytes_per_day as u64),
            bytes(cycle.result_bytes_per_day as u64),
        ]);
    }
    table.without_empty_columns()
}

fn milliwatts(uw: f64) -> String {
    if uw < 1e3 { format!("{} uW", three_digits(uw)) } else { format!("{} mW", three_digits(uw / 1e3)) }
}

fn comparisons(entries: &[Entry]) -> Table {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("target", Left),
        ("kernels", Left),
        ("figure", Left),
        ("baseline", Right),
        ("now", Right),
        ("ratio", Right),
        ("verdict", Left),
    ]);
    for entry in entries {
        for comparison in &entry.baseline {
            let shown = |value: f64| if comparison.figure.ends_with("_us") { micros(value) } else { bytes(value as u64) };
            let (low, high) = (comparison.ratio.low, comparison.ratio.high);
            let ratio = if low == high { format!("{low:.3}") } else { format!("{low:.3}-{high:.3}") };
            let (then, now) = (shown(comparison.baseline), shown(comparison.current));
            let Finding { model, target, engine, .. } = &entry.finding;
            let who = format!("{}, {}", target.name, model.name);
            let verdict = verdict::change(comparison).into();
            table.row([who, engine.kernels.clone(), comparison.figure.into(), then, now, ratio, verdict]);
        }
    }
    table
}
