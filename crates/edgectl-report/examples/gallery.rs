//! A page with everything that the crate draws, to look at: `cargo run -p edgectl-report --example gallery -- gallery.html`.

use std::{env, fs, io};

use edgectl_report::{
    Align, Axis, BarRow, Bars, Bin, Cell, HeatCell, HeatRow, HeatStrip, Histogram, Html, Mark, Page, Plot, Point, Series, Shape, Table,
    Tone, facts,
};

fn main() -> io::Result<()> {
    let path = env::args().nth(1).unwrap_or_else(|| "gallery.html".into());
    let page = Page::new("Gallery of edgectl-report", "Everything it draws, from made-up numbers")
        .section("Words", [words(), table()])
        .section("Bars", [bars(), negative_bars()])
        .section("Histogram", [histogram()])
        .section("Plot", [roofline()])
        .section("Heat strip", [heat()]);
    fs::write(path, page.html())
}

fn words() -> Html {
    [
        facts([("model", "digits.onnx"), ("calibration", "percentile 99.99 + equalize, 500 samples")]),
        Html::notice(Tone::Bad, "Class 7 collapsed:", "its recall falls from 98.2 % to 12.0 %."),
        Html::notice(Tone::Warning, "Look here:", "names are escaped, <b>always</b>."),
        Html::notice(Tone::Good, "Within the limit:", "0.1 points under float."),
        Html::details("What else there is", [Html::list(["one", "two"])]),
    ]
    .into_iter()
    .collect()
}

fn table() -> Html {
    let rows = [
        vec!["conv1".into(), "38.2".into(), Cell::toned("0.01 %", Tone::Good)],
        vec!["conv2".into(), "9.1".into(), Cell::toned("12.5 %", Tone::Bad)],
    ];
    Table { caption: "Nodes", columns: &[("node", Align::Left), ("SNR in dB", Align::Right), ("clipped", Align::Right)], rows: &rows }
        .html()
}

fn bars() -> Html {
    let row = |(i, name): (usize, &str)| BarRow::new(name, [40.0 - 3.0 * i as f64, 38.0 - 7.0 * i as f64]);
    let names = ["conv1", "functional_1/block_3/depthwise_conv2d/BiasAdd", "residual", "dense"];
    let mut rows: Vec<BarRow> = names.into_iter().enumerate().map(row).collect();
    rows[1].tone = Tone::Bad;
    let marks = [Mark { value: 20.0, label: "20 dB".into() }];
    Bars {
        title: "Signal to noise, local and accumulated",
        axis: Axis::linear("dB"),
        series: &["local", "accumulated"],
        rows: &rows,
        marks: &marks,
    }
    .html()
}

fn negative_bars() -> Html {
    let rows = [BarRow::new("better", [1.5]), BarRow::new("worse", [-0.7]), BarRow::new("unknown", [f64::NAN])];
    Bars { title: "Change", axis: Axis::linear("points"), series: &["change"], rows: &rows, marks: &[] }.html()
}

fn histogram() -> Html {
    let bin = |i: i32| {
        let x = f64::from(i) / 10.0;
        Bin { low: x, high: x + 0.1, count: (1e5 * (-x * x).exp()).floor() }
    };
    let bins: Vec<Bin> = (-30..45).map(bin).collect();
    let mark = |value, label: &str| Mark { value, label: label.into() };
    let marks = [mark(-2.2, "range from -2.2"), mark(2.9, "range to 2.9"), mark(3.1, "p99.99")];
    Histogram { title: "Values of conv2", x: Axis::linear("value"), y: Axis::log("count"), bins: &bins, marks: &marks }.html()
}

fn roofline() -> Html {
    let roof = (-10..40).map(|i| 10f64.powf(f64::from(i) / 10.0)).map(|x| Point::new(x, (x * 2e9).min(4e10), "")).collect();
    let nodes = vec![Point::new(0.5, 7e8, "depthwise"), Point::new(60.0, 2.2e10, "conv2"), Point::new(2500.0, 3e10, "dense of many")];
    let series = [
        Series { name: "roof".into(), shape: Shape::Line, points: roof },
        Series { name: "nodes".into(), shape: Shape::LabelledDots, points: nodes },
    ];
    Plot { title: "Roofline", x: Axis::log("MACs per byte"), y: Axis::log("MACs per second"), series: &series, marks: &[] }.html()
}

fn heat() -> Html {
    let row = |i: usize| {
        let cell = |j: usize| HeatCell { value: ((i * 7 + j * 3) % 11) as f64 / 10.0, note: format!("sample {j}") };
        HeatRow { label: format!("node {i}"), cells: (0..60).map(cell).collect() }
    };
    let rows: Vec<HeatRow> = (0..6).map(row).collect();
    HeatStrip { title: "Departure per sample, from none to full", x_label: "samples", rows: &rows }.html()
}
