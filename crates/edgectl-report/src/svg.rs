//! What all charts share: the figure around the drawing, the frame of axes, text in a drawing.

use std::fmt::Write;

use crate::axis::{Axis, Mark, Span};
use crate::html::{Escaped, Html};

/// The width of every drawing, in its own units; it scales with the page.
pub(crate) const WIDTH: f64 = 760.0;
/// The estimated width of a character of a label.
const CHARACTER: f64 = 6.8;
/// The number of colours of series; beyond it they repeat.
const COLOURS: usize = 6;

/// A drawing in the making.
pub(crate) struct Svg {
    title: String,
    height: f64,
    legend: String,
    body: String,
}

/// The rectangle in which values are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Area {
    pub(crate) fn x(self, place: f64) -> f64 {
        self.left + place * self.width
    }

    pub(crate) fn y(self, place: f64) -> f64 {
        self.top + (1.0 - place) * self.height
    }

    pub(crate) fn bottom(self) -> f64 {
        self.top + self.height
    }
}

impl Svg {
    pub(crate) fn new(title: &str, height: f64) -> Svg {
        Svg { title: title.into(), height, legend: String::new(), body: String::new() }
    }

    /// The figure.
    pub(crate) fn html(self) -> Html {
        let Svg { title, height, legend, body } = self;
        let title = Escaped(&title);
        Html::raw(format!(
            "<figure>\n<figcaption>{title}</figcaption>\n{legend}<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n{body}</svg>\n</figure>\n"
        ))
    }

    /// The drawing as a file: with a title, a legend of these names and a style of its own.
    pub(crate) fn document<'n>(self, names: impl Iterator<Item = &'n str>) -> String {
        /// The height of the title, and of a line of the legend.
        const LINE: f64 = 20.0;
        let names: Vec<&str> = names.collect();
        let (top, mut legend) = (LINE * (1 + names.len()) as f64, String::new());
        for (i, name) in names.iter().enumerate() {
            let y = LINE * (i + 1) as f64;
            let square = format!("<rect class=\"{}\" x=\"56\" y=\"{}\" width=\"10\" height=\"10\"/>", colour(i), y + 4.0);
            legend += &format!("{square}<text x=\"72\" y=\"{}\">{}</text>\n", y + 13.0, Escaped(name));
        }
        let (title, style) = (Escaped(&self.title), include_str!("style.css").replace('<', "&lt;"));
        // Light colours, whatever the reader prefers: a picture lies on the page of others.
        let dark = style.find("@media (prefers-color-scheme: dark)").zip(style.find("* {"));
        let style = dark.map_or(style.clone(), |(from, to)| format!("{}{}", &style[..from], &style[to..]));
        let height = self.height + top;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n<style>\n{style}\
             text.title {{ font-weight: 600; font-size: 13px; }}\n</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text class=\"title\" x=\"56\" y=\"15\">{title}</text>\n{legend}<g transform=\"translate(0 {top:.0})\">\n{}</g>\n</svg>\n",
            self.body
        )
    }

    /// What the colours mean; nothing for a single series, which the title names.
    pub(crate) fn legend<'a>(&mut self, names: impl ExactSizeIterator<Item = &'a str>) {
        if names.len() > 1 {
            let keys: String =
                names.enumerate().map(|(i, name)| format!("<span class=\"{}\"><i></i>{}</span>\n", colour(i), Escaped(name))).collect();
            self.legend = format!("<div class=\"legend\">\n{keys}</div>\n");
        }
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"));
    }

    /// A rectangle; `tip` is said when it is pointed at.
    pub(crate) fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), opacity: f64, tip: &str) {
        let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{opacity:.3}\"") } else { String::new() };
        let tip = tooltip(tip);
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"{opacity}>{tip}</rect>\n"
        ));
    }

    pub(crate) fn dot(&mut self, class: &str, (x, y): (f64, f64), tip: &str) {
        let tip = tooltip(tip);
        self.push(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\">{tip}</circle>\n"));
    }

    pub(crate) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.push(format_args!("<polyline class=\"{class}\" points=\"{}\"/>\n", points.join(" ")));
    }

    /// Text whose `anchor` (`start`, `middle`, `end`) is at a place.
    pub(crate) fn text(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        let text = Escaped(text);
        self.push(format_args!("<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n"));
    }

    /// A label that has so much width, its middle left out where it is longer; the whole is said when it is pointed at.
    pub(crate) fn label(&mut self, anchor: &str, (x, y): (f64, f64), width: f64, text: &str) {
        let shown = elided(text, (width / CHARACTER) as usize);
        let tip = if shown == text { String::new() } else { tooltip(text) };
        let shown = Escaped(&shown);
        self.push(format_args!("<text class=\"label\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{shown}{tip}</text>\n"));
    }

    /// The horizontal axis of an area: grid, ticks and label.
    pub(crate) fn x_axis(&mut self, area: Area, axis: Axis<'_>, span: &Span) {
        for (place, label) in span.ticks() {
            let x = area.x(place);
            self.line("grid", (x, area.top), (x, area.bottom()));
            self.text("tick", "middle", (x, area.bottom() + 15.0), &label);
        }
        self.text("axis", "middle", (area.x(0.5), area.bottom() + 32.0), axis.label);
    }

    /// The vertical axis of an area; its label stands in the drawing's corner.
    pub(crate) fn y_axis(&mut self, area: Area, axis: Axis<'_>, span: &Span) {
        for (place, label) in span.ticks() {
            let y = area.y(place);
            self.line("grid", (area.left, y), (area.left + area.width, y));
            self.text("tick", "end", (area.left - 6.0, y + 4.0), &label);
        }
        self.text("axis", "start", (4.0, 11.0), axis.label);
    }

    /// Vertical lines with labels at values of the horizontal axis. Labels of neighbours stand on lines of their own.
    pub(crate) fn x_marks(&mut self, area: Area, span: &Span, marks: &[Mark]) {
        let mut placed: Vec<(f64, &Mark)> = marks.iter().filter_map(|mark| Some((area.x(span.place(mark.value)?), mark))).collect();
        placed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut rows: [f64; MARK_ROWS] = [f64::NEG_INFINITY; MARK_ROWS];
        for (x, mark) in placed {
            let width = mark.label.chars().count() as f64 * CHARACTER;
            let left = (x - width / 2.0).clamp(0.0, (WIDTH - width).max(0.0));
            let row = rows.iter().position(|&end| end + 6.0 < left).unwrap_or(MARK_ROWS - 1);
            rows[row] = left + width;
            let y = area.top - MARK_GAP - MARK_ROW * row as f64;
            self.line("mark", (x, y + 2.0), (x, area.bottom()));
            self.text("mark", "start", (left, y), &mark.label);
        }
    }

    fn push(&mut self, markup: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(markup);
    }
}

/// The most lines of labels above an area that has marks.
const MARK_ROWS: usize = 3;
/// Between an area, at whose upper edge there may be the label of a tick, and labels of marks.
const MARK_GAP: f64 = 10.0;
/// The height of such a line.
const MARK_ROW: f64 = 14.0;

/// The height that the labels of marks take above an area.
pub(crate) fn marks_height(marks: &[Mark]) -> f64 {
    if marks.is_empty() { 0.0 } else { MARK_GAP / 2.0 + MARK_ROW * marks.len().min(MARK_ROWS) as f64 }
}

/// The class of the series of this index.
pub(crate) fn colour(index: usize) -> String {
    format!("c{}", index % COLOURS)
}

/// The width that the longest of these labels takes, at most so much.
pub(crate) fn gutter<'a>(labels: impl Iterator<Item = &'a str>, most: f64) -> f64 {
    labels.map(|label| label.chars().count() as f64 * CHARACTER + 10.0).fold(40.0, f64::max).min(most)
}

fn tooltip(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<title>{}</title>", Escaped(text)) }
}

fn elided(text: &str, most: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= most.max(3) {
        return text.to_owned();
    }
    let tail = (most.max(3) - 1) / 2;
    let head = most.max(3) - 1 - tail;
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}
