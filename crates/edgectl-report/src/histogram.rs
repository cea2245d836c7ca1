//! Histograms: counts over ranges of values.

use crate::axis::{Axis, Mark, Scale, Span};
use crate::html::Html;
use crate::number::short;
use crate::svg::{self, Area, Svg, WIDTH};

/// Counts over ranges of values, and lines at values that matter.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// What is shown.
    pub title: &'a str,
    /// Of the values, linear or logarithmic.
    pub x: Axis<'a>,
    /// Of the counts. On a logarithmic axis rare values stay visible; empty bins are left out.
    pub y: Axis<'a>,
    /// In any order.
    pub bins: &'a [Bin],
    /// Values to draw lines at.
    pub marks: &'a [Mark],
}

/// The count of a range of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The low end.
    pub low: f64,
    /// The high end.
    pub high: f64,
    /// How many values are between them.
    pub count: f64,
}

impl Histogram<'_> {
    /// The chart.
    pub fn html(&self) -> Html {
        let top = 24.0 + svg::marks_height(self.marks);
        let area = Area { left: 52.0, top, width: WIDTH - 68.0, height: 180.0 };
        let ends = self.bins.iter().flat_map(|bin| [bin.low, bin.high]).chain(self.marks.iter().map(|mark| mark.value));
        let x_span = Span::new(self.x.scale, ends);
        let zero = (self.y.scale == Scale::Linear).then_some(0.0);
        // A bin of one must not be flat on a logarithmic axis.
        let counts = self.bins.iter().map(|bin| bin.count).chain(zero).chain((self.y.scale == Scale::Log).then_some(0.5));
        let y_span = Span::new(self.y.scale, counts);

        let mut svg = Svg::new(self.title, area.bottom() + 40.0);
        svg.x_axis(area, self.x, &x_span);
        svg.y_axis(area, self.y, &y_span);
        for bin in self.bins.iter().filter(|bin| bin.count > 0.0) {
            let (Some(low), Some(high), Some(height)) = (x_span.place(bin.low), x_span.place(bin.high), y_span.place(bin.count)) else {
                continue;
            };
            let (x, y) = (area.x(low.min(high)), area.y(height));
            let tip = format!("{} to {}: {}", short(bin.low), short(bin.high), short(bin.count));
            svg.rect(&svg::colour(0), (x, y), (((high - low).abs() * area.width - 0.5).max(0.8), area.bottom() - y), 1.0, &tip);
        }
        svg.line("base", (area.left, area.bottom()), (area.left + area.width, area.bottom()));
        svg.x_marks(area, &x_span, self.marks);
        svg.html()
    }
}
