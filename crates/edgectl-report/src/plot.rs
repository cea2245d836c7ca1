//! Lines and scattered points over two axes, linear or logarithmic: growth curves, rooflines.

use crate::axis::{Axis, Mark, Span};
use crate::html::Html;
use crate::number::short;
use crate::svg::{self, Area, Svg, WIDTH};

/// Lines and points.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    /// What is shown.
    pub title: &'a str,
    /// To the right.
    pub x: Axis<'a>,
    /// Upwards.
    pub y: Axis<'a>,
    /// Drawn one over the other, the first lowest.
    pub series: &'a [Series],
    /// Values of `x` to draw lines at.
    pub marks: &'a [Mark],
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub shape: Shape,
    /// In drawing order.
    pub points: Vec<Point>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// Points; their labels are said when they are pointed at.
    Dots,
    /// Points with their labels beside them: for few.
    LabelledDots,
    /// A line, interrupted where a point cannot be drawn.
    Line,
}

/// A point.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// On the horizontal axis.
    pub x: f64,
    /// On the vertical axis.
    pub y: f64,
    /// What it stands for; may be empty.
    pub label: String,
}

impl Point {
    /// A point.
    pub fn new(x: f64, y: f64, label: impl Into<String>) -> Point {
        Point { x, y, label: label.into() }
    }
}

impl Plot<'_> {
    /// The chart, for a page.
    pub fn html(&self) -> Html {
        self.draw().html()
    }

    /// The chart as a file of its own, in the colours of a light page.
    pub fn svg(&self) -> String {
        self.draw().document(self.series.iter().map(|series| series.name.as_str()))
    }

    fn draw(&self) -> Svg {
        let top = 26.0 + svg::marks_height(self.marks);
        let area = Area { left: 56.0, top, width: WIDTH - 76.0, height: 280.0 };
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x_span = Span::new(self.x.scale, points().map(|point| point.x).chain(self.marks.iter().map(|mark| mark.value)));
        let y_span = Span::new(self.y.scale, points().map(|point| point.y));
        let place = |point: &Point| Some((area.x(x_span.place(point.x)?), area.y(y_span.place(point.y)?)));

        let mut svg = Svg::new(self.title, area.bottom() + 40.0);
        svg.legend(self.series.iter().map(|series| series.name.as_str()));
        svg.x_axis(area, self.x, &x_span);
        svg.y_axis(area, self.y, &y_span);
        for (i, series) in self.series.iter().enumerate() {
            let colour = svg::colour(i);
            if series.shape == Shape::Line {
                let places: Vec<_> = series.points.iter().map(place).collect();
                for run in places.split(Option::is_none).filter(|run| run.len() > 1) {
                    svg.polyline(&colour, &run.iter().flatten().copied().collect::<Vec<_>>());
                }
                continue;
            }
            for (point, at) in series.points.iter().filter_map(|point| Some((point, place(point)?))) {
                svg.dot(&colour, at, &format!("{} ({}, {})", point.label, short(point.x), short(point.y)));
                if series.shape == Shape::LabelledDots {
                    let (x, y) = at;
                    let leftward = x > area.left + area.width * 0.75;
                    let (anchor, x) = if leftward { ("end", x - 7.0) } else { ("start", x + 7.0) };
                    svg.label(anchor, (x, y + 12.0), 180.0, &point.label);
                }
            }
        }
        svg.x_marks(area, &x_span, self.marks);
        svg
    }
}
