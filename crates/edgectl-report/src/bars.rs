//! Horizontal bars: one row per thing, one bar per series.

use crate::axis::{Axis, Mark, Scale, Span};
use crate::html::{Html, Tone};
use crate::number::short;
use crate::svg::{self, Area, Svg, WIDTH};

const BAR: f64 = 11.0;
const GAP: f64 = 7.0;

/// Horizontal bars. They start at zero, or at the low end of a logarithmic axis.
#[derive(Clone, Copy, Debug)]
pub struct Bars<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Of the values.
    pub axis: Axis<'a>,
    /// The names of the series.
    pub series: &'a [&'a str],
    /// From top to bottom.
    pub rows: &'a [BarRow],
    /// Values to draw lines at.
    pub marks: &'a [Mark],
}

/// A row of bars.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRow {
    /// What the row stands for.
    pub label: String,
    /// One value per series; NaN where there is none.
    pub values: Vec<f64>,
    /// What the row means: its label is marked so.
    pub tone: Tone,
}

impl BarRow {
    /// A row without a tone.
    pub fn new(label: impl Into<String>, values: impl IntoIterator<Item = f64>) -> BarRow {
        BarRow { label: label.into(), values: values.into_iter().collect(), tone: Tone::Plain }
    }

    /// With a tone.
    #[must_use]
    pub fn toned(self, tone: Tone) -> BarRow {
        BarRow { tone, ..self }
    }

    fn shown_label(&self) -> String {
        match self.tone {
            Tone::Bad => format!("✗ {}", self.label),
            Tone::Warning => format!("! {}", self.label),
            Tone::Good | Tone::Plain => self.label.clone(),
        }
    }
}

impl Bars<'_> {
    /// The chart.
    pub fn html(&self) -> Html {
        let labels: Vec<String> = self.rows.iter().map(BarRow::shown_label).collect();
        let left = svg::gutter(labels.iter().map(String::as_str), 240.0);
        let row_height = BAR * self.series.len().max(1) as f64 + GAP;
        let top = 8.0 + svg::marks_height(self.marks);
        let area = Area { left, top, width: WIDTH - left - 56.0, height: row_height * self.rows.len() as f64 };
        let zero = (self.axis.scale == Scale::Linear).then_some(0.0);
        let values = self.rows.iter().flat_map(|row| row.values.iter().copied());
        let span = Span::new(self.axis.scale, values.chain(self.marks.iter().map(|mark| mark.value)).chain(zero));
        let base = area.x(zero.and_then(|zero| span.place(zero)).unwrap_or(0.0));

        let mut svg = Svg::new(self.title, area.bottom() + 40.0);
        svg.legend(self.series.iter().copied());
        svg.x_axis(area, self.axis, &span);
        for (i, (row, label)) in self.rows.iter().zip(&labels).enumerate() {
            let y = area.top + row_height * i as f64 + GAP / 2.0;
            svg.label("end", (left - 8.0, y + (row_height - GAP) / 2.0 + 4.0), left - 8.0, label);
            for (j, (&value, series)) in row.values.iter().zip(self.series).enumerate() {
                let Some(place) = span.place(value) else { continue };
                let (x, y) = (area.x(place), y + BAR * j as f64);
                let tip = format!("{}, {series}: {}", row.label, short(value));
                svg.rect(&svg::colour(j), (base.min(x), y), ((x - base).abs().max(1.0), BAR - 1.0), 1.0, &tip);
                svg.text(
                    "value",
                    if x < base { "end" } else { "start" },
                    (if x < base { x - 4.0 } else { x + 4.0 }, y + 9.0),
                    &short(value),
                );
            }
        }
        svg.line("base", (base, area.top), (base, area.bottom()));
        svg.x_marks(area, &span, self.marks);
        svg.html()
    }
}
