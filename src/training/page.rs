//! The curves of training as a page.

use edgectl_report::{Axis, Html, Mark, Page, Plot, Point, Series, Shape, facts};
use edgectl_train::{EpochRow, Score};

use super::report::TrainingReport;

/// The page of `--report`.
pub(super) fn page(report: &TrainingReport) -> String {
    let loss = curves(report, "Loss", "loss", &|score| Some(score.loss));
    let right = curves(report, "Right classes", "right, in percent", &|score| score.top1.map(|top1| top1 * 100.0));
    let names: Vec<&str> = report.models.iter().map(|figures| figures.name).collect();
    let rows = report.rows().into_iter().map(|(name, cells, note)| {
        let cells = names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| format!("{name} {cell}"));
        let line = cells.collect::<Vec<_>>().join(", ");
        (name, if note.is_empty() { line } else { format!("{line} ({note})") })
    });
    Page::new("Training", &report.model.display().to_string())
        .section("What was done", [facts(report.facts())])
        .section("Before and after", [facts(rows)])
        .section("Curves", [loss, right].into_iter().flatten())
        .html()
}

/// A figure of each epoch, on the training and on the validation samples; nothing where there is none.
fn curves(report: &TrainingReport, title: &str, label: &str, of: &dyn Fn(Score) -> Option<f64>) -> Option<Html> {
    let series = |name: &str, part: &dyn Fn(&EpochRow) -> Option<Score>| {
        let point = |row: &EpochRow| Some(Point::new(row.epoch as f64, of(part(row)?)?, format!("epoch {}", row.epoch)));
        Series { name: name.into(), shape: Shape::Line, points: report.history.iter().filter_map(point).collect() }
    };
    let series = [series("training", &|row| row.train), series("validation", &|row| row.validation)];
    let series: Vec<Series> = series.into_iter().filter(|series| series.points.len() > 1).collect();
    let marks = [Mark { value: report.best_epoch as f64, label: "kept".into() }];
    let plot = Plot { title, x: Axis::linear("epoch"), y: Axis::linear(label), series: &series, marks: &marks };
    (!series.is_empty()).then(|| plot.html())
}
