//! The explanation as an HTML page.

use edgectl_explain::NodeFigures;
use edgectl_report::{
    Align, Axis, BarRow, Bars, Bin, Cell, HeatCell, HeatRow, HeatStrip, Histogram, Html, Mark, Page, Table, Tone, facts, short,
};

use super::ExplanationReport;
use super::text::{clipped, decibels};
use crate::ui::{counted, percent};

/// Nodes whose distribution is drawn.
const DISTRIBUTIONS: usize = 6;
/// Below this a node's own noise is marked, in decibels.
const LOW_SNR_DB: f64 = 20.0;
/// From this spread of weight ranges on, one scale for all channels is a bad idea.
const WIDE_SPREAD: f64 = 30.0;

/// The page: its head in lines, classes that int8 loses, what is wrong with the calibration data, how the recipe was found, and the rest.
pub(crate) fn page(
    model: &str,
    head: &[(&str, String)],
    collapses: &[String],
    findings: &[String],
    ladder: Option<Vec<Html>>,
    explanation: Option<&ExplanationReport>,
) -> String {
    let head = facts(head.iter().map(|(name, value)| (*name, value)));
    let collapses = collapses.iter().map(|line| Html::notice(Tone::Bad, "A class does not survive:", line));
    let findings = findings.iter().map(|line| Html::notice(Tone::Warning, "Calibration data:", line));
    let mut page = Page::new("From float to int8", model).section("In short", [head].into_iter().chain(collapses).chain(findings));
    if let Some(content) = ladder {
        page = page.section("Recipes, from the cheapest on", content);
    }
    let Some(explanation) = explanation else { return page.html() };
    page = page.section("Where the noise is", noise(explanation));
    page = page.section("Ranges", ranges(explanation));
    if let Some(content) = weights(explanation) {
        page = page.section("Weights", content);
    }
    if !explanation.classes.is_empty() {
        page = page.section("Classes", classes(explanation));
    }
    if let Some(content) = changes(explanation) {
        page = page.section("Samples that changed class", content);
    }
    if !explanation.repairs.is_empty() {
        page = page.section("Repairs, each tried", repairs(explanation));
    }
    page.section("All nodes", [nodes(explanation)]).html()
}

fn noise(explanation: &ExplanationReport) -> Vec<Html> {
    let shown = || explanation.nodes.iter().filter(|node| node.local_snr_db.is_some());
    let tone = |snr: Option<f64>| if snr.is_some_and(|snr| snr < LOW_SNR_DB) { Tone::Warning } else { Tone::Plain };
    let value = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
    let shares: Vec<BarRow> = [BarRow::new("model's input", [value(explanation.input_noise_share) * 100.0])]
        .into_iter()
        .chain(shown().map(|node| BarRow::new(&node.node, [value(node.output_noise_share) * 100.0])))
        .filter(|row| row.values[0] >= 0.05)
        .collect();
    let rows: Vec<BarRow> = shown()
        .map(|node| BarRow::new(&node.node, [value(node.local_snr_db), value(node.accumulated_snr_db)]).toned(tone(node.local_snr_db)))
        .collect();
    let share = Bars { title: "Share of the output's noise", axis: Axis::linear("percent"), series: &["share"], rows: &shares, marks: &[] };
    let snr = Bars {
        title: "Signal to noise of each node",
        axis: Axis::linear("dB, longer is better"),
        series: &["local: the node's own noise", "accumulated: everything up to it in int8"],
        rows: &rows,
        marks: &[],
    };
    let about = format!(
        "Over {}. A node's share is what its own noise makes at the model's first output, everything else in float.",
        counted(explanation.samples as u64, "sample")
    );
    vec![Html::paragraph(&about), share.html(), snr.html()]
}

fn ranges(explanation: &ExplanationReport) -> Vec<Html> {
    let worst = explanation.noisiest().into_iter().take(DISTRIBUTIONS);
    let about = "Values that float gave, of the nodes that contribute most noise. What lies beyond the marks is clipped; where the values \
                 fill little of what lies between them, steps are coarser than they need to be.";
    [Html::paragraph(about)].into_iter().chain(worst.filter_map(|i| Some(distribution(explanation.found.nodes.get(i)?)))).collect()
}

fn distribution(node: &NodeFigures) -> Html {
    let (low, high) = (f64::from(node.range.min), f64::from(node.range.max));
    // Bins of the histogram are finer than can be drawn.
    const DRAWN: f64 = 150.0;
    let (first, last) = node.histogram.bins().fold((low, high), |(first, last), (from, to, _)| (first.min(from), last.max(to)));
    let width = ((last - first) / DRAWN).max(f64::MIN_POSITIVE);
    let mut bins: Vec<Bin> = vec![];
    for (from, to, count) in node.histogram.bins() {
        let slot = first + ((from + to) / 2.0 - first).div_euclid(width) * width;
        match bins.last_mut().filter(|bin| (bin.low - slot).abs() < width / 2.0) {
            Some(bin) => bin.count += count as f64,
            None => bins.push(Bin { low: slot, high: slot + width, count: count as f64 }),
        }
    }
    let mark = |value: f64| Mark { value, label: format!("int8 {} {}", if value == low { "from" } else { "to" }, short(value)) };
    let title = format!("{} ({}), {} clipped", node.node, node.op, clipped(node.clipped_share));
    Histogram { title: &title, x: Axis::linear("value"), y: Axis::log("count"), bins: &bins, marks: &[mark(low), mark(high)] }.html()
}

fn weights(explanation: &ExplanationReport) -> Option<Vec<Html>> {
    let layers: Vec<&NodeFigures> = explanation.found.nodes.iter().filter(|node| node.weights.is_some()).collect();
    let row = |node: &&NodeFigures| {
        let weights = node.weights.as_ref()?;
        let most = weights.channel_max.iter().copied().fold(0.0f32, f32::max);
        let cell = |(channel, &max): (usize, &f32)| HeatCell {
            // Three decades of magnitude, from nothing to the largest channel.
            value: if max > 0.0 { 1.0 + f64::from(max / most).log10() / 3.0 } else { 0.0 },
            note: format!("channel {channel}: {}", short(max.into())),
        };
        let label = format!("{} 1 : {:.0}", node.node, weights.spread());
        Some(HeatRow { label, cells: weights.channel_max.iter().enumerate().map(cell).collect() })
    };
    let rows: Vec<HeatRow> = layers.iter().filter_map(row).collect();
    let wide = layers.iter().filter_map(|node| node.weights.as_ref()).any(|weights| weights.spread() > WIDE_SPREAD && !weights.per_channel);
    let notice = Html::notice(
        Tone::Warning,
        "One scale for all channels",
        "where their ranges differ this much costs the small ones their precision.",
    );
    let strip = HeatStrip { title: "Range of each output channel's weights, over three decades", x_label: "output channels", rows: &rows };
    (!rows.is_empty()).then(|| wide.then_some(notice).into_iter().chain([strip.html()]).collect())
}

fn classes(explanation: &ExplanationReport) -> Vec<Html> {
    let recall = |share: Option<f64>| share.map_or(f64::NAN, |share| share * 100.0);
    let bar = |row: &super::report::ClassRow| {
        let fall = row.float_recall.zip(row.int8_recall).is_some_and(|(float, int8)| float - int8 >= 0.1);
        BarRow::new(format!("{} ({})", row.class, row.samples), [recall(row.float_recall), recall(row.int8_recall)]).toned(if fall {
            Tone::Bad
        } else {
            Tone::Plain
        })
    };
    let rows: Vec<BarRow> = explanation.classes.iter().map(bar).collect();
    let title = "Recall of each class (samples); without labels, float's classes are the truth";
    let bars = Bars { title, axis: Axis::linear("percent"), series: &["float", "int8"], rows: &rows, marks: &[] };
    let columns = [("class", Align::Left), ("samples", Align::Right), ("given by float", Align::Right), ("given by int8", Align::Right)];
    let cells = |row: &super::report::ClassRow| {
        vec![
            row.class.clone().into(),
            row.samples.to_string().into(),
            row.float_given.to_string().into(),
            row.int8_given.to_string().into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = explanation.classes.iter().map(cells).collect();
    let table = Table { caption: "How often each class is given", columns: &columns, rows: &rows }.html();
    vec![bars.html(), Html::details("Counts", [table])]
}

fn changes(explanation: &ExplanationReport) -> Option<Vec<Html>> {
    let changed = explanation.changed.as_ref()?;
    let total = format!("{} of {} changed class.", changed.samples, counted(changed.of, "sample"));
    if changed.followed.is_empty() {
        return Some(vec![Html::paragraph(&total)]);
    }
    let about = "A change begins at the first node from which on the class is another than float's, when everything up to that node is int8 \
                 and everything after it float. The departure is the noise there as a multiple of what 99 of 100 samples that kept their \
                 class stay within: up to 1, the sample was close to the border; above, the node does something to it that it does not do \
                 to others.";
    let departures = |(i, node): (usize, &super::report::NodeRow)| {
        let cell = |change: &edgectl_explain::Change| {
            let departure = change.departures.get(i).copied().unwrap_or(0.0);
            // From a tenth of what is usual to ten times as much.
            let value = if departure > 0.0 { (1.0 + departure.log10()) / 2.0 } else { 0.0 };
            HeatCell { value, note: format!("sample {}: {} times what is usual", change.sample, short(departure)) }
        };
        HeatRow { label: node.node.clone(), cells: explanation.found.changes.iter().map(cell).collect() }
    };
    let rows = explanation.nodes.iter().enumerate().filter(|(_, node)| node.local_snr_db.is_some());
    let rows: Vec<HeatRow> = rows.map(departures).collect();
    let title = "Departure of each sample at each node, from a tenth of what is usual to ten times as much";
    let strip = HeatStrip { title, x_label: "samples that changed class", rows: &rows };
    let columns = [
        ("sample", Align::Right),
        ("label", Align::Right),
        ("float", Align::Right),
        ("int8", Align::Right),
        ("float's margin", Align::Right),
        ("begins at", Align::Left),
        ("departure", Align::Right),
    ];
    let cells = |row: &super::report::ChangeRow| {
        vec![
            row.sample.to_string().into(),
            row.label.map_or_else(|| "-".into(), |label| label.to_string()).into(),
            row.float_class.to_string().into(),
            row.int8_class.to_string().into(),
            short(row.margin).into(),
            row.begins_at.clone().into(),
            Cell::toned(short(row.departure), if row.departure > 1.0 { Tone::Warning } else { Tone::Plain }),
        ]
    };
    let rows: Vec<Vec<Cell>> = changed.followed.iter().map(cells).collect();
    let table = Table { caption: "The samples that were followed", columns: &columns, rows: &rows };
    Some(vec![Html::paragraph(&total), Html::paragraph(about), table.html(), strip.html()])
}

fn repairs(explanation: &ExplanationReport) -> Vec<Html> {
    let columns = [
        ("repair", Align::Left),
        ("metric", Align::Right),
        ("SNR", Align::Right),
        ("samples changed", Align::Right),
        ("RAM", Align::Right),
        ("flash", Align::Right),
        ("MACs", Align::Right),
        ("how", Align::Left),
    ];
    let cells = |trial: &super::Trial| {
        let gain = |value: Option<f64>, unit: &str, places: usize| match value {
            Some(gain) if gain > 0.0 => Cell::toned(format!("{gain:+.places$}{unit}"), Tone::Good),
            Some(gain) => format!("{gain:+.places$}{unit}").into(),
            None => "-".into(),
        };
        let name =
            if trial.cheapest { Cell::toned(format!("{} (cheapest)", trial.change), Tone::Good) } else { trial.change.clone().into() };
        let fewer = trial.fewer_changes.map_or_else(|| "-".to_owned(), |fewer| format!("{:+}", -fewer));
        let how = trial.error.clone().or_else(|| trial.options.clone()).unwrap_or_default();
        vec![
            name,
            gain(trial.metric_gain, "", 4),
            gain(trial.snr_gain_db, " dB", 1),
            fewer.into(),
            format!("{:+} B", trial.ram_bytes).into(),
            format!("{:+} B", trial.flash_bytes).into(),
            format!("{:+}", trial.macs).into(),
            how.into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = explanation.repairs.iter().map(cells).collect();
    let about = "Each was quantized, lowered and measured on the same samples. The cheapest is the one that costs least of those that bring \
                 at least half of what the best brings, at least 1 dB, and do not make the metric worse. It was chosen by these samples, which \
                 flatters it: confirm it on others.";
    vec![Html::paragraph(about), Table { caption: "Against the result above", columns: &columns, rows: &rows }.html()]
}

fn nodes(explanation: &ExplanationReport) -> Html {
    let columns = [
        ("node", Align::Left),
        ("operator", Align::Left),
        ("MACs", Align::Right),
        ("local", Align::Right),
        ("accumulated", Align::Right),
        ("of output's noise", Align::Right),
        ("int8 range", Align::Right),
        ("seen", Align::Right),
        ("clipped", Align::Right),
    ];
    let cells = |(row, node): (&super::report::NodeRow, &NodeFigures)| {
        let range = |range: edgectl_quantize::Range| format!("{} to {}", short(range.min.into()), short(range.max.into()));
        let low = row.local_snr_db.is_some_and(|snr| snr < LOW_SNR_DB);
        vec![
            row.node.clone().into(),
            row.op.clone().into(),
            crate::ui::count(row.macs).into(),
            Cell::toned(decibels(row.local_snr_db), if low { Tone::Warning } else { Tone::Plain }),
            decibels(row.accumulated_snr_db).into(),
            row.output_noise_share.map_or_else(|| "-".to_owned(), percent).into(),
            range(node.range).into(),
            range(node.seen).into(),
            clipped(row.clipped_share).into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = explanation.nodes.iter().zip(&explanation.found.nodes).map(cells).collect();
    Table { caption: "In the order of execution", columns: &columns, rows: &rows }.html()
}
