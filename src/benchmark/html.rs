//! `--report`: the findings as a page, with where the time goes and how near that is to what the hardware can do.

use edgectl_bench::finding::Finding;
use edgectl_report::{Align, Axis, BarRow, Bars, Cell, Html, Page, Plot, Point, Series, Shape, Table, Tone};

use super::report::{BenchReport, Entry, microjoules};
use super::verdict;
use crate::ui::{bytes, count, micros, range_of};

/// The most findings that have charts of their own.
const DETAILED: usize = 24;
/// The most ops that are bars of a chart.
const BARS: usize = 30;

/// The page.
pub(crate) fn html(report: &BenchReport) -> String {
    let models: Vec<String> = report.findings.iter().map(|entry| entry.finding.model.path.clone()).fold(vec![], |mut paths, path| {
        if !paths.contains(&path) {
            paths.push(path);
        }
        paths
    });
    let mut page = Page::new("Benchmark", &models.join(", "));
    let complaints = report.complaints.iter().map(|complaint| {
        let tone = if complaint.fatal { Tone::Bad } else { Tone::Warning };
        Html::notice(tone, if complaint.fatal { "Verdict" } else { "Note" }, &complaint.text)
    });
    page = page.section("Findings", [overview(report)].into_iter().chain(complaints).chain(compared(report)));
    for entry in report.findings.iter().filter(|entry| !entry.finding.ops.is_empty()).take(DETAILED) {
        let Finding { model, target, engine, provenance, .. } = &entry.finding;
        let heading = format!("{} on {} ({})", model.name, target.name, engine.kernels);
        page = page.section(&heading, [Html::paragraph(provenance), operators(&entry.finding), roofline(&entry.finding)]);
    }
    page.html()
}

fn overview(report: &BenchReport) -> Html {
    let columns = [
        ("model", Align::Left),
        ("target", Align::Left),
        ("kernels", Align::Left),
        ("latency", Align::Right),
        ("80 % or p99", Align::Right),
        ("RAM", Align::Right),
        ("flash", Align::Right),
        ("energy", Align::Right),
        ("verdict", Align::Left),
    ];
    let row = |entry: &Entry| {
        let Finding { model, target, engine, latency, memory, energy_uj, .. } = &entry.finding;
        let spread = latency.interval.map(|range| range_of(latency.value_us, range.low_us, range.high_us));
        let spread = spread.or_else(|| latency.times.as_ref().map(|times| micros(times.p99_us))).unwrap_or_default();
        let word = verdict::word(entry);
        let tone = match word {
            "" => Tone::Plain,
            "uncertain" => Tone::Warning,
            _ => Tone::Bad,
        };
        let size = |bytes_of: Option<u64>| bytes_of.map_or_else(|| "-".to_owned(), bytes);
        let plain = [
            model.name.clone(),
            target.name.clone(),
            engine.kernels.clone(),
            micros(latency.value_us),
            spread,
            size(memory.as_ref().map(|memory| memory.ram.total_bytes)),
            size(memory.as_ref().map(|memory| memory.flash.total_bytes)),
            energy_uj.map_or_else(|| "-".into(), microjoules),
        ];
        plain.into_iter().map(Cell::from).chain([Cell::toned(word, tone)]).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<Cell>> = report.findings.iter().map(row).collect();
    Table { caption: "Models and targets", columns: &columns, rows: &rows }.html()
}

/// A chart for each model: names of models beside those of targets and kernels would be cut.
fn compared(report: &BenchReport) -> Vec<Html> {
    let chart = |model: &str| {
        let findings = report.findings.iter().map(|entry| &entry.finding).filter(|finding| finding.model.name == model);
        let label = |finding: &Finding| format!("{}, {}", finding.target.name, finding.engine.kernels);
        let rows: Vec<BarRow> = findings.map(|finding| BarRow::new(label(finding), [finding.latency.value_us / 1e3])).collect();
        let title = format!("Time of an inference of {model}");
        Bars { title: &title, axis: Axis::log("latency in ms"), series: &["latency in ms"], rows: &rows, marks: &[] }.html()
    };
    report.models().into_iter().map(chart).collect()
}

fn operators(finding: &Finding) -> Html {
    let mut ops: Vec<_> = finding.ops.iter().enumerate().collect();
    ops.sort_by(|a, b| b.1.latency_us.total_cmp(&a.1.latency_us));
    let label = |(at, op): &(usize, &edgectl_bench::finding::OpTime)| format!("{at} {} ({}, {} MACs)", op.name, op.op, count(op.macs));
    let rows: Vec<BarRow> = ops.iter().take(BARS).map(|op| BarRow::new(label(op), [op.1.latency_us])).collect();
    Bars { title: "Time of each operator, longest first", axis: Axis::linear("us"), series: &["us"], rows: &rows, marks: &[] }.html()
}

/// Ops by how many operations they make of a byte, and how many per second, below what the device can do at best.
fn roofline(finding: &Finding) -> Html {
    let point = |op: &edgectl_bench::finding::OpTime| {
        (op.macs > 0).then(|| Point::new(op.macs as f64 / op.bytes.max(1) as f64, op.macs as f64 / op.latency_us, op.name.clone()))
    };
    let points: Vec<Point> = finding.ops.iter().filter_map(point).collect();
    let mut series = vec![];
    for roof in &finding.roofs {
        let ends = points.iter().map(|point| point.x).fold((f64::INFINITY, 0.0f64), |(low, high), x| (low.min(x), high.max(x)));
        let ridge = roof.macs_per_us / roof.bytes_per_us;
        let (low, high) = ((ends.0.min(ridge) / 2.0).max(1e-3), ends.1.max(ridge) * 2.0);
        let at = |x: f64| Point::new(x, (x * roof.bytes_per_us).min(roof.macs_per_us), "");
        series.push(Series { name: format!("limit with {}", roof.memory), shape: Shape::Line, points: [low, ridge, high].map(at).into() });
    }
    series.push(Series { name: "operators".into(), shape: Shape::Dots, points });
    let (x, y) = (Axis::log("MACs per byte moved"), Axis::log("MACs per us"));
    Plot { title: "Roofline", x, y, series: &series, marks: &[] }.html()
}
